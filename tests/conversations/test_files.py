"""Files from one agent to another: one, several, and only some of several."""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from pushsvc import sdp
from pushsvc.errors import Refused, Unreachable
from pushsvc.msrp.chunk import Send
from pushsvc.sessions import ConfirmedBy, Ended, Invitation, Session, Take, Wanted
from tests.agents import Kept, Octets
from tests.conversations.case import BOB, NOTICE, TO_BOB, ConversationCase, refuse


class OneFile(ConversationCase):
    """Flow 1."""

    def test_a_file_arrives_and_both_sides_end_with_nothing_left(self) -> None:
        """[R-PSA-200-2] [R-PSA-REL-5] [R-PRA-REL-1] [R-PRA-REL-3] One INVITE, one SEND, one BYE."""
        self.begin()

        async def push() -> Ended:
            session = self.opened()
            receipt = await session.lines[0].send(NOTICE)
            self.assertEqual((receipt.size, receipt.confirmed_by), (NOTICE.size, ConfirmedBy.REPLIES))
            return await session.close()

        self.assertEqual(self.run_story(push()), Ended("done", ours=True))
        self.assertEqual(self.received(), [NOTICE.octets])
        self.assertEqual(
            self.ladder,
            [
                "alice INVITE",
                "bob 200 INVITE",
                "alice ACK",
                "alice SEND 1-62/62",
                "bob 200 OK",
                "alice BYE",
                "bob 200 BYE",
            ],
        )
        self.assert_nothing_left()

    def test_the_bye_goes_to_the_contact_of_the_answer(self) -> None:
        """[R-PSA-REL-2] [R-PSA-REL-3] [R-PSA-200-1a] [R-PSA-REL-1] [D-SIP-7] As the ACK does."""
        self.begin()
        session = self.opened()
        session.close()
        self.network.settle(1.0)
        (ack,), (bye,) = self.alice_said.requests("ACK"), self.alice_said.requests("BYE")
        contact = f"sip:bob@{BOB}:5060"
        self.assertEqual((str(ack.uri), str(bye.uri)), (contact, contact))
        self.assertEqual((ack.cseq.number, bye.cseq.number), (1, 2))
        self.assertNotEqual(ack.via.branch, self.alice_said.requests("INVITE")[0].via.branch)
        self.assertEqual(len(self.alice_said.requests("INVITE")), 1)

    def test_a_receiver_takes_content_from_the_moment_of_its_200(self) -> None:
        """[R-PRA-INV-8] The ACK may still be on its way, or be lost."""
        self.begin(udp=True)
        self.network.meddle = lambda message: 0 if message.cseq.method == "ACK" else 1
        session = self.opened()
        self.network.run(session.lines[0].send(NOTICE))
        self.assertEqual(self.received(), [NOTICE.octets])
        self.assertTrue(self.session_of(self.bob).is_alive)

    def test_the_peer_of_a_session_can_be_named(self) -> None:
        self.begin()
        self.assertEqual(self.opened().peer, f"tls:{BOB}:2855")


