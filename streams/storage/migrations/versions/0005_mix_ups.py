"""Boxes that hold something else than was planned, where another order's box may hold what they lack."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "0005"
down_revision = "0004"


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add a table; nothing that is there changes."""
    op.create_table(
        "mix_ups",
        sa.Column("order_id", _key(256), primary_key=True),
        sa.Column("shipment_id", _key(256), primary_key=True),
        sa.Column("case_id", sa.String(256), nullable=False),
        sa.Column("station", _key(256), nullable=False),
        sa.Column("packed_at", _key(27), nullable=False),
        sa.Column("missing", sa.Text, nullable=False),
        sa.Column("extra", sa.Text, nullable=False),
        sa.Column("weight_g", sa.Double, nullable=True),
        sa.Column("expected_g", sa.Double, nullable=True),
        sa.Column("partner_order_id", sa.String(256), nullable=False),
        sa.Column("partner_shipment_id", sa.String(256), nullable=False),
        sa.Column("basis", sa.String(16), nullable=False),
        sa.Column("noted_at", sa.String(27), nullable=False),
    )
    alone = sa.text("partner_order_id = ''")
    op.create_index(
        "mix_ups_alone",
        "mix_ups",
        ["station", "packed_at"],
        sqlite_where=alone,
        postgresql_where=alone,
    )
