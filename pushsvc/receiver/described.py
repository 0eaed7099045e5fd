"""What is said of a content that comes in: by the MESSAGE that brings it, or by INVITE, media line and first SEND."""

from __future__ import annotations

from pushsvc import push, sdp
from pushsvc.receiver.inbox_entry import Arriving
from pushsvc.receiver.policy import Caller
from pushsvc.sessions import Icon, Send
from pushsvc.sip.message import Request


def arriving(
    request: Request, caller: Caller, line: sdp.MediaOffer, send: Send, icon: Icon | None = None
) -> tuple[Arriving, bool]:
    """What a media line and the first SEND for it say of their content, and whether the SEND says its disposition."""
    headers = {name.lower(): value for name, value in send.headers}
    disposition = push.parse_content_disposition(headers.get("content-disposition", ""))
    selector = line.selector or sdp.FileSelector(None, None, None, None)
    about = Arriving(
        sender=caller.uri,
        asserted=caller.asserted,
        to=str(request.to.uri),
        name=selector.name or (disposition.filename if disposition else None) or "",
        type=send.content_type or selector.type or "application/octet-stream",
        mode="msrp",
        call_id=request.call_id,
        key=line.transfer_id or "",
        size=selector.size,
        sha1=selector.sha1,
        title=line.title,
        description=push.parse_content_description(headers.get("content-description", "")) or None,
        disposition=disposition.kind if disposition else line.disposition,
        application=application_of(request),
        icon=icon,
    )
    return about, disposition is not None


def message_about(request: Request, caller: Caller) -> Arriving:
    """What a MESSAGE says of its content."""
    headers = request.headers
    disposed, described = headers.get("content-disposition"), headers.get("content-description")
    disposition = push.parse_content_disposition(disposed) if disposed else None
    return Arriving(
        sender=caller.uri,
        asserted=caller.asserted,
        to=str(request.to.uri),
        name=(disposition.filename if disposition else None) or "",
        type=headers.get("content-type") or "",
        mode="message",
        call_id=request.call_id,
        key=headers.get(push.PUSH_ID) or "",
        title=headers.get("subject"),
        description=(push.parse_content_description(described) or None) if described else None,
        disposition=disposition.kind if disposition else None,
        application=application_of(request),
    )


def application_of(request: Request) -> str | None:
    """The application that a request is meant for, by its Accept-Contact (F-07)."""
    wanted = request.headers.all("accept-contact")
    return next(iter(push.named_in(wanted)), None) if wanted else None
