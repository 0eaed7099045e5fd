"""Which contents are kept, without a look at all that ever were."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("contents_kept", "contents", ["push"], sqlite_where=sa.text("kept"))
