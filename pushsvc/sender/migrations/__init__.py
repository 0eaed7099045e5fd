"""The steps from one outbox schema to the next, run by outbox_database at start. Nothing else belongs here."""
