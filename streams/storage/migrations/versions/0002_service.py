"""What several hosts need: which outcomes are still to be told, and the labels themselves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "0002"
down_revision = "0001"


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add a column that is empty in every mail there is, and a table."""
    op.add_column("mail_ledger", sa.Column("untold_since", _key(27), nullable=True))
    untold = sa.text("untold_since IS NOT NULL")
    op.create_index(
        "mail_ledger_untold",
        "mail_ledger",
        ["untold_since"],
        sqlite_where=untold,
        postgresql_where=untold,
    )
    op.create_table(
        "label_documents",
        sa.Column("label_id", _key(128), primary_key=True),
        sa.Column("pdf", sa.LargeBinary, nullable=False),
    )
