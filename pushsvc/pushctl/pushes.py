"""Commands about pushes that push-sender already has: status, list, cancel, retry, explain, trace."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from pushsvc.pushctl.client import Api, Json
from pushsvc.pushctl.exits import Exit
from pushsvc.pushctl.output import cell, columns, printable, size_words
from pushsvc.pushctl.progress import octets_of, state_words
from pushsvc.pushctl.session import Session, pass_session

PAGE = 100
ATTEMPT = ("started_at", "mode", "outcome", "sip_status", "sip_reason", "msrp_status", "retry_at")


def listed(api: Api, *path: str, limit: int, **query: str | None) -> Iterator[Json]:
    """The items of a list resource, page after page, `limit` at most."""
    cursor: str | None = None
    while limit > 0:
        page = api.get(*path, limit=min(limit, PAGE), cursor=cursor, **query)
        items = page["items"][:limit]
        yield from items
        limit -= len(items)
        cursor = page["next"]
        if cursor is None or not items:
            return


@click.command()
@click.argument("push_id", metavar="ID")
@pass_session
def status(session: Session, push_id: str) -> int:
    """Where a push is: its recipients, their attempts, and why."""
    push = session.api.get("v1", "pushes", push_id)
    session.output.item(push, "\n".join(_status_lines(push)))
    return Exit.OK


@click.command("list")
@click.option("--state", metavar="STATE", help="Only pushes in this state.")
@click.option("--to", metavar="URI", help="Only pushes to this recipient.")
@click.option("--label", metavar="LABEL", help="Only pushes with this label.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="No more than this.")
@pass_session
def list_(session: Session, state: str | None, to: str | None, label: str | None, limit: int) -> int:
    """The latest pushes, newest first."""
    items = listed(session.api, "v1", "pushes", limit=limit, state=state, to=to, label=label)
    members = ("id", "state", "submitted_at", "counts", "title")
    session.output.items(items, ("ID", "STATE", "SUBMITTED", "RECIPIENTS", "TITLE"), members)
    return Exit.OK


@click.command()
@click.argument("push_id", metavar="ID")
@pass_session
def cancel(session: Session, push_id: str) -> int:
    """Withdraw a push from every recipient who does not have it yet."""
    session.api.delete("v1", "pushes", push_id)
    session.output.say(f"{printable(push_id)}: will be cancelled")
    return Exit.OK


@click.command()
@click.argument("push_id", metavar="ID")
@pass_session
def retry(session: Session, push_id: str) -> int:
    """Try the failed recipients of a push again."""
    session.api.post("v1", "pushes", push_id, "retry")
    session.output.say(f"{printable(push_id)}: will be tried again")
    return Exit.OK


@click.command()
@click.argument("push_id", metavar="ID")
@pass_session
def explain(session: Session, push_id: str) -> int:
    """Why a push went as it went, in words."""
    where = "v1", "pushes", push_id, "explain"
    if session.output.as_json:
        session.output.item(session.api.get(*where), "")
    else:
        click.echo("\n".join(map(printable, session.api.text(*where).splitlines())))
    return Exit.OK


@click.command()
@click.argument("push_id", metavar="ID")
@click.option("--ladder", is_flag=True, help="Draw it, instead of JSON.")
@pass_session
def trace(session: Session, push_id: str, ladder: bool) -> int:
    """What went over the wire for a push, attempt by attempt."""
    if ladder:
        click.echo("\n".join(map(printable, session.api.text("v1", "pushes", push_id, "trace").splitlines())))
    else:
        found = session.api.get("v1", "pushes", push_id, "trace")
        session.output.item(found, json.dumps(found, indent=2))
    return Exit.OK


def _status_lines(push: Json) -> Iterator[str]:
    yield f"{printable(push['id'])}  {printable(push['state'])}  submitted {printable(push['submitted_at'])}"
    for content in push["contents"]:
        yield f"  {cell(content, 'name')}  {cell(content, 'type')}  {cell(content, 'size')}"
    for recipient in push["recipients"]:
        done, size = octets_of(recipient, push)
        yield f"  {printable(recipient['to'])}: {state_words(recipient)}, {size_words(done)} of {size_words(size)}"
        attempts = [
            [f"    {cell(attempt, 'number')}", *(cell(attempt, member) for member in ATTEMPT)]
            for attempt in recipient["attempts"]
        ]
        yield from columns(attempts) if attempts else ()
