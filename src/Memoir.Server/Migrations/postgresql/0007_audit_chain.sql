-- A record gets its place in the tenant's chain, and a hash over itself and the place before, within a second of its commit.
ALTER TABLE audit_records ADD COLUMN position bigint;
ALTER TABLE audit_records ADD COLUMN hash bytea;

-- Where a request came from that was denied; NULL for what was done.
ALTER TABLE audit_records ADD COLUMN address text;

CREATE UNIQUE INDEX audit_records_chain ON audit_records (tenant_id, position) WHERE position IS NOT NULL;
CREATE INDEX audit_records_unsealed ON audit_records (tenant_id, at, id) WHERE position IS NULL;
CREATE INDEX audit_records_listed ON audit_records (tenant_id, at, id);

-- Who has something to seal, and whose chains there are to verify, is asked across tenants.
ALTER POLICY audit_records_of_tenant ON audit_records
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on');
