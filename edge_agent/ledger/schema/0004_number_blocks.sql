-- Numbers that the centre has leased to this booth. `next` moves in the transaction of the parcel that takes the number.

CREATE TABLE number_blocks (
    n           INTEGER PRIMARY KEY,
    lease       TEXT    NOT NULL UNIQUE,
    pattern     TEXT    NOT NULL,
    checked     TEXT    NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    next        INTEGER NOT NULL,
    notafter_ms INTEGER,
    state       TEXT    NOT NULL
);
