"""`pushctl lab`: both daemons on loopback to play with, or one push through them from end to end, checked."""

from __future__ import annotations

import contextlib
import hashlib
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from types import FrameType

import click

from pushsvc.config.values import Wrong, read_size
from pushsvc.pushctl.client import BLOCK
from pushsvc.pushctl.exits import CommandFailed, Exit
from pushsvc.pushctl.lab import GIB, Lab
from pushsvc.pushctl.output import Output, printable, size_words
from pushsvc.pushctl.progress import follow, watcher
from pushsvc.pushctl.push import submit, verdict
from pushsvc.pushctl.session import Session, pass_session
from pushsvc.pushctl.submission import Attachment

PICTURE = "picture.png"
DEADLINE = 120.0  # seconds for the whole push, and as many as it has
SLOWEST = 1 << 20  # octets in each
LOOK_EVERY = 0.5


def _size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """`64M` is `64MiB`, as people write sizes on command lines."""
    if value is None:
        return None
    try:
        return read_size(f"{value}iB" if value.endswith(("K", "M", "G", "T")) else value)
    except Wrong as error:
        raise click.BadParameter(f"{error.what}; {error.hint}") from error


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--demo", is_flag=True, help="Push FILE (default: a picture) through both daemons, check it, and stop them."
)
@click.option("--size", callback=_size, metavar="SIZE", help="With --demo: push a made-up file of this size, as 64M.")
@click.option(
    "--directory", type=click.Path(path_type=Path), help="Keep everything below this folder; else it is thrown away."
)
@click.option(
    "--core", type=click.Choice(["kamailio"]), help="Put a real Kamailio between the two, which has to be installed."
)
@click.option(
    "--transport", type=click.Choice(["udp", "tcp", "tls"]), default="tcp", help="With --core: how both reach it."
)
@pass_session
def lab(
    session: Session,
    file: Path | None,
    demo: bool,
    size: int | None,
    directory: Path | None,
    core: str | None,
    transport: str,
) -> int:
    """Start a real push-receiver and a real push-sender on loopback, with certificates of their own."""
    by = transport if core else None
    if not demo and (file or size):
        raise click.UsageError("FILE and --size are for --demo.")
    if file and size:
        raise click.UsageError("either FILE or --size.")
    with _terminated_in_order(), _folder(directory) as folder:
        if not demo:
            return _stay_up(Lab(folder, core=by), session.output)
        with (
            Lab(folder, max_size=max(GIB, size or 0, _size_of(file)), core=by) as system,
            _subject(file, size, system) as subject,
        ):
            return _demonstrate(system, subject, session.output)


def _stay_up(system: Lab, output: Output) -> int:
    with system, contextlib.suppress(KeyboardInterrupt):
        system.start()
        output.say(f"push-sender:    {system.sender.api.url}\npush-receiver:  {system.receiver.api.url}")
        if system.core is not None:
            output.say(f"Kamailio:       {system.core.uri()}")
        output.say(f"try:            pushctl --url {system.sender.api.url} push '{system.target}' -m hello")
        output.say(f"then:           pushctl --url {system.receiver.api.url} inbox\nCtrl-C stops both.")
        while system.sender.alive and system.receiver.alive:
            time.sleep(LOOK_EVERY)
        raise CommandFailed("one of the daemons has ended by itself", Exit.UNAVAILABLE)
    return Exit.OK


def _demonstrate(system: Lab, subject: Path, output: Output) -> int:
    """One push from file to inbox; raises CommandFailed at the first thing that does not hold."""
    attachment = Attachment.of(subject)
    system.start()
    output.say(f"push-receiver is up: {system.target}\npush-sender is up:   {system.sender.api.url}")
    output.say(f"pushing {printable(subject.name)}, {size_words(attachment.size)}, {attachment.type}")
    wanted = {"to": [system.target], "title": "pushsvc demo"}
    with watcher(output.console(), output.say) as watch:
        submitted = submit(system.sender.api, wanted, [attachment], watch)
        done = follow(system.sender.api, submitted, watch, DEADLINE + attachment.size / SLOWEST)
    if verdict(done) is not Exit.OK:
        recipient = done["recipients"][0]
        raise CommandFailed(f"the push ended as {recipient['state']}: {recipient.get('reason')}", verdict(done))
    ladder = system.sender.api.text("v1", "pushes", done["id"], "trace")
    click.echo("\n".join(map(printable, ladder.splitlines())))
    stored = _stored(system)
    click.echo(f"file: {stored}")
    original, arrived = sha256_of(subject), sha256_of(stored)
    if original != arrived:
        raise CommandFailed(f"SHA-256 differs: {original} was pushed, {arrived} arrived", Exit.BAD_DATA)
    click.echo(f"SHA-256 equal: {arrived}")
    system.stop()
    output.say("both daemons have stopped")
    return Exit.OK


def _stored(system: Lab) -> Path:
    entries = system.receiver.api.get("v1", "inbox")["items"]
    if len(entries) != 1:
        raise CommandFailed(f"the inbox has {len(entries)} entries, not one", Exit.BAD_DATA)
    return Path(entries[0]["path"])


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def made_up(path: Path, size: int) -> Path:
    """Write `size` octets that neither repeat soon nor compress, the same in every run."""
    block = bytearray(random.Random(4975).randbytes(BLOCK))
    with path.open("wb") as file:
        for start in range(0, size, BLOCK):
            block[:8] = start.to_bytes(8)
            file.write(memoryview(block)[: size - start])
    return path


@contextlib.contextmanager
def _subject(file: Path | None, size: int | None, system: Lab) -> Iterator[Path]:
    if file is not None:
        yield file
    elif size is not None:
        yield made_up(system.directory / "made-up.bin", size)
    else:
        with as_file(files("pushsvc.pushctl") / PICTURE) as picture:
            yield picture


def _size_of(file: Path | None) -> int:
    return file.stat().st_size if file is not None and file.is_file() else 0


@contextlib.contextmanager
def _folder(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield directory
    else:
        with tempfile.TemporaryDirectory(prefix="pushsvc-lab-") as name:
            yield Path(name)


@contextlib.contextmanager
def _terminated_in_order() -> Iterator[None]:
    """TERM unwinds as Ctrl-C does, so that no daemon is left behind."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
