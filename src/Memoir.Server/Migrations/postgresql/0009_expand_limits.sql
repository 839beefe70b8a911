-- Addresses that were refused too often. They belong to no tenant's data; the default tenant keeps them for the operators.
CREATE TABLE blocked_addresses (
    tenant_id  text COLLATE "C" NOT NULL,
    address    text COLLATE "C" NOT NULL,
    blocked_at bigint NOT NULL,
    until      bigint NOT NULL,
    PRIMARY KEY (tenant_id, address)
);

ALTER TABLE blocked_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE blocked_addresses FORCE ROW LEVEL SECURITY;
CREATE POLICY blocked_addresses_of_tenant ON blocked_addresses
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));

-- A key's own limit of requests, such as 60/minute; null for none but its tenant's.
ALTER TABLE api_keys ADD COLUMN rate_limit text COLLATE "C";

-- What the processes count together: for each bucket, under a hash of its name, the permits that count against its limit by
-- slots of time. Where there is one process it counts in memory. No tenant's, so it is for the system session alone.
CREATE TABLE rate_permits (
    bucket  text COLLATE "C" NOT NULL PRIMARY KEY,
    slots   text COLLATE "C" NOT NULL,
    free_at bigint NOT NULL
) WITH (fillfactor = 50);

ALTER TABLE rate_permits ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_permits FORCE ROW LEVEL SECURITY;
CREATE POLICY rate_permits_of_system ON rate_permits
    USING (NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (NULLIF(current_setting('app.system', true), '') = 'on');
