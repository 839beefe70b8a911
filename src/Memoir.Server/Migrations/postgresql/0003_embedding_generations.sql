-- Which generations of vectors a tenant has: the one in use, the one that can be gone back to, and those being deleted.
CREATE TABLE embedding_generations (
    tenant_id   text COLLATE "C" NOT NULL,
    generation  text COLLATE "C" NOT NULL,
    provider    text COLLATE "C" NOT NULL,
    model       text COLLATE "C" NOT NULL,
    dimensions  bigint NOT NULL,
    role        text COLLATE "C" NOT NULL CHECK (role IN ('current', 'previous', 'retired')),
    is_chosen   bigint NOT NULL CHECK (is_chosen IN (0, 1)),
    since       bigint NOT NULL,
    embedded_to bigint NOT NULL,
    embed_until bigint NOT NULL,
    PRIMARY KEY (tenant_id, generation)
);

-- A generation is counted, and deleted in portions, without reading the vectors of the others.
CREATE INDEX embeddings_generation ON embeddings (tenant_id, generation, sequence);
CREATE INDEX memories_unembedded ON memories (tenant_id, embedding_status, sequence) WHERE embedding_status IN ('failed', 'skipped');

ALTER TABLE embedding_generations ENABLE ROW LEVEL SECURITY;
ALTER TABLE embedding_generations FORCE ROW LEVEL SECURITY;
CREATE POLICY embedding_generations_of_tenant ON embedding_generations
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on');
