"""The shortest valid jobs and contents; override what a test is about."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pushsvc.sender.job import ContentFile, Job


def content(octets: bytes = b"Gate 3", path: Path = Path(), **changes: Any) -> ContentFile:
    """A content; with a `path` its octets are written there."""
    if path != Path():
        path.write_bytes(octets)
    facts: dict[str, Any] = {
        "name": "gate.txt",
        "type": "text/plain",
        "size": len(octets),
        "sha1": hashlib.sha1(octets).digest(),
        "sha256": hashlib.sha256(octets).digest(),
        "path": path,
        "transfer_id": "t" * 32,
    }
    return ContentFile(**(facts | changes))


def job(*contents: ContentFile, **changes: Any) -> Job:
    """A first attempt at one recipient."""
    facts: dict[str, Any] = {
        "push_id": "psh_1",
        "recipient_id": 1,
        "to": "sip:alice@192.0.2.20",
        "contents": contents or (content(),),
        "title": None,
        "description": None,
        "application": None,
        "mode": "auto",
        "disposition": "attachment",
        "attempt": 1,
        "not_after": 3600.0,
        "created_at": 0.0,
    }
    return Job(**(facts | changes))
