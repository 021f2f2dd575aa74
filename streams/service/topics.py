"""The topics: their names, what is kept in them and how, declared once."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from streams.problems import UsageProblem
from streams.settings import Settings

FOREVER = "-1"
LARGEST_RECORD = 4 * 1024 * 1024  # bytes; a snapshot bucket of long orders, packed, stays well below

KEPT = {"cleanup.policy": "delete", "retention.ms": FOREVER}
# Compaction leaves the newest segment alone, and whoever starts reads all of it: small ones, closed every hour.
COMPACTED = {"cleanup.policy": "compact", "segment.bytes": str(64 * 1024 * 1024), "segment.ms": "3600000"}


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of ours: its name, its partitions, and the settings that it must have."""

    name: str
    partitions: int
    config: Mapping[str, str]
    purpose: str


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """Every topic that the service reads or writes; ``sources`` maps a foreign topic to its source's name."""

    sources: Mapping[str, str]
    journal: Topic
    outbox: Topic
    outcomes: Topic
    decisions: Topic
    snapshots: Topic
    tracking: Topic
    parked: Topic
    dead_letters: Topic

    def ours(self) -> tuple[Topic, ...]:
        """Return the topics that we declare; the sources' belong to others, except the two native ones."""
        return (
            self.journal,
            self.outbox,
            self.outcomes,
            self.decisions,
            self.snapshots,
            self.tracking,
            self.parked,
            self.dead_letters,
        )


def topics_of(settings: Settings) -> Topics:
    """Return the topics of a deployment.

    Raises:
        UsageProblem: ``topic-twice``: one topic is named with two sources.
    """
    prefix, count = settings.topic_prefix, settings.partitions

    def topic(name: str, purpose: str, config: Mapping[str, str], partitions: int = count) -> Topic:
        return Topic(name=f"{prefix}.{name}", partitions=partitions, config=config, purpose=purpose)

    return Topics(
        sources=_sources(settings.topics),
        # Never compacted, never transactional: a gap in its offsets would be committed across.
        journal=topic("journal", "our ordered truth", KEPT),
        outbox=topic("outbox", "decided and not yet done", _passing(days=30)),
        outcomes=topic("outcomes", "what came of decisions", _passing(days=30)),
        decisions=topic("decisions", "every decision and outcome, for other systems", KEPT),
        snapshots=topic(
            "snapshots",
            "the state, as of a journal position",
            {**COMPACTED, "max.message.bytes": str(LARGEST_RECORD)},
        ),
        tracking=topic("tracking", "tracking numbers and their orders", COMPACTED),
        parked=topic("parked", "scans that wait for their order", COMPACTED),
        dead_letters=topic("dead-letters", "what could not be understood, and why", KEPT, partitions=1),
    )


def _passing(days: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * 86_400_000)}


def _sources(text: str) -> dict[str, str]:
    pairs = [(name, source) for name, _, source in (part.partition("=") for part in text.split(","))]
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise UsageProblem(
                "topic-twice",
                f"the topic {name} is named twice",
                where="FIRSTWORD_TOPICS",
                why="one source understands a topic",
                hint="name it once: orders=native,shipments=native",
            )
    return dict(pairs)
