"""What a receiver makes of octets that no agent of ours would write: every form that is allowed, every refusal."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.codec import StreamParser
from pushsvc.sip.message import Response
from tests.agents import left
from tests.conversations.stranger import Stranger
from tests.pushing import ReceivingSide
from tests.sim import Network
from tests.sip.test_headers import COMPACT
from tests.wires import Calling

STRANGER, ALICE = "192.0.2.66", "192.0.2.20"
TO_ALICE = f"sip:alice@{ALICE}"
SDP = ("Content-Type: application/sdp", "Contact: <sip:x@192.0.2.66>")
BODIES = "application/sdp, multipart/related, multipart/mixed"


class OctetsCase(SynchronousTestCase):
    """A stranger speaks to a whole receiver, Alice's."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, **accept: Any) -> None:
        self.network = Network()
        directory = Path(self.mktemp())
        directory.mkdir()
        self.receiver = ReceivingSide(self.network, directory, **accept)
        self.stranger = Stranger(self.network, STRANGER)
        self.count = 0

    def request(self, start: str, *lines: str, body: bytes = b"", transport: str = "UDP", **own: str | None) -> bytes:
        """A request with this start line and these lines more; `own` replaces a header, or leaves it out (None)."""
        self.count += 1
        fields: dict[str, str | None] = {
            "Via": f"SIP/2.0/{transport} {STRANGER}:5060;branch=z9hG4bKraw{self.count}",
            "Max-Forwards": "70",
            "From": "<sip:x@example.com>;tag=a",
            "To": f"<{TO_ALICE}>",
            "Call-ID": f"raw{self.count}.",
            "CSeq": f"1 {start.partition(' ')[0]}",
            "Content-Length": str(len(body)),
        }
        fields |= {name.replace("_", "-"): value for name, value in own.items()}
        head = [start, *(f"{name}: {value}" for name, value in fields.items() if value is not None), *lines]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def answer(self, octets: bytes) -> Response:
        """What comes back for a datagram, beside repeats of earlier answers that nobody has acknowledged."""
        before = len(self.stranger.heard)
        self.stranger.say(octets, ALICE, settle=0.1)
        said = self.stranger.heard[before:]
        (response,) = (each for each in said if isinstance(each, Response) and each.call_id.encode() in octets)
        return response

    def answers_over_tcp(self, *pieces: bytes) -> tuple[list[Any], Calling]:
        """What comes back over a connection that these are written to, one after the other."""
        calling = Calling()
        self.network.host(STRANGER).connectTCP(ALICE, 5060, calling)
        self.network.settle(0.1)
        for piece in pieces:
            calling.wire.transport.write(piece)  # type: ignore[union-attr]
            self.network.settle(0.1)
        return list(StreamParser().feed(calling.wire.octets)), calling

    def assert_nothing_left(self) -> None:
        self.assertEqual(left(self.network, self.receiver.stack), [])
        self.assertEqual(self.receiver.arrived, [])


