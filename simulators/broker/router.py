"""From a published message to the sessions that get it.

Owns: subscribing, retained messages, shared groups, no-local. Must not know: sockets, timers, session life.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulators.broker.retained import RetainedStore
from simulators.broker.session import Delivery, Message, Session
from simulators.broker.tree import ShareGroup, Subscription, SubscriptionTree
from simulators.mqtt.packets import Publish, Topic
from simulators.mqtt.reasons import Reason
from simulators.mqtt.topics import is_filter, split_share

SUBSCRIPTIONS_LIMIT = 1000  # of one session; a booth has 5, a centre 7
GRANTED_QOS = 1  # the most that is granted; 2 is not spoken here


@dataclass(slots=True)
class Routed:
    """How many sessions took a message, and how many wanted it and had no room."""

    taken: int = 0
    refused: int = 0

    @property
    def reason(self) -> Reason:
        """What an MQTT 5 publisher is told."""
        if self.taken:
            return Reason.SUCCESS
        return Reason.QUOTA_EXCEEDED if self.refused else Reason.NO_MATCHING_SUBSCRIBERS


class Router:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tree: SubscriptionTree[Session] = SubscriptionTree()
        self.retained = RetainedStore(now)

    def publish(self, packet: Publish, origin: Session | None) -> Routed:
        """Hand a message to everybody who wants it; `origin` is the session that published it."""
        expiry_s = packet.properties.message_expiry_s
        message = Message(packet, None if expiry_s is None else self._now() + expiry_s)
        routed = Routed()
        if packet.retain and not self.retained.keep(message):
            routed.refused += 1
        matches = self._tree.match(packet.topic)
        for session, subscriptions in matches.direct:
            _deliver(message, session, subscriptions, origin, routed)
        for group in matches.groups:
            _count(_share(message, group), routed)
        return routed

    def subscribe(self, session: Session, topic: Topic, identifier: int | None) -> int:
        """Subscribe a session to one filter; gives the granted QoS or a reason to refuse."""
        known = topic.filter in session.subscriptions
        if not is_filter(topic.filter):
            return Reason.TOPIC_FILTER_INVALID
        if not known and len(session.subscriptions) >= SUBSCRIPTIONS_LIMIT:
            return Reason.QUOTA_EXCEEDED
        group, wanted = split_share(topic.filter)
        qos = min(topic.qos, GRANTED_QOS)
        subscription = Subscription(wanted, group, qos, topic.no_local, topic.retain_as_published, identifier)
        session.subscriptions[topic.filter] = subscription
        self._tree.add(session, subscription)
        return qos

    def send_retained(self, session: Session, subscription: Subscription) -> None:
        """What a new subscriber gets at once."""
        for message in self.retained.matching(subscription.filter):
            qos = min(message.publish.qos, subscription.qos)
            session.offer(Delivery(message, qos, True, _identifiers((subscription,))))

    def unsubscribe(self, session: Session, wanted: str) -> bool:
        """Take one filter off; False if there was none."""
        subscription = session.subscriptions.pop(wanted, None)
        if subscription is not None:
            self._tree.remove(session, subscription)
        return subscription is not None

    def forget(self, session: Session) -> None:
        """A session has ended: its shared messages go to other members of the group."""
        for subscription in session.subscriptions.values():
            self._tree.remove(session, subscription)
        session.subscriptions.clear()
        for delivery in session.leftovers():
            group = self._tree.group(*delivery.share) if delivery.share else None
            if group is not None:
                _share(delivery.message, group)


def _deliver(
    message: Message,
    session: Session,
    subscriptions: tuple[Subscription, ...],
    origin: Session | None,
    routed: Routed,
) -> None:
    """One copy for a session, however many of its filters cover the topic."""
    if session is origin:
        subscriptions = tuple(one for one in subscriptions if not one.no_local)
        if not subscriptions:
            return
    qos = min(message.publish.qos, max(one.qos for one in subscriptions))
    retain = message.publish.retain and any(one.retain_as_published for one in subscriptions)
    _count(session.offer(Delivery(message, qos, retain, _identifiers(subscriptions))), routed)


def _share(message: Message, group: ShareGroup[Session]) -> bool:
    """Give it to the member whose turn it is: one that is here before one that is away."""
    turns = list(group.rotation())
    here = [turn for turn in turns if turn[0].outlet is not None]
    away = [turn for turn in turns if turn[0].outlet is None]
    for session, subscription in here + away:
        retain = message.publish.retain and subscription.retain_as_published
        qos = min(message.publish.qos, subscription.qos)
        share = (group.name, group.filter)
        if session.offer(Delivery(message, qos, retain, _identifiers((subscription,)), share)):
            return True
    return False


def _count(taken: bool, routed: Routed) -> None:
    if taken:
        routed.taken += 1
    else:
        routed.refused += 1


def _identifiers(subscriptions: tuple[Subscription, ...]) -> tuple[int, ...]:
    return tuple(one.identifier for one in subscriptions if one.identifier is not None)
