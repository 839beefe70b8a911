-- Documents: JSON objects with versions. The newest version of each is named here; nothing is overwritten.
CREATE TABLE documents (
    tenant_id   TEXT    NOT NULL,
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    kind        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    user_id     TEXT,
    version     INTEGER NOT NULL CHECK (typeof(version) = 'integer'),
    is_deleted  INTEGER NOT NULL CHECK (typeof(is_deleted) = 'integer'),
    created_at  INTEGER NOT NULL CHECK (typeof(created_at) = 'integer'),
    updated_at  INTEGER NOT NULL CHECK (typeof(updated_at) = 'integer'),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, name)
) WITHOUT ROWID;

CREATE INDEX documents_user ON documents (tenant_id, user_id) WHERE user_id IS NOT NULL;

-- A deletion is a version, too, without content. The checksum covers which version of which document the content is.
CREATE TABLE document_versions (
    tenant_id   TEXT    NOT NULL,
    document_id BLOB    NOT NULL CHECK (length(document_id) = 16),
    version     INTEGER NOT NULL CHECK (typeof(version) = 'integer'),
    action      TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    at          INTEGER NOT NULL CHECK (typeof(at) = 'integer'),
    diff        TEXT    NOT NULL CHECK (typeof(diff) = 'text'),
    content     TEXT    NOT NULL CHECK (typeof(content) = 'text'),
    checksum    TEXT    NOT NULL CHECK (typeof(checksum) = 'text'),
    damaged_at  INTEGER,
    PRIMARY KEY (tenant_id, document_id, version)
) WITHOUT ROWID;

-- A repetition gets the version of what its first request wrote.
ALTER TABLE idempotency_keys ADD COLUMN etag TEXT;
