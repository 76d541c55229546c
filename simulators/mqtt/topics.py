"""Topic names and topic filters: what is one, and which fits which.

Owns: the rules for + and #, `$` topics and shared subscriptions. Must not know: subscribers, packets.
Document: MQTT Version 5.0, OASIS Standard, 7 March 2019, sections 4.7 and 4.8.2.
"""

from __future__ import annotations

LEVELS_LIMIT = 64  # a booth's topic has 5 levels; thousands would make each match slow
SHARE = "$share"


def is_topic(name: str) -> bool:
    """Whether a message may be published to it."""
    return bool(name) and "+" not in name and "#" not in name and name.count("/") < LEVELS_LIMIT


def is_filter(text: str) -> bool:
    """Whether it may be subscribed to; a shared one must have a group and a filter behind it."""
    if text.startswith(f"{SHARE}/"):
        group, _, text = text[len(SHARE) + 1 :].partition("/")
        if not group or "+" in group or "#" in group:
            return False
    return bool(text) and text.count("/") < LEVELS_LIMIT and _wildcards_stand_alone(text)


def split_share(text: str) -> tuple[str | None, str]:
    """Group and filter of a shared subscription; None and the filter itself of any other."""
    if not text.startswith(f"{SHARE}/"):
        return None, text
    group, _, rest = text[len(SHARE) + 1 :].partition("/")
    return group, rest


def fits(topic: str, wanted: str) -> bool:
    """Whether a filter (without its share) covers a topic name."""
    if wanted[:1] in {"+", "#"} and topic.startswith("$"):
        return False
    have = topic.split("/")
    want = wanted.split("/")
    for at, level in enumerate(want):
        if level == "#":
            return True
        if at >= len(have) or level not in {"+", have[at]}:
            return False
    return len(have) == len(want)


def _wildcards_stand_alone(text: str) -> bool:
    levels = text.split("/")
    if any(("+" in level or "#" in level) and len(level) > 1 for level in levels):
        return False
    return "#" not in levels[:-1]
