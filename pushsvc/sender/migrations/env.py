"""How Alembic meets our database: on the connection, and inside the transaction, that outbox_database holds."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
