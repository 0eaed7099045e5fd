"""What was aimed at and what was reached: the lines that every command of this kind ends with."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen
class Goal:
    """`name` is that of SECURITY part 3, `figure` what came of it, in words.

    `met` None: what was asked of the command is less than the goal speaks of, so that it can be missed and not met.
    """

    name: str
    wanted: str
    figure: str
    met: bool | None


def verdict(held: bool, whole: bool) -> bool | None:
    """Of a run that was as long as the goal speaks of, or was not `whole`."""
    return held and (True if whole else None)


def told(goals: Iterable[Goal]) -> list[str]:
    """As a table."""
    verdicts = {True: "met", False: "missed", None: "not missed, in a shorter run"}
    rows = [f"| {goal.name} | {goal.wanted} | {goal.figure} | {verdicts[goal.met]} |" for goal in goals]
    return ["| goal | wanted | reached | |", "|---|---|---|---|", *rows]
