"""The flows of the specification as conversations of two agents, kept as text in `tests/transcripts`.

Run with PUSHSVC_REWRITE_TRANSCRIPTS=1 to write them anew; the diff is the review. Those of the session interval are in
test_transcripts_interval; test_flow_messages compares what is kept with the messages of the specification.
"""

from __future__ import annotations

import attrs
from twisted.internet.defer import CancelledError, Deferred

from pushsvc import sdp
from pushsvc.errors import Refused, Unreachable
from pushsvc.sessions import Invitation
from tests.agents import Kept, Octets
from tests.conversations.case import BOB, NOTICE
from tests.conversations.flow_case import TYPES, FlowCase, described
from tests.sim import Stream

PATTERN = Octets(b"0123456789" * 500)
DONE = Octets(b"Maintenance finished 02:40 UTC. Service is normal.")
ALERT = Octets(b"Storm warning for region 7.")
ADVICE = Octets(b"Stay indoors until 18:00.")
# Of these two only what is said of them matters.
CLIP = Octets(bytes(40), "application/x-example-unknown")
CLIP_SHA1 = bytes.fromhex("B80DE5D138758541C5F05265AD144AB9FA86D1DB")
VIDEO = Octets(b"", "video/mp4")
VIDEO_SHA1 = bytes.fromhex("C8D7D0EF0EEDFA82D2EA1AA592845B9A6D4B02B7")


