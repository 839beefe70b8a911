-- Who was erased, without saying who: the proof that it was done, and what keeps a restored backup from bringing it back.
CREATE TABLE erasures (
    tenant_id       text COLLATE "C" NOT NULL,
    id              uuid NOT NULL,
    subject         text COLLATE "C" NOT NULL,
    key_id          text COLLATE "C" NOT NULL,
    is_whole_tenant bigint NOT NULL CHECK (is_whole_tenant IN (0, 1)),
    requested_at    bigint NOT NULL,
    up_to           bigint NOT NULL,
    actor           text COLLATE "C" NOT NULL,
    request_id      text COLLATE "C" NOT NULL,
    user_id         text COLLATE "C",
    erased          text NOT NULL,
    completed_at    bigint,
    last_change     bigint NOT NULL,
    receipt         text,
    rewritten_at    bigint,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX erasures_subject ON erasures (tenant_id, subject, requested_at);
CREATE INDEX erasures_unfinished ON erasures (requested_at) WHERE completed_at IS NULL;
CREATE INDEX erasures_unwritten ON erasures (completed_at) WHERE rewritten_at IS NULL;

-- What was made from other memories, and the kept answer of a memory's store.
CREATE INDEX memories_derived ON memories (tenant_id, sequence) WHERE derived_from IS NOT NULL;
CREATE INDEX idempotency_keys_location ON idempotency_keys (tenant_id, location) WHERE location IS NOT NULL;

-- What is unfinished is found across tenants.
ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasures FORCE ROW LEVEL SECURITY;
CREATE POLICY erasures_of_tenant ON erasures
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '') OR NULLIF(current_setting('app.system', true), '') = 'on');
