"""Dead letters and parked scans: what could not be understood, and what waits for its order, for a person to see.

Looking changes nothing. Redriving (:mod:`streams.ops.redrive`) gives a record another try by the way on which it
once came, under the same ids: what was folded already is dropped by its id, and a letter is put back once.
Implementations: :mod:`streams.ops.letters_file` (a data folder) and :mod:`streams.ops.letters_kafka` (the topics).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from streams.core.ids import identify
from streams.pipeline.correlate import PATIENCE, Parked
from streams.pipeline.dead_letters import KEPT_OF_DEAD_LETTER, DeadLetter
from streams.pipeline.ports import Record, Rejected, Source
from streams.problems import UsageProblem
from streams.settings import Settings

State = Literal["open", "waiting", "redriven"]
"""Nobody put it back yet; somebody did, and it is not taken yet; it was put back and taken."""


TIME_AHEAD = "time-ahead"  # as streams/pipeline/arrivals.py says of a clock that ran ahead


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter and what became of it; ``redriven_at`` is when it was put back."""

    dead: DeadLetter
    state: State = "open"
    redriven_at: datetime | None = None


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """The letters of one source with one reason; ``why`` and ``hint`` are those of the newest."""

    code: str
    source: str
    open: int
    waiting: int
    redriven: int
    first: datetime
    last: datetime
    why: str
    hint: str


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are meant: all that every given word fits; an id may be cut short where it is clear."""

    ids: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    since: datetime | None = None

    def covers(self, dead: DeadLetter) -> bool:
        """True when a letter is meant."""
        return (
            (not self.ids or dead.id.startswith(self.ids))
            and (not self.codes or dead.code in self.codes)
            and (not self.sources or dead.source in self.sources)
            and (self.since is None or dead.at >= self.since)
        )


class Letters(Protocol):
    """The dead letters of one deployment, and its parked scans."""

    name: str
    """What messages call it: a folder, or a topic and brokers without their password."""

    def letters(self) -> Iterator[Letter]:
        """Yield every letter once, oldest first.

        Raises:
            streams.problems.WorldProblem: they cannot be read.
        """
        ...

    def parked(self) -> Iterator[Parked]:
        """Yield the scans that wait for their order, oldest first.

        Raises:
            streams.problems.WorldProblem: they cannot be read.
        """
        ...

    def refusal(self, dead: DeadLetter) -> Rejected | None:
        """Return why it would be of no use to put a letter back today, or None."""
        ...

    def put_back(self, letters: Sequence[DeadLetter], now: datetime) -> int:
        """Give letters another try; return how many of them nobody had put back before.

        Raises:
            streams.problems.WorldProblem: it could not be done; doing it again does no harm.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def open_letters(settings: Settings, *, kafka: bool) -> Letters:
    """Return the letters of the topics, or those of the data folder.

    Raises:
        UsageProblem: ``data-not-found``, ``topic-twice``.
        WorldProblem: ``kafka-unreachable``, ``kafka-refused``.
    """
    if kafka:
        from streams.ops.letters_kafka import TopicLetters

        return TopicLetters(settings)
    from streams.ops.letters_file import FolderLetters

    return FolderLetters(settings.data)


def reasons(letters: Iterable[Letter]) -> list[Reason]:
    """Count letters by source and reason: those with most open letters first."""
    found: dict[tuple[str, str], list[Letter]] = {}
    for one in letters:
        found.setdefault((one.dead.source, one.dead.code), []).append(light(one))
    counted = [_reason(some) for some in found.values()]
    return sorted(counted, key=lambda one: (-one.open, -one.waiting, one.source, one.code))


def light(one: Letter) -> Letter:
    """Return a letter without its record: of many, only what is counted or listed is held, not 64 KiB of each."""
    return msgspec.structs.replace(one, dead=msgspec.structs.replace(one.dead, raw=b""))


