-- A record gets its place in the tenant's chain, and a hash over itself and the place before, within a second of its commit.
ALTER TABLE audit_records ADD COLUMN position INTEGER;
ALTER TABLE audit_records ADD COLUMN hash BLOB;

-- Where a request came from that was denied; NULL for what was done.
ALTER TABLE audit_records ADD COLUMN address TEXT;

CREATE UNIQUE INDEX audit_records_chain ON audit_records (tenant_id, position) WHERE position IS NOT NULL;
CREATE INDEX audit_records_unsealed ON audit_records (tenant_id, at, id) WHERE position IS NULL;
CREATE INDEX audit_records_listed ON audit_records (tenant_id, at, id);
