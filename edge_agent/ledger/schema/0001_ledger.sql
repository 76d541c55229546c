-- One file: what happened (events), what is half done (slots), what was printed (prints), what was asked (commands).

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE boots (
    n    INTEGER PRIMARY KEY,
    boot TEXT NOT NULL
);

-- seq is given by us in the event's own transaction, never by SQLite: it must stay gapless when the table empties.
CREATE TABLE events (
    seq       INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL,
    boot      INTEGER NOT NULL,
    utc_ms    INTEGER NOT NULL,
    uptime_ms INTEGER NOT NULL,
    clock     TEXT    NOT NULL,
    type      TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    data      TEXT    NOT NULL
);

-- Whether an item was accepted before is asked at each scan.
CREATE INDEX events_accepted ON events (subject) WHERE type = 'parcel.accepted';

-- Events that the central store refused: kept for a person, out of the stream's way.
CREATE TABLE dead_letters (
    seq  INTEGER PRIMARY KEY,
    code TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL
);

-- The durable state of a flow, one row for each, replaced in the transaction of the events it causes.
CREATE TABLE slots (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE prints (
    job     TEXT    NOT NULL,
    attempt INTEGER NOT NULL,
    subject TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    proof   TEXT    NOT NULL DEFAULT '',
    reason  TEXT    NOT NULL DEFAULT '',
    utc_ms  INTEGER NOT NULL,
    PRIMARY KEY (job, attempt)
) WITHOUT ROWID;

CREATE INDEX prints_open ON prints (state) WHERE state IN ('queued', 'sending');

CREATE TABLE commands (
    id     TEXT PRIMARY KEY,
    type   TEXT    NOT NULL,
    state  TEXT    NOT NULL,
    answer TEXT    NOT NULL DEFAULT '',
    utc_ms INTEGER NOT NULL
) WITHOUT ROWID;
