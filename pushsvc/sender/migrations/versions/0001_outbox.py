"""The first outbox: pushes, their contents, labels, recipients, attempts, and answers kept for repeated requests."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TO_DO = sa.text("state IN ('queued', 'waiting')")
_IN_FLIGHT = sa.text("state = 'sending'")
_KEPT_FILE = sa.text("kept AND octets IS NULL")


def upgrade() -> None:
    op.create_table(
        "pushes",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("submitted_at", sa.Float, nullable=False),
        sa.Column("not_after", sa.Float, nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("disposition", sa.String(16), nullable=False),
        sa.Column("priority", sa.String(8), nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("application", sa.Text),
        sa.Column("correlation", sa.Text),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("recipient_count", sa.Integer, nullable=False),
    )
    op.create_index("pushes_state", "pushes", ["state", "number"])
    op.create_table(
        "contents",
        sa.Column("push", sa.Integer, sa.ForeignKey("pushes.number"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha1", sa.String(40), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("kept", sa.Boolean, nullable=False),
        sa.Column("octets", sa.LargeBinary),
        sa.PrimaryKeyConstraint("push", "position"),
    )
    op.create_index("contents_files", "contents", ["sha256"], sqlite_where=_KEPT_FILE, postgresql_where=_KEPT_FILE)
    op.create_table(
        "labels",
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("push", sa.Integer, sa.ForeignKey("pushes.number"), nullable=False),
        sa.PrimaryKeyConstraint("label", "push"),
    )
    op.create_table(
        "recipients",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("push", sa.Integer, sa.ForeignKey("pushes.number"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cancel_asked", sa.Boolean, nullable=False),
        sa.Column("acknowledged", sa.BigInteger, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
    )
    op.create_index("recipients_push", "recipients", ["push", "state"])
    op.create_index("recipients_target", "recipients", ["target", "push"])
    op.create_index(
        "recipients_due",
        "recipients",
        ["lane", "due_at", "state", "push"],
        sqlite_where=_TO_DO,
        postgresql_where=_TO_DO,
    )
    op.create_index("recipients_expiring", "recipients", ["expires_at"], sqlite_where=_TO_DO, postgresql_where=_TO_DO)
    op.create_index("recipients_sending", "recipients", ["id"], sqlite_where=_IN_FLIGHT, postgresql_where=_IN_FLIGHT)
    op.create_table(
        "attempts",
        sa.Column("recipient", sa.Integer, sa.ForeignKey("recipients.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("mode", sa.String(8)),
        sa.Column("why_mode", sa.Text),
        sa.Column("call_id", sa.Text),
        sa.Column("peer", sa.Text),
        sa.Column("sip_status", sa.Integer),
        sa.Column("sip_reason", sa.Text),
        sa.Column("msrp_status", sa.Integer),
        sa.Column("octets_acknowledged", sa.BigInteger),
        sa.Column("outcome", sa.String(16)),
        sa.Column("reason", sa.Text),
        sa.Column("retry_at", sa.Float),
        sa.PrimaryKeyConstraint("recipient", "number"),
    )
    op.create_table(
        "idempotency",
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("push_id", sa.String(64), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("client", "key"),
    )
    op.create_index("idempotency_created_at", "idempotency", ["created_at"])
