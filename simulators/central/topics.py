"""The centre's topics: which it listens to, and which booth a message comes from.

Owns: names of booths and their topics. Must not know: the connection, payloads, SQL.
"""

from __future__ import annotations

import re
import time

from simulators.central.taken import Incoming
from simulators.mqtt.packets import Publish, Topic

KINDS = ("state", "devices", "metrics", "rsp", "cfg")  # topics besides evt
BOOTH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
TARGET = re.compile(r"[A-Za-z0-9_-]{1,64}|_g/[A-Za-z0-9_-]{1,64}")


def listened(root: str, group: str | None) -> list[Topic]:
    """What booths send; events are shared among the members of a group."""
    share = f"$share/{group}/" if group else ""
    return [Topic(f"{share}{root}/+/up/evt", 1), *(Topic(f"{root}/+/up/{kind}", 1) for kind in KINDS)]


def incoming(root: str, message: Publish) -> Incoming | None:
    """None for a topic that no booth may have."""
    booth, _, rest = message.topic.removeprefix(f"{root}/").partition("/")
    if not BOOTH.fullmatch(booth):
        return None
    kind = rest.removeprefix("up/")
    return Incoming(message.topic, booth, kind, message.payload, time.time_ns() // 1_000_000)
