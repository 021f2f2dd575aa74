"""What the mail ledger says about messages, asked by their ids: the last word on whether a mail went out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Engine, inspect, select

from streams.ops.read_model import tables
from streams.ops.timeline import Mail
from streams.storage.engine import open_engine
from streams.storage.tables import MAILS


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger, as far as people want to see it."""

    mail: Mail
    queued_at: datetime
    updated_at: datetime


class Mails:
    """A look into the ledger at a path of a SQLite file or a SQLAlchemy URL; nothing is made or changed."""

    def __init__(self, ledger: str | None) -> None:
        self._place = ledger
        self._engine: Engine | None = None

    def close(self) -> None:
        """Let go of the database."""
        if self._engine is not None:
            self._engine.dispose()

    def find(self, message_ids: Sequence[str]) -> dict[str, Row]:
        """Return the rows of these messages, in the order asked.

        Raises:
            WorldProblem: ``read-model-unusable``: the ledger's database does not answer.
        """
        engine = self._opened()
        if engine is None or not message_ids:
            return {}
        query = select(MAILS).where(MAILS.c.message_id.in_(list(message_ids)))
        with tables.telling(engine), engine.connect() as connection:
            rows = {row.message_id: _row(row) for row in connection.execute(query)}
        return {one: rows[one] for one in message_ids if one in rows}

    def _opened(self) -> Engine | None:
        """Return the way to the ledger; None while there is none: a mail was never sent."""
        if self._engine is None and self._place is not None:
            if "://" not in self._place and not Path(self._place).exists():
                return None
            engine = open_engine(self._place, synchronous="NORMAL")
            with tables.telling(engine):
                if not inspect(engine).has_table(MAILS.name):
                    engine.dispose()
                    return None
            self._engine = engine
        return self._engine


def _row(row: object) -> Row:
    found = msgspec.convert(row._mapping, _Columns)  # type: ignore[attr-defined]  # noqa: SLF001 - its public name
    mail = Mail(
        message_id=found.message_id,
        state=found.state,
        attempt=found.attempt,
        reply=found.reply,
        subject=found.subject,
        next_attempt_at=found.next_attempt_at,
    )
    return Row(mail=mail, queued_at=found.queued_at, updated_at=found.updated_at)


class _Columns(msgspec.Struct):
    message_id: str
    state: str
    attempt: int
    reply: str
    subject: str
    queued_at: datetime
    updated_at: datetime
    next_attempt_at: datetime | None
