-- The core: one table for everything that can be recalled, and what commits beside it.

-- The one statement that may need a superuser, who then runs it before.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE tenants (
    tenant_id     text COLLATE "C" NOT NULL PRIMARY KEY,
    last_sequence bigint NOT NULL,
    created_at    bigint NOT NULL
);

CREATE TABLE memories (
    tenant_id           text COLLATE "C" NOT NULL,
    id                  uuid NOT NULL,
    sequence            bigint NOT NULL,
    version             bigint NOT NULL,
    type                text COLLATE "C" NOT NULL,
    user_id             text COLLATE "C",
    conversation_id     text COLLATE "C",
    role                text COLLATE "C",
    name                text COLLATE "C",
    external_id         text COLLATE "C",
    key                 text COLLATE "C",
    content             text NOT NULL,
    value               text,
    metadata            text NOT NULL,
    tags                text,
    importance_base     double precision NOT NULL,
    importance_override double precision,
    scope               text COLLATE "C" NOT NULL,
    source              text COLLATE "C",
    source_class        text COLLATE "C" NOT NULL,
    writer              text COLLATE "C" NOT NULL,
    channel             text COLLATE "C" NOT NULL,
    derived_from        text,
    occurred_at         bigint NOT NULL,
    stored_at           bigint NOT NULL,
    updated_at          bigint NOT NULL,
    valid_from          bigint,
    valid_until         bigint,
    expires_at          bigint,
    archived_at         bigint,
    superseded_by       uuid,
    embedding_status    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX memories_sequence ON memories (tenant_id, sequence);
CREATE INDEX memories_conversation ON memories (tenant_id, conversation_id, occurred_at, sequence) WHERE conversation_id IS NOT NULL;
CREATE UNIQUE INDEX memories_external ON memories (tenant_id, external_id) WHERE external_id IS NOT NULL;

-- What a memory was before it changed: the wire fields as JSON, with who changed it, when and how.
CREATE TABLE memory_versions (
    tenant_id text COLLATE "C" NOT NULL,
    memory_id uuid NOT NULL,
    version   bigint NOT NULL,
    action    text COLLATE "C" NOT NULL,
    actor     text COLLATE "C" NOT NULL,
    at        bigint NOT NULL,
    snapshot  text NOT NULL,
    PRIMARY KEY (tenant_id, memory_id, version)
);

CREATE TABLE embeddings (
    tenant_id  text COLLATE "C" NOT NULL,
    generation text COLLATE "C" NOT NULL,
    sequence   bigint NOT NULL,
    vector     vector NOT NULL,
    PRIMARY KEY (tenant_id, sequence, generation)
);

-- Where a tenant has many vectors: an index per number of dimensions. One of floats of two bytes where four would not fit.
CREATE INDEX embeddings_nearest_256 ON embeddings USING hnsw ((vector::vector(256)) vector_cosine_ops) WHERE vector_dims(vector) = 256;
CREATE INDEX embeddings_nearest_384 ON embeddings USING hnsw ((vector::vector(384)) vector_cosine_ops) WHERE vector_dims(vector) = 384;
CREATE INDEX embeddings_nearest_512 ON embeddings USING hnsw ((vector::vector(512)) vector_cosine_ops) WHERE vector_dims(vector) = 512;
CREATE INDEX embeddings_nearest_768 ON embeddings USING hnsw ((vector::vector(768)) vector_cosine_ops) WHERE vector_dims(vector) = 768;
CREATE INDEX embeddings_nearest_1024 ON embeddings USING hnsw ((vector::vector(1024)) vector_cosine_ops) WHERE vector_dims(vector) = 1024;
CREATE INDEX embeddings_nearest_1536 ON embeddings USING hnsw ((vector::vector(1536)) vector_cosine_ops) WHERE vector_dims(vector) = 1536;
CREATE INDEX embeddings_nearest_3072 ON embeddings USING hnsw ((vector::halfvec(3072)) halfvec_cosine_ops) WHERE vector_dims(vector) = 3072;

-- Inline as far as a page goes: comparing one by one must not fetch each from elsewhere.
ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE MAIN;

-- The lexical index of a tenant: segments that never change, and what changed since they were written.
CREATE TABLE index_states (
    tenant_id       text COLLATE "C" NOT NULL PRIMARY KEY,
    epoch           uuid NOT NULL,
    merged_sequence bigint NOT NULL,
    segments        text NOT NULL
);

CREATE TABLE index_segments (
    tenant_id  text COLLATE "C" NOT NULL,
    segment_id bigint NOT NULL,
    part       bigint NOT NULL,
    data       bytea NOT NULL,
    PRIMARY KEY (tenant_id, segment_id, part)
);

CREATE TABLE index_changes (
    tenant_id text COLLATE "C" NOT NULL,
    sequence  bigint NOT NULL,
    version   bigint NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
);

CREATE TABLE jobs (
    tenant_id   text COLLATE "C" NOT NULL,
    id          uuid NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    payload     text NOT NULL,
    status      text COLLATE "C" NOT NULL CHECK (status IN ('queued', 'running', 'failed', 'succeeded', 'dead')),
    attempts    bigint NOT NULL,
    fence       bigint NOT NULL,
    due_at      bigint NOT NULL,
    created_at  bigint NOT NULL,
    started_at  bigint,
    finished_at bigint,
    last_error  text,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX jobs_due ON jobs (due_at) WHERE status IN ('queued', 'failed', 'running');
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE status = 'succeeded';

CREATE TABLE idempotency_keys (
    tenant_id   text COLLATE "C" NOT NULL,
    credential  text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    status      bigint,
    body        bytea,
    location    text COLLATE "C",
    created_at  bigint NOT NULL,
    PRIMARY KEY (tenant_id, credential, key)
);

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE audit_records (
    tenant_id  text COLLATE "C" NOT NULL,
    id         uuid NOT NULL,
    at         bigint NOT NULL,
    actor      text COLLATE "C" NOT NULL,
    action     text COLLATE "C" NOT NULL,
    subject    text COLLATE "C",
    count      bigint NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE api_keys (
    tenant_id    text COLLATE "C" NOT NULL,
    id           uuid NOT NULL,
    prefix       text COLLATE "C" NOT NULL,
    hash         bytea NOT NULL,
    name         text COLLATE "C" NOT NULL,
    scopes       text COLLATE "C" NOT NULL,
    created_at   bigint NOT NULL,
    expires_at   bigint,
    last_used_at bigint,
    PRIMARY KEY (tenant_id, id)
);

-- Finding a key is cross-tenant work: the caller's tenant is not known before.
CREATE UNIQUE INDEX api_keys_prefix ON api_keys (prefix);

-- A row is seen, and written, by its own tenant alone, the owner of the table included. What works across tenants is
-- the closed list whose policy admits the system session, which says so for its own transaction.
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_of_tenant ON tenants
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on');
ALTER TABLE memories ENABLE ROW LEVEL SECURITY;
ALTER TABLE memories FORCE ROW LEVEL SECURITY;
CREATE POLICY memories_of_tenant ON memories
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
ALTER TABLE memory_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY memory_versions_of_tenant ON memory_versions
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
ALTER TABLE embeddings ENABLE ROW LEVEL SECURITY;
ALTER TABLE embeddings FORCE ROW LEVEL SECURITY;
CREATE POLICY embeddings_of_tenant ON embeddings
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
ALTER TABLE index_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE index_states FORCE ROW LEVEL SECURITY;
CREATE POLICY index_states_of_tenant ON index_states
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
ALTER TABLE index_segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE index_segments FORCE ROW LEVEL SECURITY;
CREATE POLICY index_segments_of_tenant ON index_segments
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
ALTER TABLE index_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE index_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY index_changes_of_tenant ON index_changes
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY jobs_of_tenant ON jobs
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on');
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotency_keys_of_tenant ON idempotency_keys
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on');
ALTER TABLE audit_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_records FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_records_of_tenant ON audit_records
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY api_keys_of_tenant ON api_keys
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on');
