"""What must be true across orders: what was granted, what is spent, how much of it at once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "0004"
down_revision = "0003"


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add tables; nothing that is there changes."""
    _allowances()
    _money()
    op.create_table(
        "allowance_cases",
        sa.Column("case_id", _key(256), primary_key=True),
        sa.Column("customer", _key(256), nullable=False),
        sa.Column("since", _key(27), nullable=False),
        sa.Column("earlier", sa.Integer, nullable=False),
    )
    op.create_index("allowance_cases_customer", "allowance_cases", ["customer", "since"])
    _brake()


def _allowances() -> None:
    op.create_table(
        "allowances",
        sa.Column("allowance_id", _key(256), primary_key=True),
        sa.Column("order_id", sa.String(256), nullable=False),
        sa.Column("case_id", sa.String(256), nullable=False),
        sa.Column("customer", _key(256), nullable=False),
        sa.Column("campaign", sa.String(256), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("carrier", sa.String(256), nullable=True),
        sa.Column("station", sa.String(256), nullable=True),
        sa.Column("costs", sa.Text, nullable=False),
        sa.Column("apology", sa.Integer, nullable=False),
        sa.Column("approved", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sorry", sa.Integer, nullable=False),
        sa.Column("refused_by", sa.String(16), nullable=False),
        sa.Column("reads", sa.Text, nullable=False),
        sa.Column("storm_id", _key(64), nullable=True),
        sa.Column("asked_at", sa.String(27), nullable=False),
        sa.Column("answered_at", _key(27), nullable=False),
        sa.Column("untold_since", _key(27), nullable=True),
    )
    for name, columns, where in (
        ("allowances_held", ["storm_id", "allowance_id"], "state = 'held'"),
        ("allowances_untold", ["untold_since"], "untold_since IS NOT NULL"),
        ("allowances_sorry", ["customer", "answered_at"], "sorry = 1"),
    ):
        condition = sa.text(where)
        op.create_index(name, "allowances", columns, sqlite_where=condition, postgresql_where=condition)


def _money() -> None:
    op.create_table(
        "allowance_bookings",
        sa.Column("allowance_id", _key(256), primary_key=True),
        sa.Column("currency", _key(3), primary_key=True),
        sa.Column("minor", sa.BigInteger, nullable=False),
        sa.Column("customer", _key(256), nullable=False),
        sa.Column("booked_at", _key(27), nullable=False),
    )
    op.create_index("allowance_bookings_customer", "allowance_bookings", ["customer", "booked_at"])
    op.create_table(
        "allowance_balances",
        sa.Column("scope", _key(16), primary_key=True),
        sa.Column("name", _key(256), primary_key=True),
        sa.Column("currency", _key(3), primary_key=True),
        sa.Column("spent", sa.BigInteger, nullable=False),
    )


def _brake() -> None:
    op.create_table(
        "brake_counts",
        sa.Column("dimension", _key(16), primary_key=True),
        sa.Column("value", _key(256), primary_key=True),
        sa.Column("span", _key(8), primary_key=True),
        sa.Column("since", _key(27), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "brake_storms",
        sa.Column("storm_id", _key(64), primary_key=True),
        sa.Column("dimension", _key(16), nullable=False),
        sa.Column("value", _key(256), nullable=False),
        sa.Column("since", _key(27), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("above_at", sa.String(27), nullable=False),
        sa.Column("settled", sa.Integer, nullable=False),
    )
    for name, columns, where in (
        ("brake_storms_standing", ["dimension", "value"], "state IN ('open', 'released')"),
        ("brake_storms_unsettled", ["storm_id"], "settled = 0"),
    ):
        condition = sa.text(where)
        op.create_index(name, "brake_storms", columns, sqlite_where=condition, postgresql_where=condition)
    op.create_table(
        "brake_words",
        sa.Column("storm_id", _key(64), primary_key=True),
        sa.Column("name", _key(256), primary_key=True),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
    )
