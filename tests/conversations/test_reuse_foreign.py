"""Later offers that our own sender would never make (requirements E.5, D-SDP-1, D-SDP-2)."""

from __future__ import annotations

from pushsvc import sdp
from pushsvc.sessions import Invitation, Session
from tests.agents import Octets
from tests.conversations.case import NOTICE
from tests.conversations.reuse_case import DONE, ReuseCase


class Foreign(ReuseCase):
    """Rows of E.5 that our own sender never makes."""

    def reoffer(self, session: Session, *changes: tuple[bytes, bytes]) -> list[int] | int:
        """Alice offers the last description again, changed; the ports of the answer, or its status."""
        body = sdp.format(session._standing.ours)
        for old, new in changes:
            self.assertIn(old, body)
            body = body.replace(old, new)
        fields = session._standing.request_fields(with_body=True)
        response = self.run_story(session._requests._ask("INVITE", fields, body)).response
        if response.status != 200:
            return int(response.status)
        self.run_story(session._requests.acknowledge(response))
        self.network.settle(0.1)
        return [line.port for line in sdp.media(sdp.parse(response.body))]

    def test_another_file_under_the_same_id(self) -> None:
        """[D-SDP-2] An error: port 0, and what ran is aborted."""
        large = Octets(bytes(2_000_000))
        self.begin()
        session = self.opened(large, NOTICE)
        session.lines[0].send(large).addErrback(lambda failure: None)
        self.network.settle(0.3)
        size = f"size:{large.size}".encode()
        self.assertEqual(self.reoffer(session, (size, b"size:7")), [0, 2855])
        self.assertNotEqual(self.kept[0].discarded, "")
        self.assertEqual([line.is_open for line in self.session_of(self.bob).lines], [False, True])
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_line_that_is_put_on_hold(self) -> None:
        """[D-SDP-4] [D-SDP-1] A push has no hold: port 0, once, and the version grows by that alone."""
        large = Octets(bytes(2_000_000))
        self.begin()
        session = self.opened(large, NOTICE)
        session.lines[0].send(large).addErrback(lambda failure: None)
        self.network.settle(0.3)
        offer = sdp.format(session._standing.ours)
        first = offer[: offer.index(b"m=", offer.index(b"m=") + 1)]
        for _ in range(2):
            held = first.replace(b"a=sendonly", b"a=inactive")
            self.assertEqual(self.reoffer(session, (first, held)), [0, 2855])
        self.assertNotEqual(self.kept[0].discarded, "")
        versions = [sdp.parse(response.body).origin.version for response in self.bob_said.responses("INVITE")]
        self.assertEqual(versions, [1, 2, 2])
        self.network.run(session.lines[1].send(NOTICE))
        self.assertEqual(self.received(), [NOTICE.octets])
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_new_transfer_while_the_old_one_runs(self) -> None:
        """[D-SDP-2] The old one is aborted, the new one decided about."""
        large = Octets(bytes(2_000_000))
        self.begin()
        session = self.opened(large)
        session.lines[0].send(large).addErrback(lambda failure: None)
        self.network.settle(0.3)
        self.assertEqual(self.reoffer(session, (b"a=file-transfer-id:", b"a=file-transfer-id:new")), [2855])
        self.assertNotEqual(self.kept[0].discarded, "")
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_line_that_is_left_out(self) -> None:
        """[D-SDP-1] 488, and nothing changes."""
        session = self.lingering(NOTICE, DONE)
        body = sdp.format(session._standing.ours)
        second = b"m=" + body.split(b"m=")[2]
        self.assertEqual(self.reoffer(session, (second, b"")), 488)
        self.assertEqual([line.is_open for line in self.session_of(self.bob).lines], [True, True])
        self.end(session)

    def test_the_same_again_is_answered_with_the_same(self) -> None:
        """[D-SDP-2] A finished transfer stays finished."""
        session = self.lingering()
        self.assertEqual(self.reoffer(session), [2855])
        first, second = self.bob_said.responses("INVITE")
        self.assertEqual(first.body, second.body)
        self.assertEqual(len(self.kept), 1)
        self.end(session)

    def test_a_foreign_line_beside_a_file(self) -> None:
        """[D-SDP-4] Audio gets port 0 whatever becomes of the file."""
        session = self.lingering()
        before = sdp.format(session._standing.ours)
        invited: list[Invitation] = []

        def take_none(invitation: Invitation) -> None:
            invited.append(invitation)
            invitation.accept([None] * len(invitation.lines), self.bob.describe_answer)

        self.bob.sessions.on_invitation = take_none
        last = before.split(b"\r\n")[-2]
        ports = self.reoffer(session, (last, last + b"\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000"))
        self.assertEqual(ports, [2855, 0])
        self.assertEqual([line.media for line in invited[0].lines], ["audio"])
        self.end(session)