class SeveralFiles(ConversationCase):
    """Flow 2."""

    def test_three_files_share_a_connection_and_finished_lines_are_closed(self) -> None:
        """[R-PSA-200-4] [R-PSA-REL-T1] [R-PSA-EST-10] [A-20] The first is over while the last still runs."""
        self.begin()
        contents = [NOTICE, Octets(b"b" * 300_000), Octets(b"c" * 2_000_000)]
        session = self.opened(*contents)

        async def send(line: int) -> None:
            await session.lines[line].send(contents[line])
            if line < 2:
                await session.close_lines([line])

        self.network.run(gatherResults([self.start(send(line)) for line in range(3)]))
        self.assertEqual([line.is_open for line in session.lines], [False, False, True])
        self.assertCountEqual(self.received(), [content.octets for content in contents])
        self.assertEqual(len({stream.local for stream in self.network.streams if stream.remote == (BOB, 2855)}), 1)
        first, second, third = (sdp.parse(invite.body) for invite in self.alice_said.requests("INVITE"))
        self.assertEqual([line.port for line in sdp.media(first)], [2855, 2855, 2855])
        self.assertEqual([line.port for line in sdp.media(second)], [0, 2855, 2855])
        self.assertEqual([line.port for line in sdp.media(third)], [0, 0, 2855])
        self.assertEqual([each.origin.version for each in (first, second, third)], [1, 2, 3])
        self.assertEqual(second.sections[1:], first.sections[1:])
        self.network.run(session.close())
        self.assertEqual([bye.cseq.number for bye in self.alice_said.requests("BYE")], [4])
        self.assert_nothing_left()

    def test_a_closed_line_keeps_its_place_and_its_name(self) -> None:
        """[R-PSA-REL-T2] [D-SDP-1] Two lines in one offer: only ports and the version of `o=` differ."""
        self.begin()
        contents = [NOTICE, Octets(b"b" * 100), Octets(b"c" * 100)]
        session = self.opened(*contents)

        async def story() -> None:
            await session.lines[0].send(contents[0])
            await session.lines[1].send(contents[1])
            await session.close_lines([0, 1])

        self.run_story(story())
        for said, method in ((self.alice_said.requests, "INVITE"), (self.bob_said.responses, "INVITE")):
            before, after = (message.body.split(b"\r\n") for message in said(method))
            changed = [(old[:11], new[:11]) for old, new in zip(before, after, strict=True) if old != new]
            self.assertEqual([kind for kind, _ in changed[1:]], [b"m=message 2"] * 2, changed)
            self.assertEqual([kind for _, kind in changed[1:]], [b"m=message 0"] * 2, changed)
            self.assertTrue(changed[0][0].startswith(b"o="))

    def test_closing_the_last_line_ends_the_session(self) -> None:
        """[A-38] BYE and not port 0."""
        self.begin()
        session = self.opened()
        self.run_story(session.close_lines([0]))
        self.assertFalse(session.is_alive)
        self.assertEqual(self.ladder[-2:], ["alice BYE", "bob 200 BYE"])
        self.assertEqual(len(self.alice_said.requests("INVITE")), 1)
        self.assert_nothing_left()

    def test_a_line_that_is_refused_to_be_closed_stays(self) -> None:
        """[A-37] The old state holds, and the session can still be used and ended."""
        self.begin()
        contents = [NOTICE, Octets(b"b" * 100)]
        session = self.opened(*contents)
        refuse(self.bob, "INVITE", 500)
        refused = self.failed(self.start(session.close_lines([0])), Refused)
        self.assertEqual((refused.status, refused.retry), (500, True))
        self.assertEqual([line.is_open for line in session.lines], [True, True])
        self.network.run(session.lines[1].send(contents[1]))
        self.network.run(session.close())
        self.assert_nothing_left()


class SomeFiles(ConversationCase):
    """Flow 5."""

    def test_a_refused_file_has_no_session_and_the_others_arrive(self) -> None:
        """[R-PRA-INV-4a] [R-PSA-EST-10] [R-PRA-INV-6] Port 0 in its place, with its selector and id."""
        self.begin()
        kept: list[Kept] = []
        self.bob.sessions.on_invitation = lambda invitation: self._take(invitation, kept, 0, 2)
        contents = [NOTICE, Octets(b"b" * 100), Octets(b"c" * 100)]

        async def push() -> Session:
            session = await self.alice.dial(TO_BOB, *contents)
            self.assertEqual([line.is_open for line in session.lines], [True, False, True])
            await session.lines[0].send(contents[0])
            await session.lines[2].send(contents[2])
            return session

        session = self.run_story(push())
        self.assertEqual([bytes(each.octets) for each in kept], [contents[0].octets, contents[2].octets])
        offer, answer = sdp.parse(self.alice_said.sent[0].body), sdp.parse(self.bob_said.sent[0].body)
        self.assertEqual([line.port for line in sdp.media(answer)], [2855, 0, 2855])
        self.assertEqual(
            [(line.selector, line.transfer_id) for line in sdp.media(answer)],
            [(line.selector, line.transfer_id) for line in sdp.media(offer)],
        )
        self.assertIsInstance(self.failureResultOf(session.lines[1].send(contents[1])).value, Unreachable)
        self.network.run(session.close())
        self.assert_nothing_left()

    def _take(self, invitation: Invitation, kept: list[Kept], *wanted: int) -> None:
        def make_sink(send: Send) -> Kept:
            kept.append(Kept(send))
            return kept[-1]

        take = Take(Wanted(lambda type: True, make_sink), ("*",))
        takes = [take if line.index in wanted else None for line in invitation.lines]
        invitation.accept(takes, self.bob.describe_answer)
