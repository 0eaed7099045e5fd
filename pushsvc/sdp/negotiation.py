"""Writing offers and answers (RFC 3264, RFC 4975 §8, RFC 5547 §8). Reading them is in `media`.

Every description that follows another in the same session goes through `succeeding`, which keeps the rule of the `o=`
line: the version is one higher exactly when something else differs [D-SDP-1].
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote

import attrs

from pushsvc.errors import Misuse
from pushsvc.msrp.uri import UNUSED_PORT, Path, format_path
from pushsvc.sdp.attributes import FileRange, FileSelector, Fingerprint
from pushsvc.sdp.dates import format_date
from pushsvc.sdp.description import Description, Line, MediaLine, Section, one_line
from pushsvc.sdp.media import direction_of
from pushsvc.sdp.media_types import bare_type

_CEMA = "msrp-cema"  # RFC 6714
_FILE = ("file-selector", "file-transfer-id")  # what an answer repeats, also with port 0 (RFC 5547 §8.3.1)
_ANSWERING = {"sendrecv": "recvonly", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


@attrs.frozen
class LocalEnd:
    """Our end of the media: `host` and `port` of `c=` and `m=` (port 9 when we only connect), and how we do TLS."""

    host: str
    port: int
    secure: bool = True
    setup: str = "actpass"
    fingerprints: tuple[Fingerprint, ...] = ()
    cema: bool = False

    @property
    def proto(self) -> str:
        return "TCP/TLS/MSRP" if self.secure else "TCP/MSRP"


@attrs.frozen
class FileOffer:
    """One file to push: what its media line says.

    `size` is octets of the file, `sha1` the raw 20 octets, moments are seconds since 1970. `path` is ours, with any
    relays in front; `icon` is a Content-ID without angle brackets. Without `accept_types` the line announces the file's
    own type and message/cpim.
    """

    name: str
    type: str
    size: int
    sha1: bytes
    transfer_id: str
    path: Path
    disposition: str = "attachment"
    created_at: float | None = None
    modified_at: float | None = None
    title: str | None = None
    accept_types: tuple[str, ...] = ()
    accept_wrapped_types: tuple[str, ...] = ()
    file_range: FileRange | None = None
    icon: str | None = None


@attrs.frozen
class Accepted:
    """Take this line: our `path` for it, what we announce there, and who connects (`answer_setup`)."""

    path: Path
    accept_types: tuple[str, ...]
    max_size: int | None = None
    setup: str = "passive"
    accept_wrapped_types: tuple[str, ...] = ()


@attrs.frozen
class Declined:
    """Refuse this line with port 0; `accept_types` tells what would have been taken."""

    accept_types: tuple[str, ...] = ()


@attrs.frozen
class Repeated:
    """Answer this line of a later offer as before."""


@attrs.frozen
class Closed:
    """Answer this line of a later offer as before, but with port 0."""


Decision = Accepted | Declined
LaterDecision = Accepted | Declined | Repeated | Closed


def offer(local: LocalEnd, files: Sequence[FileOffer], version: tuple[int, int]) -> Description:
    """The first offer of a session: one line per file. `version` is the session id and version of its `o=` line."""
    return Description(_session(local, version), tuple(_offered_line(local, file) for file in files))


def reoffer(previous: Description, local: LocalEnd, files: Mapping[int, FileOffer]) -> Description:
    """A later offer with further files, each by the index of the line that it takes over, or of a new line at the end.

    A line may be taken over when its own transfer is over; every other line stays as it would `again` [D-SDP-1].
    """
    sections = list(again(previous).sections)
    for index, file in sorted(files.items()):
        if index > len(sections):
            raise Misuse("a new media line goes directly behind the last")
        sections[index : index + 1] = [_offered_line(local, file)]
    return succeeding(previous, Description(previous.session, tuple(sections)))


def closing(previous: Description, indices: Collection[int]) -> Description:
    """`previous`, our last offer or answer, with port 0 in these lines and nothing else changed (RFC 3264 §8.2)."""
    kept = again(previous).sections
    sections = (_closed(section) if index in indices else section for index, section in enumerate(kept))
    return succeeding(previous, Description(previous.session, tuple(sections)))


def without_cema(previous: Description) -> Description:
    """`previous`, our last offer, as an end writes it that does not do RFC 6714."""
    sections = (_plain(section) for section in again(previous).sections)
    return succeeding(previous, Description(previous.session, tuple(sections)))


def again(previous: Description) -> Description:
    """`previous`, our last offer, once more: it names no icons, whose octets only travel with the first one."""
    sections = tuple([_without_icon(section) for section in previous.sections])
    return succeeding(previous, Description(previous.session, sections))


def moved(previous: Description, paths: Mapping[int, Path]) -> Description:
    """`previous`, our last offer or answer, with other paths to these lines: our relay leads there by others now."""
    kept = enumerate(again(previous).sections)
    sections = (_at(section, paths[index]) if index in paths else section for index, section in kept)
    return succeeding(previous, Description(previous.session, tuple(sections)))


def answer(offer: Description, decisions: Sequence[Decision], local: LocalEnd, version: tuple[int, int]) -> Description:
    """The answer to the first offer: its lines in order, each as decided. `version` as in `offer`."""
    sections = [
        _answered_section(section, offer.session, decision, local)
        for section, decision in zip(offer.sections, decisions, strict=True)
    ]
    return Description(_session(local, version), tuple(sections))


def answer_again(
    offer: Description, previous: Description, decisions: Sequence[LaterDecision], local: LocalEnd
) -> Description:
    """The answer to a later offer; `previous` is our last answer (or offer) in this session."""
    before = [*previous.sections, *[None] * (len(offer.sections) - len(previous.sections))]
    sections = [
        _again(section, offer.session, decision, local, old)
        for section, decision, old in zip(offer.sections, decisions, before, strict=True)
    ]
    return succeeding(previous, Description(previous.session, tuple(sections)))


def capabilities(
    local: LocalEnd,
    version: tuple[int, int],
    accept_types: Sequence[str],
    max_size: int | None = None,
    accept_wrapped_types: Sequence[str] = (),
) -> Description:
    """What we can take, for the answer to OPTIONS and for a 488 (E.4)."""
    lines = [
        ("m", f"message 0 {local.proto} *"),
        *_types(accept_types, accept_wrapped_types),
        *_attribute("max-size", max_size),
        ("a", "file-selector"),
    ]
    return Description(_session(attrs.evolve(local, fingerprints=()), version), (Section(tuple(lines)),))


def succeeding(previous: Description, new: Description) -> Description:
    """`new` as what follows `previous`: `previous` itself when only `o=` differs, else its `o=` one version higher."""
    same = attrs.evolve(new, session=new.session.replaced("o", str(previous.origin)))
    if same == previous:
        return previous
    origin = attrs.evolve(previous.origin, version=previous.origin.version + 1)
    return attrs.evolve(new, session=new.session.replaced("o", str(origin)))


def _session(local: LocalEnd, version: tuple[int, int]) -> Section:
    address = f"IN {'IP6' if ':' in local.host else 'IP4'} {local.host.strip('[]')}"
    lines = [
        ("v", "0"),
        ("o", f"- {version[0]} {version[1]} {address}"),
        ("s", "-"),
        ("c", address),
        ("t", "0 0"),
        *(("a", f"fingerprint:{fingerprint}") for fingerprint in local.fingerprints),
    ]
    return Section(tuple(lines))


def _offered_line(local: LocalEnd, file: FileOffer) -> Section:
    selector = FileSelector(file.name, file.type, file.size, file.sha1)
    title = one_line(file.title or "")
    lines = [
        ("m", f"message {local.port} {local.proto} *"),
        *([("i", title)] if title else []),
        ("a", "sendonly"),
        *_types(file.accept_types or (bare_type(file.type), "message/cpim"), file.accept_wrapped_types),
        ("a", f"setup:{local.setup}"),
        ("a", f"path:{format_path(file.path)}"),
        *([("a", _CEMA)] if local.cema else []),
        ("a", f"file-selector:{selector}"),
        ("a", f"file-transfer-id:{file.transfer_id}"),
        ("a", f"file-disposition:{file.disposition}"),
        *_attribute("file-date", _dates(file)),
        *([("a", f"file-icon:cid:{quote(file.icon, safe='@')}")] if file.icon else []),
        *_attribute("file-range", file.file_range),
    ]
    return Section(tuple(lines))


def _dates(file: FileOffer) -> str | None:
    dates = {"creation": file.created_at, "modification": file.modified_at}
    return " ".join(f'{name}:"{format_date(at)}"' for name, at in dates.items() if at is not None) or None


def _answered_section(offered: Section, session: Section, decision: Decision, local: LocalEnd) -> Section:
    match decision:
        case Accepted():
            return _accepted(offered, decision, local)
        case Declined():
            return _declined(offered, session, decision)


def _again(
    offered: Section, session: Section, decision: LaterDecision, local: LocalEnd, before: Section | None
) -> Section:
    match decision:
        case Accepted() | Declined():
            return _answered_section(offered, session, decision, local)
        case Closed():
            return _declined(offered, session, Declined()) if before is None else _mirroring(_closed(before), offered)
        case Repeated():
            if before is None:
                raise Misuse("a line that is new cannot be answered as before")
            return before if offered.attribute(_CEMA) is not None else _plain(before)


def _accepted(offered: Section, decision: Accepted, local: LocalEnd) -> Section:
    line = attrs.evolve(MediaLine.of(offered), port=UNUSED_PORT if decision.setup == "active" else local.port)
    cema = local.cema and offered.attribute(_CEMA) is not None
    lines = [
        ("m", str(line)),
        ("a", "recvonly"),
        *_types(decision.accept_types, decision.accept_wrapped_types),
        *_attribute("max-size", decision.max_size),
        *_attribute("setup", decision.setup or None),
        ("a", f"path:{format_path(decision.path)}"),
        *([("a", _CEMA)] if cema else []),
        *_mirrored(offered, *_FILE, "file-range"),
    ]
    return Section(tuple(lines))


def _declined(offered: Section, session: Section, decision: Declined) -> Section:
    line = attrs.evolve(MediaLine.of(offered), port=0)
    if line.media.lower() != "message":
        return Section((("m", str(line)),))
    lines = [
        ("m", str(line)),
        ("a", _ANSWERING[direction_of(offered, session)]),
        *_types(decision.accept_types, ()),
        *_mirrored(offered, *_FILE),
    ]
    return Section(tuple(lines))


def _closed(section: Section) -> Section:
    return section.replaced("m", str(attrs.evolve(MediaLine.of(section), port=0)))


def _plain(section: Section) -> Section:
    return Section(tuple(line for line in section.lines if line != ("a", _CEMA)))


def _without_icon(section: Section) -> Section:
    return Section(tuple([line for line in section.lines if line[0] != "a" or not line[1].startswith("file-icon:")]))


def _at(section: Section, path: Path) -> Section:
    written = ("a", f"path:{format_path(path)}")
    return Section(tuple([written if line[1].startswith("path:") else line for line in section.lines]))


def _types(accept: Sequence[str], wrapped: Sequence[str]) -> list[Line]:
    return _attribute("accept-types", " ".join(accept) or None) + _attribute(
        "accept-wrapped-types", " ".join(wrapped) or None
    )


def _mirrored(offered: Section, *names: str) -> list[Line]:
    """These attributes exactly as they were offered: an answer names the file in the offerer's own words."""
    found = ((name, offered.attribute(name)) for name in names)
    return [("a", f"{name}:{value}" if value else name) for name, value in found if value is not None]


def _mirroring(section: Section, offered: Section) -> Section:
    """The same section, with the file in the words in which it is offered now."""
    now = {name: value for name in _FILE if (value := offered.attribute(name))}
    attributes = [(line, line[1].partition(":")[0] if line[0] == "a" else "") for line in section.lines]
    return Section(tuple(("a", f"{name}:{now[name]}") if name in now else line for line, name in attributes))


def _attribute(name: str, value: object | None) -> list[Line]:
    return [] if value is None else [("a", f"{name}:{value}")]
