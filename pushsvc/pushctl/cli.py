"""pushctl, the command line: what is common to all commands, and how each run ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import twisted
from click.shell_completion import get_completion_class

from pushsvc import __version__
from pushsvc.pushctl import configuration, demo, doctor, inbox, push, pushes
from pushsvc.pushctl.client import DEFAULT_URL, Api
from pushsvc.pushctl.exits import CommandFailed, Exit
from pushsvc.pushctl.output import Output
from pushsvc.pushctl.session import Session, pass_session

NAME = "pushctl"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "PUSHCTL"})
@click.option("--url", default=DEFAULT_URL, show_default=True, show_envvar=True, help="The daemon's HTTP API.")
@click.option(
    "--socket",
    "unix",
    metavar="PATH",
    type=click.Path(path_type=Path),
    envvar="PUSHCTL_SOCKET",
    show_envvar=True,
    help="Its unix socket, instead.",
)
@click.option(
    "--token-file", metavar="F", type=click.Path(path_type=Path), show_envvar=True, help="A file with the bearer token."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
@click.pass_context
def cli(ctx: click.Context, url: str, unix: Path | None, token_file: Path | None, as_json: bool) -> None:
    """Push content to SIP users, and see what became of it."""
    ctx.obj = Session(Api(url, unix, _token(token_file)), Output(as_json))


@cli.command()
@pass_session
def version(session: Session) -> int:
    """The versions of pushsvc and of what it stands on."""
    found = {"pushsvc": __version__, "twisted": twisted.__version__, "python": sys.version.split()[0]}
    session.output.item(found, "\n".join(f"{name} {number}" for name, number in found.items()))
    return Exit.OK


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """A script that makes SHELL complete pushctl's commands: eval "$(pushctl completion bash)"."""
    made = get_completion_class(shell)
    if made is None:
        raise CommandFailed(f"no completion for {shell}", Exit.SOFTWARE)
    click.echo(made(cli, {}, NAME, f"_{NAME.upper()}_COMPLETE").source())
    return Exit.OK


for command in (
    *(push.push, inbox.inbox, configuration.config, demo.lab, doctor.doctor),
    *(pushes.status, pushes.list_, pushes.cancel, pushes.retry, pushes.explain, pushes.trace),
):
    cli.add_command(command)


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text().strip()
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}", Exit.NO_INPUT) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; its exit code."""
    try:
        return int(cli.main(arguments, NAME, standalone_mode=False) or 0)
    except CommandFailed as failure:
        click.echo(f"{NAME}: {failure.reason}", err=True)
        return failure.code
    except click.UsageError as error:
        error.show()
        return Exit.USAGE
    except click.ClickException as error:
        error.show()
        return Exit.NO_INPUT if isinstance(error, click.FileError) else Exit.SOFTWARE
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
