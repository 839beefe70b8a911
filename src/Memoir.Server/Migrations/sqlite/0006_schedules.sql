-- What is done once in a period by whichever process comes first, and when its next turn is.
CREATE TABLE schedules (
    name   TEXT    NOT NULL PRIMARY KEY,
    due_at INTEGER NOT NULL
);
