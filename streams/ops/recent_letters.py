"""The newest letters of a history, whole as they were decided: names and addresses included.

Whoever shows them to anybody must mask them first (:mod:`streams.web.studio.cases`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from streams.core.events import MessageQueued
from streams.ops.log_file import JournalFile
from streams.problems import InputProblem
from streams.settings import Settings

_TAIL: Final = 200  # records of the outbox, per partition; each holds what one block of events led to
_ROLE: Final = "letters"


class Recent(msgspec.Struct, frozen=True, kw_only=True):
    """A letter as it was decided, and when."""

    message: MessageQueued
    when: datetime


def in_folder(journal: Path, most: int) -> list[Recent]:
    """Return the newest letters of a journal file, the newest first; none while there is no journal.

    Raises:
        WorldProblem: ``journal-unreadable``.
    """
    if not journal.is_file():
        return []
    found = JournalFile(journal).newest(MessageQueued.TYPE, most)
    return [
        Recent(message=one.fact, when=one.now)
        for one in found
        if isinstance(one.fact, MessageQueued) and one.fact.letter is not None
    ]


def in_topics(settings: Settings, most: int) -> list[Recent]:
    """Return the newest letters out of the end of each partition of the outbox, the newest first.

    Raises:
        WorldProblem: ``kafka-unreachable``, ``kafka-refused``, ``topics-missing`` and their like.
    """
    found = sorted(_in_outbox(settings), key=lambda one: one.when, reverse=True)
    newest = {one.message.message_id: one for one in reversed(found)}
    return sorted(newest.values(), key=lambda one: one.when, reverse=True)[:most]


def _in_outbox(settings: Settings) -> Iterator[Recent]:
    # Kafka's libraries take a while to load, and most studios have no Kafka beside them.
    from streams.ops.brokers import extents, looking, records
    from streams.service.records import read_outbox
    from streams.service.topics import topics_of

    topic = topics_of(settings).outbox.name
    with looking(settings, _ROLE) as consumer:
        ends = extents(consumer, topic, settings)
    for extent in ends:
        tail = msgspec.structs.replace(extent, first=max(extent.first, extent.end - _TAIL))
        for record in records(settings, _ROLE, topic, tail):
            try:
                decided = read_outbox(record.value or b"")
            except InputProblem:
                continue  # the worker says so; a list of letters is no place for it
            for one in decided:
                if isinstance(one.decision, MessageQueued) and one.decision.letter is not None:
                    yield Recent(message=one.decision, when=one.now)
