"""A peer that keeps to SIP and then writes MSRP by hand, as it should not be (E.8, E.9)."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from pushsvc import sdp
from pushsvc.sip.message import Request, reply_to
from tests.conversations.offer_case import HEAD, OfferCase, line
from tests.wires import Calling

PORT = 2856
OWN = "msrp://192.0.2.66:2855/s1;tcp"
CONTENT = b"Maintenance window 2026-03-02 01:00-03:00 UTC. Save your work."


def selector(content: bytes, name: str = "notice.txt") -> str:
    """What announces these octets."""
    sha1 = ":".join(f"{octet:02X}" for octet in hashlib.sha1(content).digest())
    return f'name:"{name}" type:text/plain size:{len(content)} hash:sha-1:{sha1}'


class ContentCase(OfferCase):
    """One file is offered and taken, over TCP without TLS, and the peer has connected."""

    facts: dict[str, Any] = {}

    def begin(self, selector: str | None = selector(CONTENT), **accept: Any) -> None:  # type: ignore[override]
        super().begin(host={"plain": True}, **accept)
        self.receiver.stack.msrp.listen("tcp", "192.0.2.20", PORT)
        body = HEAD + line(selector=selector, path=OWN).replace("TCP/TLS/MSRP", "TCP/MSRP")
        answer = self.caller.call(body=body)
        (view,) = sdp.media(sdp.parse(answer.body))
        self.path = view.path[0].text
        self.wire = self.connected()
        self.count = 0

    def connected(self) -> Calling:
        calling = Calling()
        self.network.host("192.0.2.66").connectTCP("192.0.2.20", PORT, calling)
        self.network.settle(0.1)
        return calling

    def send(self, *lines: str, body: bytes = CONTENT, flag: str = "$", wire: Calling | None = None) -> int | None:
        """Write a SEND; the status of the reply, if there is one. Each of `lines` takes the place of its like."""
        wire = wire or self.wire
        self.count += 1
        usual = {
            "To-Path": f"To-Path: {self.path}",
            "From-Path": f"From-Path: {OWN}",
            "Message-ID": "Message-ID: m001",
            "Byte-Range": f"Byte-Range: 1-{len(body)}/{len(body)}",
            "Content-Type": "Content-Type: text/plain",
        }
        head = [each for each in (usual | {each.partition(":")[0]: each for each in lines}).values() if each[-1] != ":"]
        tid = f"tid{self.count}"
        octets = (
            "\r\n".join([f"MSRP {tid} SEND", *head, "", ""]).encode() + body + f"\r\n-------{tid}{flag}\r\n".encode()
        )
        wire.wire.transport.write(octets)
        self.network.settle(1.0)
        found = re.search(rf"MSRP {tid} (\d\d\d)".encode(), wire.wire.octets)
        return int(found[1]) if found else None

    def assert_refused(self, status: int | None, *lines: str, body: bytes = CONTENT, why: str = "") -> None:
        """A SEND is answered so, or the connection is gone (None): one line says why, and nothing of it is kept.

        Who judges contents may say so on a line of its own.
        """
        self.begin(**self.facts)
        self.log.events.clear()
        self.assertEqual(self.send(*lines, body=body), status, lines)
        told = [text for text in self.log.troubles() if not text.startswith("content declined")]
        self.assertEqual(len(told), 1, self.log.troubles())
        self.assertIn(why, told[0])
        self.assertLessEqual(len(self.log.troubles()), 2)
        self.assertEqual(self.wire.wire.lost is None, status is not None)
        self.assert_over([])

    def assert_over(self, contents: list[bytes]) -> None:
        """Hung up by the peer; these are in the inbox, and there is no trace of anything else."""
        self.assertEqual(self.caller.hang_up().status, 200)
        self.assertEqual(self.receiver.contents(), contents)
        self.assert_nothing_left()


class Contents(ContentCase):
    """What arrives is not what was agreed on."""

    def test_the_file_itself_arrives(self) -> None:
        """As everything else here, but right."""
        self.begin()
        self.assertEqual(self.send(), 200)
        self.assert_over([CONTENT])

    def test_other_octets(self) -> None:
        """[D-MSRP-4] 400: the SHA-1 or the size is not the announced one; 413: more than was announced."""
        self.assert_refused(400, body=CONTENT.upper(), why="400 Hash mismatch")
        self.assert_refused(400, body=CONTENT[:-1], why="400 Size mismatch")
        self.assert_refused(413, body=CONTENT + b"x", why="413 larger than agreed")

    def test_another_type(self) -> None:
        """[D-MSRP-3] 415."""
        self.assert_refused(415, "Content-Type: text/html", why="415 type not acceptable")

    def test_more_than_the_receiver_takes(self) -> None:
        """[D-MSRP-5] What nobody has announced is bounded all the same."""
        self.facts = {"selector": None, "max_size": 10}
        self.assert_refused(413, body=CONTENT, why="413 larger than agreed")

    def test_absurd_ranges(self) -> None:
        """[D-MSRP-1] [D-MSRP-5] Nothing is allocated for them."""
        for byte_range, status, why in (
            ("0-62/62", 400, "before the first octet"),
            ("5-1/62", 413, "larger than agreed"),
            ("9999999999-*/*", 413, "larger than agreed"),
            ("1-62/3", 413, "larger than said"),
        ):
            self.assert_refused(status, f"Byte-Range: {byte_range}", why=why)

    def test_ranges_that_are_none(self) -> None:
        """[D-MSRP-1] 400, and the end of the connection: the rest of it may be anything."""
        for byte_range in ("99999999999999999999-*/*", "one-two/three"):
            self.begin()
            self.log.events.clear()
            self.assertEqual(self.send(f"Byte-Range: {byte_range}"), 400)
            self.assertIsNotNone(self.wire.wire.lost)
            warned, wired = self.log.troubles()
            self.assertIn("Byte-Range is not a range", warned)
            self.assertIn("400 Byte-Range is not a range", wired)
            self.assert_over([])

    def test_overlapping_and_swapped_chunks_are_put_together(self) -> None:
        """[D-MSRP-1] The later one wins."""
        self.begin()
        size = len(CONTENT)
        chunks = (
            (41, CONTENT[40:], "$"),
            (1, CONTENT[:30].upper(), "+"),
            (1, CONTENT[:30], "+"),
            (21, CONTENT[20:50], "+"),
        )
        for start, body, flag in chunks:
            end = start + len(body) - 1
            self.assertEqual(self.send(f"Byte-Range: {start}-{end}/{size}", body=body, flag=flag), 200)
        self.assert_over([CONTENT])

    def test_what_its_sender_gives_up(self) -> None:
        """[D-MSRP-1] Ended with #: 200, and nothing of it is kept."""
        self.begin()
        self.assertEqual(self.send("Byte-Range: 1-*/62", body=CONTENT[:30], flag="#"), 200)
        self.assert_over([])

    def test_a_second_content(self) -> None:
        """[D-MSRP-1] 403: one file, one session."""
        self.begin()
        self.assertEqual(self.send(), 200)
        self.log.events.clear()
        self.assertEqual(self.send("Message-ID: m002"), 403)
        self.assertEqual(self.log.troubles()[-1], "msrp 403 one content per session")
        self.assert_over([CONTENT])

    def test_names_that_lead_elsewhere(self) -> None:
        """[D-MSRP-5] Whatever a file is called, it stays in the inbox, under a name that is one."""
        for name in (
            "../../escaped",
            "/tmp/escaped",
            "..",
            "%2e%2e%2fescaped",
            "con\\..\\escaped",
            "a%0D%0Ab",
            "x" * 400,
        ):
            self.begin(selector=selector(CONTENT, name))
            self.assertEqual(self.send(), 200, name)
            (entry,) = self.receiver.arrived
            inbox = Path(self.receiver.inbox.directory).resolve()
            path = (inbox / entry.file).resolve()
            self.assertTrue(path.is_relative_to(inbox), path)
            self.assertRegex(path.name, r"\A[^/\\\x00-\x1f]{1,255}\Z")
            self.assert_over([CONTENT])


