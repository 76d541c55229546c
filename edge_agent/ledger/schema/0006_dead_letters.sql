-- When each dead letter was laid aside, for its age. Beside the old table, so that the agent of the version before can
-- still write it; what that one laid aside counts from when it is first seen here.
CREATE TABLE dead_letter_marks (
    seq       INTEGER PRIMARY KEY,
    boot      TEXT    NOT NULL,
    uptime_ms INTEGER NOT NULL,
    utc_ms    INTEGER NOT NULL,
    clock     TEXT    NOT NULL
);