class Flows(FlowCase):
    """Each has the messages of its flow in `flows.md`, in that order."""

    def test_flow_1_a_normal_push(self) -> None:
        """[R-FLOW-8] [R-FLOW-9] One file, over TLS."""
        self.begin(success_report=True)
        session = self.dialed(notice=NOTICE)
        self.network.run(self.pushed(session, 0, "notice", NOTICE))
        self.network.settle(30.0)
        self.network.run(session.close())
        self.assert_flow(
            "flow1",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-62/62",
            "receiver 200",
            "receiver REPORT 200",
            "sender BYE",
            "receiver 200 BYE",
        )

    def test_flow_2_a_finished_line_is_closed_while_another_runs(self) -> None:
        """[R-PSA-200-4] [R-PSA-REL-T1] [D-SDP-1] Two files."""
        self.begin(chunk=2048, window=2048)
        session = self.dialed(notice=NOTICE, pattern=PATTERN)
        first = self.pushed(session, 0, "notice", NOTICE)
        second = self.pushed(session, 1, "pattern", PATTERN)
        self.settle_until("sender SEND 1-2048/5000", 1)
        slow = self.receiving_stream()
        slow.pauseProducing()  # the next chunk is under way for as long as the re-INVITE takes
        self.network.run(first)
        self.settle_until("receiver 200", 2)
        self.network.run(Deferred.fromCoroutine(session.close_lines([0])))
        self.settle_until("sender ACK", 2)
        slow.resumeProducing()
        self.network.run(second)
        self.network.run(session.close())
        self.assert_flow(
            "flow2",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-62/62",
            "sender SEND 1-2048/5000",
            "receiver 200",
            "receiver 200",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 2049-4096/5000",
            "receiver 200",
            "sender SEND 4097-5000/5000",
            "receiver 200",
            "sender BYE",
            "receiver 200 BYE",
        )

    def test_flow_3_a_lingering_session_is_used_again(self) -> None:
        """[R-PSA-REL-0] A second file takes over the line of the first."""
        session = self.dialed(notice=NOTICE)
        self.network.run(self.pushed(session, 0, "notice", NOTICE))
        self.network.settle(10.0)
        self.network.run(Deferred.fromCoroutine(session.offer_more(self.call(done=DONE).files)))
        self.network.run(self.pushed(session, 0, "done", DONE))
        self.network.settle(30.0)
        self.network.run(session.close())
        self.assert_flow(
            "flow3",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-62/62",
            "receiver 200",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-50/50",
            "receiver 200",
            "sender BYE",
            "receiver 200 BYE",
        )

    def test_flow_4_nothing_is_acceptable(self) -> None:
        """[R-PRA-INV-1] [D-SIP-9] 488, acknowledged with the INVITE's own branch; no connection is opened."""

        def judge(invitation: Invitation) -> None:
            if not any(sdp.acceptable_types(line, TYPES) for line in invitation.lines):
                invitation.refuse(488, [("Warning", sdp.warning(BOB, invitation.lines))])

        self.receiver.sessions.on_invitation = judge
        call = self.call(clip=CLIP)
        clip = attrs.evolve(call.files[0], name="clip.bin", sha1=CLIP_SHA1, accept_types=(CLIP.content_type,))
        dialing = self.sender.sessions.dial(attrs.evolve(call, files=(clip,)))
        self.network.settle(1.0)
        self.assertEqual(self.failureResultOf(dialing, Refused).value.status, 488)
        self.assertEqual([stream for stream in self.network.streams if stream.remote == (BOB, 2855)], [])
        self.assert_flow("flow4", "sender INVITE", "receiver 488 INVITE", "sender ACK")

    def test_flow_5_only_some_files_are_taken(self) -> None:
        """[R-PRA-INV-4a] Three files, the second is not wanted."""
        self.receiver.sessions.on_invitation = lambda invitation: self.take(invitation, 1)
        call = self.call(alert=ALERT, video=VIDEO, advice=ADVICE)
        alert, video, advice = call.files
        video = attrs.evolve(video, name="video.mp4", size=734003200, sha1=VIDEO_SHA1)
        session = self.network.run(self.sender.sessions.dial(attrs.evolve(call, files=(alert, video, advice))))
        self.network.run(self.pushed(session, 0, "alert", ALERT))
        self.network.run(self.pushed(session, 2, "advice", ADVICE))
        self.network.run(session.close())
        self.assert_flow(
            "flow5",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-27/27",
            "receiver 200",
            "sender SEND 1-25/25",
            "receiver 200",
            "sender BYE",
            "receiver 200 BYE",
        )

    def test_flow_6_cancel_before_the_answer(self) -> None:
        """[R-PSA-CAN-1] Somebody is being asked when the push is withdrawn."""
        self.receiver.sessions.on_invitation = self._ring_later
        dialing = self.sender.sessions.dial(self.call(notice=NOTICE))
        self.network.settle(1.0)
        dialing.cancel()
        self.failureResultOf(dialing, CancelledError)
        self.network.settle(1.0)
        self.assert_flow(
            "flow6",
            "sender INVITE",
            "receiver 100 INVITE",
            "receiver 180 INVITE",
            "sender CANCEL",
            "receiver 200 CANCEL",
            "receiver 487 INVITE",
            "sender ACK",
        )

    def _ring_later(self, invitation: Invitation) -> None:
        self.network.clock.callLater(0.5, self.ring, invitation)

    def test_flow_7_cancel_crosses_the_200(self) -> None:
        """[R-PSA-CAN-1] A 2xx always wins: ACK, then BYE."""
        invitations: list[Invitation] = []
        self.receiver.sessions.on_invitation = invitations.append
        dialing = self.sender.sessions.dial(self.call(notice=NOTICE))
        self.network.settle(0.1)
        self.ring(invitations[0])
        self.network.settle(1.0)
        dialing.cancel()
        self.failureResultOf(dialing, CancelledError)
        self.take(invitations[0])
        self.network.settle(1.0)
        self.assert_flow(
            "flow7",
            "sender INVITE",
            "receiver 180 INVITE",
            "sender CANCEL",
            "receiver 200 INVITE",
            "receiver 200 CANCEL",
            "sender ACK",
            "sender BYE",
            "receiver 200 BYE",
        )

    def test_flow_8a_a_refresh_by_update(self) -> None:
        """[R-PSA-200-1b] [D-SES-1] At half the interval, and again at half the next."""
        session = self.dialed(notice=NOTICE)
        self.network.run(self.pushed(session, 0, "notice", NOTICE))
        self.network.settle(899.0)
        before = list(self.transcript.ladder)
        self.network.settle(2.0)
        self.assertEqual(self.transcript.ladder, [*before, "sender UPDATE", "receiver 200 UPDATE"])
        self.network.run(session.close())
        self.assert_flow(
            "flow8a",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-62/62",
            "receiver 200",
            "sender UPDATE",
            "receiver 200 UPDATE",
            "sender BYE",
            "receiver 200 BYE",
        )

    def test_flow_9_bye_from_the_receiver_in_mid_transfer(self) -> None:
        """[R-PRA-REL-3] [A-12] 200 at once; the content ends with `#`, which the flow allows to come second."""
        self.begin(chunk=2500, window=2500)
        session = self.dialed(pattern=PATTERN)
        sending = self.pushed(session, 0, "pattern", PATTERN)
        self.settle_until("sender SEND 1-*/5000", 1)
        (receiving,) = self.receiver.sessions._sessions.values()
        slow = self.receiving_stream()
        slow.peer.pauseProducing()  # the reply to the first chunk comes too late
        slow.pauseProducing()
        receiving.close("no room")
        self.settle_until("sender 200 BYE", 1)
        slow.resumeProducing()
        self.failureResultOf(sending, Unreachable)
        self.network.settle(1.0)
        self.assertEqual([each.discarded for each in self.kept], ["the session was closed"])
        self.assert_flow(
            "flow9",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-*/5000",
            "receiver BYE",
            "sender 200 BYE",
            "sender SEND 2501-*/5000",
        )

    def test_flow_10_a_413_from_the_receiver(self) -> None:
        """[D-MSRP-3] [R-FLOW-10] The receiver has had enough: 413 before the chunk has ended, `#`, port 0, BYE.

        Our chunks are written whole, so the `#` is a chunk of its own.
        """
        self.begin(chunk=2100, window=2100)
        self.patch(Kept, "write", _enough_at(2600))
        session = self.dialed(pattern=PATTERN)
        error = self.failureResultOf(self.run_until_over(self.pushed(session, 0, "pattern", PATTERN)), Refused)
        self.assertEqual(error.value.status, 413)
        self.network.settle(1.0)
        self.assertEqual([each.discarded for each in self.kept], ["Stop sending"])
        self.assert_flow(
            "flow10",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-*/5000",
            "receiver 200",
            "sender SEND 2101-*/5000",
            "receiver 413",
            "sender SEND 4201-*/5000",
            "receiver 200",
            "receiver INVITE",
            "sender 200 INVITE",
            "receiver ACK",
            "sender BYE",
            "receiver 200 BYE",
        )

    def test_flow_11_the_rest_of_a_cut_transfer(self) -> None:
        """[F-14] [D-MSRP-1] New id and path, Byte-Range from 1 again; selector and disposition are the whole file's."""
        self.begin(chunk=2048, window=2048)
        session = self.dialed(pattern=PATTERN)
        sending = self.pushed(session, 0, "pattern", PATTERN)
        self.settle_until("sender SEND 1-2048/5000", 1)
        self.receiving_stream().pauseProducing()  # the second chunk is lost on its way
        self.settle_until("receiver 200", 1)
        self.receiving_stream().abortConnection()
        self.settle_until_failed(sending)
        (whole,) = self.call(pattern=PATTERN).files
        offer = attrs.evolve(whole, file_range=sdp.FileRange(2049, PATTERN.size))
        (line,) = self.network.run(Deferred.fromCoroutine(session.offer_more([offer])))
        self.assertEqual((session.lines, line.takes_range), ([line], True))
        rest = attrs.evolve(described(PATTERN, "pattern.txt"), octets=PATTERN.octets[2048:])
        self.network.run(line.send(rest))
        self.network.run(session.close())
        self.assertEqual(b"".join(bytes(each.octets) for each in self.kept), PATTERN.octets)
        self.assert_flow(
            "flow11",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-2048/5000",
            "receiver 200",
            "sender INVITE",
            "receiver 200 INVITE",
            "sender ACK",
            "sender SEND 1-2048/2952",
            "receiver 200",
            "sender SEND 2049-2952/2952",
            "receiver 200",
            "sender BYE",
            "receiver 200 BYE",
        )

    # -- ours

    def run_until_over(self, sending: Deferred[object]) -> Deferred[object]:
        while not sending.called:
            self.network.step()
        return sending

    def settle_until_failed(self, sending: Deferred[object]) -> None:
        """Let time pass until the connection is known to be lost."""
        with self.assertRaises(Unreachable):
            self.network.run(sending)

    def settle_until(self, line: str, times: int) -> None:
        """Let time pass until this has arrived so often."""
        while self.transcript.ladder.count(line) < times:
            self.network.step()

    def receiving_stream(self) -> Stream:
        """The receiver's end of the only MSRP connection."""
        (stream,) = (each for each in self.network.streams if each.local == (BOB, 2855))
        return stream


def _enough_at(size: int):  # type: ignore[no-untyped-def]
    """`write` of a sink that wants so many octets."""
    write = Kept.write

    def wanting(kept: Kept, offset: int, octets: memoryview) -> None:
        if offset + len(octets) > size:
            raise Refused(413, "Stop sending", protocol="msrp")
        write(kept, offset, octets)

    return wanting