class Paths(ContentCase):
    """Who sends, and for which session."""

    def test_of_nobody(self) -> None:
        """[D-MSRP-3] [R-UP-G1] 481 for a To-Path or From-Path that was not agreed on."""
        self.assert_refused(481, "To-Path: msrp://192.0.2.20:2856/other;tcp", why="481 No such session")
        self.assert_refused(481, "From-Path: msrp://192.0.2.66:2855/other;tcp", why="481 No such session")

    def test_missing(self) -> None:
        """[D-MSRP-1] Nobody to answer: the connection ends."""
        self.assert_refused(None, "To-Path:", why="no To-Path")
        self.assert_refused(None, "From-Path:", why="no From-Path")

    def test_over_two_connections(self) -> None:
        """[D-MSRP-3] 506 over the second; the first goes on."""
        self.begin()
        self.assertEqual(self.send("Byte-Range: 1-30/62", body=CONTENT[:30], flag="+"), 200)
        self.log.events.clear()
        self.assertEqual(self.send(wire=self.connected()), 506)
        self.assertEqual([line[:8] for line in self.log.troubles()], ["msrp 506"])
        self.assertEqual(self.send("Byte-Range: 31-62/62", body=CONTENT[30:]), 200)
        self.assert_over([CONTENT])


class Silence(ContentCase):
    """Nothing comes, or no more."""

    def test_nobody_connects_or_sends(self) -> None:
        """Requirements F, binding: BYE after 30 s, and nothing is left."""
        self.begin()
        self.assert_ended_by_the_receiver(35.0)

    def test_the_sender_stops_in_mid_content(self) -> None:
        """Requirements F, stall: a minute later the part is gone."""
        self.begin()
        self.assertEqual(self.send("Byte-Range: 1-30/62", body=CONTENT[:30], flag="+"), 200)
        self.assert_ended_by_the_receiver(65.0)

    def test_the_connection_ends_in_mid_content(self) -> None:
        """RFC 4975 §5.4: no silent reconnect; the session is over."""
        self.begin()
        self.assertEqual(self.send("Byte-Range: 1-30/62", body=CONTENT[:30], flag="+"), 200)
        self.wire.wire.transport.loseConnection()
        self.assert_ended_by_the_receiver(35.0)

    def assert_ended_by_the_receiver(self, seconds: float) -> None:
        self.network.settle(seconds)
        bye = next(each for each in self.caller.heard if isinstance(each, Request) and each.method == "BYE")
        self.caller.say(reply_to(bye, 200))
        self.assertEqual((self.receiver.contents(), self.receiver.stack.sessions.alive), ([], 0))
        self.assert_nothing_left()
