"""The tables of the SQL store, as today's program wants them.

A change here needs a new file in ``migrations/versions/``; a test compares what they make with this.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
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
# ---------------------------------------------------------------------------- across orders

# What was asked and what the answer is, for ever: the same question has the same answer.
ALLOWANCES: Final = Table(
    "allowances",
    METADATA,
    Column("allowance_id", _key(256), primary_key=True),
    Column("order_id", String(256), nullable=False),
    Column("case_id", String(256), nullable=False),
    Column("customer", _key(256), nullable=False),
    Column("campaign", String(256), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("carrier", String(256), nullable=True),
    Column("station", String(256), nullable=True),
    Column("costs", Text, nullable=False),
    Column("apology", Integer, nullable=False),
    Column("approved", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("sorry", Integer, nullable=False),
    Column("refused_by", String(16), nullable=False),
    Column("reads", Text, nullable=False),
    Column("storm_id", _key(64), nullable=True),
    Column("asked_at", String(27), nullable=False),
    Column("answered_at", _key(27), nullable=False),
    Column("untold_since", _key(27), nullable=True),
)
_HELD: Final[Any] = ALLOWANCES.c.state == literal_column("'held'")
Index(
    "allowances_held",
    ALLOWANCES.c.storm_id,
    ALLOWANCES.c.allowance_id,
    sqlite_where=_HELD,
    postgresql_where=_HELD,
)
_UNTOLD_ANSWER: Final[Any] = ALLOWANCES.c.untold_since.is_not(None)
Index(
    "allowances_untold",
    ALLOWANCES.c.untold_since,
    sqlite_where=_UNTOLD_ANSWER,
    postgresql_where=_UNTOLD_ANSWER,
)
_SORRY: Final[Any] = ALLOWANCES.c.sorry == literal_column("1")
Index(
    "allowances_sorry",
    ALLOWANCES.c.customer,
    ALLOWANCES.c.answered_at,
    sqlite_where=_SORRY,
    postgresql_where=_SORRY,
)
# Every amount that was granted, and their sums: a budget is judged by one row and not by its history.
BOOKINGS: Final = Table(
    "allowance_bookings",
    METADATA,
    Column("allowance_id", _key(256), primary_key=True),
    Column("currency", _key(3), primary_key=True),
    Column("minor", BigInteger, nullable=False),
    Column("customer", _key(256), nullable=False),
    Column("booked_at", _key(27), nullable=False),
)
Index("allowance_bookings_customer", BOOKINGS.c.customer, BOOKINGS.c.booked_at)
BALANCES: Final = Table(
    "allowance_balances",
    METADATA,
    Column("scope", _key(16), primary_key=True),
    Column("name", _key(256), primary_key=True),
    Column("currency", _key(3), primary_key=True),
    Column("spent", BigInteger, nullable=False),
)
# Each customer's cases, and how many came before: a case keeps its place.
CASES: Final = Table(
    "allowance_cases",
    METADATA,
    Column("case_id", _key(256), primary_key=True),
    Column("customer", _key(256), nullable=False),
    Column("since", _key(27), nullable=False),
    Column("earlier", Integer, nullable=False),
)
Index("allowance_cases_customer", CASES.c.customer, CASES.c.since)
# How many mails, by slices of the brake's window and by days.
COUNTS: Final = Table(
    "brake_counts",
    METADATA,
    Column("dimension", _key(16), primary_key=True),
    Column("value", _key(256), primary_key=True),
    Column("span", _key(8), primary_key=True),
    Column("since", _key(27), primary_key=True),
    Column("count", BigInteger, nullable=False),
)
STORMS: Final = Table(
    "brake_storms",
    METADATA,
    Column("storm_id", _key(64), primary_key=True),
    Column("dimension", _key(16), nullable=False),
    Column("value", _key(256), nullable=False),
    Column("since", _key(27), nullable=False),
    Column("state", String(16), nullable=False),
    Column("above_at", String(27), nullable=False),
    Column("settled", Integer, nullable=False),
)
_STANDING: Final[Any] = STORMS.c.state.in_([literal_column("'open'"), literal_column("'released'")])
Index(
    "brake_storms_standing",
    STORMS.c.dimension,
    STORMS.c.value,
    sqlite_where=_STANDING,
    postgresql_where=_STANDING,
)
_UNSETTLED: Final[Any] = STORMS.c.settled == literal_column("0")
Index(
    "brake_storms_unsettled",
    STORMS.c.storm_id,
    sqlite_where=_UNSETTLED,
    postgresql_where=_UNSETTLED,
)
# Who has said what of a storm; each name once.
WORDS: Final = Table(
    "brake_words",
    METADATA,
    Column("storm_id", _key(64), primary_key=True),
    Column("name", _key(256), primary_key=True),
    Column("release", Integer, nullable=False),
    Column("at", String(27), nullable=False),
)
# Boxes that hold something else than was planned; empty partners are still looked for.
MIX_UPS: Final = Table(
    "mix_ups",
    METADATA,
    Column("order_id", _key(256), primary_key=True),
    Column("shipment_id", _key(256), primary_key=True),
    Column("case_id", String(256), nullable=False),
    Column("station", _key(256), nullable=False),
    Column("packed_at", _key(27), nullable=False),
    Column("missing", Text, nullable=False),
    Column("extra", Text, nullable=False),
    Column("weight_g", Double, nullable=True),
    Column("expected_g", Double, nullable=True),
    Column("partner_order_id", String(256), nullable=False),
    Column("partner_shipment_id", String(256), nullable=False),
    Column("basis", String(16), nullable=False),
    Column("noted_at", String(27), nullable=False),
)
_ALONE: Final[Any] = MIX_UPS.c.partner_order_id == literal_column("''")
Index(
    "mix_ups_alone",
    MIX_UPS.c.station,
    MIX_UPS.c.packed_at,
    sqlite_where=_ALONE,
    postgresql_where=_ALONE,
)
