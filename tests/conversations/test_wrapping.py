"""Contents in message/cpim and multiparts, from a peer that sends what the test says. To one: test_wrapping_sent."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import push, sdp
from pushsvc.config.receiver import Action, Rule
from pushsvc.errors import Refused
from pushsvc.msrp.chunk import ByteRange, Flag, Send, encode
from pushsvc.net.observer import Direction
from pushsvc.sessions import Session
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import Message
from tests.agents import Agent, Octets, left
from tests.log_lines import LogLines
from tests.push.wrappers import cpim, kind, multipart
from tests.pushing import ReceivingSide
from tests.sim import Network

ALICE = "192.0.2.20"
MAP = b"<svg>" + bytes(range(256)) * 17 + b"</svg>"


class Said:
    """An observer: what one agent said over MSRP, in few words, and the last session description that it sent."""

    def __init__(self) -> None:
        self.over_msrp: list[str] = []
        self.described = b""

    def sip(self, direction: Direction, message: Message, hop: Hop) -> None:
        if direction is Direction.OUT and message.body:
            self.described = message.body

    def sip_unreadable(self, hop: Hop, reason: str) -> None: ...

    def sip_retransmissions(self, count: int) -> None: ...

    def msrp(self, direction: Direction, summary: str, size: int, call_id: str, peer: str) -> None:
        if direction is Direction.OUT:
            self.over_msrp.append(summary)


class Receiving(SynchronousTestCase):
    """A peer pushes to our receiver, chunk by chunk."""

    def begin(self, **accept: object) -> None:
        self.network = Network()
        self.said = Said()
        self.peer = Agent(self.network, "192.0.2.10", "push")
        directory = Path(self.mktemp())
        directory.mkdir()
        self.receiver = ReceivingSide(self.network, directory, observers=(self.said,), **accept)  # type: ignore[arg-type]
        self.log = LogLines(self)

    def dialled(self, content: bytes = MAP, type: str = "image/svg+xml", **facts: object) -> Session:
        """A session that offers this file; it is for the test to send it, or something else."""
        call = self.peer.call(f"sip:alice@{ALICE}", Octets(content, type))
        (file,) = call.files
        file = attrs.evolve(file, name="map.svg", **({"accept_types": ("message/cpim",)} | facts))
        session = self.network.run(self.peer.sessions.dial(attrs.evolve(call, files=(file,))))
        assert isinstance(session, Session)
        return session

    def answered(self) -> sdp.MediaOffer:
        """The first line of the answer."""
        return sdp.media(sdp.parse(self.said.described))[0]

    def send(
        self, session: Session, octets: bytes, type: str, pieces: Sequence[tuple[int, int]] = (), **headers: str
    ) -> list[str]:
        """Send it in chunks from and to these octets; gives what is answered to them."""
        (line,) = session.lines
        assert line.msrp is not None
        assert line.msrp.link is not None
        total = len(octets)
        fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        self.said.over_msrp.clear()
        for number, (start, end) in enumerate(pieces or [(0, total)]):
            byte_range = ByteRange(start + 1, end, total)
            paths = line.msrp.peer_path, (line.msrp.own,)
            head = Send(f"chunk{number}", *paths, "content1", byte_range, content_type=type, headers=fields)
            flag = Flag.COMPLETE if end == total else Flag.MORE
            line.msrp.link.abort(encode(head, octets[start:end], flag), line.msrp)
        self.network.settle(5.0)
        return self.said.over_msrp

    def assert_nothing_left(self, session: Session) -> None:
        session.close()
        self.assertEqual(left(self.network, self.peer, self.receiver.stack), [])
        self.assertEqual(list((Path(self.receiver.inbox.directory) / "tmp").iterdir()), [])

    def assert_refused(
        self, status: str, octets: bytes, type: str = "message/cpim", content: bytes = MAP, **facts: object
    ) -> None:
        """The last chunk is answered with this status; one line in the log says why, and nothing is left."""
        session = self.dialled(content, **facts)
        self.log.events.clear()
        self.assertEqual([each[:3] for each in self.send(session, octets, type)], [status])
        said = [event for event in self.log.events if str(event.get("log_format")).startswith("content ")]
        self.assertEqual([str(event["status"]) for event in said], [status])
        self.assertEqual(self.receiver.arrived, [])
        self.assertEqual(self.receiver.declined, ["type"] if status == "415" else [])
        self.receiver.declined.clear()
        self.assert_nothing_left(session)

    def test_a_file_that_is_offered_in_cpim_alone(self) -> None:
        """[D-MSRP-6] [F-12] [D-MSRP-4] E.3, the second file; in 2048-octet chunks that come in disorder, and twice."""
        self.begin(types=("image/svg+xml", "image/jpeg"))
        session = self.dialled(accept_wrapped_types=("image/svg+xml",))
        answer = self.answered()
        self.assertEqual(answer.accept_types, ("message/cpim",))
        self.assertEqual(answer.accept_wrapped_types, ("image/svg+xml", "image/jpeg"))
        octets = cpim(MAP, "image/svg+xml", ("Content-Disposition", "attachment; filename=other.svg"))
        total = len(octets)
        edges = [(2048, 4096), (100, 2100), (4096, total), (0, 2048)]
        replies = self.send(session, octets, "message/cpim", edges, Content_Disposition="render")
        self.assertEqual(replies, ["200 OK"] * 4)
        self.assertEqual(self.receiver.contents(), [MAP])
        entry = self.receiver.arrived[0]
        self.assertEqual((entry.size, entry.sha1), (len(MAP), hashlib.sha1(MAP).hexdigest()))
        about = entry.about
        self.assertEqual((about.type, about.name, about.disposition), ("image/svg+xml", "map.svg", "render"))
        self.assert_nothing_left(session)

    def test_everybody_hears_that_wrappers_are_taken(self) -> None:
        """[D-MSRP-6] In the answer, beside what may be in them."""
        self.begin(types=("image/svg+xml",))
        session = self.dialled(accept_types=("image/svg+xml", "message/cpim"))
        self.assertEqual(self.answered().accept_types, ("image/svg+xml", *push.announced(())))
        self.assertEqual(self.send(session, cpim(MAP, "image/svg+xml"), "Message/CPIM"), ["200 OK"])
        self.assertEqual(self.receiver.contents(), [MAP])
        self.assert_nothing_left(session)

    def test_multiparts_around_a_file(self) -> None:
        """[D-MSRP-6] Each of those that must be received, with the file's own type and hash."""
        parts = (("image/svg+xml", MAP), ("application/pgp-signature", b"..."))
        for type, body in (
            (kind("mixed"), multipart(*parts[:1])),
            (kind("related"), multipart(*parts)),
            (kind("alternative"), multipart(("text/plain", b"a map"), *parts)),
            (kind("signed"), multipart(*parts)),
            ("message/cpim", cpim(multipart(*parts), kind("signed"))),
        ):
            self.begin()
            session = self.dialled()
            self.assertEqual(self.send(session, body, type), ["200 OK"], type)
            self.assertEqual(self.receiver.contents(), [MAP])
            self.assertEqual(self.receiver.arrived[0].about.type, "image/svg+xml")
            self.assert_nothing_left(session)

    def test_a_multipart_that_is_the_file(self) -> None:
        """It was offered as one: kept to the octet, also out of message/cpim."""
        body = multipart(("text/html", b"<p>"), ("image/png", b"\x89"))
        for type, octets in ((kind("related"), body), ("message/cpim", cpim(body, kind("related")))):
            self.begin()
            session = self.dialled(body, "multipart/related")
            self.assertEqual(self.send(session, octets, type), ["200 OK"])
            self.assertEqual(self.receiver.contents(), [body])
            self.assert_nothing_left(session)

    def test_wrapped_types_that_are_not_taken(self) -> None:
        """[R-PRA-INV-1] [D-MSRP-6] The wrapper was welcome, and what is in it is not: 415."""
        self.begin(types=("image/svg+xml",))
        self.assert_refused("415", cpim(MAP, "image/png"))
        self.assert_refused("415", multipart(("image/png", MAP)), kind("mixed"))
        self.assert_refused("415", cpim(multipart(("text/plain", MAP)), kind("alternative")))

    def test_a_type_that_was_not_announced(self) -> None:
        """[D-MSRP-3] Neither the file's nor a wrapper's: known with the first chunk, and counted as well."""
        self.begin(types=("image/svg+xml",))
        self.assert_refused("415", MAP, "image/png")

    def test_offers_of_wrapped_types_that_are_not_taken(self) -> None:
        """[R-PRA-INV-1] (e) Known before anything is sent: 488, and no session."""
        self.begin(types=("text/plain",))
        for type, wrapped in (("text/plain", "application/x-unknown"), ("image/svg+xml", "text/plain")):
            with self.assertRaises(Refused) as caught:
                self.dialled(type=type, accept_wrapped_types=(wrapped,))
            self.assertEqual(caught.exception.status, 488)
        self.network.settle(400.0)
        self.assertEqual((self.receiver.stack.sessions.alive, self.receiver.stack.msrp.sessions), (0, 0))
        self.assertEqual([str(call) for call in self.network.clock.getDelayedCalls()], [])

    def test_rules_are_for_what_is_inside(self) -> None:
        self.begin(rules=(Rule(action=Action.ACCEPT, types=("image/svg+xml",)),))
        self.assert_refused("415", cpim(MAP, "image/png"))

    def test_another_content_than_was_announced(self) -> None:
        """[D-MSRP-4] One octet differs; one is missing; one is too many."""
        self.begin()
        for content in (MAP[:-1] + b"!", MAP[:-1], MAP + b"!"):
            self.assert_refused("400", cpim(content, "image/svg+xml"))
        self.assert_refused("400", cpim(MAP, "image/svg+xml"), content=cpim(MAP, "image/svg+xml"))

    def test_hostile_wrappers(self) -> None:
        """[D-MSRP-6] Refused once they are whole, and the receiver lives on."""
        self.begin()
        for octets, type in (
            (b"rubbish", "message/cpim"),
            (b"From: <sip:a>\r\n\r\nContent-Type: text/plain\r\n", "message/cpim"),
            (b"rubbish", "multipart/mixed"),
            (b"--edge\r\n\r\nx", kind("mixed")),
            (b"\x00" * 3000, kind("alternative")),
        ):
            self.assert_refused("400", octets, type)
        self.assert_refused("413", b"x" * 20_000)

    def test_a_wrapper_that_is_larger_than_its_room(self) -> None:
        """[D-MSRP-5] Refused before anything is stored; one that is as large as that is taken."""
        self.begin()
        fits = cpim(MAP, "image/svg+xml")
        parts = [("text/plain", bytes(push.WRAPPER_ROOM - 200)), ("image/svg+xml", MAP)]
        self.assert_refused("413", fits + bytes(push.WRAPPER_ROOM))
        self.assert_refused("413", multipart(("text/plain", bytes(push.WRAPPER_ROOM)), parts[1]), kind("mixed"))
        session = self.dialled()
        self.assertEqual(self.send(session, multipart(*parts), kind("mixed")), ["200 OK"])
        self.assertEqual(self.receiver.contents(), [MAP])
        self.assert_nothing_left(session)

    def test_a_session_that_ends_inside_a_wrapper(self) -> None:
        """Nothing of it is kept."""
        self.begin()
        session = self.dialled()
        self.assertEqual(self.send(session, cpim(MAP), "message/cpim", [(0, 2048)]), ["200 OK"])
        self.assertEqual(self.receiver.arrived, [])
        self.assert_nothing_left(session)
