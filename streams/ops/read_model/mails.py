"""What the mail ledger says about messages, asked by their ids: the last word on whether a mail went out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, func, inspect, literal_column, select

from streams.mail.ledger import UNSEEN
from streams.ops.read_model import tables
from streams.ops.timeline import Mail
from streams.pipeline.ports import Pin
from streams.storage.engine import open_engine
from streams.storage.tables import MAILS, VERSIONS

MOST_VARIED: Final = (
    20_000  # mails behind the figures of a page; ten times what tells a tenth from two tenths
)
# The words of the index's own condition, so that PostgreSQL knows that it may use it.
_VARIED: Final[Any] = MAILS.c.variant != literal_column("''")


_NEWER: Final = {"template_version", "variant"}  # a ledger that an older program keeps does not have them


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger, as far as people want to see it; ``pin`` is the words it was written with."""

    mail: Mail
    queued_at: datetime
    updated_at: datetime
    pin: Pin = Pin()


class Varied(msgspec.Struct, frozen=True, kw_only=True):
    """A mail of a message that has several wordings, and which one it is written in."""

    message_id: str
    order_id: str
    case_id: str
    template: str
    variant: str
    state: str
    queued_at: datetime
    updated_at: datetime


class Mails:
    """A look into the ledger at a path of a SQLite file or a SQLAlchemy URL; nothing is made or changed."""

    def __init__(self, ledger: str | None) -> None:
        self._place = ledger
        self._engine: Engine | None = None
        self._knows_variants = False

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
        known = set(_Columns.__struct_fields__) - (set() if self._varying() else _NEWER)
        columns = [column for column in MAILS.c if column.name in known]
        query = select(*columns).where(MAILS.c.message_id.in_(list(message_ids)))
        with tables.telling(engine), engine.connect() as connection:
            rows = {row.message_id: _row(row) for row in connection.execute(query)}
        return {one: rows[one] for one in message_ids if one in rows}

    def first_subject(self, case_id: str) -> str:
        """Return the subject under which all mails of a case go; empty where none went yet.

        Raises:
            WorldProblem: ``read-model-unusable``: the ledger's database does not answer.
        """
        engine = self._opened()
        if engine is None:
            return ""
        query = (
            select(MAILS.c.subject)
            .where(MAILS.c.case_id == case_id, MAILS.c.subject != "", MAILS.c.state.not_in(UNSEEN))
            .order_by(MAILS.c.thread_place, MAILS.c.queued_at, MAILS.c.message_id)
        )
        with tables.telling(engine), engine.connect() as connection:
            return str(connection.execute(query.limit(1)).scalar() or "")

    def varied(self, most: int = MOST_VARIED) -> list[Varied]:
        """Return the newest mails of messages with several wordings, the newest first.

        Raises:
            WorldProblem: ``read-model-unusable``: the ledger's database does not answer.
        """
        engine = self._varying()
        if engine is None:
            return []
        columns = [MAILS.c[name] for name in Varied.__struct_fields__]
        query = (
            select(*columns).where(_VARIED).order_by(MAILS.c.queued_at.desc(), MAILS.c.message_id).limit(most)
        )
        with tables.telling(engine), engine.connect() as connection:
            return [msgspec.convert(row._mapping, Varied) for row in connection.execute(query)]  # noqa: SLF001 - its public name

    def written_last(self) -> dict[str, datetime]:
        """Return when the last mail that was accepted was queued, for the cases that got one of several wordings.

        Raises:
            WorldProblem: ``read-model-unusable``: the ledger's database does not answer.
        """
        engine = self._varying()
        if engine is None:
            return {}
        cases = select(MAILS.c.case_id).where(_VARIED)
        query = (
            select(MAILS.c.case_id, func.max(MAILS.c.queued_at))
            .where(MAILS.c.state == "accepted", MAILS.c.case_id.in_(cases))
            .group_by(MAILS.c.case_id)
        )
        with tables.telling(engine), engine.connect() as connection:
            return {case: datetime.fromisoformat(at) for case, at in connection.execute(query)}

    def _varying(self) -> Engine | None:
        """Return the way to a ledger that knows of variants; one that an older program keeps does not."""
        engine = self._opened()
        if engine is None:
            return None
        if not self._knows_variants:
            with tables.telling(engine):
                names = {column["name"] for column in inspect(engine).get_columns(MAILS.name)}
            self._knows_variants = names >= _NEWER
        return engine if self._knows_variants else None

    def words(self, version: str) -> bytes | None:
        """Return what was kept of a version of the words; None where nothing was.

        Raises:
            WorldProblem: ``read-model-unusable``: the ledger's database does not answer.
        """
        engine = self._varying()
        if engine is None:
            return None
        query = select(VERSIONS.c.sources).where(VERSIONS.c.version == version)
        with tables.telling(engine), engine.connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else bytes(found)

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
    pin = Pin(found.template_version, found.variant)
    return Row(mail=mail, queued_at=found.queued_at, updated_at=found.updated_at, pin=pin)


class _Columns(msgspec.Struct):
    message_id: str
    state: str
    attempt: int
    reply: str
    subject: str
    queued_at: datetime
    updated_at: datetime
    next_attempt_at: datetime | None
    template_version: str = ""
    variant: str = ""
