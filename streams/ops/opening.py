"""Opens the history that a command was asked about: a data folder, the topics, or sources never journaled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from streams.ops.history import History
from streams.ops.log_file import JournalFile
from streams.pipeline.plugins import choose
from streams.pipeline.ports import Source
from streams.problems import UsageProblem
from streams.settings import Settings
from streams.sources.feeds import parse_feed

JOURNAL = "journal.sqlite"  # as streams/cli/folder.py names it
TOPIC = "topic:"  # begins the location of a source that is read out of Kafka
Progress = Callable[[int], None]


def _silent(_count: int) -> None:
    """Show nothing."""


def open_history(
    *,
    data: Path | None,
    kafka: bool,
    sources: Sequence[str],
    settings: Settings,
    until: datetime | None = None,
    progress: Progress = _silent,
) -> History:
    """Return the one history that is named; with nothing named, the data folder of the settings.

    ``sources`` are ``NAME=PATH`` as for ``firstword run``, or ``NAME=topic:TOPIC`` for a raw topic; they are
    read whole, up to ``until``, before this returns, and ``progress`` hears of each record.

    Raises:
        UsageProblem: ``history-twice``, ``data-not-found``, ``plugin-unknown``, ``source-not-found``,
            ``source-twice``, ``topics-missing``.
        InputProblem: a source cannot be read.
        WorldProblem: ``journal-unreadable``, ``kafka-unreachable``, ``kafka-refused``, ``recording-failed``.
    """
    _refuse_two(data, sources, kafka=kafka)
    if sources:
        return _recorded(sources, settings, until, progress)
    if kafka:
        from streams.ops.log_kafka import JournalTopics

        return JournalTopics(settings)
    return JournalFile((data if data is not None else settings.data) / JOURNAL)


def _refuse_two(data: Path | None, sources: Sequence[str], *, kafka: bool) -> None:
    named = {"--data": data is not None, "--kafka": kafka, "--source": bool(sources)}
    both = [flag for flag, given in named.items() if given]
    if len(both) > 1:
        raise UsageProblem(
            "history-twice",
            "more than one history is named",
            where=" ".join(both),
            why="a data folder, the topics and a source each hold a history of their own",
            hint=f"leave out all but one of {', '.join(both)}",
        )


def _recorded(
    texts: Sequence[str], settings: Settings, until: datetime | None, progress: Progress
) -> History:
    from streams import sources
    from streams.ops.recording import record_all

    for text in texts:
        if texts.count(text) > 1:
            raise UsageProblem(
                "source-twice",
                f"{text} is named twice",
                where=f"--source {text}",
                why="every record in it would be told twice",
                hint="name it once",
            )
    folders = sources.discover()
    feeds = [feed for text in texts for feed in _feeds(text, folders, settings)]
    return record_all(
        feeds, name=" ".join(texts), partitions=settings.partitions, until=until, progress=progress
    )


def _feeds(text: str, folders: Mapping[str, Source], settings: Settings) -> Sequence[tuple[Source, str]]:
    name, _, location = text.partition("=")
    if not location.startswith(TOPIC):
        return [parse_feed(text, folders)]
    from streams.ops.raw_topic import RawTopic

    source = choose(folders, name, "source")
    return RawTopic(settings, location.removeprefix(TOPIC), source).feeds()
