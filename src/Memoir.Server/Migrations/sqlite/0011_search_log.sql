-- Searches, for the operator of a tenant: what was asked, how much was found. Kept for MEMORY_SEARCH_LOG_DAYS.
CREATE TABLE search_log (
    tenant_id       TEXT    NOT NULL,
    id              BLOB    NOT NULL CHECK (length(id) = 16),
    at              INTEGER NOT NULL CHECK (typeof(at) = 'integer'),
    user_id         TEXT,
    conversation_id TEXT,
    query           TEXT    NOT NULL CHECK (typeof(query) = 'text'),
    hits            INTEGER NOT NULL CHECK (typeof(hits) = 'integer'),
    degraded        INTEGER NOT NULL CHECK (typeof(degraded) = 'integer'),
    milliseconds    REAL    NOT NULL CHECK (typeof(milliseconds) = 'real'),
    PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;

CREATE INDEX search_log_at ON search_log (tenant_id, at);
CREATE INDEX search_log_user ON search_log (tenant_id, user_id) WHERE user_id IS NOT NULL;

-- Searches of before are not written any more: some of them were erased, and others may wait in the memory of a process.
ALTER TABLE tenants ADD COLUMN searches_erased_at INTEGER NOT NULL DEFAULT 0;
