-- Counters by which what a process keeps in memory notices the writes of other processes. None of them ever falls.
ALTER TABLE tenants ADD COLUMN last_change bigint NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN index_epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN generation_change bigint NOT NULL DEFAULT 0;

-- The tenant's last_change at the write that changed the memory, or that stored the vector.
ALTER TABLE index_changes ADD COLUMN change bigint NOT NULL DEFAULT 0;
CREATE INDEX index_changes_change ON index_changes (tenant_id, change);
ALTER TABLE embeddings ADD COLUMN change bigint NOT NULL DEFAULT 0;
CREATE INDEX embeddings_change ON embeddings (tenant_id, generation, change) WHERE change > 0;

-- The highest change whose row a merge has deleted: who is behind it cannot learn it from the rows any more.
ALTER TABLE index_states ADD COLUMN settled_change bigint NOT NULL DEFAULT 0;
