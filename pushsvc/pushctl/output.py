"""Results to stdout, in words or as JSON; everything else to stderr; nothing foreign raw to a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import attrs
import click
from rich.console import Console
from rich.text import Text

from pushsvc.pushctl.client import Json

COLOURS = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}
SIZE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@attrs.frozen
class Output:
    """One command's way to speak. With `as_json` stdout carries JSON objects only, one a line."""

    as_json: bool = False

    def item(self, item: Json, words: str) -> None:
        """A result: as JSON, or in `words`."""
        click.echo(json.dumps(item, separators=(",", ":")) if self.as_json else words)

    def items(self, items: Iterable[Json], heads: Sequence[str], row: Sequence[str]) -> None:
        """A list of results: as JSON lines, or as a table of the members that `row` names."""
        found = list(items)
        if self.as_json:
            for item in found:
                click.echo(json.dumps(item, separators=(",", ":")))
        else:
            for line in columns([heads, *([cell(item, member) for member in row] for item in found)]):
                click.echo(line)

    def verdict(self, check: Json) -> None:
        """How one thing is, and in a second line what to do about it; in colour where that can be seen."""
        if self.as_json:
            click.echo(json.dumps(check, separators=(",", ":")))
            return
        verdict = printable(check["verdict"])
        line = Text("  ").append(f"{verdict:<8}", COLOURS.get(verdict, "")).append(f"{printable(check['name']):<14}")
        out = Console(markup=False, highlight=False)
        out.print(line.append(printable(check["text"])), soft_wrap=True)
        if check["next"]:
            out.print(f"{'':>24}next: {printable(check['next'])}", soft_wrap=True)

    def say(self, words: str) -> None:
        """Words for the person, to stderr."""
        click.echo(words, err=True)

    def console(self) -> Console:
        """Stderr, as rich sees it."""
        return Console(stderr=True, markup=False, highlight=False)


def printable(text: object) -> str:
    """Text that came from elsewhere, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(text))


def cell(item: Json, member: str) -> str:
    """One member of a JSON object as a table shows it. `size` is in bytes; lists are joined by commas."""
    value = item.get(member)
    if value is None:
        return "-"
    if member == "size":
        return size_words(int(value))
    if isinstance(value, list):
        return printable(",".join(map(str, value)))
    if isinstance(value, dict):
        return printable(" ".join(f"{name}={count}" for name, count in value.items()))
    return printable(value)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def size_words(size: float) -> str:
    """`1536` is `1.5 KiB`."""
    for unit in SIZE_UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {SIZE_UNITS[-1]}"
