-- Documents: JSON objects with versions. The newest version of each is named here; nothing is overwritten.
CREATE TABLE documents (
    tenant_id   text COLLATE "C" NOT NULL,
    id          uuid NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C",
    version     bigint NOT NULL,
    is_deleted  bigint NOT NULL,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, name)
);

CREATE INDEX documents_user ON documents (tenant_id, user_id) WHERE user_id IS NOT NULL;

ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
CREATE POLICY documents_of_tenant ON documents
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));

-- A deletion is a version, too, without content. The checksum covers which version of which document the content is.
CREATE TABLE document_versions (
    tenant_id   text COLLATE "C" NOT NULL,
    document_id uuid NOT NULL,
    version     bigint NOT NULL,
    action      text NOT NULL,
    actor       text NOT NULL,
    at          bigint NOT NULL,
    diff        text NOT NULL,
    content     text NOT NULL,
    checksum    text NOT NULL,
    damaged_at  bigint,
    PRIMARY KEY (tenant_id, document_id, version)
);

ALTER TABLE document_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY document_versions_of_tenant ON document_versions
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));

-- A repetition gets the version of what its first request wrote.
ALTER TABLE idempotency_keys ADD COLUMN etag text;
