-- What a tenant does with what is sensitive in a text: keep it, mask it or refuse it.
CREATE TABLE quality_policies (
    tenant_id     text COLLATE "C" NOT NULL PRIMARY KEY,
    secrets       text COLLATE "C" NOT NULL,
    personal_data text COLLATE "C" NOT NULL,
    updated_at    bigint NOT NULL
);

ALTER TABLE quality_policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE quality_policies FORCE ROW LEVEL SECURITY;
CREATE POLICY quality_policies_of_tenant ON quality_policies
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
