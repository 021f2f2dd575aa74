"""The ledger in a dict: for histories replayed without effects on disk, demos, and as the model of the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from streams.mail.ledger import UNSEEN, Claim, Row, Swap, Told, Written, ensure_legal


class MemoryLedger:
    """A ledger that is gone when the process is; several senders may share it."""

    slow = False
    shared = False

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._cases: dict[str, set[str]] = {}  # case id -> message ids, so that a claim does not scan
        self._waiting: dict[str, datetime] = {}  # message id -> next attempt
        self._barred: dict[str, str] = {}
        self._generations: Counter[str] = Counter()
        self._sources: dict[str, bytes] = {}

    def enroll(self, owner: str) -> int:
        """Return the next generation of ``owner``, from 1."""
        self._generations[owner] += 1
        return self._generations[owner]

    def write(self, claims: Sequence[Row] = (), swaps: Sequence[Swap] = ()) -> Written:
        """Claim, then swap; nothing is changed when a swap is against the rules."""
        for swap in swaps:
            ensure_legal(swap)
        return Written(
            claims=tuple(self._claim(row) for row in claims),
            swaps=tuple(self._swap(swap) for swap in swaps),
        )

    def _claim(self, row: Row) -> Claim:
        known = self._rows.get(row.message_id)
        stored = self._rows.setdefault(row.message_id, row)
        self._cases.setdefault(row.case_id, set()).add(row.message_id)
        return Claim(
            row=stored,
            fresh=known is None,
            barred=self._barred.get(row.to_hash),
            first_subject=self.first_subject(row.case_id),
        )

    def _swap(self, swap: Swap) -> bool:
        stored = self._rows.get(swap.old.message_id)
        if stored is None or _version(stored) != _version(swap.old):
            return False
        self._rows[swap.old.message_id] = swap.new
        self._waiting.pop(swap.old.message_id, None)
        if swap.new.next_attempt_at is not None:
            self._waiting[swap.new.message_id] = swap.new.next_attempt_at
        return True

    def bar(self, to_hash: str, why: str, now: datetime) -> None:  # noqa: ARG002 - the port's signature
        """Remember the first reason."""
        self._barred.setdefault(to_hash, why)

    def is_barred(self, to_hash: str) -> bool:
        """Return whether an address is written to no more."""
        return to_hash in self._barred

    def told(self, outcomes: Sequence[Told]) -> None:
        """Note outcomes as told."""
        for one in outcomes:
            row = self._rows.get(one.message_id)
            if row is not None and (row.state, row.attempt) == (one.state, one.attempt):
                self._rows[one.message_id] = msgspec.structs.replace(row, untold_since=None)

    def keep_sources(self, version: str, template: str, sources: bytes, now: datetime) -> None:  # noqa: ARG002 - the port's signature
        """Keep what a version is made of."""
        self._sources.setdefault(version, sources)

    def sources(self, version: str) -> bytes | None:
        """Return what was kept under a version."""
        return self._sources.get(version)

    def find(self, message_id: str) -> Row | None:
        """Return a message's row."""
        return self._rows.get(message_id)

    def due(self, now: datetime, limit: int = 1000) -> list[Row]:
        """Return deferred rows whose time has come, the longest waiting first; what is untold waits."""
        waiting = sorted((at, row.message_id, row) for at, row in self._ready() if at <= now)
        return [row for _, _, row in waiting[:limit]]

    def next_due(self) -> datetime | None:
        """Return when the next deferred row comes due."""
        return min((at for at, _ in self._ready()), default=None)

    def _ready(self) -> Iterator[tuple[datetime, Row]]:
        for message_id, at in self._waiting.items():
            row = self._rows[message_id]
            if row.untold_since is None:
                yield at, row

    def untold(self, since: datetime, limit: int = 500) -> list[Row]:
        """Return rows of which nobody has heard since then or longer, the longest waiting first."""
        rows = [row for row in self._rows.values() if row.untold_since is not None]
        waiting = sorted((row.untold_since or since, row.message_id, row) for row in rows)
        return [row for at, _, row in waiting if at <= since][:limit]

    def next_untold(self) -> datetime | None:
        """Return since when the longest waiting row of which nobody has heard stands as it does."""
        waits = (row.untold_since for row in self._rows.values() if row.untold_since is not None)
        return min(waits, default=None)

    def oldest(self) -> dict[str, datetime]:
        """Return per state of ``claimed``, ``sending`` and ``deferred`` since when its oldest row waits."""
        found: dict[str, datetime] = {}
        for row in self._rows.values():
            if row.state in {"claimed", "sending", "deferred"}:
                at = row.queued_at if row.state == "deferred" else row.updated_at
                found[row.state] = min(at, found.get(row.state, at))
        return found

    def unfinished(self, since: datetime | None = None) -> list[Row]:
        """Return every row in ``claimed`` or ``sending``, by id; with ``since`` those untouched since then."""
        rows = [row for row in self._rows.values() if row.state in {"claimed", "sending"}]
        if since is not None:
            rows = [row for row in rows if row.updated_at <= since]
        return sorted(rows, key=lambda row: row.message_id)

    def first_subject(self, case_id: str) -> str | None:
        """Return the subject of the case's first mail that reached, or may yet reach, the customer."""
        mails = [
            (row.thread_place, row.queued_at, row.message_id, row.subject)
            for row in map(self._rows.__getitem__, self._cases.get(case_id, ()))
            if row.subject and row.state not in UNSEEN
        ]
        return min(mails)[3] if mails else None

    def counts(self) -> dict[str, int]:
        """Return how many messages stand in each state."""
        return dict(Counter(row.state for row in self._rows.values()))


def _version(row: Row) -> tuple[str, str, int, int]:
    """Return what makes a row the same one: it changes with every move."""
    return row.state, row.claimed_by, row.generation, row.attempt
