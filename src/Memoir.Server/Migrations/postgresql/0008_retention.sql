-- Where the text of an archived memory stands when it is not here, and from when the age of one that was brought back counts.
ALTER TABLE memories ADD COLUMN archive_file text COLLATE "C";
ALTER TABLE memories ADD COLUMN restored_at bigint;
CREATE INDEX memories_archive_file ON memories (tenant_id, archive_file) WHERE archive_file IS NOT NULL;

CREATE TABLE retention_policies (
    tenant_id             text COLLATE "C" NOT NULL PRIMARY KEY,
    max_age_days          bigint NOT NULL,
    importance_threshold  double precision NOT NULL,
    delete_after_days     bigint NOT NULL,
    max_items             bigint,
    keep_important_factor double precision,
    updated_at            bigint NOT NULL
);

-- The run of a tenant, or its last one: what it goes by, how far it has come, and until when nobody else may begin one.
CREATE TABLE retention_runs (
    tenant_id   text COLLATE "C" NOT NULL PRIMARY KEY,
    id          uuid NOT NULL,
    actions     text COLLATE "C" NOT NULL,
    started_at  bigint NOT NULL,
    lease_until bigint NOT NULL,
    done_to     bigint NOT NULL,
    archived    bigint NOT NULL,
    deleted     bigint NOT NULL,
    finished_at bigint
);

CREATE TABLE legal_holds (
    tenant_id  text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    memory_id  uuid,
    reason     text,
    placed_by  text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE INDEX legal_holds_subject ON legal_holds (tenant_id, kind, subject);
CREATE INDEX legal_holds_memory ON legal_holds (tenant_id, memory_id) WHERE memory_id IS NOT NULL;

-- The schedule asks across tenants who has a policy.
ALTER TABLE retention_policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE retention_policies FORCE ROW LEVEL SECURITY;
CREATE POLICY retention_policies_of_tenant ON retention_policies
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on');
ALTER TABLE retention_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE retention_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY retention_runs_of_tenant ON retention_runs
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
ALTER TABLE legal_holds ENABLE ROW LEVEL SECURITY;
ALTER TABLE legal_holds FORCE ROW LEVEL SECURITY;
CREATE POLICY legal_holds_of_tenant ON legal_holds
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
