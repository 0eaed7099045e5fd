"""What the API of the receiver shows beside entries, as JSON values."""

from __future__ import annotations

from typing import Any

from pushsvc.api.fields import time_text
from pushsvc.receiver.decisions import Pending
from pushsvc.receiver.inbox_entry import icon_json


def decision_json(pending: Pending) -> dict[str, Any]:
    """A question that waits for an answer."""
    return {
        "id": pending.id,
        "from": pending.caller.uri,
        "asserted": pending.caller.asserted,
        "asked_at": time_text(pending.asked_at),
        "expires_at": time_text(pending.expires_at),
        "files": [
            {"file_transfer_id": file.transfer_id, "name": file.name, "type": file.type, "size": file.size}
            | icon_json(file.icon)
            for file in pending.files
        ],
    }
