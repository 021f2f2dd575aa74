"""The tables of the SQL store, as today's program wants them.

A change here needs a new file in ``migrations/versions/``; a test compares what they make with this.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    literal_column,
)
from sqlalchemy.dialects.postgresql import VARCHAR
from sqlalchemy.types import TypeEngine

METADATA: Final = MetaData()


def _key(length: int) -> TypeEngine[str]:
    """Return the type of text that is looked up or sorted.

    By bytes on every machine, as SQLite does: an order by language differs from server to server, and an
    index by language breaks when an upgrade of the system sorts another way.
    """
    return String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


# Times are text, `2026-11-20T10:15:00.000000Z`: it sorts as it should in every database and a person with a
# SQL prompt can read it.
MAILS: Final = Table(
    "mail_ledger",
    METADATA,
    Column("message_id", _key(256), primary_key=True),
    Column("order_id", String(256), nullable=False),
    Column("case_id", _key(256), nullable=False, index=True),
    Column("template", String(256), nullable=False),
    Column("locale", String(64), nullable=False),
    Column("to_hash", String(64), nullable=False),
    Column("thread_place", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("doubts", Integer, nullable=False),
    Column("queued_at", _key(27), nullable=False),
    Column("next_attempt_at", _key(27), nullable=True),
    Column("claimed_by", String(256), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("letter", LargeBinary, nullable=True),
    Column("reply", Text, nullable=False),
    Column("updated_at", _key(27), nullable=False),
    Column("untold_since", _key(27), nullable=True),
    Column("template_version", String(32), nullable=False, server_default=""),
    Column("variant", String(16), nullable=False, server_default=""),
)
# Few mails ever wait: all others stay out of the index.
_WAITING: Final[Any] = MAILS.c.next_attempt_at.is_not(None)
Index("mail_ledger_waiting", MAILS.c.next_attempt_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
# A mail is untold for the blink of an eye after each attempt, and on one machine never.
_UNTOLD: Final[Any] = MAILS.c.untold_since.is_not(None)
Index("mail_ledger_untold", MAILS.c.untold_since, sqlite_where=_UNTOLD, postgresql_where=_UNTOLD)
# Most messages have one wording; those that try several are counted by it.
_VARIED: Final[Any] = MAILS.c.variant != literal_column("''")
Index(
    "mail_ledger_varied",
    MAILS.c.template,
    MAILS.c.variant,
    sqlite_where=_VARIED,
    postgresql_where=_VARIED,
)
# For what other processes left unfinished, which is asked every few minutes. On one machine nobody but the
# next start asks, and every mail would pay for it.
Index(
    "mail_ledger_unfinished",
    MAILS.c.updated_at,
    postgresql_where=MAILS.c.state.in_(("claimed", "sending")),
).ddl_if(dialect="postgresql")

BARRED: Final = Table(
    "mail_barred",
    METADATA,
    Column("to_hash", _key(64), primary_key=True),
    Column("why", Text, nullable=False),
    Column("since", String(27), nullable=False),
)
# The stickers themselves: a mail that is tried again on another host carries the same one.
LABELS: Final = Table(
    "label_documents",
    METADATA,
    Column("label_id", _key(128), primary_key=True),
    Column("pdf", LargeBinary, nullable=False),
)
# The words that mails were written with: one that waits is finished in its own, whatever was edited meanwhile.
VERSIONS: Final = Table(
    "template_versions",
    METADATA,
    Column("version", _key(32), primary_key=True),
    Column("template", String(256), nullable=False),
    Column("sources", LargeBinary, nullable=False),
    Column("since", String(27), nullable=False),
)
OWNERS: Final = Table(
    "mail_owners",
    METADATA,
    Column("owner", _key(256), primary_key=True),
    Column("generation", BigInteger, nullable=False),
)
