"""Who subscribed to what: a tree of topic levels, and the answers of recent lookups.

Owns: matching a topic against all filters, shared groups and their turns. Must not know: queues, sockets.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

CACHE_LIMIT = 4096  # topics whose subscribers are remembered: 9,000 booths need no more in any second

MemberT = TypeVar("MemberT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One filter of one session, its share group taken off."""

    filter: str
    group: str | None
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    identifier: int | None = None


@dataclass(slots=True, eq=False)
class ShareGroup(Generic[MemberT]):
    """Members that take turns for one filter."""

    name: str
    filter: str
    members: dict[MemberT, Subscription] = field(default_factory=dict)
    turn: int = 0

    def rotation(self) -> Iterator[tuple[MemberT, Subscription]]:
        """Every member once, beginning with the one whose turn it is."""
        members = list(self.members.items())
        start = self.turn % len(members) if members else 0
        self.turn = start + 1
        yield from members[start:]
        yield from members[:start]


@dataclass(frozen=True, slots=True)
class Matches(Generic[MemberT]):
    """Each member with all its subscriptions that cover a topic, and the groups that want it."""

    direct: tuple[tuple[MemberT, tuple[Subscription, ...]], ...]
    groups: tuple[ShareGroup[MemberT], ...]


@dataclass(slots=True, eq=False)
class _Node(Generic[MemberT]):
    children: dict[str, _Node[MemberT]] = field(default_factory=dict)
    direct: dict[MemberT, Subscription] = field(default_factory=dict)
    groups: dict[str, ShareGroup[MemberT]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not (self.children or self.direct or self.groups)


class SubscriptionTree(Generic[MemberT]):
    """All subscriptions of a broker."""

    def __init__(self) -> None:
        self._root: _Node[MemberT] = _Node()
        self._cache: dict[str, Matches[MemberT]] = {}

    def add(self, member: MemberT, subscription: Subscription) -> None:
        """A second subscription of a member to the same filter replaces the first."""
        node = self._root
        for level in subscription.filter.split("/"):
            node = node.children.setdefault(level, _Node())
        if subscription.group is None:
            node.direct[member] = subscription
        else:
            fresh: ShareGroup[MemberT] = ShareGroup(subscription.group, subscription.filter)
            node.groups.setdefault(subscription.group, fresh).members[member] = subscription
        self._cache.clear()

    def remove(self, member: MemberT, subscription: Subscription) -> None:
        """Take a subscription off, and the branches that bear nothing any more."""
        levels = subscription.filter.split("/")
        path = [self._root]
        for level in levels:
            path.append(path[-1].children[level])
        self._unlink(path[-1], member, subscription)
        for above, level, node in zip(reversed(path[:-1]), reversed(levels), reversed(path[1:]), strict=True):
            if node.empty:
                del above.children[level]
        self._cache.clear()

    def match(self, topic: str) -> Matches[MemberT]:
        """Everybody who wants a message to this topic."""
        known = self._cache.get(topic)
        if known is None:
            if len(self._cache) >= CACHE_LIMIT:
                self._cache.clear()
            known = self._cache[topic] = self._gather(topic)
        return known

    def group(self, name: str, wanted: str) -> ShareGroup[MemberT] | None:
        """A group by name and filter, while it has members."""
        node: _Node[MemberT] | None = self._root
        for level in wanted.split("/"):
            node = node.children.get(level) if node is not None else None
        return node.groups.get(name) if node is not None else None

    def _unlink(self, node: _Node[MemberT], member: MemberT, subscription: Subscription) -> None:
        if subscription.group is None:
            node.direct.pop(member, None)
            return
        group = node.groups[subscription.group]
        group.members.pop(member, None)
        if not group.members:
            del node.groups[subscription.group]

    def _gather(self, topic: str) -> Matches[MemberT]:
        direct: dict[MemberT, list[Subscription]] = {}
        groups: list[ShareGroup[MemberT]] = []
        for node in self._reached(topic):
            groups += node.groups.values()
            for member, subscription in node.direct.items():
                direct.setdefault(member, []).append(subscription)
        return Matches(tuple((member, tuple(subs)) for member, subs in direct.items()), tuple(groups))

    def _reached(self, topic: str) -> Iterator[_Node[MemberT]]:
        """The nodes at which a filter ends that covers the topic."""
        levels = topic.split("/")
        front = [self._root]
        for depth, level in enumerate(levels):
            names = (level,) if depth == 0 and topic.startswith("$") else (level, "+")
            if names != (level,):
                yield from self._ends_in_hash(front)
            front = [node.children[name] for node in front for name in names if name in node.children]
        yield from front
        yield from self._ends_in_hash(front)

    def _ends_in_hash(self, front: list[_Node[MemberT]]) -> Iterator[_Node[MemberT]]:
        return (node.children["#"] for node in front if "#" in node.children)
