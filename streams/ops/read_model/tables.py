"""The tables of the read model, the same in SQLite and PostgreSQL, and how they are made.

They are a cache: a fold over the history, which any other version of the program makes anew. So there are no
migrations; tables of another shape are dropped and filled again. What they hold is what the journal holds,
names and addresses included: whoever may not read the one may not read the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import TEXT
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeEngine

from streams.problems import WorldProblem

FOLD: Final = 2  # grows when the same history would give other rows in the same columns
_TURN: Final = 0x72656164_6D6F6465  # the advisory lock's number in PostgreSQL: "readmode"
METADATA: Final = MetaData()


def _key() -> TypeEngine[str]:
    """Return the type of text that is looked up or sorted: by bytes, on every machine."""
    return Text().with_variant(TEXT(collation="C"), "postgresql")


def _column(name: str, kind: Any = None, *, key: bool = False, null: bool = False) -> Column[Any]:
    return Column(name, _key() if kind is None else kind, primary_key=key, nullable=null)


def _table(name: str, *columns: Column[Any]) -> Table:
    # Without row numbers SQLite keeps rows in the order of their key: what belongs to one order lies together.
    return Table(f"read_{name}", METADATA, *columns, sqlite_with_rowid=False)


def _partial(name: str, *columns: Column[Any], where: Any) -> None:
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


# Times are text, `2026-11-20T10:15:00.000000Z`, as everywhere in our databases. ``state`` is what the fold must
# remember; all other columns of that row say it again for look-ups and lists.
META: Final = _table("meta", _column("name", key=True), _column("value", Text))
PROGRESS: Final = _table(
    "progress",
    _column("stream", key=True),
    _column("partition", Integer, key=True),
    _column("position", BigInteger),
)
GAUGES: Final = _table("gauges", _column("name", key=True), _column("count", BigInteger))
COUNTERS: Final = _table(
    "counters", _column("name", key=True), _column("hour", key=True), _column("count", BigInteger)
)
ORDERS: Final = _table(
    "orders",
    _column("order_id", key=True),
    _column("customer_hash", null=True),
    _column("email_hash", null=True),
    _column("placed_at", null=True),
    _column("country", Text),
    _column("standing", String(16)),
    _column("open_kinds", Text),
    _column("last_at", Text),
    _column("state", LargeBinary),
)
for _name in ("customer_hash", "email_hash"):
    _partial(f"read_orders_{_name}", ORDERS.c[_name], where=ORDERS.c[_name].is_not(None))
TRACKING: Final = _table("tracking", _column("number", key=True), _column("order_id", key=True))
EVENTS: Final = _table(
    "events",
    _column("order_id", key=True),
    _column("mark", LargeBinary, key=True),
    _column("position", BigInteger),
    _column("place", Integer),
    _column("entry", LargeBinary),
)
DECISIONS: Final = _table(
    "decisions",
    _column("order_id", key=True),
    _column("id", key=True),
    _column("number", BigInteger),
    _column("type", String(64)),
    _column("now", String(27)),
    _column("body", LargeBinary),
)
CASES: Final = _table(
    "cases",
    _column("case_id", key=True),
    _column("order_id", Text),
    _column("since", null=True),
    _column("state", LargeBinary),
)
_partial("read_cases_open", CASES.c.since, CASES.c.case_id, where=CASES.c.since.is_not(None))
TROUBLES: Final = _table(
    "troubles",
    _column("exception_id", key=True),
    _column("case_id"),
    _column("order_id", Text),
    _column("kind"),
    _column("since"),
    _column("cleared_at", null=True),
    _column("state", LargeBinary),
)
_partial(
    "read_troubles_open",
    TROUBLES.c.kind,
    TROUBLES.c.since,
    TROUBLES.c.exception_id,
    TROUBLES.c.case_id,
    where=TROUBLES.c.cleared_at.is_(None),
)
_partial("read_troubles_case", TROUBLES.c.case_id, TROUBLES.c.kind, where=TROUBLES.c.cleared_at.is_(None))
REVIEWS: Final = _table(
    "reviews",
    _column("review_id", key=True),
    _column("order_id", Text),
    _column("asked_at", null=True),
    _column("standing", String(16)),
    _column("state", LargeBinary),
)
_partial("read_reviews_open", REVIEWS.c.asked_at, REVIEWS.c.review_id, where=REVIEWS.c.standing == "open")
COSTS: Final = _table(
    "costs",
    _column("remedy_id", key=True),
    _column("order_id", Text),
    _column("at"),
    _column("state", LargeBinary),
)
Index("read_costs_at", COSTS.c.at, COSTS.c.remedy_id)
MESSAGES: Final = _table(
    "messages",
    _column("message_id", key=True),
    _column("order_id", Text),
    _column("standing", String(16)),
    _column("changed_at"),
    _column("state", LargeBinary),
)
# Nearly all mails end as accepted or withdrawn, and no list is made of those.
LISTED: Final[Any] = MESSAGES.c.standing.not_in(
    [literal_column(f"'{standing}'") for standing in ("accepted", "withdrawn", "suppressed")]
)
_partial(
    "read_messages_standing",
    MESSAGES.c.standing,
    MESSAGES.c.changed_at,
    MESSAGES.c.message_id,
    where=LISTED,
)
MAIL_LETTERS: Final = _table("mail_letters", _column("message_id", key=True), _column("body", LargeBinary))
DEAD_LETTERS: Final = _table(
    "dead_letters",
    _column("id", key=True),
    _column("source"),
    _column("place", Text),
    _column("code"),
    _column("why", Text),
    _column("hint", Text),
    _column("at"),
    _column("raw", LargeBinary),
    _column("version", Text),
    _column("redriven_at", null=True),
)
Index("read_dead_letters_at", DEAD_LETTERS.c.at, DEAD_LETTERS.c.id)
Index("read_dead_letters_code", DEAD_LETTERS.c.code, DEAD_LETTERS.c.at, DEAD_LETTERS.c.id)
Index("read_dead_letters_group", DEAD_LETTERS.c.code, DEAD_LETTERS.c.source, DEAD_LETTERS.c.at)
LETTER_NAMES: Final = _table("letter_names", _column("mark", LargeBinary, key=True), _column("id", key=True))
PARKED: Final = _table(
    "parked",
    _column("id", key=True),
    _column("key"),
    _column("since"),
    _column("body", LargeBinary),
)
Index("read_parked_key", PARKED.c.key)
Index("read_parked_since", PARKED.c.since, PARKED.c.id)


def text_of(moment: datetime) -> str:
    """Return a moment as these tables hold it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def moment_of(text: str | None) -> datetime | None:
    """Return the moment that these tables hold so."""
    return None if text is None else datetime.fromisoformat(text)


