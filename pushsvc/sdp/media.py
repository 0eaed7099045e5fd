"""What one media line means to a push: a typed view of an offered or answered MSRP line, and whether it can be served.

A line is never a reason to raise: what is wrong with it is its `problem`, and the line is answered with port 0.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from urllib.parse import unquote

import attrs

from pushsvc.errors import NotAcceptable, ProtocolError
from pushsvc.msrp.uri import Path, hosts_differ, parse_path
from pushsvc.sdp.attributes import FileRange, FileSelector, Fingerprint
from pushsvc.sdp.dates import parse_date
from pushsvc.sdp.description import Description, MediaLine, Section, one_line
from pushsvc.sdp.media_types import media_type_matches, types_meet

MAX_PATH = 4  # URIs; a relay on each side and one to spare
MAX_TYPES = 200  # entries of an accept list that are looked at; they come in order of preference

_CONTAINERS = ("message/cpim", "multipart/*")  # what only wraps other types
_TRANSPORTS = {"tcp/msrp": False, "tcp/tls/msrp": True}
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_SETUPS = ("active", "passive", "actpass")  # holdconn is treated as absent (E.11)
_TRANSFER_ID = re.compile(r"[!-~]{1,256}")
_SIZE = re.compile(r"[0-9]{1,18}")
_DATE = re.compile(r'([a-z]{1,20}):"([^"]*)"')
_CID = re.compile(r"[cC][iI][dD]:([!-~]{1,256})")

Value = TypeVar("Value")


class Problem(enum.StrEnum):
    """Why a line cannot be served, in words for a Warning."""

    FOREIGN_MEDIA = "Media type not available"
    FOREIGN_TRANSPORT = "Incompatible transport protocol"
    NO_PATH = "No a=path"
    BAD_PATH = "a=path cannot be read"
    MIXED_SCHEME = "a=path and the transport protocol differ about TLS"
    NO_TYPES = "No a=accept-types"
    WRONG_DIRECTION = "The direction does not fit a push"
    NO_TRANSFER_ID = "a=file-selector without a usable a=file-transfer-id"
    SAME_TRANSFER_ID = "a=file-transfer-id is that of another line"
    OTHER_TRANSFER = "a=file-transfer-id is not the one offered"
    BAD_SELECTOR = "a=file-selector cannot be read"
    BAD_RANGE = "a=file-range cannot be read"
    BAD_FINGERPRINT = "a=fingerprint cannot be read"
    ANCHORED = "c= and m= lead elsewhere than a=path, without a=msrp-cema"

    @property
    def warning_code(self) -> int:
        """RFC 3261 §20.43: 304 for other media, 305 for other formats, 399 for all else."""
        return {Problem.FOREIGN_MEDIA: 304, Problem.NO_TYPES: 305}.get(self, 399)


@attrs.frozen
class MediaOffer:
    """One media line of an offer or an answer.

    `index` is its place among the media lines; `path` is leftmost (first hop) first; `max_size` and the selector's size
    are octets; moments are seconds since 1970; `fingerprints` are the line's own, else the session's. `icon` is the
    Content-ID of the file's picture, without angle brackets. `refused` is port 0. `problem` is why this line cannot be
    served, None when it can (or is refused anyway).
    """

    index: int
    media: str
    port: int
    proto: str
    secure: bool
    connection_host: str
    path: Path = ()
    accept_types: tuple[str, ...] = ()
    accept_wrapped_types: tuple[str, ...] = ()
    setup: str | None = None
    direction: str = "sendrecv"
    fingerprints: tuple[Fingerprint, ...] = ()
    max_size: int | None = None
    selector: FileSelector | None = None
    transfer_id: str | None = None
    disposition: str = "render"
    created_at: float | None = None
    modified_at: float | None = None
    file_range: FileRange | None = None
    title: str | None = None
    icon: str | None = None
    cema: bool = False
    problem: Problem | None = None

    @property
    def refused(self) -> bool:
        return self.port == 0

    @property
    def anchor(self) -> tuple[str, int] | None:
        """Host (without brackets) and port of `c=` and `m=`: where to connect to with RFC 6714."""
        return (self.connection_host, self.port) if self.connection_host else None

    @property
    def leads_elsewhere(self) -> bool:
        """Whether `c=` and `m=` are certainly not the first hop of the path: a name may be that of an address.

        Who only connects may name any port (PEERS 10).
        """
        hop = self.path[0]
        other_port = self.setup != "active" and hop.port is not None and hop.port != self.port
        return other_port or hosts_differ(hop.host, self.connection_host) is True


def media(description: Description, *, cema: bool = False) -> list[MediaOffer]:
    """Every line of an offer that was made to us; `problem` says why we cannot receive by it.

    With `cema` we do RFC 6714, and then what is anchored has to be offered as that.
    """
    seen: set[str | None] = set()
    lines = []
    for view, found in _views(description):
        if not view.accept_types:
            found.append(Problem.NO_TYPES)
        if view.transfer_id in seen:
            found.append(Problem.SAME_TRANSFER_ID)
        seen |= {view.transfer_id} - {None}
        if cema and not view.cema and view.path and view.leads_elsewhere:
            found.append(Problem.ANCHORED)
        lines.append(_judged(view, found, ("sendrecv", "sendonly")))
    return lines


def answered(offer: Description, answer: Description) -> list[MediaOffer]:
    """Every line of the answer to our offer; `problem` says why we cannot send by it.

    Raises `NotAcceptable` when it has not exactly our lines (RFC 3264 §6).
    """
    if len(answer.sections) != len(offer.sections):
        raise NotAcceptable("the answer has another number of media lines than the offer")
    pairs = zip(offer.sections, _views(answer), strict=True)
    return [_answered_line(ours, view, found) for ours, (view, found) in pairs]


def _answered_line(ours: Section, view: MediaOffer, found: list[Problem]) -> MediaOffer:
    if view.proto.lower() != MediaLine.of(ours).proto.lower():
        found.insert(0, Problem.FOREIGN_TRANSPORT)
    if view.transfer_id is not None and view.transfer_id != _token(ours.attribute("file-transfer-id")):
        found.append(Problem.OTHER_TRANSFER)
    return _judged(view, found, ("sendrecv", "recvonly"))


def _judged(view: MediaOffer, found: Sequence[Problem], directions: Sequence[str]) -> MediaOffer:
    if view.refused:
        return view
    return attrs.evolve(view, problem=_problem(view, found, directions))


def _problem(view: MediaOffer, found: Sequence[Problem], directions: Sequence[str]) -> Problem | None:
    checks = (
        (view.media.lower() != "message", Problem.FOREIGN_MEDIA),
        (view.proto.lower() not in _TRANSPORTS, Problem.FOREIGN_TRANSPORT),
        (bool(found), found[0] if found else None),
        (not view.path, Problem.NO_PATH),
        (bool(view.path) and view.path[0].secure != view.secure, Problem.MIXED_SCHEME),
        (view.direction not in directions, Problem.WRONG_DIRECTION),
        (view.selector is not None and view.transfer_id is None, Problem.NO_TRANSFER_ID),
    )
    return next((problem for wrong, problem in checks if wrong), None)


def _views(description: Description) -> list[tuple[MediaOffer, list[Problem]]]:
    return [_view(index, section, description.session) for index, section in enumerate(description.sections)]


def _view(index: int, section: Section, session: Section) -> tuple[MediaOffer, list[Problem]]:
    found: list[Problem] = []
    line = MediaLine.of(section)
    dates = dict(_DATE.findall(section.attribute("file-date") or ""))
    view = MediaOffer(
        index=index,
        media=line.media,
        port=line.port,
        proto=line.proto,
        secure=_TRANSPORTS.get(line.proto.lower(), False),
        connection_host=_connection_host(section.value("c") or session.value("c") or ""),
        path=_read(section.attribute("path"), _short_path, Problem.BAD_PATH, found) or (),
        accept_types=_words(section.attribute("accept-types")),
        accept_wrapped_types=_words(section.attribute("accept-wrapped-types")),
        setup=_one_of(_SETUPS, section.attribute("setup") or session.attribute("setup")),
        direction=direction_of(section, session),
        fingerprints=_fingerprints(section, session, found),
        max_size=_size(section.attribute("max-size")),
        selector=_read(section.attribute("file-selector"), FileSelector.parse, Problem.BAD_SELECTOR, found),
        transfer_id=_token(section.attribute("file-transfer-id")),
        disposition=_disposition(section.attribute("file-disposition")),
        created_at=parse_date(dates.get("creation", "")),
        modified_at=parse_date(dates.get("modification", "")),
        file_range=_read(section.attribute("file-range"), FileRange.parse, Problem.BAD_RANGE, found),
        title=one_line(section.value("i") or "") or None,
        icon=_content_id(section.attribute("file-icon")),
        cema=section.attribute("msrp-cema") is not None,
    )
    return view, found


def _read(text: str | None, parse: Callable[[str], Value], problem: Problem, found: list[Problem]) -> Value | None:
    """What `parse` makes of `text`; where it cannot, None, and `problem` is noted in `found`."""
    if text is None:
        return None
    try:
        return parse(text)
    except ProtocolError:
        found.append(problem)
        return None


def _short_path(text: str) -> Path:
    if len(text.split()) > MAX_PATH:
        raise NotAcceptable("a=path has too many hops")
    path = parse_path(text)
    if path[-1].session_id is None:
        raise NotAcceptable("a=path does not say which session")  # RFC 4975 §6: only relays are without one
    return path


def _fingerprints(section: Section, session: Section, found: list[Problem]) -> tuple[Fingerprint, ...]:
    texts = section.attributes("fingerprint") or session.attributes("fingerprint")
    read = [_read(text, Fingerprint.parse, Problem.BAD_FINGERPRINT, found) for text in texts]
    return tuple(fingerprint for fingerprint in read if fingerprint is not None)


def _connection_host(text: str) -> str:
    """The host of `IN IP4 host/ttl`."""
    fields = text.split(" ")
    return fields[2].partition("/")[0] if len(fields) == 3 else ""


def direction_of(section: Section, session: Section) -> str:
    """The direction of a media line, or of the session where the line has none [A-36]."""
    names = (value.strip(" \t") for kind, value in (*section.lines, *session.lines) if kind == "a")
    return next((name for name in names if name in _DIRECTIONS), "sendrecv")


def _words(text: str | None) -> tuple[str, ...]:
    words = (text or "").replace("\t", " ").split(" ")
    return tuple(itertools.islice(filter(None, words), MAX_TYPES))


def _one_of(words: Sequence[str], text: str | None) -> str | None:
    return text.lower() if text is not None and text.lower() in words else None


def _disposition(text: str | None) -> str:
    # RFC 5547 §6 without the attribute, RFC 2183 §2.8 for a word that we do not know.
    return "render" if text is None or text.lower() == "render" else "attachment"


def _token(text: str | None) -> str | None:
    return text if text is not None and _TRANSFER_ID.fullmatch(text) else None


def _content_id(text: str | None) -> str | None:
    """The Content-ID that a `cid:` URL names (RFC 2392). Where an icon cannot be read the file has none."""
    found = _CID.fullmatch(text or "")
    return unquote(found[1]) if found else None


def _size(text: str | None) -> int | None:
    return int(text) if text is not None and _SIZE.fullmatch(text) else None


def acceptable_types(line: MediaOffer, wanted: Sequence[str]) -> bool:
    """Whether what this line announces, and the file it names, are among the `wanted` type patterns [A-02]."""
    if line.selector is not None and line.selector.type is not None and not _matches_any(line.selector.type, wanted):
        return False
    effective = [type for type in line.accept_types if not _matches_any(type, _CONTAINERS)]
    if len(effective) < len(line.accept_types):
        effective += line.accept_wrapped_types or ("*",)
    return any(types_meet(type, pattern) for type in effective for pattern in wanted)


def _matches_any(type: str, patterns: Iterable[str]) -> bool:
    return any(media_type_matches(pattern, type) for pattern in patterns)


def warning(host: str, lines: Sequence[MediaOffer] = ()) -> str:
    """A Warning value for a 488: the first problem of these lines, or 305 when it is the types that do not fit."""
    problem = next((line.problem for line in lines if line.problem is not None), None)
    if problem is not None:
        code, text = problem.warning_code, problem.value
    elif all(line.refused for line in lines):
        code, text = 399, "No media is offered"
    else:
        code, text = 305, "Incompatible media format"
    return f'{code} {host} "{text}"'
