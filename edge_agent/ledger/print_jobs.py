"""Print jobs on disk: who ordered what, what is to be printed while that may be needed, the hour's paper.

Owns: the SQL of jobs and paper, and how long a job's data is kept. Must not know: the order of a job's states
(prints.py), the queue.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.ledger.outbox import stamp_of
from edge_agent.ledger.prints import STEP_COLUMNS, PrintStep, attempt_of, latest_of, step_of
from edge_agent.ledger.worker import LedgerWorker
from edge_agent.sdk.values import Stamp

KEEP_JOBS = 20_000  # about a year of a busy booth: so long an order's name is known as taken
KEEP_DATA = 500  # jobs of which the data is kept: a busy day's; with 16 KiB at most, 8 MiB
LISTED = 200  # jobs shown to a person at once

ORDER_COLUMNS = (
    "job, requester, key, digest, kind, printer, template, subject, data, ttl_ms, ordered,"
    " boot, uptime_ms, utc_ms, clock, voided"
)
NEXT_ENTRY = "(SELECT coalesce(max(entry), 0) + 1 FROM print_jobs)"  # clocks jump: orders are numbered
FINISHED = "('sent', 'confirmed', 'unconfirmed', 'failed', 'expired', 'cancelled')"


@dataclass(frozen=True, slots=True)
class PrintOrder:
    """One job. `data` is JSON, empty once it is forgotten; `ordered` the attempt that the queue prints."""

    job: str
    requester: str
    key: str
    digest: str
    kind: str
    printer: str
    template: str
    subject: str
    data: str
    ttl_ms: int
    ordered: int
    boot: str
    at: Stamp
    voided: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A job and one of its attempts."""

    order: PrintOrder
    step: PrintStep


@dataclass(frozen=True, slots=True)
class Paper:
    """Paper that an attempt takes; `mm` 0 gives it back, since nothing was printed."""

    job: str
    attempt: int
    printer: str
    mm: int
    boot: str
    at: Stamp


def put(connection: sqlite3.Connection, order: PrintOrder) -> None:
    """Enter a job or renew it. Raises IntegrityError where another job has its requester and name."""
    with _overwriting(connection):
        connection.execute("DELETE FROM print_jobs WHERE job=?", (order.job,))
    at = order.at
    row = (
        *(order.job, order.requester, order.key, order.digest, order.kind, order.printer, order.template),
        *(order.subject, order.data, order.ttl_ms, order.ordered, order.boot),
        *(at.uptime_ms, at.utc_ms, at.quality.value, int(order.voided)),
    )
    places = ",".join("?" * len(row))
    connection.execute(
        f"INSERT INTO print_jobs ({ORDER_COLUMNS}, entry) VALUES ({places}, {NEXT_ENTRY})",  # noqa: S608 - constant columns
        row,
    )


def void(connection: sqlite3.Connection, job: str) -> None:
    """The parcel of this label was given up: it must never be printed again, and what is on paper is void."""
    with _overwriting(connection):
        connection.execute("UPDATE print_jobs SET voided=1, data='' WHERE job=?", (job,))


def charge(connection: sqlite3.Connection, paper: Paper) -> None:
    """Enter paper that an attempt takes, or give it back."""
    if paper.mm <= 0:
        connection.execute("DELETE FROM print_paper WHERE job=? AND attempt=?", (paper.job, paper.attempt))
        return
    at = paper.at
    connection.execute(
        "INSERT OR REPLACE INTO print_paper VALUES (?,?,?,?,?,?,?,?)",
        (
            *(paper.job, paper.attempt, paper.printer, paper.mm, paper.boot),
            *(at.uptime_ms, at.utc_ms, at.quality.value),
        ),
    )


