"""The outbox's tables. Changing one means adding a step to migrations; what the rows mean is in the outbox modules.

    pushes 1─┬─n contents          small ones here, bigger ones in the content store by SHA-256
             ├─n labels            for finding them again
             ├─n recipients 1──n attempts
             └─0..1 idempotency    the first answer, for who asks twice
    clock                          one row: what the clock was, when we looked last

Every growing question has its index: what is due (`recipients_due`), what expires (`recipients_expiring`), what was in
flight when the process died (`recipients_sending`), whether a file is needed (`contents_files`, however often it was
pushed before), what may be too old to be kept (`contents_kept`), and the lists, newest first by `pushes.number`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

pushes = Table(
    "pushes",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("submitted_at", Float, nullable=False),
    Column("not_after", Float, nullable=False),
    Column("mode", String(8), nullable=False),
    Column("disposition", String(16), nullable=False),
    Column("priority", String(8), nullable=False),
    Column("title", Text),
    Column("description", Text),
    Column("application", Text),
    Column("correlation", Text),
    Column("labels", Text, nullable=False),
    Column("recipient_count", Integer, nullable=False),
    Index("pushes_state", "state", "number"),
)

# Partial indexes serve only queries that say the very same words, so the queries use these too.
KEPT = text("kept")
KEPT_FILE = text("kept AND octets IS NULL")

contents = Table(
    "contents",
    metadata,
    Column("push", ForeignKey("pushes.number"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha1", String(40), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("kept", Boolean, nullable=False),  # this push may still have to send it
    Column("octets", LargeBinary),  # of a small one; a bigger one is a file
    Column("icon_type", String(127)),
    Column("icon", LargeBinary),  # as long as the content is kept
    PrimaryKeyConstraint("push", "position"),
    Index("contents_kept", "push", sqlite_where=KEPT, postgresql_where=KEPT),
    Index("contents_files", "sha256", sqlite_where=KEPT_FILE, postgresql_where=KEPT_FILE),
)

labels = Table(
    "labels",
    metadata,
    Column("label", Text, nullable=False),
    Column("push", ForeignKey("pushes.number"), nullable=False),
    PrimaryKeyConstraint("label", "push"),
)

TO_DO = text("state IN ('queued', 'waiting')")
IN_FLIGHT = text("state = 'sending'")

recipients = Table(
    "recipients",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("push", ForeignKey("pushes.number"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("target", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("lane", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("tries", Integer, nullable=False),  # attempts that count for the retry policy
    Column("attempts", Integer, nullable=False),  # attempts ever made
    Column("cancel_asked", Boolean, nullable=False),
    Column("acknowledged", BigInteger, nullable=False),  # octets
    Column("files", Text, nullable=False),
    Column("crashes", Integer, nullable=False, server_default="0"),  # ends of the process in a row while sending this
    Index("recipients_push", "push", "state"),
    Index("recipients_target", "target", "push"),
    Index("recipients_due", "lane", "due_at", "state", "push", sqlite_where=TO_DO, postgresql_where=TO_DO),
    Index("recipients_expiring", "expires_at", sqlite_where=TO_DO, postgresql_where=TO_DO),
    Index("recipients_sending", "id", sqlite_where=IN_FLIGHT, postgresql_where=IN_FLIGHT),
)

attempts = Table(
    "attempts",
    metadata,
    Column("recipient", ForeignKey("recipients.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("mode", String(8)),
    Column("why_mode", Text),
    Column("call_id", Text),
    Column("peer", Text),
    Column("sip_status", Integer),
    Column("sip_reason", Text),
    Column("msrp_status", Integer),
    Column("octets_acknowledged", BigInteger),
    Column("outcome", String(16)),
    Column("reason", Text),
    Column("retry_at", Float),
    PrimaryKeyConstraint("recipient", "number"),
)

clock = Table(
    "clock",
    metadata,
    Column("boot_id", String(64), nullable=False),
    Column("ahead", Float, nullable=False),  # seconds by which it was ahead of the steady clock of that boot
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("client", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("push_id", String(64), nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    PrimaryKeyConstraint("client", "key"),
    Index("idempotency_created_at", "created_at"),
)
