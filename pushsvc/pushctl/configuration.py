"""`pushctl config`: what the daemons' `--check` and `--print-config` do, for a file that is not in use yet."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import click

from pushsvc.config.load import load_receiver, load_sender
from pushsvc.config.printed import to_toml
from pushsvc.config.shared import Config
from pushsvc.errors import ConfigErrors
from pushsvc.pushctl.exits import Exit
from pushsvc.pushctl.output import Output
from pushsvc.pushctl.session import Session, pass_session

LOADERS = {"sender": load_sender, "receiver": load_receiver}
ONLY_RECEIVER = frozenset({"registration", "accept", "rule", "inbox", "hooks"})
ONLY_SENDER = frozenset({"queue", "delivery"})


@click.group()
def config() -> None:
    """Check or print a configuration file."""


def _of_file(name: str, help_text: str) -> click.Command:
    """A command that loads FILE and goes on only when it has no mistake."""

    @config.command(name, help=help_text)
    @click.argument("file", type=click.Path(path_type=Path))
    @click.option(
        "--role", type=click.Choice(list(LOADERS)), help="Whose file it is; else its sections tell, or its name."
    )
    @click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="One key, as for the daemons.")
    @pass_session
    def command(session: Session, file: Path, role: str | None, overrides: Sequence[str]) -> int:
        try:
            loaded: Config = LOADERS[role or role_of(file)](file, overrides)
        except ConfigErrors as found:
            return _mistakes(session.output, found)
        if name == "print":
            click.echo(to_toml(loaded), nl=False)
        else:
            session.output.say(f"{file}: no mistakes")
        return Exit.OK

    return command


_of_file("check", "Every mistake in FILE, one a line; exit 0 when there is none, else 78.")
_of_file("print", "The configuration as it comes out of FILE and the defaults, secrets masked.")


def role_of(file: Path) -> str:
    """`sender` or `receiver`: by the sections that only one of them has, else by the file's name."""
    try:
        sections = set(tomllib.loads(file.read_text("utf-8")))
    except (OSError, ValueError):
        sections = set()
    if sections & ONLY_RECEIVER:
        return "receiver"
    if sections & ONLY_SENDER:
        return "sender"
    return "receiver" if "receiver" in file.name else "sender"


def _mistakes(output: Output, found: ConfigErrors) -> int:
    for error in found.errors:
        output.item({"where": error.where, "key": error.key, "what": error.what, "hint": error.hint}, str(error))
    return Exit.CONFIGURATION