def _reason(letters: Sequence[Letter]) -> Reason:
    newest = max(letters, key=lambda one: (one.dead.at, one.dead.id)).dead
    states = [one.state for one in letters]
    return Reason(
        code=newest.code,
        source=newest.source,
        open=states.count("open"),
        waiting=states.count("waiting"),
        redriven=states.count("redriven"),
        first=min(one.dead.at for one in letters),
        last=newest.at,
        why=newest.why,
        hint=newest.hint,
    )


def find(letters: Letters, asked: str) -> Letter:
    """Return the letter with that id, or with an id that begins so.

    Raises:
        UsageProblem: ``letter-not-found``, ``letter-ambiguous``.
    """
    found = [one for one in letters.letters() if one.dead.id.startswith(asked)]
    exact = [one for one in found if one.dead.id == asked]
    if not found:
        raise no_letter(asked, letters.name)
    if len(exact or found) > 1:
        raise ambiguous(asked, [one.dead.id for one in found], letters.name)
    return (exact or found)[0]


def no_letter(asked: str, place: str) -> UsageProblem:
    """Return the problem of an id that no letter has."""
    return UsageProblem(
        "letter-not-found",
        f"there is no dead letter {asked}",
        where=place,
        hint="`firstword dead-letters list --each` shows the ids; other filters may leave it out",
    )


def ambiguous(asked: str, ids: Sequence[str], place: str) -> UsageProblem:
    """Return the problem of half an id that more than one letter has."""
    return UsageProblem(
        "letter-ambiguous",
        f"{len(ids)} letters begin with {asked}",
        where=place,
        hint=f"write more of the id: {', '.join(ids[:3])}",
    )


def expires(waits: Parked) -> datetime:
    """Return when patience with a parked scan ends, and it becomes a dead letter."""
    return waits.since + PATIENCE


def is_whole(dead: DeadLetter) -> bool:
    """True when the letter holds its record to the last byte: its id was made of all of them."""
    if len(dead.raw) < KEPT_OF_DEAD_LETTER:
        return True
    unique = hashlib.blake2b(dead.raw, digest_size=8).hexdigest()
    return dead.id == identify("ded", dead.source, dead.place, dead.code, dead.at.isoformat(), unique)


def hopeless(dead: DeadLetter) -> Rejected | None:
    """Return why trying the record of a letter again cannot end otherwise, whatever the program, or None."""
    if dead.code == TIME_AHEAD:
        return Rejected(
            code=dead.code,
            why="its own time is wrong, and stays so however often it is read",
            hint="correct the time where the event was written, and send it again from there",
        )
    if not dead.raw:
        return Rejected(
            code="letter-empty",
            why=f"not one byte could be read at {dead.place}",
            hint="mend what stands there and read it again: what is known already is dropped by its id",
        )
    if not is_whole(dead):
        return Rejected(
            code="letter-cut",
            why=f"only its first {KEPT_OF_DEAD_LETTER:,} bytes are kept; the whole record stands at {dead.place}",
            hint="send the record again from there: what is known already is dropped by its id",
        )
    return None


def misunderstood(dead: DeadLetter, sources: Mapping[str, Source]) -> Rejected | None:
    """Return why today's program does not understand the record of a letter either, or None when it does."""
    source = sources.get(dead.source)
    if source is None:
        return Rejected(
            code="source-not-installed",
            why=f"there is no source called {dead.source!r}; known: {', '.join(sorted(sources))}",
            hint="install the source, then redrive the letter",
        )
    try:
        found = source.translate(Record(source=dead.source, place=dead.place, position=0, raw=dead.raw))
    except Exception as error:  # noqa: BLE001 - a mistake in one adapter must not hide the other letters
        return Rejected(
            code="source-failed",
            why=f"the source {dead.source} fails on it: {type(error).__name__}: {error}"[:500],
            hint="this is a mistake of the program: report it with the record",
        )
    return found if isinstance(found, Rejected) else None
