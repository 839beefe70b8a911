-- What is done once in a period by whichever process comes first, and when its next turn is. No tenant's, so it is for the
-- system session alone.
CREATE TABLE schedules (
    name   text COLLATE "C" NOT NULL PRIMARY KEY,
    due_at bigint NOT NULL
);

ALTER TABLE schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY schedules_of_system ON schedules
    USING (NULLIF(current_setting('app.system', true), '') = 'on')
    WITH CHECK (NULLIF(current_setting('app.system', true), '') = 'on');
