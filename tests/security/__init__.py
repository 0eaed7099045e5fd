"""What docs/security.md promises beyond single modules: the goals that have a number, and the page itself."""
