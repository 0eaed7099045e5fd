"""At how many crashes a recipient was being sent to; and what the clock was compared with one that nobody can set."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("recipients", sa.Column("crashes", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "clock",
        sa.Column("boot_id", sa.String(64), nullable=False),
        sa.Column("ahead", sa.Float, nullable=False),
    )
