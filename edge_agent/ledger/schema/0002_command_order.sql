-- Commands in the order in which they were taken, and the last counter of each issuer. Beside the old table, so that
-- the agent of the version before can still read and write this file.

CREATE TABLE commands_taken (
    n  INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
);

INSERT INTO commands_taken (id) SELECT id FROM commands ORDER BY utc_ms;

CREATE TABLE command_counters (
    stream  TEXT PRIMARY KEY,
    counter INTEGER NOT NULL
) WITHOUT ROWID;
