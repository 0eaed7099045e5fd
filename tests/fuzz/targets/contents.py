"""What wraps a content or describes it: multiparts, message/cpim, Content-Disposition, names; and names on the disk."""

from __future__ import annotations

from contextlib import suppress

from pushsvc import push
from pushsvc.errors import BadMessage, ProtocolError
from pushsvc.push.content import parse_content_description, parse_content_disposition
from pushsvc.push.cpim import read_head
from pushsvc.receiver.inbox_entry import STORED_NAME, Arriving, harmless, stored_name
from pushsvc.sip.multipart import ContentField, boundary_of, join, split
from tests.fuzz import samples
from tests.fuzz.target import SEPARATOR, Frame, Target, holds, text_of, words

MIXED = b"multipart/mixed;boundary=b" + SEPARATOR
CPIM = b"message/cpim" + SEPARATOR
_PART = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"


def run_multipart(octets: bytes) -> None:
    kind, _, body = octets.partition(SEPARATOR)
    try:
        boundary = boundary_of(ContentField.parse(text_of(kind)))
        parts = split(body, boundary)
        holds(sum(len(part.octets) for part in parts) <= len(body), "parts that are larger than the whole")
        if not any(b"--" + boundary.encode() in part.octets for part in parts):
            holds(split(join(parts, boundary), boundary) == parts, "parts that change when joined")
        for part in parts:
            _ = part.content_id, part.content_type, part.decoded()
    except BadMessage:
        return


def run_wrapped(octets: bytes) -> None:
    kind, _, body = octets.partition(SEPARATOR)
    with suppress(ProtocolError):
        read_head(body[: 16 * 1024])
    expected = push.Expected(lambda type: type.startswith(("text/", "image/", "message/", "multipart/")))
    for wanted in (expected, push.Expected(lambda type: True, "image/png", 100)):
        try:
            inside = push.unwrapped(text_of(kind), push.InMemory(body), wanted)
        except ProtocolError:
            continue
        holds(
            len(inside.content.read(0, inside.content.size)) <= len(body),
            "what is inside is larger than what is around",
        )


def run_described(octets: bytes) -> None:
    text = text_of(octets)
    disposition = parse_content_disposition(text)
    described = parse_content_description(text)
    holds(described.isprintable() or not set(described) & set("\r\n\0\x1b"), "a description with controls")
    name = text if disposition is None else disposition.filename or ""
    shown = push.safe_name(name)
    holds(
        shown not in ("", ".", "..") and not set(shown) & set("/\\\0\r\n\x1b\u202e\u2066"),
        f"{shown!r} is no name to show",
    )
    holds(len(shown.encode()) <= 255, "a name that is too long")
    holds(push.safe_name(shown) == shown, f"{shown!r} is not its own safe name")
    stored = stored_name(1.8e9, "abcdefABCDEF", name)
    holds(STORED_NAME.fullmatch(stored) is not None, f"{stored!r} would be the name of a file")
    kept = harmless(
        Arriving(
            sender=text,
            asserted=False,
            to=text,
            name=name,
            type=text,
            mode="msrp",
            call_id=text,
            title=text,
            description=text,
        )
    )
    for value in (kept.name, kept.type, kept.title or "", kept.description or ""):
        holds(not set(value) & set("\0\r\x1b\x7f\u202e"), f"{value!r} is not harmless")
    push.content_headers("attachment", name, 5, description=text)


def _multiparts() -> list[bytes]:
    found = [
        MIXED + _PART * 3 + b"--b--\r\n",
        b'multipart/related; boundary="a b"; type="application/sdp"' + SEPARATOR + b"pre\r\n--a b \r\n\r\nx\r\n--a b--",
        b"multipart/mixed;boundary=b" + SEPARATOR + b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--b--",
    ]
    for message in samples.sip():
        head, _, body = message.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith((b"content-type: multipart", b"c: multipart")):
                found.append(line.partition(b":")[2].strip() + SEPARATOR + body)
    return found


