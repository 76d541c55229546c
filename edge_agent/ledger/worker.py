"""The one thread that touches the ledger's file, and the group commit.

Owns: the thread, the order of work, transactions. Must not know: SQL of events, who asks.

All writes that wait while a commit runs go into the next one together: a slow card makes the groups larger,
not the queue longer. A write is answered only after its transaction is on disk. One failed write does not
spoil its group.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from edge_agent.sdk.errors import DeviceError

PENDING_LIMIT = 512  # callers wait for their answer, so this many tasks would have to write at once
GROUP_LIMIT = 128  # writes in one transaction; bounds how long the first of them waits

# What a job may raise by its own fault: it is answered with that, and the others go on. An error of the disk
# is none of these; it ends the transaction.
OWN_FAULT = (
    ArithmeticError,
    DeviceError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Any]


@dataclass(slots=True)
class _Job:
    work: Work
    writes: bool
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class LedgerWorker:
    """Runs functions of the connection in one thread, writes grouped into transactions."""

    def __init__(self, connection: sqlite3.Connection, on_full: Callable[[], bool]) -> None:
        """`on_full` frees reserved space and tells whether it did; called in the thread."""
        self._connection = connection
        self._on_full = on_full
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting = 0
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run in a transaction; returns once it is on disk.

        Raises DeviceError ledger.full, ledger.broken or ledger.busy: then nothing was stored.
        """
        return await self._ask(work, writes=True)  # type: ignore[no-any-return]  # the job carries its own result

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run outside a transaction."""
        return await self._ask(work, writes=False)  # type: ignore[no-any-return]  # the job carries its own result

    async def close(self) -> None:
        """Finish what waits, then close the file."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        while self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 1.0)

    async def _ask(self, work: Work, *, writes: bool) -> Any:
        if self._closed:
            raise DeviceError("ledger.closed", "the ledger is closed", device="ledger")
        if self._waiting >= PENDING_LIMIT:
            raise DeviceError("ledger.busy", "too many writes wait", device="ledger", hint="wait a moment")
        job = _Job(work, writes, self._loop.create_future())
        self._waiting += 1
        self._jobs.put(job)
        return await job.answer

    def _run(self) -> None:
        held: _Job | None = None
        while True:
            job = held or self._jobs.get()
            held = None
            if job is None:
                break
            group = [job]
            if job.writes:
                held, ended = self._gather(group)
                self._commit(group)
            else:
                self._single(job)
                ended = False
            self._loop_call(group)
            if ended:
                break
        self._connection.close()

    def _gather(self, group: list[_Job]) -> tuple[_Job | None, bool]:
        """Writes that already wait join the group; gives the first job that cannot, and whether to end."""
        while len(group) < GROUP_LIMIT:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return None, False
            if job is None:
                return None, True
            if not job.writes:
                return job, False
            group.append(job)
        return None, False

    def _commit(self, group: list[_Job]) -> None:
        try:
            self._transaction(group)
        except sqlite3.Error as error:
            if not (_is_full(error) and self._on_full()):
                self._fail(group, error)
                return
            try:
                self._transaction(group)
            except sqlite3.Error as again:
                self._fail(group, again)

    def _transaction(self, group: list[_Job]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in group:
                self._part(job, alone=len(group) == 1)
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _part(self, job: _Job, *, alone: bool) -> None:
        """One job inside the transaction; what the job itself refuses undoes only that job."""
        job.error = None
        if not alone:
            self._connection.execute("SAVEPOINT part")
        try:
            job.result = job.work(self._connection)
        except OWN_FAULT as error:
            job.error = error
            if alone:
                self._connection.execute("ROLLBACK")
                self._connection.execute("BEGIN")
            else:
                self._connection.execute("ROLLBACK TO part")
        if not alone:
            self._connection.execute("RELEASE part")

    def _single(self, job: _Job) -> None:
        try:
            job.result = job.work(self._connection)
        except OWN_FAULT as error:
            job.error = error
        except sqlite3.Error as error:
            job.error = _broken(error)

    @staticmethod
    def _fail(group: list[_Job], error: sqlite3.Error) -> None:
        for job in group:
            job.error = _broken(error)

    def _loop_call(self, group: list[_Job]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._answer, group)
        except RuntimeError:  # the loop is closed: nobody waits for the answer any more
            return

    def _answer(self, group: list[_Job]) -> None:
        self._waiting -= len(group)
        for job in group:
            if job.answer.done():
                continue
            if job.error is not None:
                job.answer.set_exception(job.error)
            else:
                job.answer.set_result(job.result)


def _is_full(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode == sqlite3.SQLITE_FULL if hasattr(error, "sqlite_errorcode") else False


def _broken(error: sqlite3.Error) -> DeviceError:
    if _is_full(error):
        return DeviceError(
            "ledger.full",
            "not saved: no space left",
            device="ledger",
            hint="call the technician: the disk is full",
        )
    return DeviceError(
        "ledger.broken",
        f"not saved: {error}",
        device="ledger",
        hint="call the technician: the disk does not take writes",
    )