def clean(text: str) -> str:
    """Return text of characters that every database takes: a NUL, or half a character, is none of them."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def shape(engine: Engine) -> str:
    """Return what stands for these tables and for the fold that fills them."""
    words = [str(FOLD)]
    for table in METADATA.sorted_tables:
        words.append(str(CreateTable(table).compile(engine)))
        words += sorted(str(CreateIndex(index).compile(engine)) for index in table.indexes)
    return hashlib.blake2b("\n".join(words).encode(), digest_size=8).hexdigest()


def stands(engine: Engine) -> str | None:
    """Return the shape of the tables that are there, None where there are none."""
    if not inspect(engine).has_table(META.name):
        return None
    with engine.connect() as connection:
        return str(connection.execute(_SHAPE).scalar())


def history(engine: Engine) -> tuple[str | None, str | None]:
    """Return which history the tables were filled from, and what was read of it last; None before the first piece."""
    with engine.connect() as connection:
        known: dict[str, str] = {name: value for name, value in connection.execute(select(META))}  # noqa: C416 - mypy reads a Row as one value
        return known.get("history"), known.get("mark")


def make(engine: Engine) -> None:
    """Make the tables where they are absent or of another shape; what was in those is dropped."""
    wanted = shape(engine)
    if stands(engine) == wanted:
        return
    with engine.begin() as connection:
        _take_turn(connection)
        if inspect(connection).has_table(META.name) and connection.execute(_SHAPE).scalar() == wanted:
            return  # another process was faster
        _make_anew(connection, wanted)


def begin(engine: Engine, identity: str, mark: str) -> None:
    """Begin with a history, of which nothing was read yet; what came from another one is dropped."""
    with engine.begin() as connection:
        _take_turn(connection)
        _make_anew(connection, shape(engine))
        values = {"history": identity, "mark": mark}
        connection.execute(META.insert(), [{"name": name, "value": value} for name, value in values.items()])


def _make_anew(connection: Connection, wanted: str) -> None:
    METADATA.drop_all(connection)
    METADATA.create_all(connection)
    connection.execute(META.insert(), {"name": "shape", "value": wanted})


def _take_turn(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")


@contextmanager
def telling(engine: Engine) -> Iterator[None]:
    """Tell what a database says as a problem of ours.

    Raises:
        WorldProblem: ``read-model-unusable``.
    """
    try:
        yield
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        # The first line only, and of the driver's error: SQLAlchemy's own text repeats rows, and they are private.
        cause = getattr(error, "orig", None) or error
        raise WorldProblem(
            "read-model-unusable",
            "the read model cannot be used",
            where=engine.url.render_as_string(hide_password=True),
            why=f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}",
            hint="free the disk or bring the database back; the read model may be deleted, and is filled again",
            retriable=True,
        ) from error


_SHAPE: Final = select(META.c.value).where(META.c.name == "shape")
