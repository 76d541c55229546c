"""The last retained message of each topic.

Owns: keeping, replacing, deleting, and their bounds. Must not know: sessions, sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simulators.broker.session import Message
from simulators.mqtt.topics import fits

TOPICS_LIMIT = 100_000  # 9,000 booths keep four topics each
BYTES_LIMIT = 128 << 20  # more than a kilobyte for each of them


class RetainedStore:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._messages: dict[str, Message] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    def keep(self, message: Message) -> bool:
        """Replace the topic's message, or delete it with an empty one; False if there is no room."""
        topic = message.publish.topic
        old = self._messages.pop(topic, None)
        self._bytes -= old.size if old else 0
        if not message.publish.payload:
            return True
        if len(self._messages) >= TOPICS_LIMIT or self._bytes + message.size > BYTES_LIMIT:
            return False
        self._messages[topic] = message
        self._bytes += message.size
        return True

    def matching(self, wanted: str) -> Iterator[Message]:
        """The messages that a new subscriber to this filter gets."""
        if "+" not in wanted and "#" not in wanted:
            exact = self._messages.get(wanted)
            found = [exact] if exact else []
        else:
            found = [message for topic, message in self._messages.items() if fits(topic, wanted)]
        return (
            message for message in found if message.expires_at is None or message.expires_at > self._now()
        )
