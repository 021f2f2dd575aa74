"""What a person decided, handed over as an event by the front door: a data folder's inbox, or a topic of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from streams.codec.envelope import encode_envelope
from streams.core.events import AnyFact, Event, ReviewResolved
from streams.embedded.inbox import look, put
from streams.problems import UsageProblem
from streams.settings import Settings

SOURCE: Final = "firstword/console"
_NATIVE: Final = "native"


class Verdicts(Protocol):
    """Where verdicts go."""

    def leave(self, event: Event) -> bool:
        """Hand an event over, durably; False when the same was handed over before.

        Raises:
            streams.problems.WorldProblem: it could not be handed over; doing it again does no harm.
        """
        ...


def resolved(
    order_id: str,
    review_id: str,
    now: datetime,
    *,
    approved: bool,
    by: str,
    note: str,
    remedies: Sequence[str] | None = None,
) -> Event:
    """Return a person's decision about a review; of several the first one counts, for all have one id.

    ``remedies`` narrows a yes to these; None is all that was proposed.
    """
    fact: AnyFact = ReviewResolved(
        order_id=order_id,
        review_id=review_id,
        approved=approved,
        by=by,
        note=note or None,
        remedies=None if remedies is None else tuple(remedies),
    )
    return Event(
        id=f"{review_id}:{fact.TYPE}",
        source=SOURCE,
        order_id=order_id,
        occurred_at=now,
        recorded_at=now,
        fact=fact,
    )


def on_their_way(folder: Path) -> frozenset[str]:
    """Return the reviews whose verdicts were left in a data folder, and nobody took yet.

    Raises:
        WorldProblem: ``inbox-unreadable``.
    """
    before, behind = f"{SOURCE} ", f":{ReviewResolved.TYPE}"
    keys = (one.key for one in look(folder) if one.taken is None)
    return frozenset(
        key.removeprefix(before).removesuffix(behind)
        for key in keys
        if key.startswith(before) and key.endswith(behind)
    )


class FolderVerdicts(msgspec.Struct, frozen=True):
    """The inbox of a data folder; whoever works there takes it at the next heartbeat."""

    folder: Path
    place: str = "console"  # where it was left, for people

    def leave(self, event: Event) -> bool:
        """Leave the event in the inbox.

        Raises:
            WorldProblem: ``inbox-not-written``.
        """
        raw, key = encode_envelope(event), f"{event.source} {event.id}"
        return put(self.folder, _NATIVE, raw, place=self.place, key=key, at=event.occurred_at)


class TopicVerdicts(msgspec.Struct, frozen=True):
    """The first topic that the service reads as ours; ingest drops what it has seen by its id."""

    settings: Settings

    def leave(self, event: Event) -> bool:
        """Send the event, and return when the brokers have it.

        Raises:
            UsageProblem: ``no-native-topic``.
            WorldProblem: the codes of :func:`streams.ops.brokers.telling`.
        """
        from streams.ops.brokers import acknowledged, speaking

        topic = self.topic()
        with speaking(self.settings, "verdicts") as producer:
            acknowledged(
                producer, [producer.send(topic, encode_envelope(event), key=event.order_id.encode())]
            )
        return True

    def topic(self) -> str:
        """Return where events are sent.

        Raises:
            UsageProblem: ``no-native-topic``.
        """
        from streams.service.topics import topics_of

        for topic, source in topics_of(self.settings).sources.items():
            if source == _NATIVE:
                return topic
        raise UsageProblem(
            "no-native-topic",
            "no topic is read that takes our own events, so no verdict can be handed over",
            where="FIRSTWORD_TOPICS",
            hint="name one with the source native, such as orders=native, as the ingest workers have it",
        )
