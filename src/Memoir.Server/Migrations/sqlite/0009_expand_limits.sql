-- Addresses that were refused too often. They belong to no tenant's data; the default tenant keeps them for the operators.
CREATE TABLE blocked_addresses (
    tenant_id  TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    blocked_at INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, address)
);

-- A key's own limit of requests, such as 60/minute; null for none but its tenant's.
ALTER TABLE api_keys ADD COLUMN rate_limit TEXT;
