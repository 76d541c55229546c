"""Labels that the centre orders while the booth's power is cut, and the verdict on them.

Owns: which were ordered, what the booth answered, the promises of the print queue. Must not know: when the
power goes, how a disk is read.

A centre that got no answer orders again under the same name. Nobody asks for a reprint: each order is one
label at most, whatever the cuts did.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.central.commands import JsonValue
from simulators.central.server import Central
from tests.vm.counter import Counter
from tests.vm.disk_check import OnDisk
from tests.vm.installed import ENDED

BOOTH = "BOOTH-CUT"
ANSWER_S = 60.0  # then a centre orders again; on an idle machine it takes two
VALID_S = 600.0
END_S = 300.0  # as long as any step in the guest may take
LOOK_S = 0.1
ON_PAPER = frozenset({"printed", "scanned"})  # proofs that say: this label exists
TEMPLATE = "print-test-80"  # the shortest one that carries the mark
DATA: dict[str, JsonValue] = {"agent": {"version": "0.1.0"}}  # the booth fills in the rest


@dataclass(slots=True)
class Orders:
    """All orders of one booth, over all power cuts. `answered` are those that it called done."""

    names: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    on_order: Callable[[], None] = lambda: None

    async def go_on(self, central: Central, counter: Counter) -> None:
        """Once the booth is connected: what was not answered once more, then a new one."""
        await counter.connected()
        self.names.append(f"L-{len(self.names) + 1}")
        for name in [one for one in self.names if one not in self.answered]:
            while not await self._answered(name, central):
                pass
            self.answered.add(name)

    async def _answered(self, name: str, central: Central) -> bool:
        """Order it, once; whether the booth has called it done. A busy one may do it and say so late."""
        args: dict[str, JsonValue] = {"job": name, "template": TEMPLATE, "item": name, "data": DATA}
        command = await central.command(BOOTH, "print.label", args, notafter_s=VALID_S)
        self.on_order()
        try:
            record = await central.outcome(command, ANSWER_S)
        except TimeoutError:
            return False
        assert record.state == "done" or record.reason == "command.timeout", f"{name}: {record}"
        return record.state == "done"

    async def ended(self, counter: Counter) -> list[dict[str, Any]]:
        """The centre's jobs as the booth lists them, once all have come to an end."""
        async with asyncio.timeout(END_S):
            while True:
                jobs = (await counter.ask(op="print.queue"))["result"]["jobs"]
                ours = [job for job in jobs if job["requester"] == "centre"]
                if all(job["state"] in ENDED for job in ours):
                    return ours
                await asyncio.sleep(LOOK_S)

    def lost(self, disk: OnDisk) -> Iterator[str]:
        """After a cut: what was answered is on the disk."""
        for name in sorted(self.answered - disk.orders.keys()):
            yield f"order {name} was answered and is not on the disk"

    def wrong(
        self, jobs: Iterable[Mapping[str, Any]], told: Mapping[str, frozenset[str]], marks: Iterable[str]
    ) -> Iterator[str]:
        """At the end: each known, on paper once at most, and called printed only where it is.

        `told` has the proofs that the centre was told for each job, `marks` those of all whole labels.
        """
        known = {job["order"]: job for job in jobs}
        papers = [mark.split(":")[1] for mark in marks if mark]
        for name in self.names:
            if name not in known:
                yield f"order {name} is forgotten"
                continue
            job = known[name]["job"]
            if papers.count(job) > 1:
                yield f"order {name} is on paper {papers.count(job)} times"
            if job not in told:
                yield f"order {name} is {known[name]['state']}, and the centre was not told"
            if ON_PAPER & told.get(job, frozenset()) and job not in papers:
                yield f"order {name} is called printed, and nothing came out"


def told_of_labels(database: Path) -> dict[str, frozenset[str]]:
    """The proofs that the centre was told for each job, an empty one for an end without."""
    told: dict[str, frozenset[str]] = {}
    with closing(sqlite3.connect(database)) as db:
        rows = db.execute("SELECT body FROM events WHERE type LIKE '%label.%'").fetchall()
    for (body,) in rows:
        data = json.loads(body)["data"]
        job = str(data.get("job"))
        told[job] = told.get(job, frozenset()) | {str(data.get("proof", ""))}
    return told
