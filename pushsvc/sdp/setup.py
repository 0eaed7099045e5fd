"""Who opens the connection of a media line: `a=setup` as RFC 6135 §4.2 uses it (table E.11 of the requirements)."""

from __future__ import annotations


def answer_setup(offered: str | None, *, prefer_active: bool = False) -> str:
    """Our `a=setup` for an offered one (E.11); `""` is no such line, and then the offerer connects.

    `prefer_active` is for an end that cannot be reached; it only has a say when the offer is `actpass`.
    """
    match offered:
        case "actpass":
            return "active" if prefer_active else "passive"
        case "active":
            return "passive"
        case "passive":
            return "active"
        case _:
            return ""


def offerer_connects(offered: str | None, answered: str | None) -> bool:
    """Who opens the connection (E.11): the offerer, unless the answer says active or only the answerer can."""
    if answered in ("active", "passive"):
        return answered == "passive"
    return offered != "passive"