def _wrapped() -> list[bytes]:
    message = samples.wire("cheatsheet/m_cpim.bin")[0].partition(b"\r\n\r\n")[2].rpartition(b"\r\n---")[0]
    nested = b"--b\r\nContent-Type: message/cpim\r\n\r\n" + message + b"\r\n--b--\r\n"
    both = (
        b"multipart/alternative;boundary=c"
        + SEPARATOR
        + b"--c\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n"
        + nested
        + b"--c--\r\n"
    )
    return [CPIM + message, MIXED + nested, both, *_multiparts()]


NAMES = (
    *words(r"""
    ../../etc/passwd /etc/passwd ..\\..\\x.exe a\x00b a\r\nX:\x20y a\xe2\x80\xaetxt.exe . .. CON .index.db
    20261124T000000Z-abcdefABCDEF.jpg.json e\xcc\x81.jpg \xff\xfe.txt
    attachment;\x20filename*=UTF-8\x27\x27%2e%2e%2f%00x;\x20filename=x
    =?utf-8?b?w6Q=?=\x20=?iso-8859-1?q?=e4?= render \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9.png
"""),
    b"a" * 300 + b".jpg",
    b"x.jpg" + b" ." * 50,
    b'attachment; filename="a\\"b.jpg"; size=5; creation-date="Sun, 01 Mar 2026 09:30:00 +0000"',
)
MULTIPART = Target(
    "multipart",
    run_multipart,
    _multiparts,
    (
        *words(r"""
    --b --b-- \r\n--b\r\n \r\n \r\n\r\n boundary= " ; Content-ID:\x20<a>\r\n base64
"""),
        SEPARATOR,
    ),
    limit=1 << 20,
    frames=(
        Frame(MIXED),
        Frame(MIXED + b"--b\r\n"),
        Frame(MIXED + b"--b\r\nX: "),
        Frame(MIXED + b"--b\r\n\r\n", b"\r\n--b--"),
        Frame(b"multipart/mixed;x=", SEPARATOR, 8192),
    ),
    units=(
        *words(r"""
    \r\n--b \r\n--b\x20 -- X:\x20y\r\n \r\n\x20 ;a=b \\"
"""),
        _PART,
    ),
)
WRAPPED = Target(
    "wrapped",
    run_wrapped,
    _wrapped,
    (
        *words(r"""
    message/cpim multipart/mixed;boundary=b \r\n \n --b\r\n --b-- Content-Type:\x20 Require:\x20 NS:\x20
    \\u0000 base64
"""),
        SEPARATOR,
    ),
    limit=1 << 20,
    frames=(
        Frame(CPIM, most=16384),
        Frame(CPIM + b"a: b", most=16384),
        Frame(MIXED + b"--b\r\n\r\n", b"\r\n--b--"),
        Frame(MIXED + b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n", b"\r\n--b--"),
    ),
    units=words(r"""
    a:\x20b\n \n\x20 \n\x20b Content-Type:\x20message/cpim\n\n \\u0000 Require:\x20a,a,a\n
"""),
)
DESCRIBED = Target(
    "names",
    run_described,
    lambda: NAMES,
    words(r"""
    filename= filename*=UTF-8\x27\x27 %00 %2f .. / \\ =?utf-8?q? ?= \xe2\x80\xae \xcc\x81 \x00 ;\x20size=
"""),
    longest=1024,
    limit=8192,
    frames=(
        Frame(),
        Frame(b"attachment;"),
        Frame(b'attachment; filename="'),
        Frame(b"attachment; filename*=UTF-8''"),
        Frame(b"=?utf-8?q?"),
    ),
    units=words(r"""
    ;a=" ;a="\\" \\" ;a=b =?utf-8?q?a?=\x20 =?a?q? \xcc\x81 \xcc\x81\xcc\x96 ?=\x20 =20
"""),
)
