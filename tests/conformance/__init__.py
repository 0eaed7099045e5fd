"""Which requirement is proved by which tests. The requirements are in docs/requirements.tsv."""
