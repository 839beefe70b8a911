-- What workers and tenants ask of the queue: whose turn it is, what was cut off, what is dead, lists newest first.
CREATE INDEX jobs_turn ON jobs (tenant_id, due_at) WHERE status IN ('queued', 'failed');
CREATE INDEX jobs_cut_off ON jobs (due_at) WHERE status = 'running';
CREATE INDEX jobs_dead ON jobs (finished_at) WHERE status = 'dead';
CREATE INDEX jobs_listed ON jobs (tenant_id, created_at, id);
CREATE INDEX jobs_by_status ON jobs (tenant_id, status, created_at, id);

-- Errors can be read by tenants from now on; those of before were written for operators.
UPDATE jobs SET last_error = 'It failed under an earlier version; the log of that time says why.' WHERE last_error IS NOT NULL;
