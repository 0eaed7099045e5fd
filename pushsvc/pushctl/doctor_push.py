"""The push that `pushctl doctor --to URI` makes: an ordinary one, and what became of it in one verdict."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from pushsvc.pushctl.client import Api, Json
from pushsvc.pushctl.doctor_alone import described
from pushsvc.pushctl.exits import CommandFailed
from pushsvc.pushctl.progress import Quiet, follow, is_final, state_words
from pushsvc.pushctl.push import TEXT, submit
from pushsvc.pushctl.submission import moment

WORDS = "This is a test: pushctl doctor sees whether a push arrives."
PATIENCE = 30.0  # seconds; it is withdrawn then
LIFE = "60s"


def no_push() -> Json:
    """Nobody is pushed to without being named."""
    return described("push", "skipped", "no push was tried", "--to URI pushes a short text to somebody")


def push_to(api: Api, to: str, mode: str | None) -> Json:
    """A short text to this address, and how it ended."""
    wanted: Json = {"to": [to], "content": {"type": TEXT, "text": WORDS}, "title": "Test"}
    wanted |= {"not_after": moment(LIFE, datetime.now(UTC))} | ({"mode": mode} if mode else {})
    try:
        push = follow(api, submit(api, wanted, [], Quiet()), Quiet(), PATIENCE)
        told = api.get("v1", "pushes", push["id"], "explain")["recipients"][0]
    except CommandFailed as failure:
        return described("push", "failed", f"{to}: {failure.reason}", "see the daemon's log")
    (recipient,) = push["recipients"]
    if not is_final(push):
        with suppress(CommandFailed):  # it may have ended meanwhile
            api.delete("v1", "pushes", push["id"])
    text = f"{to}: {state_words(recipient)}"
    if recipient["state"] in ("delivered", "accepted"):
        return described("push", "ok", text)
    step = f"{told['advice']} pushctl trace {push['id']} --ladder shows what was said."
    return described("push", "failed", f"{text}. {told['why']}", step)
