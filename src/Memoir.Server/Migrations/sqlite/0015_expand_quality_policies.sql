-- What a tenant does with what is sensitive in a text: keep it, mask it or refuse it.
CREATE TABLE quality_policies (
    tenant_id     TEXT NOT NULL PRIMARY KEY,
    secrets       TEXT NOT NULL,
    personal_data TEXT NOT NULL,
    updated_at    INTEGER NOT NULL CHECK (typeof(updated_at) = 'integer')
) WITHOUT ROWID;
