"""`pushctl inbox`: what push-receiver has taken in."""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

import click

from pushsvc.pushctl.client import Api, Json
from pushsvc.pushctl.exits import CommandFailed, Exit
from pushsvc.pushctl.output import cell, printable
from pushsvc.pushctl.pushes import listed
from pushsvc.pushctl.session import Session, pass_session

MEMBERS = ("id", "state", "received_at", "from", "type", "size", "name")
MAX_NAME = 200  # letters; below what every file system takes, even when each needs several octets


@click.group(invoke_without_command=True)
@click.pass_context
def inbox(ctx: click.Context) -> int:
    """What push-receiver has taken in (--url names its API)."""
    return ctx.invoke(list_) if ctx.invoked_subcommand is None else Exit.OK


@inbox.command("list")
@click.option("--state", type=click.Choice(["new", "opened"]), help="Only entries in this state.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="No more than this.")
@pass_session
def list_(session: Session, state: str | None, limit: int) -> int:
    """The latest entries, newest first."""
    items = listed(session.api, "v1", "inbox", limit=limit, state=state)
    session.output.items(items, ("ID", "STATE", "RECEIVED", "FROM", "TYPE", "SIZE", "NAME"), MEMBERS)
    return Exit.OK


@inbox.command()
@click.argument("entry_id", metavar="ID")
@pass_session
def show(session: Session, entry_id: str) -> int:
    """Everything that is known about an entry."""
    entry = session.api.get("v1", "inbox", entry_id)
    session.output.item(entry, "\n".join(f"{member}: {cell(entry, member)}" for member in entry))
    return Exit.OK


@inbox.command()
@click.argument("entry_id", metavar="ID")
@click.option(
    "-o",
    "--output",
    "to",
    metavar="PATH",
    help="File or folder to save to, - for standard output. Default: the entry's name, here.",
)
@pass_session
def save(session: Session, entry_id: str, to: str | None) -> int:
    """Fetch an entry's content and check its SHA-256. An existing file is never overwritten."""
    entry = session.api.get("v1", "inbox", entry_id)
    if to == "-":
        fetch(session.api, entry, sys.stdout.buffer)
        return Exit.OK
    path = _destination(to, entry)
    try:
        file = path.open("xb")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}", Exit.CANNOT_CREATE) from error
    try:
        with file:
            fetch(session.api, entry, file)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    session.output.item({**entry, "saved": str(path)}, str(path))
    return Exit.OK


def fetch(api: Api, entry: Json, into: IO[bytes]) -> None:
    """Write an entry's content into `into`. Raises CommandFailed when it is not what the entry says."""
    seen = hashlib.sha256()
    for block in api.download(into, "v1", "inbox", entry["id"], "content"):
        seen.update(block)
    if seen.hexdigest() != entry["sha256"]:
        raise CommandFailed(f"SHA-256 is {seen.hexdigest()}, the inbox says {entry['sha256']}", Exit.BAD_DATA)


def _destination(to: str | None, entry: Json) -> Path:
    path = Path(to) if to else Path()
    return path / _local_name(entry) if path.is_dir() else path


def _local_name(entry: Json) -> str:
    """The entry's name as a file name here: the sender of a push never decides a path."""
    name = printable(entry.get("name") or "").replace("\\", "/").rsplit("/", 1)[-1][:MAX_NAME]
    return name if name.strip(". ") and not name.startswith((".", "-")) else printable(entry["id"])
