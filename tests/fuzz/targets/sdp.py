"""Session descriptions: read, judged as an offer and as an answer, answered, offered again and compared."""

from __future__ import annotations

import itertools

from pushsvc import sdp
from pushsvc.errors import ProtocolError
from pushsvc.msrp.uri import MsrpUri
from tests.fuzz import samples
from tests.fuzz.target import SEPARATOR, Frame, Target, holds, words

OUR_PATH = (MsrpUri.parse("msrps://192.0.2.20:2855/abcdef;tcp"),)
LOCAL = sdp.LocalEnd("192.0.2.20", 2855)
FILE = sdp.FileOffer("gate.jpg", "image/jpeg", 5, b"a" * 20, "tid", OUR_PATH)
OURS = sdp.offer(LOCAL, [FILE], (1, 1))


def run(octets: bytes) -> None:
    first, _, second = octets.partition(SEPARATOR)
    offer = _looked_at(first)
    if offer is None:
        return
    later = _looked_at(second or first)
    if later is not None:
        try:
            changes = sdp.changes(offer, later)
            holds(len(changes) == len(later.sections), "not one verdict a line")
        except ProtocolError:
            return


def _looked_at(octets: bytes) -> sdp.Description | None:
    try:
        description = sdp.parse(octets)
    except ProtocolError:
        return None
    holds(sdp.parse(sdp.format(description)) == description, "a description that changes when it is written")
    lines = sdp.media(description)
    for line in lines:
        sdp.acceptable_types(line, ("image/*", "text/plain"))
        sdp.answer_setup(line.setup)
        _ = line.anchor, line.refused, line.path and line.leads_elsewhere
    sdp.warning("192.0.2.20", lines)
    _answered(description, lines)
    try:
        sdp.answered(OURS, description)
    except ProtocolError:
        return description
    return description


def _answered(offer: sdp.Description, lines: list[sdp.MediaOffer]) -> None:
    decisions: list[sdp.Decision] = [
        sdp.Declined(("*",)) if line.problem or line.refused else sdp.Accepted(OUR_PATH, ("*",), 100) for line in lines
    ]
    answer = sdp.answer(offer, decisions, LOCAL, (1, 1))
    written = sdp.format(answer)
    holds(sdp.parse(written) == answer, "an answer that is another one when read")
    holds(len(sdp.parse(written).sections) == len(offer.sections), "an answer with other lines than the offer")
    again = sdp.answer_again(offer, answer, [sdp.Repeated()] * len(lines), LOCAL)
    sdp.format(sdp.closing(again, range(len(lines))))


def _samples() -> list[bytes]:
    found = samples.descriptions()
    return [*found, *(one + SEPARATOR + other for one, other in itertools.pairwise(found))]


BODY = samples.wire("cheatsheet/single_offer.sdp")[0]
TARGET = Target(
    "sdp",
    run,
    _samples,
    (
        *words(r"""
    \r\na= \r\nm=message\x209\x20TCP/TLS/MSRP\x20* a=path:msrps://[::1]:9/x;tcp a=file-selector: name:" size:
    hash:sha-1: type: a=file-range:1-* a=setup:holdconn a=fingerprint:sha-256\x20AA:BB a=sendonly m= v=0
    o=-\x201\x201\x20IN\x20IP4\x20a c=IN\x20IP6\x20::1 %22 \xc3\xa4 99999999999999999999 a=file-icon:cid:a@b
"""),
        SEPARATOR,
    ),
    limit=65536,
    weight=4,
    frames=(
        Frame(BODY),
        Frame(BODY, b"\r\n"),
        Frame(BODY + b"a=file-selector:"),
        Frame(BODY + b'a=file-date:creation:"'),
        Frame(BODY.replace(b"a=path:", b"a=x:") + b"a=path:msrps://a/b;tcp "),
        Frame(BODY.replace(b"a=accept-types:", b"a=x:") + b"a=accept-types:"),
        Frame(BODY.replace(b"a=fingerprint:", b"a=x:") + b"a=fingerprint:sha-256 "),
        Frame(BODY + b"i="),
    ),
    units=words(r"""
    a=x\r\n a=fingerprint:sha-256\x20A\r\n a:" a:"b"\x20 text/plain\x20 AA: ;b= \xe2\x80\xa8
    msrp://a/b;tcp\x20
"""),
)
