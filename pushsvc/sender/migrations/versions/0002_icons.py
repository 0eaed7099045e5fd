"""A content may have an icon, which is small and kept in its row."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("contents", sa.Column("icon_type", sa.String(127)))
    op.add_column("contents", sa.Column("icon", sa.LargeBinary))
