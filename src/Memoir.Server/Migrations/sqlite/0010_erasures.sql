-- Who was erased, without saying who: the proof that it was done, and what keeps a restored backup from bringing it back.
CREATE TABLE erasures (
    tenant_id       TEXT    NOT NULL,
    id              BLOB    NOT NULL,
    subject         TEXT    NOT NULL,
    key_id          TEXT    NOT NULL,
    is_whole_tenant INTEGER NOT NULL CHECK (is_whole_tenant IN (0, 1)),
    requested_at    INTEGER NOT NULL,
    up_to           INTEGER NOT NULL,
    actor           TEXT    NOT NULL,
    request_id      TEXT    NOT NULL,
    user_id         TEXT,
    erased          TEXT    NOT NULL,
    completed_at    INTEGER,
    last_change     INTEGER NOT NULL,
    receipt         TEXT,
    rewritten_at    INTEGER,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX erasures_subject ON erasures (tenant_id, subject, requested_at);
CREATE INDEX erasures_unfinished ON erasures (requested_at) WHERE completed_at IS NULL;
CREATE INDEX erasures_unwritten ON erasures (completed_at) WHERE rewritten_at IS NULL;

-- What was made from other memories, and the kept answer of a memory's store.
CREATE INDEX memories_derived ON memories (tenant_id, sequence) WHERE derived_from IS NOT NULL;
CREATE INDEX idempotency_keys_location ON idempotency_keys (tenant_id, location) WHERE location IS NOT NULL;
