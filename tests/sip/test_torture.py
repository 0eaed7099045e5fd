"""Every torture message of RFC 4475 and RFC 5118, and those that fuzzing found, against its verdict.

What the codec refuses is answered by its status. What it reads is given to `verdict`: the checks that a user agent
makes before it looks at what a request is about (RFC 3261 §8.2), in their order, and no state.
"""

from __future__ import annotations

import csv

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage
from pushsvc.sip.codec import Malformed, StreamParser, encode, parse, rejection
from pushsvc.sip.message import Message, Request
from pushsvc.sip.uri import OpaqueUri
from tests.sip.samples import TORTURE

METHODS = frozenset({"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "MESSAGE", "SUBSCRIBE", "NOTIFY"})
READABLE = frozenset({"application/sdp", "multipart/related", "multipart/mixed"})
ROWS = 64

# What we answer otherwise than the index wants, and why it stays so.
NOT_MET = {
    "rfc4475/unksm2.dat": "405: we are no registrar, and say so before we look at whom it would register",
    "rfc4475/inv2543.dat": "400: an INVITE without Contact could not be answered by a BYE later (E.12)",
}


def verdict(message: Message) -> int | None:
    """The status that a message is answered with, None for no answer."""
    if not isinstance(message, Request) or message.method == "ACK":
        return None
    if message.method not in METHODS:
        return 405
    if isinstance(message.uri, OpaqueUri):
        return 416
    if set(message.headers.values("Require")) - {"timer"}:
        return 420
    if message.method in ("BYE", "UPDATE", "CANCEL"):
        return 481
    return invited(message) if message.method == "INVITE" else 200


def invited(invite: Request) -> int:
    try:
        if invite.contact is None:
            return 400
    except BadMessage as error:
        return error.status
    content_type = (invite.headers.get("Content-Type") or "application/sdp").partition(";")[0].lower()
    if content_type not in READABLE:
        return 415
    accepted = invite.headers.values("Accept")
    return 406 if accepted and "application/sdp" not in accepted else 488


def answer_to_datagram(octets: bytes) -> int | None:
    try:
        message = parse(octets)
    except BadMessage as error:
        reply = rejection(octets, error)
        return reply.status if reply else None
    return verdict(message) if message else None


def answer_over_stream(octets: bytes) -> int | None:
    """What comes back for the first message of a stream."""
    (event, *_) = StreamParser().feed(octets)
    if isinstance(event, Malformed):
        return event.reply.status if event.reply else None
    assert isinstance(event, Message)
    return verdict(event)


def meets(answer: int | None, expected: str) -> bool:
    """Whether an answer is one of the `|` list of the index (its README says what they mean)."""
    return any(_meets(answer, wish) for wish in expected.split("|"))


def _meets(answer: int | None, wish: str) -> bool:
    if wish in ("-", "none"):
        return answer is None
    if answer is None:
        return False
    if wish == "400~":
        return answer < 500
    if wish == "2xx":
        return 200 <= answer < 300
    return answer != int(wish[1:]) if wish.startswith("!") else answer == int(wish)


def rows() -> list[dict[str, str]]:
    with (TORTURE / "index.tsv").open(encoding="utf-8", newline="") as index:
        return list(csv.DictReader(index, delimiter="\t"))


class TortureTests(SynchronousTestCase):
    def test_every_message_gets_what_it_should(self) -> None:
        """[D-SIP-5] The messages that other stacks have fallen over; a row that becomes met must leave NOT_MET."""
        not_met = set()
        for row in rows():
            octets = (TORTURE / row["file"]).read_bytes()
            answer = (answer_over_stream if row["transport"] == "tcp" else answer_to_datagram)(octets)
            if not meets(answer, row["expect"]):
                not_met.add(row["file"])
                self.assertIn(row["file"], NOT_MET, f"answered {answer}, wanted {row['expect']}: {row['note']}")
        self.assertEqual(not_met, set(NOT_MET))

    def test_the_index_is_whole(self) -> None:
        """A file that nobody runs proves nothing."""
        files = {path.relative_to(TORTURE).as_posix() for path in TORTURE.glob("*/*")}
        self.assertEqual({row["file"] for row in rows()}, files)
        self.assertEqual(len(files), ROWS)

    def test_what_is_read_is_written_back_with_the_same_meaning(self) -> None:
        """Fields, values and body; only folds, blanks and the length may change."""
        for row in rows():
            octets = (TORTURE / row["file"]).read_bytes()
            try:
                message = parse(octets)
            except BadMessage:
                continue
            assert message is not None
            back = parse(encode(message))
            assert back is not None
            self.assertEqual(
                back.evolve(headers=back.headers.without("Content-Length")),
                message.evolve(headers=message.headers.without("Content-Length")),
                row["file"],
            )

    def test_framing_that_is_lost_ends_a_stream(self) -> None:
        """[D-SIP-3] RFC 4475 §3.1.2.3, §3.3.9: the connection has to be closed; a long body is waited for."""
        for name in ("ncl", "mcl01"):
            (event,) = StreamParser().feed((TORTURE / f"rfc4475/{name}.dat").read_bytes())
            assert isinstance(event, Malformed)
            self.assertTrue(event.fatal)
        parser = StreamParser()
        self.assertEqual(parser.feed((TORTURE / "rfc4475/clerr.dat").read_bytes()), [])
        self.assertTrue(parser.partial)
