"""`pushctl push`: hand files or text to push-sender, and wait until every recipient's end is known."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

import click

from pushsvc.pushctl.client import Api, Body, Json
from pushsvc.pushctl.exits import Exit
from pushsvc.pushctl.output import Output, printable
from pushsvc.pushctl.progress import Quiet, Watcher, follow, is_final, state_words, watcher
from pushsvc.pushctl.session import Session, pass_session
from pushsvc.pushctl.submission import FILE_FIELD, Attachment, icon_member, json_body, moment, multipart_body

STDIN = "-"
TEXT = "text/plain;charset=utf-8"


def _until(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        return value and moment(value, datetime.now(UTC))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{value!r}: {error}") from error


@click.command()
@click.argument("to", metavar="TO... [-]", nargs=-1, required=True)
@click.option(
    "-f",
    "--file",
    "files",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A file; several go in one session.",
)
@click.option("-m", "--message", metavar="TEXT", help="The content itself, as text.")
@click.option("--type", "content_type", metavar="T", help="Media type; else guessed by the name.")
@click.option("--name", metavar="N", help="File name that the receiver sees.")
@click.option(
    "--icon",
    "icons",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A small picture of the content; given again, of the next one.",
)
@click.option("--title", metavar="S", help="What a person is shown first.")
@click.option("--until", metavar="TIME", callback=_until, help="Not later than this: 2h, 3d or 2026-11-22T11:00:00Z.")
@click.option(
    "--mode", type=click.Choice(["auto", "message", "msrp"]), help="How to deliver; auto lets size and peer decide."
)
@click.option("--key", metavar="KEY", help="Idempotency key: the same key never makes a second push.")
@click.option("--no-wait", is_flag=True, help="Be done once the push is safely queued.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="Wait so long for the end.",
)
@pass_session
def push(
    session: Session,
    /,
    to: Sequence[str],
    files: Sequence[Path],
    message: str | None,
    content_type: str | None,
    name: str | None,
    icons: Sequence[Path],
    no_wait: bool,
    timeout: float,
    **members: str | None,
) -> int:
    """Push content to the SIP URIs TO. A lone - is the content on standard input."""
    recipients = [uri for uri in to if uri != STDIN]
    attachments = _attachments(files, STDIN in to, content_type, name)
    if not recipients:
        raise click.UsageError("to whom? Name at least one SIP URI.")
    if (message is None) == (not attachments):
        raise click.UsageError("push what? Either -m TEXT, or -f FILE (or - for standard input).")
    if len(icons) > max(1, len(attachments)):
        raise click.UsageError("there are more icons than contents.")
    wanted = {"to": recipients, **_submission_members(**members)}
    drawn: list[Json] = [{"icon": icon_member(path)} for path in icons]
    if message is not None:
        wanted["content"] = {"type": content_type or TEXT, "text": message} | ({"name": name} if name else {})
        wanted["content"] |= drawn[0] if drawn else {}
    elif drawn:
        plain: Json = {}
        each = zip_longest(attachments, drawn, fillvalue=plain)
        wanted["contents"] = [{"upload": FILE_FIELD, **icon} for _, icon in each]
    output = session.output
    with contextlib.nullcontext(Quiet()) if output.as_json else watcher(output.console(), output.say) as watch:
        submitted = submit(session.api, wanted, attachments, watch)
        done = submitted if no_wait else follow(session.api, submitted, watch, timeout)
    _report(output, done)
    return Exit.OK if no_wait else verdict(done)


def submit(api: Api, wanted: Json, attachments: Sequence[Attachment], watch: Watcher) -> Json:
    """Give the push to push-sender; the push as it stands then. Raises ApiRefused, CommandFailed."""
    answer = api.post("v1", "pushes", body=_body(wanted, attachments, watch))
    return api.get("v1", "pushes", answer["id"])


def verdict(push: Json) -> Exit:
    """How a push ended, as an exit code."""
    if not is_final(push):
        return Exit.NOT_FINAL
    good = [recipient["state"] in ("delivered", "accepted") for recipient in push["recipients"]]
    return Exit.OK if all(good) else Exit.SOME_FAILED if any(good) else Exit.ALL_FAILED


def _body(wanted: Json, attachments: Sequence[Attachment], watch: Watcher) -> Body:
    if not attachments:
        return json_body(wanted)
    size = sum(attachment.size for attachment in attachments)
    octets = 0

    def sent(more: int) -> None:
        nonlocal octets
        octets += more
        watch.uploaded(octets, size)

    return multipart_body(wanted, attachments, sent)


def _attachments(files: Sequence[Path], stdin: bool, content_type: str | None, name: str | None) -> list[Attachment]:
    found = [Attachment.of(path) for path in files]
    if stdin:
        found.append(Attachment.of_stream(sys.stdin.buffer))
    if name and len(found) > 1:
        raise click.UsageError("--name fits one content; these are several.")
    return [
        Attachment(attachment.file, attachment.size, name or attachment.name, content_type or attachment.type)
        for attachment in found
    ]


def _submission_members(*, title: str | None, until: str | None, mode: str | None, key: str | None) -> Json:
    members = {"title": title, "not_after": until, "mode": mode, "idempotency": key}
    return {member: value for member, value in members.items() if value is not None}


def _report(output: Output, push: Json) -> None:
    recipients = (f"{printable(recipient['to'])}: {state_words(recipient)}" for recipient in push["recipients"])
    output.item(push, "\n".join([printable(push["id"]), *recipients]))