class Refused(OctetsCase):
    """[D-SIP-5] The code that RFC 3261 §8.2 has for each mistake, and no trace of it."""

    def test_each_mistake_has_its_code(self) -> None:
        """[D-SIP-5]"""
        text = "Content-Type: text/plain"
        cases: list[tuple[int, dict[str, str], bytes]] = [
            (405, {"Allow": "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, MESSAGE"},
             self.request(f"PUBLISH {TO_ALICE} SIP/2.0")),
            (405, {}, self.request(f"invite {TO_ALICE} SIP/2.0")),
            (420, {"Unsupported": "100rel"}, self.request(f"INVITE {TO_ALICE} SIP/2.0", "Require: 100rel, timer")),
            (420, {"Unsupported": "x"}, self.request(f"MESSAGE {TO_ALICE} SIP/2.0", text, "Require: x", body=b"x")),
            (415, {"Accept": BODIES}, self.request(f"INVITE {TO_ALICE} SIP/2.0", text, body=b"x")),
            (415, {"Accept-Encoding": "identity"},
             self.request(f"MESSAGE {TO_ALICE} SIP/2.0", text, "Content-Encoding: gzip", body=b"x")),
            (400, {}, self.request(f"OPTIONS <{TO_ALICE}> SIP/2.0")),
            (400, {}, self.request(f"OPTIONS {TO_ALICE} SIP/2.0", Max_Forwards="many")),
            (400, {}, self.request(f"OPTIONS {TO_ALICE} SIP/2.0", CSeq="1 INVITE")),
            (400, {}, self.request(f"INVITE {TO_ALICE} SIP/2.0", *SDP, body=b"rubbish")),
            (505, {}, self.request(f"OPTIONS {TO_ALICE} SIP/3.0")),
            (481, {}, self.request(f"BYE {TO_ALICE} SIP/2.0", To=f"<{TO_ALICE}>;tag=x")),
            (481, {}, self.request(f"CANCEL {TO_ALICE} SIP/2.0")),
            (481, {}, self.request(f"UPDATE {TO_ALICE} SIP/2.0")),
            (416, {}, self.request("INVITE tel:+1234 SIP/2.0", *SDP)),
            (404, {}, self.request(f"MESSAGE sip:bob@{ALICE} SIP/2.0", text, body=b"x")),
            (488, {}, self.request(f"INVITE {TO_ALICE} SIP/2.0", "Contact: <sip:x@192.0.2.66>")),
            (422, {"Min-SE": "90"},
             self.request(f"INVITE {TO_ALICE} SIP/2.0", *SDP, "x: 30", "k: timer",
                          body=b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\n")),
        ]  # fmt: skip
        for status, headers, octets in cases:
            response = self.answer(octets)
            self.assertEqual(response.status, status, octets.decode())
            self.assertEqual({name: response.headers.get(name) for name in headers}, headers)
            self.assertIsNotNone(response.to.tag, octets.decode())
        self.assert_nothing_left()

    def test_what_nobody_could_read_an_answer_to_gets_none(self) -> None:
        """[D-SIP-5] Without Via, From, To, Call-ID or CSeq; and an ACK never gets one."""
        lacking = [
            self.request(f"OPTIONS {TO_ALICE} SIP/2.0", **{name: None})
            for name in ("Via", "From", "To", "Call_ID", "CSeq")
        ]
        for octets in (*lacking, self.request(f"ACK {TO_ALICE} SIP/2.0"), self.request("ACK tel:+1 SIP/2.0")):
            self.stranger.say(octets, ALICE)
        self.assertEqual(self.stranger.came, [])
        self.assert_nothing_left()

    def test_what_is_no_mistake(self) -> None:
        """[D-SIP-5] A last hop, an unknown header, an extension that nobody insists on, a proxy's affair."""
        for lines, own in (
            ((), {"Max_Forwards": "0"}),
            ((), {"Max_Forwards": None}),
            (("X-Unknown: yes", "Supported: 100rel, path", "Proxy-Require: x"), {}),
            (("Content-Encoding: identity",), {}),
        ):
            self.assertEqual(self.answer(self.request(f"OPTIONS {TO_ALICE} SIP/2.0", *lines, **own)).status, 200)


class Forms(OctetsCase):
    """[D-SIP-4] One message, written in many ways."""

    def test_compact_names_in_any_case_folded(self) -> None:
        """[D-SIP-4] Nothing is lost: type, size limit, application and session timer are understood."""
        short = {long: compact for compact, long in COMPACT.items()}
        body = b"Gate 3 is open"
        lines = {
            "Via": f"SIP/2.0/UDP\r\n {STRANGER}:5060 ;branch=z9hG4bKodd\r\n\t;rport",
            "From": "sip:x@example.com\r\n ;tag=a",
            "To": f"\t{TO_ALICE}  ",
            "Call-ID": "odd",
            "Content-Type": "text/plain;\r\n charset=utf-8",
            "Subject": "Gate\r\n 3",
            "Accept-Contact": '*;+g.oma.pusheventapp="mms.ua"',
            "Content-Length": str(len(body)),
        }
        head = [f"MESSAGE {TO_ALICE} SIP/2.0", "cSEQ:1 MESSAGE", "MAX-forwards \t: 070"]
        head += [f"{short[name].upper() if index % 2 else short[name]}: {value}"
                 for index, (name, value) in enumerate(lines.items())]  # fmt: skip
        response = self.answer("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        self.assertEqual(response.status, 200)
        about = self.receiver.arrived[0].about
        self.assertEqual((about.title, about.application), ("Gate 3", "mms.ua"))
        self.assertTrue(about.type.startswith("text/plain"))
        self.assertEqual(response.via.rport, "5060")

    def test_what_we_write_is_neither_folded_nor_compact(self) -> None:
        """[D-SIP-4]"""
        self.answer(self.request(f"OPTIONS {TO_ALICE} SIP/2.0", "k: a,\r\n b"))
        names = [line.split(b":")[0].decode() for line in self.stranger.came[0].split(b"\r\n")[1:] if line]
        self.assertEqual([name for name in names if len(name) < 2 or name[0] in " \t"], [])


class Streams(OctetsCase):
    """[D-SIP-3] [D-SIP-2] Over TCP."""

    def options(self, **own: str | None) -> bytes:
        return self.request(f"OPTIONS {TO_ALICE} SIP/2.0", transport="TCP", **own)

    def test_wherever_the_segments_end(self) -> None:
        """[D-SIP-3] Three in one segment, one octet by octet, empty lines between: each is answered, in order."""
        three = self.options() + b"\r\n" + self.options() + self.options()
        single = self.options()
        answers, _ = self.answers_over_tcp(three, *(single[at : at + 1] for at in range(len(single))))
        self.assertEqual([answer.call_id for answer in answers], ["raw1.", "raw2.", "raw3.", "raw4."])

    def test_a_keep_alive(self) -> None:
        """[D-SIP-3] RFC 5626 §3.5.1: a double CRLF is answered by one, a single one by nothing."""
        for ping, pong in ((b"\r\n\r\n", b"\r\n"), (b"\r\n", b"")):
            _, calling = self.answers_over_tcp(ping)
            self.assertEqual(calling.wire.octets, pong)

    def test_without_content_length(self) -> None:
        """[D-SIP-3] 400, and the connection is closed: where the next one begins nobody knows."""
        answers, calling = self.answers_over_tcp(self.options(Content_Length=None), self.options())
        self.assertEqual([answer.status for answer in answers], [400])
        self.assertIsNotNone(calling.wire.lost)
        self.assert_nothing_left()

    def test_where_it_came_from(self) -> None:
        """[D-SIP-2] On a stream, too: a name or another address gets `received`, the truth does not."""
        for sent_by, received in (("pc.example.com", STRANGER), ("192.0.2.99:5070", STRANGER), (STRANGER, None)):
            via = f"SIP/2.0/TCP {sent_by};branch=z9hG4bK{self.count}"
            (answer,), _ = self.answers_over_tcp(self.options(Via=via))
            self.assertEqual(answer.via.received, received, sent_by)
        (answer,), _ = self.answers_over_tcp(self.options(Via=f"SIP/2.0/TCP {STRANGER};branch=z9hG4bKx;rport"))
        self.assertEqual(answer.via.received, STRANGER)
        self.assertTrue((answer.via.rport or "").isdigit())


class Identities(OctetsCase):
    """[D-SIP-12] Who may say who somebody is."""

    def message(self) -> Response:
        return self.answer(
            self.request(
                f"MESSAGE {TO_ALICE} SIP/2.0",
                "P-Asserted-Identity: <sip:boss@example.com>",
                "P-Asserted-Service: urn:urn-7:3gpp-service.ims.icsi.oma.push",
                "Content-Type: text/plain",
                body=b"Gate 3 is open",
            )
        )

    def test_a_trusted_peer_opens_the_door(self) -> None:
        """[D-SIP-12]"""
        self.begin(allow=("sip:boss@example.com",), trusted=(ip_network(f"{STRANGER}/32"),))
        self.assertEqual(self.message().status, 200)
        about = self.receiver.arrived[0].about
        self.assertEqual((about.sender, about.asserted), ("sip:boss@example.com", True))

    def test_a_stranger_does_not_by_the_same_words(self) -> None:
        """[D-SIP-12] What it asserts is not kept either."""
        self.begin(allow=("sip:boss@example.com",), trusted=(ip_network("192.0.2.1/32"),))
        self.assertEqual(self.message().status, 403)
        self.assert_nothing_left()
        self.begin()
        self.assertEqual(self.message().status, 200)
        about = self.receiver.arrived[0].about
        self.assertEqual((about.sender, about.asserted), ("sip:x@example.com", False))
