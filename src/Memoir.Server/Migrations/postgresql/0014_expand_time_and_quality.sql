-- What a memory said of another time than its row does: when it was true, and when we knew it so. The words are those of a version.
CREATE TABLE memory_periods (
    tenant_id   text COLLATE "C" NOT NULL,
    sequence    bigint NOT NULL,
    memory_id   uuid NOT NULL,
    version     bigint NOT NULL,
    type        text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C",
    scope       text COLLATE "C" NOT NULL,
    known_from  bigint NOT NULL,
    known_until bigint,
    valid_from  bigint NOT NULL,
    valid_until bigint,
    expires_at  bigint,
    doubted     bigint NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
);

CREATE INDEX memory_periods_memory ON memory_periods (tenant_id, memory_id, version);

-- Of what is still known, the little that has not ended, of all and of one memory; and a user's, newest first.
CREATE INDEX memory_periods_current ON memory_periods (tenant_id, COALESCE(valid_until, 9223372036854775807)) WHERE known_until IS NULL;
CREATE INDEX memory_periods_known ON memory_periods (tenant_id, memory_id, COALESCE(valid_until, 9223372036854775807)) WHERE known_until IS NULL;
CREATE INDEX memory_periods_user ON memory_periods (tenant_id, user_id, sequence) WHERE user_id IS NOT NULL;

ALTER TABLE memory_periods ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_periods FORCE ROW LEVEL SECURITY;
CREATE POLICY memory_periods_of_tenant ON memory_periods
    USING (tenant_id = NULLIF(current_setting('app.tenant', true), ''))
    WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));

ALTER TABLE memories ADD COLUMN verified_at bigint;
ALTER TABLE memories ADD COLUMN review_after bigint;

-- What is known of the quality of the words: masked parts, the memory that said the same before, doubts.
ALTER TABLE memories ADD COLUMN masked text;
ALTER TABLE memories ADD COLUMN content_hash bigint;
ALTER TABLE memories ADD COLUMN duplicate_of uuid;
ALTER TABLE memories ADD COLUMN quarantine text;
ALTER TABLE memories ADD COLUMN released_at bigint;

CREATE INDEX memories_hash ON memories (tenant_id, content_hash) WHERE content_hash IS NOT NULL;
CREATE INDEX memories_duplicates ON memories (tenant_id, duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX memories_quarantine ON memories (tenant_id, sequence) WHERE quarantine IS NOT NULL;
