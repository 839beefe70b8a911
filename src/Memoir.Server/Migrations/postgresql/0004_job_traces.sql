-- The traceparent of the write that asked for the job, so that its run can be linked to it; NULL where nobody traced.
ALTER TABLE jobs ADD COLUMN trace_parent text;
