-- Where the text of an archived memory stands when it is not here, and from when the age of one that was brought back counts.
ALTER TABLE memories ADD COLUMN archive_file TEXT;
ALTER TABLE memories ADD COLUMN restored_at INTEGER;
CREATE INDEX memories_archive_file ON memories (tenant_id, archive_file) WHERE archive_file IS NOT NULL;

CREATE TABLE retention_policies (
    tenant_id             TEXT    NOT NULL PRIMARY KEY,
    max_age_days          INTEGER NOT NULL CHECK (typeof(max_age_days) = 'integer'),
    importance_threshold  REAL    NOT NULL CHECK (typeof(importance_threshold) = 'real'),
    delete_after_days     INTEGER NOT NULL CHECK (typeof(delete_after_days) = 'integer'),
    max_items             INTEGER,
    keep_important_factor REAL,
    updated_at            INTEGER NOT NULL CHECK (typeof(updated_at) = 'integer')
) WITHOUT ROWID;

-- The run of a tenant, or its last one: what it goes by, how far it has come, and until when nobody else may begin one.
CREATE TABLE retention_runs (
    tenant_id   TEXT    NOT NULL PRIMARY KEY,
    id          BLOB    NOT NULL,
    actions     TEXT    NOT NULL,
    started_at  INTEGER NOT NULL CHECK (typeof(started_at) = 'integer'),
    lease_until INTEGER NOT NULL CHECK (typeof(lease_until) = 'integer'),
    done_to     INTEGER NOT NULL CHECK (typeof(done_to) = 'integer'),
    archived    INTEGER NOT NULL CHECK (typeof(archived) = 'integer'),
    deleted     INTEGER NOT NULL CHECK (typeof(deleted) = 'integer'),
    finished_at INTEGER
) WITHOUT ROWID;

CREATE TABLE legal_holds (
    tenant_id  TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    memory_id  BLOB,
    reason     TEXT,
    placed_by  TEXT    NOT NULL,
    created_at INTEGER NOT NULL CHECK (typeof(created_at) = 'integer'),
    PRIMARY KEY (tenant_id, name)
) WITHOUT ROWID;

CREATE INDEX legal_holds_subject ON legal_holds (tenant_id, kind, subject);
CREATE INDEX legal_holds_memory ON legal_holds (tenant_id, memory_id) WHERE memory_id IS NOT NULL;
