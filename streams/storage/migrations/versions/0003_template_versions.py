"""Which words each mail is written with, and the words themselves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "0003"
down_revision = "0002"


def _key(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(VARCHAR(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add two columns that are empty in every mail there is, an index for those that are not, and a table."""
    op.add_column(
        "mail_ledger", sa.Column("template_version", sa.String(32), nullable=False, server_default="")
    )
    op.add_column("mail_ledger", sa.Column("variant", sa.String(16), nullable=False, server_default=""))
    varied = sa.text("variant <> ''")
    op.create_index(
        "mail_ledger_varied",
        "mail_ledger",
        ["template", "variant"],
        sqlite_where=varied,
        postgresql_where=varied,
    )
    op.create_table(
        "template_versions",
        sa.Column("version", _key(32), primary_key=True),
        sa.Column("template", sa.String(256), nullable=False),
        sa.Column("sources", sa.LargeBinary, nullable=False),
        sa.Column("since", sa.String(27), nullable=False),
    )
