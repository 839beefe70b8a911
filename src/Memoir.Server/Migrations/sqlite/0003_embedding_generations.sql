-- Which generations of vectors a tenant has: the one in use, the one that can be gone back to, and those being deleted.
CREATE TABLE embedding_generations (
    tenant_id   TEXT    NOT NULL,
    generation  TEXT    NOT NULL,
    provider    TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    dimensions  INTEGER NOT NULL CHECK (typeof(dimensions) = 'integer'),
    role        TEXT    NOT NULL CHECK (role IN ('current', 'previous', 'retired')),
    is_chosen   INTEGER NOT NULL CHECK (is_chosen IN (0, 1)),
    since       INTEGER NOT NULL CHECK (typeof(since) = 'integer'),
    embedded_to INTEGER NOT NULL CHECK (typeof(embedded_to) = 'integer'),
    embed_until INTEGER NOT NULL CHECK (typeof(embed_until) = 'integer'),
    PRIMARY KEY (tenant_id, generation)
) WITHOUT ROWID;

-- A generation is counted, and deleted in portions, without reading the vectors of the others.
CREATE INDEX embeddings_generation ON embeddings (tenant_id, generation, sequence);
CREATE INDEX memories_unembedded ON memories (tenant_id, embedding_status, sequence) WHERE embedding_status IN ('failed', 'skipped');
