"""The end of a print job that somebody stands and waits for.

Owns: how long that is, which ends are good. Must not know: what is printed.
"""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event
from typing import Any

from edge_agent.cli.terminal import note
from edge_agent.local.client import ask

LOOK_S = 0.3  # how often a waiting job is looked at
WAIT_S = 90  # a test page waits a minute for its printer, and then takes its time to print
WAITING = frozenset({"received", "rendered", "queued", "sending"})
CAME_OUT = frozenset({"sent", "confirmed"})


WHY = {  # what a job waits for, or waited for in vain, as a person can see to it
    "printer.not_ready": "the printer is not ready: edge-agent status says what it needs",
    "print.quota": "the hour's labels_per_hour or paper_m_per_hour are used up; it goes on by itself",
    "print.suspended": "orders to this printer are held: see to it, then edge-agent print test",
}


def end_of(socket: Path, job: dict[str, Any]) -> dict[str, Any]:
    """The job once it has ended, or as it stands when it takes too long."""
    ends = time.monotonic() + WAIT_S
    pause, told = Event(), ""
    while job["state"] in WAITING and time.monotonic() < ends:
        if job["reason"] != told and (why := WHY.get(job["reason"])):
            note(f"it waits: {why}")
            told = job["reason"]
        pause.wait(LOOK_S)
        job = ask(socket, {"op": "print.job", "job": job["job"]})
    return job


def job_line(job: dict[str, Any]) -> str:
    """The job for a person."""
    again = f" reprint {job['attempt'] - 1}" if job["attempt"] > 1 else ""
    why = f" ({job['reason']})" if job["reason"] else ""
    proof = f" by {job['proof']}" if job["proof"] and job["state"] == "confirmed" else ""
    return f"{job['job']}  {job['kind']}{again}  {job['subject']}  {job['state']}{proof}{why}"
