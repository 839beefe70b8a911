-- Searches, for the operator of a tenant: what was asked, how much was found. Kept for MEMORY_SEARCH_LOG_DAYS.
CREATE TABLE search_log (
    tenant_id       text COLLATE "C" NOT NULL,
    id              uuid NOT NULL,
    at              bigint NOT NULL,
    user_id         text COLLATE "C",
    conversation_id text COLLATE "C",
    query           text NOT NULL,
    hits            bigint NOT NULL,
    degraded        bigint NOT NULL,
    milliseconds    double precision NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX search_log_at ON search_log (tenant_id, at);
CREATE INDEX search_log_user ON search_log (tenant_id, user_id) WHERE user_id IS NOT NULL;

ALTER TABLE search_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE search_log FORCE ROW LEVEL SECURITY;
CREATE POLICY search_log_of_tenant ON search_log
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));

-- Searches of before are not written any more: some of them were erased, and others may wait in the memory of a process.
ALTER TABLE tenants ADD COLUMN searches_erased_at bigint NOT NULL DEFAULT 0;
