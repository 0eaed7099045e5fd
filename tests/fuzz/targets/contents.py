"""What wraps a content or describes it: multiparts, message/cpim, Content-Disposition, names; and names on the disk."""

from __future__ import annotations

from pushsvc import push
from pushsvc.errors import BadMessage, ProtocolError
from pushsvc.push.content import parse_content_description, parse_content_disposition
from pushsvc.push.cpim import read_head
from pushsvc.receiver.inbox_entry import STORED_NAME, Arriving, harmless, stored_name
from pushsvc.sip.multipart import ContentField, boundary_of, join, split
from tests.fuzz import samples
from tests.fuzz.target import SEPARATOR, Frame, Target, holds, text_of

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
    try:
        read_head(body[: 16 * 1024])
    except ProtocolError:
        pass
    expected = push.Expected(lambda type: type.startswith(("text/", "image/", "message/", "multipart/")))
    for wanted in (expected, push.Expected(lambda type: True, "image/png", 100)):
        try:
            inside = push.unwrapped(text_of(kind), push.InMemory(body), wanted)
        except ProtocolError:
            continue
        holds(len(inside.content.read(0, inside.content.size)) <= len(body), "what is inside is larger than what is around")


def run_described(octets: bytes) -> None:
    text = text_of(octets)
    disposition = parse_content_disposition(text)
    described = parse_content_description(text)
    holds(described.isprintable() or not set(described) & set("\r\n\0\x1b"), "a description with controls")
    name = text if disposition is None else disposition.filename or ""
    shown = push.safe_name(name)
    holds(shown not in ("", ".", "..") and not set(shown) & set("/\\\0\r\n\x1b\u202e\u2066"), f"{shown!r} is no name to show")
    holds(len(shown.encode()) <= 255, "a name that is too long")
    holds(push.safe_name(shown) == shown, f"{shown!r} is not its own safe name")
    stored = stored_name(1.8e9, "abcdefABCDEF", name)
    holds(STORED_NAME.fullmatch(stored) is not None, f"{stored!r} would be the name of a file")
    kept = harmless(
        Arriving(sender=text, asserted=False, to=text, name=name, type=text, mode="msrp", call_id=text, title=text, description=text)
    )  # fmt: skip
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
    both = b"multipart/alternative;boundary=c" + SEPARATOR + b"--c\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n" + nested + b"--c--\r\n"
    return [CPIM + message, MIXED + nested, both, *_multiparts()]


NAMES = (
    b"../../etc/passwd", b"/etc/passwd", b"..\\..\\x.exe", b"a\0b", b"a\r\nX: y", "a\u202etxt.exe".encode(), b".", b"..", b"CON", b".index.db",
    b"20261124T000000Z-abcdefABCDEF.jpg.json", "e\u0301.jpg".encode(), b"a" * 300 + b".jpg", b"\xff\xfe.txt", b"x.jpg" + b" ." * 50,
    b"attachment; filename=\"a\\\"b.jpg\"; size=5; creation-date=\"Sun, 01 Mar 2026 09:30:00 +0000\"",
    b"attachment; filename*=UTF-8''%2e%2e%2f%00x; filename=x", b"=?utf-8?b?w6Q=?= =?iso-8859-1?q?=e4?=", b"render", "\U0001f468\u200d\U0001f469.png".encode(),
)  # fmt: skip
MULTIPART = Target(
    "multipart", run_multipart, _multiparts, (b"--b", b"--b--", b"\r\n--b\r\n", b"\r\n", b"\r\n\r\n", b"boundary=", b'"', b";", SEPARATOR, b"Content-ID: <a>\r\n", b"base64"),
    limit=1 << 20,
    frames=(Frame(MIXED), Frame(MIXED + b"--b\r\n"), Frame(MIXED + b"--b\r\nX: "), Frame(MIXED + b"--b\r\n\r\n", b"\r\n--b--"),
            Frame(b"multipart/mixed;x=", SEPARATOR, 8192)),
    units=(b"\r\n--b", b"\r\n--b ", b"--", b"X: y\r\n", b"\r\n ", b";a=b", b'\\"', _PART),
)  # fmt: skip
WRAPPED = Target(
    "wrapped", run_wrapped, _wrapped, (b"message/cpim", b"multipart/mixed;boundary=b", b"\r\n", b"\n", b"--b\r\n", b"--b--", b"Content-Type: ", b"Require: ", b"NS: ", b"\\u0000", b"base64", SEPARATOR),
    limit=1 << 20,
    frames=(Frame(CPIM, most=16384), Frame(CPIM + b"a: b", most=16384), Frame(MIXED + b"--b\r\n\r\n", b"\r\n--b--"),
            Frame(MIXED + b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n", b"\r\n--b--")),
    units=(b"a: b\n", b"\n ", b"\n b", b"Content-Type: message/cpim\n\n", b"\\u0000", b"Require: a,a,a\n"),
)  # fmt: skip
DESCRIBED = Target(
    "names", run_described, lambda: NAMES, (b"filename=", b"filename*=UTF-8''", b"%00", b"%2f", b"..", b"/", b"\\", b"=?utf-8?q?", b"?=", "\u202e".encode(), "\u0301".encode(), b"\0", b"; size="),
    longest=1024, limit=8192,
    frames=(Frame(), Frame(b"attachment;"), Frame(b'attachment; filename="'), Frame(b"attachment; filename*=UTF-8''"), Frame(b"=?utf-8?q?")),
    units=(b';a="', b';a="\\"', b'\\"', b";a=b", b"=?utf-8?q?a?= ", b"=?a?q?", "\u0301".encode(), "\u0301\u0316".encode(), b"?= ", b"=20"),
)  # fmt: skip
