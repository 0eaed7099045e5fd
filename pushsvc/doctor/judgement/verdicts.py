"""One thing that was looked at, how it is, and the next step."""

from __future__ import annotations

import enum

import attrs


class Verdict(enum.Enum):
    """OK, WARNING (pushes may go all the same), FAILED (they will not), SKIPPED (it does not apply, or not yet)."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen
class Check:
    """A line for people: `text` says what was found, `next` what to do about it ("" where nothing is to be done)."""

    name: str
    verdict: Verdict
    text: str
    next: str = ""

    def as_json(self) -> dict[str, str]:
        """The object that `POST /v1/doctor` answers with."""
        return {"name": self.name, "verdict": self.verdict.value, "text": self.text, "next": self.next}


def ok(name: str, text: str) -> Check:
    return Check(name, Verdict.OK, text)


def warning(name: str, text: str, next: str) -> Check:
    return Check(name, Verdict.WARNING, text, next)


def failed(name: str, text: str, next: str) -> Check:
    return Check(name, Verdict.FAILED, text, next)


def skipped(name: str, text: str, next: str = "") -> Check:
    return Check(name, Verdict.SKIPPED, text, next)


def shown(text: str, longest: int = 200) -> str:
    """What a peer said, short and without what a terminal would obey."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= longest else clean[: longest - 3] + "..."


def days(seconds: float) -> str:
    """A time left, in whole days."""
    count = int(seconds // 86400)
    return "1 day" if count == 1 else f"{count} days"
