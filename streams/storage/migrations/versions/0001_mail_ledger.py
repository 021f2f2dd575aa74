"""The mail ledger, as it was before there were migrations: what is there already is left as it is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "0001"
down_revision = None


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Create what is absent."""
    op.create_table(
        "mail_ledger",
        sa.Column("message_id", _key(256), primary_key=True),
        sa.Column("order_id", sa.String(256), nullable=False),
        sa.Column("case_id", _key(256), nullable=False),
        sa.Column("template", sa.String(256), nullable=False),
        sa.Column("locale", sa.String(64), nullable=False),
        sa.Column("to_hash", sa.String(64), nullable=False),
        sa.Column("thread_place", sa.Integer, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("doubts", sa.Integer, nullable=False),
        sa.Column("queued_at", _key(27), nullable=False),
        sa.Column("next_attempt_at", _key(27), nullable=True),
        sa.Column("claimed_by", sa.String(256), nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("letter", sa.LargeBinary, nullable=True),
        sa.Column("reply", sa.Text, nullable=False),
        sa.Column("updated_at", _key(27), nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_mail_ledger_case_id", "mail_ledger", ["case_id"], if_not_exists=True)
    waiting = sa.text("next_attempt_at IS NOT NULL")
    op.create_index(
        "mail_ledger_waiting",
        "mail_ledger",
        ["next_attempt_at"],
        if_not_exists=True,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    if op.get_context().dialect.name == "postgresql":
        op.create_index(
            "mail_ledger_unfinished",
            "mail_ledger",
            ["updated_at"],
            if_not_exists=True,
            postgresql_where=sa.text("state IN ('claimed', 'sending')"),
        )
    op.create_table(
        "mail_barred",
        sa.Column("to_hash", _key(64), primary_key=True),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("since", sa.String(27), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "mail_owners",
        sa.Column("owner", _key(256), primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
