-- Of one type each key of a user, or of all, has one current memory. The writes of a tenant, one after another, see to that:
-- an older program beside this one could import two.
CREATE INDEX memories_key ON memories (tenant_id, key, COALESCE(user_id, '')) WHERE key IS NOT NULL;

-- A user's memories, newest first; what is no message, by type.
CREATE INDEX memories_user ON memories (tenant_id, user_id, sequence) WHERE user_id IS NOT NULL;
CREATE INDEX memories_type ON memories (tenant_id, type, sequence) WHERE type <> 'message';
CREATE INDEX memories_shared ON memories (tenant_id, sequence) WHERE scope = 'shared';
