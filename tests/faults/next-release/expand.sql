-- What a release that only adds may bring: a column, an index, a table with its policy.
ALTER TABLE memories ADD COLUMN next_release TEXT;
CREATE INDEX memories_next_release ON memories (tenant_id, next_release) WHERE next_release IS NOT NULL;
