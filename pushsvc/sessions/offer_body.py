"""The body of an INVITE with an offer: a session description, alone or with the icons of its files (RFC 5547 §8.8).

    application/sdp       the description
    multipart/related     the description as root, and the parts that it names by their Content-ID (RFC 2387)
    multipart/mixed       one description, or one multipart/related with one, among parts for others (RFC 5621)

Descriptions are read in `sdp`, parts in `sip.multipart`; whether an icon is wanted is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from pushsvc import sdp
from pushsvc.errors import BadMessage, NotAcceptable, ProtocolError
from pushsvc.machine import Tokens
from pushsvc.sip.headers import Headers
from pushsvc.sip.message import Request
from pushsvc.sip.multipart import ContentField, Part, boundary_of, join, split

SDP = "application/sdp"
RELATED = "multipart/related"
MIXED = "multipart/mixed"
READABLE = (SDP, RELATED, MIXED)

MAX_ICON = 32 * 1024  # octets: three times what RCS allows a thumbnail; a larger picture is no icon
BOUNDARY = 24  # letters: chance does not put them into a picture
WITHOUT_ICONS = (415, 488)  # what a peer says that cannot read them: then it gets the same offer without [D-SIP-10]

_image = re.compile(r"image/[a-z0-9!#$&^_.+-]{1,64}").fullmatch  # RFC 6838 §4.2


@attrs.frozen
class Icon:
    """A small picture of a file, to be shown before it is there: a media type without parameters, and its octets."""

    type: str
    octets: bytes = attrs.field(repr=False)


Icons = Mapping[str, Icon]
"""Icons by their Content-ID without angle brackets, which is what media lines name."""
NO_ICONS: Icons = {}


@attrs.frozen
class Offer:
    """What an INVITE offers; `icons` are those that its media lines name."""

    description: sdp.Description
    icons: Icons = NO_ICONS


@attrs.frozen
class _Piece:
    """A part, whether it is what the INVITE is about, and whether it may not be passed over."""

    part: Part
    is_offer: bool
    is_required: bool


def read_offer(request: Request) -> Offer:
    """The offer in the body of a request that has one. An icon that is none, or too large, is left out.

    Raises BadMessage (400) for what cannot be read, NotAcceptable (488) without exactly one description, ProtocolError
    (415) where a part must be understood and is not.
    """
    text = request.headers.get("Content-Type") or SDP
    if sdp.bare_type(text) == SDP:
        return Offer(sdp.parse(request.body))
    pieces = _pieces(ContentField.parse(text), request.body)
    offers = [piece.part for piece in pieces if piece.is_offer]
    if len(offers) > 1:
        raise NotAcceptable("the body has more than one session description")
    description = sdp.parse(offers[0].decoded()) if offers else None
    icons = _named_icons(description, pieces) if description is not None else NO_ICONS
    if any(piece.is_required and not piece.is_offer and piece.part.content_id not in icons for piece in pieces):
        raise ProtocolError("a body part must be understood and is not", 415)
    if description is None:
        raise NotAcceptable("the body has no session description")
    return Offer(description, icons)


def write_offer(description: sdp.Description, icons: Icons, tokens: Tokens) -> tuple[str, bytes]:
    """Content-Type and body of an INVITE with this offer and those of these icons that it names."""
    octets = sdp.format(description)
    lines = sdp.media(description) if icons else []
    named = [line.icon for line in lines if line.icon is not None and line.icon in icons]
    if not named:
        return SDP, octets
    boundary = tokens.word(BOUNDARY)
    parts = [_part(octets, ("Content-Type", SDP))]
    for content_id in named:
        icon = icons[content_id]
        about = [("Content-Type", icon.type), ("Content-ID", f"<{content_id}>"), ("Content-Disposition", "icon")]
        parts.append(_part(icon.octets, *about))
    return f'{RELATED};type="{SDP}";boundary="{boundary}"', join(parts, boundary)


def is_icon_type(type: str) -> bool:
    """Whether this is the type of a picture: in lower case, without parameters."""
    return _image(type) is not None


def _part(octets: bytes, *fields: tuple[str, str]) -> Part:
    return Part(Headers((*fields, ("Content-Length", str(len(octets))))), octets)


def _pieces(content: ContentField, body: bytes) -> list[_Piece]:
    parts = split(body, boundary_of(content))
    if content.kind == RELATED:
        root = _root(parts, content.parameter("start"))
        return [_piece(part, is_root=part is root) for part in parts]
    pieces = []
    for part in parts:
        inner = part.content_type
        # No deeper: nobody needs it, and it is where such parsers fail (SECURITY 1.8).
        pieces += _pieces(inner, part.octets) if inner.kind == RELATED else [_piece(part, is_root=True)]
    return pieces


def _root(parts: list[Part], start: str | None) -> Part:
    if start is None:
        return parts[0]
    wanted = start.strip(" \t").removeprefix("<").removesuffix(">")
    root = next((part for part in parts if part.content_id == wanted), None)
    if root is None:
        raise BadMessage("a multipart/related whose root is not in it")
    return root


def _piece(part: Part, *, is_root: bool) -> _Piece:
    text = part.headers.get("Content-Disposition")
    disposition = ContentField.parse(text) if text is not None else None
    describes = part.content_type.kind == SDP and (disposition is None or disposition.kind == "session")
    return _Piece(part, is_root and describes, _is_required(disposition, is_root=is_root))


def _is_required(disposition: ContentField | None, *, is_root: bool) -> bool:
    """RFC 3261 §20.11: yes, unless it says otherwise. What only decorates, or hangs on a root, has to say so."""
    handling = disposition.parameter("handling") if disposition is not None else None
    if handling:
        return handling.lower() != "optional"
    return is_root and (disposition is None or disposition.kind != "icon")


def _named_icons(description: sdp.Description, pieces: list[_Piece]) -> Icons:
    named = {line.icon for line in sdp.media(description)} - {None}
    icons: dict[str, Icon] = {}
    for piece in pieces:
        content_id = piece.part.content_id
        icon = _icon(piece.part) if content_id in named and not piece.is_offer else None
        if content_id is not None and icon is not None:
            icons.setdefault(content_id, icon)
    return icons


def _icon(part: Part) -> Icon | None:
    kind = part.content_type.kind
    if not is_icon_type(kind):
        return None
    try:
        octets = part.decoded()
    except BadMessage:
        return None
    return Icon(kind, octets) if 0 < len(octets) <= MAX_ICON else None