class PrintLedger:
    """What the print queue asks of the ledger."""

    def __init__(self, worker: LedgerWorker) -> None:
        self._worker = worker

    async def open_jobs(self) -> list[Known]:
        """Jobs whose attempt of the queue has not ended, oldest first."""

        def work(connection: sqlite3.Connection) -> list[Known]:
            rows = connection.execute(
                f"SELECT {STEP_COLUMNS} FROM prints WHERE state IN ('queued', 'sending')"  # noqa: S608 - constant columns
                f" UNION ALL SELECT {STEP_COLUMNS} FROM prints WHERE state IN ('received', 'rendered')"
            ).fetchall()
            entered = {row[0]: _entry(connection, row[0]) for row in rows}
            rows.sort(key=lambda row: entered[row[0]])
            known = [(_order(connection, "job=?", row[0]), step_of(row)) for row in rows]
            return [Known(order, step) for order, step in known if order and order.ordered == step.attempt]

        return await self._worker.read(work)

    async def job(self, job: str) -> Known | None:
        """A job with its newest attempt."""
        return await self._worker.read(lambda c: _latest(c, _order(c, "job=?", job)))

    async def named(self, requester: str, key: str) -> Known | None:
        """A job by the name that its requester gave it, with its newest attempt."""
        return await self._worker.read(
            lambda c: _latest(c, _order(c, "requester=? AND key=?", requester, key))
        )

    async def attempt(self, job: str, attempt: int) -> Known | None:
        """A job with one of its attempts."""

        def work(connection: sqlite3.Connection) -> Known | None:
            order, step = _order(connection, "job=?", job), attempt_of(connection, job, attempt)
            return Known(order, step) if order and step else None

        return await self._worker.read(work)

    async def proved_after(self, job: str, attempt: int) -> bool:
        """Whether any later attempt of this job is proved to be on paper."""
        query = "SELECT 1 FROM prints WHERE job=? AND attempt>? AND state='confirmed' LIMIT 1"
        return await self._worker.read(lambda c: c.execute(query, (job, attempt)).fetchone() is not None)

    async def recent(self, limit: int = LISTED) -> list[Known]:
        """The jobs that may still be printed again, newest first, with their newest attempts."""

        def work(connection: sqlite3.Connection) -> list[Known]:
            rows = connection.execute(
                f"SELECT {ORDER_COLUMNS} FROM print_jobs WHERE data<>'' ORDER BY entry DESC LIMIT ?",  # noqa: S608 - constant columns
                (limit,),
            ).fetchall()
            found = [_latest(connection, _order_of(row)) for row in rows]
            return [known for known in found if known is not None]

        return await self._worker.read(work)

    async def doubtful(self) -> int:
        """Labels of which nobody knows whether they came out, and that a person can still decide about."""

        def work(connection: sqlite3.Connection) -> int:
            (count,) = connection.execute(
                "SELECT count(*) FROM prints p JOIN print_jobs j ON j.job=p.job AND j.data<>''"
                " WHERE p.state='unconfirmed'"
                " AND p.attempt=(SELECT max(attempt) FROM prints n WHERE n.job=p.job)"
            ).fetchone()
            return int(count)

        return await self._worker.read(work)

    async def paper(self) -> list[Paper]:
        """The paper on record."""

        def work(connection: sqlite3.Connection) -> list[Paper]:
            rows = connection.execute(
                "SELECT job, attempt, printer, mm, boot, uptime_ms, utc_ms, clock FROM print_paper"
            )
            return [
                Paper(job, attempt, printer, mm, boot, stamp_of(uptime_ms, utc_ms, clock))
                for job, attempt, printer, mm, boot, uptime_ms, utc_ms, clock in rows
            ]

        return await self._worker.read(work)

    async def forget_paper(self, gone: Sequence[Paper]) -> None:
        """Take paper off the record that no longer counts."""
        keys = [(paper.job, paper.attempt) for paper in gone]
        await self._worker.write(
            lambda c: c.executemany("DELETE FROM print_paper WHERE job=? AND attempt=?", keys)
        )

    async def held(self) -> list[PrintOrder]:
        """Finished jobs of which the data is still kept, newest first."""

        def work(connection: sqlite3.Connection) -> list[PrintOrder]:
            rows = connection.execute(
                f"SELECT {ORDER_COLUMNS} FROM print_jobs j WHERE data<>'' AND"  # noqa: S608 - constants
                " (SELECT state FROM prints p WHERE p.job=j.job ORDER BY attempt DESC LIMIT 1)"
                f" IN {FINISHED} ORDER BY entry DESC"
            )
            return [_order_of(row) for row in rows]

        return await self._worker.read(work)

    async def forget(self, jobs: Sequence[str]) -> None:
        """Wipe the data of these jobs, and drop the oldest finished jobs beyond KEEP_JOBS."""
        await self._worker.write(lambda c: _forget(c, jobs))


def _forget(connection: sqlite3.Connection, jobs: Sequence[str]) -> None:
    with _overwriting(connection):
        connection.executemany("UPDATE print_jobs SET data='' WHERE job=?", [(job,) for job in jobs])
    (count,) = connection.execute("SELECT count(*) FROM print_jobs").fetchone()
    if count <= KEEP_JOBS:
        return
    old = connection.execute(
        "SELECT job FROM print_jobs WHERE data='' ORDER BY entry LIMIT ?", (count - KEEP_JOBS,)
    ).fetchall()
    connection.executemany("DELETE FROM print_jobs WHERE job=?", old)
    connection.executemany("DELETE FROM prints WHERE job=?", old)


@contextlib.contextmanager
def _overwriting(connection: sqlite3.Connection) -> Iterator[None]:
    """Names and addresses that are taken out are overwritten in the file, not only freed."""
    connection.execute("PRAGMA secure_delete=ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA secure_delete=OFF")


def _entry(connection: sqlite3.Connection, job: str) -> int:
    row = connection.execute("SELECT entry FROM print_jobs WHERE job=?", (job,)).fetchone()
    return int(row[0]) if row else 0


def _order(connection: sqlite3.Connection, where: str, *values: str) -> PrintOrder | None:
    query = f"SELECT {ORDER_COLUMNS} FROM print_jobs WHERE {where}"  # noqa: S608 - constants
    row = connection.execute(query, values).fetchone()
    return _order_of(row) if row else None


def _order_of(row: tuple[object, ...]) -> PrintOrder:
    *texts, ttl_ms, ordered, boot, uptime_ms, utc_ms, clock, voided = row
    job, requester, key, digest, kind, printer, template, subject, data = map(str, texts)
    return PrintOrder(
        job=job,
        requester=requester,
        key=key,
        digest=digest,
        kind=kind,
        printer=printer,
        template=template,
        subject=subject,
        data=data,
        ttl_ms=int(str(ttl_ms)),
        ordered=int(str(ordered)),
        boot=str(boot),
        at=stamp_of(uptime_ms, utc_ms, clock),
        voided=bool(voided),
    )


def _latest(connection: sqlite3.Connection, order: PrintOrder | None) -> Known | None:
    step = latest_of(connection, order.job) if order else None
    return Known(order, step) if order and step else None
