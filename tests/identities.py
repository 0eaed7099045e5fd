"""Certificates for tests, made once per run: making one takes longer than a conversation."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from pushsvc.net.identity import Identity, self_signed


@cache
def identity_of(name: str) -> Identity:
    """The self-signed certificate of somebody, always the same one."""
    with tempfile.TemporaryDirectory() as directory:
        return self_signed(Path(directory), name, 1_800_000_000.0)
