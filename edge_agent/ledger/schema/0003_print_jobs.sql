-- What each print job is: who ordered it under which name, and what is to be printed for as long as that may be
-- needed. `ordered` is the attempt that the queue prints, 0 while a flow prints its own label. Boot, uptime and
-- UTC are those of the latest order: of the job itself, or of its reprint.
CREATE TABLE print_jobs (
    job       TEXT PRIMARY KEY,
    requester TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    digest    TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    printer   TEXT    NOT NULL,
    template  TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    data      TEXT    NOT NULL,
    ttl_ms    INTEGER NOT NULL,
    ordered   INTEGER NOT NULL,
    voided    INTEGER NOT NULL DEFAULT 0,
    boot      TEXT    NOT NULL,
    uptime_ms INTEGER NOT NULL,
    utc_ms    INTEGER NOT NULL,
    clock     TEXT    NOT NULL,
    UNIQUE (requester, key)
) WITHOUT ROWID;

-- What may still be printed again, and what must be forgotten in its time.
CREATE INDEX print_jobs_held ON print_jobs (utc_ms) WHERE data <> '';

-- Paper that left in the last hour, against the quota.
CREATE TABLE print_paper (
    job       TEXT    NOT NULL,
    attempt   INTEGER NOT NULL,
    printer   TEXT    NOT NULL,
    mm        INTEGER NOT NULL,
    boot      TEXT    NOT NULL,
    uptime_ms INTEGER NOT NULL,
    utc_ms    INTEGER NOT NULL,
    clock     TEXT    NOT NULL,
    PRIMARY KEY (job, attempt)
) WITHOUT ROWID;

CREATE INDEX prints_begun ON prints (state) WHERE state IN ('received', 'rendered');
CREATE INDEX prints_doubtful ON prints (state) WHERE state = 'unconfirmed';
