-- What a memory said of another time than its row does: when it was true, and when we knew it so. The words are those of a version.
CREATE TABLE memory_periods (
    tenant_id   TEXT    NOT NULL,
    sequence    INTEGER NOT NULL CHECK (typeof(sequence) = 'integer'),
    memory_id   BLOB    NOT NULL CHECK (length(memory_id) = 16),
    version     INTEGER NOT NULL CHECK (typeof(version) = 'integer'),
    type        TEXT    NOT NULL,
    user_id     TEXT,
    scope       TEXT    NOT NULL,
    known_from  INTEGER NOT NULL CHECK (typeof(known_from) = 'integer'),
    known_until INTEGER,
    valid_from  INTEGER NOT NULL CHECK (typeof(valid_from) = 'integer'),
    valid_until INTEGER,
    expires_at  INTEGER,
    doubted     INTEGER NOT NULL CHECK (typeof(doubted) = 'integer'),
    PRIMARY KEY (tenant_id, sequence)
) WITHOUT ROWID;

CREATE INDEX memory_periods_memory ON memory_periods (tenant_id, memory_id, version);

-- Of what is still known, the little that has not ended, of all and of one memory; and a user's, newest first.
CREATE INDEX memory_periods_current ON memory_periods (tenant_id, COALESCE(valid_until, 9223372036854775807)) WHERE known_until IS NULL;
CREATE INDEX memory_periods_known ON memory_periods (tenant_id, memory_id, COALESCE(valid_until, 9223372036854775807)) WHERE known_until IS NULL;
CREATE INDEX memory_periods_user ON memory_periods (tenant_id, user_id, sequence) WHERE user_id IS NOT NULL;

ALTER TABLE memories ADD COLUMN verified_at INTEGER;
ALTER TABLE memories ADD COLUMN review_after INTEGER;

-- What is known of the quality of the words: masked parts, the memory that said the same before, doubts.
ALTER TABLE memories ADD COLUMN masked TEXT;
ALTER TABLE memories ADD COLUMN content_hash INTEGER;
ALTER TABLE memories ADD COLUMN duplicate_of BLOB;
ALTER TABLE memories ADD COLUMN quarantine TEXT;
ALTER TABLE memories ADD COLUMN released_at INTEGER;

CREATE INDEX memories_hash ON memories (tenant_id, content_hash) WHERE content_hash IS NOT NULL;
CREATE INDEX memories_duplicates ON memories (tenant_id, duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX memories_quarantine ON memories (tenant_id, sequence) WHERE quarantine IS NOT NULL;
