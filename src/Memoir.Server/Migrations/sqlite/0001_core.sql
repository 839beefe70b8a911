-- The core: one table for everything that can be recalled, and what commits beside it.

CREATE TABLE tenants (
    tenant_id     TEXT    NOT NULL PRIMARY KEY,
    last_sequence INTEGER NOT NULL CHECK (typeof(last_sequence) = 'integer'),
    created_at    INTEGER NOT NULL CHECK (typeof(created_at) = 'integer')
);

CREATE TABLE memories (
    tenant_id           TEXT    NOT NULL,
    id                  BLOB    NOT NULL CHECK (length(id) = 16),
    sequence            INTEGER NOT NULL CHECK (typeof(sequence) = 'integer'),
    version             INTEGER NOT NULL CHECK (typeof(version) = 'integer'),
    type                TEXT    NOT NULL,
    user_id             TEXT,
    conversation_id     TEXT,
    role                TEXT,
    name                TEXT,
    external_id         TEXT,
    key                 TEXT,
    content             TEXT    NOT NULL CHECK (typeof(content) = 'text'),
    value               TEXT,
    metadata            TEXT    NOT NULL,
    tags                TEXT,
    importance_base     REAL    NOT NULL CHECK (typeof(importance_base) = 'real'),
    importance_override REAL,
    scope               TEXT    NOT NULL,
    source              TEXT,
    source_class        TEXT    NOT NULL,
    writer              TEXT    NOT NULL,
    channel             TEXT    NOT NULL,
    derived_from        TEXT,
    occurred_at         INTEGER NOT NULL CHECK (typeof(occurred_at) = 'integer'),
    stored_at           INTEGER NOT NULL CHECK (typeof(stored_at) = 'integer'),
    updated_at          INTEGER NOT NULL CHECK (typeof(updated_at) = 'integer'),
    valid_from          INTEGER,
    valid_until         INTEGER,
    expires_at          INTEGER,
    archived_at         INTEGER,
    superseded_by       BLOB,
    embedding_status    TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX memories_sequence ON memories (tenant_id, sequence);
CREATE INDEX memories_conversation ON memories (tenant_id, conversation_id, occurred_at, sequence) WHERE conversation_id IS NOT NULL;
CREATE UNIQUE INDEX memories_external ON memories (tenant_id, external_id) WHERE external_id IS NOT NULL;

-- What a memory was before it changed: the wire fields as JSON, with who changed it, when and how.
CREATE TABLE memory_versions (
    tenant_id TEXT    NOT NULL,
    memory_id BLOB    NOT NULL,
    version   INTEGER NOT NULL,
    action    TEXT    NOT NULL,
    actor     TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    snapshot  TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, memory_id, version)
) WITHOUT ROWID;

CREATE TABLE embeddings (
    tenant_id  TEXT    NOT NULL,
    generation TEXT    NOT NULL,
    sequence   INTEGER NOT NULL,
    vector     BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, sequence, generation)
) WITHOUT ROWID;

-- The lexical index of a tenant: segments that never change, and what changed since they were written.
CREATE TABLE index_states (
    tenant_id       TEXT    NOT NULL PRIMARY KEY,
    epoch           BLOB    NOT NULL,
    merged_sequence INTEGER NOT NULL,
    segments        TEXT    NOT NULL
) WITHOUT ROWID;

CREATE TABLE index_segments (
    tenant_id  TEXT    NOT NULL,
    segment_id INTEGER NOT NULL,
    part       INTEGER NOT NULL,
    data       BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, segment_id, part)
);

CREATE TABLE index_changes (
    tenant_id TEXT    NOT NULL,
    sequence  INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
) WITHOUT ROWID;

CREATE TABLE jobs (
    tenant_id   TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    kind        TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('queued', 'running', 'failed', 'succeeded', 'dead')),
    attempts    INTEGER NOT NULL,
    fence       INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER,
    last_error  TEXT,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX jobs_due ON jobs (due_at) WHERE status IN ('queued', 'failed', 'running');
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE status = 'succeeded';

CREATE TABLE idempotency_keys (
    tenant_id   TEXT    NOT NULL,
    credential  TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    status      INTEGER,
    body        BLOB,
    location    TEXT,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, credential, key)
);

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE audit_records (
    tenant_id  TEXT    NOT NULL,
    id         BLOB    NOT NULL,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    subject    TEXT,
    count      INTEGER NOT NULL,
    request_id TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;

CREATE TABLE api_keys (
    tenant_id    TEXT    NOT NULL,
    id           BLOB    NOT NULL,
    prefix       TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    PRIMARY KEY (tenant_id, id)
);

-- Finding a key is cross-tenant work: the caller's tenant is not known before.
CREATE UNIQUE INDEX api_keys_prefix ON api_keys (prefix);
