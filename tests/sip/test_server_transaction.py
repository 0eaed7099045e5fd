"""pushsvc.sip.server_transaction: requests of others being served."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.hop import Hop
from pushsvc.sip.message import ack_of, reply_to
from pushsvc.sip.server_transaction import InviteServer, Server
from pushsvc.sip.transaction import Input, Output, RequestArrived, Settings, State, Transmit
from tests.sip.values import TCP_PEER, UDP_PEER, make_invite, make_request, make_response
from tests.sip.walking import HEARD, TCP_HOP, TIMERS, UDP_HOP, walk, words

INVITE = make_invite()
OPTIONS = make_request("OPTIONS")
RINGING, OK, BUSY = make_response(INVITE, 180), make_response(INVITE, 200), make_response(INVITE, 486)
ACK = ack_of(INVITE, BUSY)
TO_INVITE = {Input.PROVISIONAL: RINGING, Input.SUCCESS: OK, Input.FAILURE: BUSY}
TO_OTHERS = {Input.PROVISIONAL: make_response(OPTIONS, 100), Input.FINAL: make_response(OPTIONS)}

modest = settings(derandomize=True, deadline=None, max_examples=150)


def begun_invite(hop: Hop = UDP_HOP) -> InviteServer:
    machine = InviteServer(hop, Settings(), INVITE, UDP_PEER)
    machine.start(0.0)
    return machine


def begun(hop: Hop = UDP_HOP) -> Server:
    machine = Server(hop, Settings())
    machine.start(0.0)
    return machine


def hear(machine: InviteServer | Server, heard: Input, now: float = 1.0) -> list[Output]:
    """Give a server an input by the method that stands for it; what it has no method for, by its table."""
    responses = TO_INVITE if isinstance(machine, InviteServer) else TO_OTHERS
    if heard in responses:
        return machine.respond(responses[heard], now)
    if heard is Input.REPEAT:
        return machine.received(INVITE if isinstance(machine, InviteServer) else OPTIONS, now)
    if heard is Input.ACK and isinstance(machine, InviteServer):
        return machine.received(ACK, now)
    if heard in TIMERS:
        machine._timers.clear()
        machine._timers.set(heard, now)
        return machine.wake(now)
    return machine._hear(heard, None, now)


def sent_at(machine: InviteServer | Server) -> list[float]:
    """When something goes out while nothing comes in, until the machine is over."""
    moments = []
    while machine.deadline is not None:
        now = machine.deadline
        moments += [now for output in machine.wake(now) if isinstance(output, Transmit)]
    return moments


class InviteServerTests(SynchronousTestCase):
    STATES = (State.PROCEEDING, State.ACCEPTED, State.COMPLETED, State.CONFIRMED, State.TERMINATED)

    def walked(self, hop: Hop) -> list[str]:
        def with_last_response() -> InviteServer:
            machine = begun_invite(hop)
            machine.respond(RINGING, 0.1)
            return machine

        return walk(with_last_response, hear, self.STATES)

    def test_every_pair_over_datagrams(self) -> None:
        """[D-SIP-8] The table is figure 7 of RFC 3261 with the Accepted state of RFC 6026; everything else is noise."""
        self.assertEqual(
            self.walked(UDP_HOP),
            [
                "proceeding PROVISIONAL -> proceeding: 180!",
                "proceeding SUCCESS -> accepted: 200!",
                "proceeding FAILURE -> completed: 486!",
                "proceeding REPEAT -> proceeding: 180!!",
                "proceeding TRYING_DUE -> proceeding: 100!",
                "accepted SUCCESS -> accepted: 180!!",
                "accepted ACK -> accepted: ACK^",
                "accepted TIMER_L -> terminated",
                "completed REPEAT -> completed: 180!!",
                "completed ACK -> confirmed",
                "completed TIMER_G -> completed: 180!!",
                "completed TIMER_H -> terminated",
                "confirmed TIMER_I -> terminated",
            ],
        )

    def test_streams_differ_in_one_thing_only(self) -> None:
        """Over a stream no ACK is repeated, so its transaction is over at once (Timer I is 0)."""
        over_udp = self.walked(UDP_HOP)
        self.assertEqual(
            [line for line in self.walked(TCP_HOP) if line not in over_udp], ["completed ACK -> terminated"]
        )

    def test_silence_of_200_ms_is_broken_by_a_100(self) -> None:
        """[D-SIP-13] Otherwise every caller would repeat its INVITE while we make up our mind."""
        machine = InviteServer(UDP_HOP, Settings(), INVITE, UDP_PEER)
        machine.start(0.0)
        self.assertEqual(machine.deadline, 0.2)
        trying = reply_to(INVITE, 100)
        self.assertEqual(machine.wake(0.2), [Transmit(trying, UDP_HOP)])
        self.assertIsNone(machine.deadline)
        self.assertEqual(machine.received(INVITE, 0.5), [Transmit(trying, UDP_HOP, repeated=True)])

    def test_a_quick_answer_needs_no_100(self) -> None:
        """[D-SIP-13] A 180 or a final answer within 200 ms says more than a 100."""
        machine = begun_invite()
        self.assertEqual(machine.respond(RINGING, 0.1), [Transmit(RINGING, UDP_HOP)])
        self.assertIsNone(machine.deadline)

    def test_a_repeat_before_any_answer_is_absorbed(self) -> None:
        """Nobody is asked twice for one call."""
        self.assertEqual(begun_invite().received(INVITE, 0.1), [])

    def test_a_refusal_is_repeated_until_its_ack(self) -> None:
        """Part F timers G and H: at 0.5, 1.5, 3.5 and then every 4 s, for 32 s."""
        machine = begun_invite()
        self.assertEqual(machine.respond(BUSY, 0.0), [Transmit(BUSY, UDP_HOP)])
        self.assertEqual(machine.wake(0.5), [Transmit(BUSY, UDP_HOP, repeated=True)])
        self.assertEqual(sent_at(machine), [1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5])
        self.assertTrue(machine.finished)

    def test_after_the_ack_everything_is_absorbed_for_5_seconds(self) -> None:
        """Part F timer I: a late repeat of the INVITE is not a new call."""
        machine = begun_invite()
        machine.respond(BUSY, 0.0)
        self.assertEqual(machine.received(ACK, 0.3), [])
        self.assertEqual(machine.deadline, 5.3)
        self.assertEqual(machine.received(ACK, 0.4) + machine.received(INVITE, 0.5), [])
        self.assertEqual(sent_at(machine), [])
        self.assertTrue(machine.finished)

    def test_over_a_stream_a_refusal_is_sent_once_and_its_ack_awaited(self) -> None:
        """TCP brings it; Timer H still frees us from a caller that never acknowledges."""
        machine = begun_invite(TCP_HOP)
        self.assertEqual(machine.respond(BUSY, 0.0), [Transmit(BUSY, TCP_HOP)])
        self.assertEqual(machine.deadline, 32.0)
        self.assertEqual(sent_at(machine), [])
        self.assertTrue(machine.finished)

    def test_after_a_2xx_repeated_invites_find_us_for_32_seconds(self) -> None:
        """[D-SIP-8] RFC 6026: without this state a repeated INVITE would ring again as a new call."""
        for hop in (UDP_HOP, TCP_HOP):
            machine = begun_invite(hop)
            self.assertEqual(machine.respond(OK, 0.1), [Transmit(OK, hop)])
            self.assertEqual(machine.received(INVITE, 0.6), [])
            self.assertEqual(machine.respond(OK, 0.6), [Transmit(OK, hop, repeated=True)])
            self.assertEqual(machine.deadline, 32.1)
            self.assertEqual(sent_at(machine), [])
            self.assertTrue(machine.finished)

    def test_an_ack_with_the_branch_of_the_invite_is_passed_up(self) -> None:
        """Some peers acknowledge a 2xx with the INVITE's branch; the answer must stop being repeated all the same."""
        machine = begun_invite()
        machine.respond(OK, 0.1)
        self.assertEqual(machine.received(ACK, 0.2), [RequestArrived(ACK, UDP_PEER)])

    def test_a_second_final_answer_is_ignored(self) -> None:
        """A CANCEL that crosses the 200 must not turn a session into a refusal."""
        machine = begun_invite()
        machine.respond(OK, 0.1)
        self.assertEqual(machine.respond(BUSY, 0.2), [])
        self.assertEqual(machine.respond(OK, 0.3), [Transmit(OK, UDP_HOP, repeated=True)])


class ServerTests(SynchronousTestCase):
    STATES = (State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED)

    def walked(self, hop: Hop) -> list[str]:
        def with_last_response() -> Server:
            machine = begun(hop)
            machine._last = TO_OTHERS[Input.PROVISIONAL]
            return machine

        return walk(with_last_response, hear, self.STATES)

    def test_every_pair_over_datagrams(self) -> None:
        """The table is figure 8 of RFC 3261; everything else is noise."""
        self.assertEqual(
            self.walked(UDP_HOP),
            [
                "trying PROVISIONAL -> proceeding: 100!",
                "trying FINAL -> completed: 200!",
                "trying UNANSWERED -> terminated",
                "proceeding PROVISIONAL -> proceeding: 100!",
                "proceeding FINAL -> completed: 200!",
                "proceeding REPEAT -> proceeding: 100!!",
                "proceeding UNANSWERED -> terminated",
                "completed REPEAT -> completed: 100!!",
                "completed TIMER_J -> terminated",
            ],
        )

    def test_streams_differ_in_one_thing_only(self) -> None:
        """Over a stream no request is repeated, so an answered one is forgotten at once (Timer J is 0)."""
        over_udp = self.walked(UDP_HOP)
        self.assertEqual(
            [line for line in self.walked(TCP_HOP) if line not in over_udp],
            ["trying FINAL -> terminated: 200!", "proceeding FINAL -> terminated: 200!"],
        )

    def test_repeats_get_the_same_answer_for_32_seconds(self) -> None:
        """Part F timer J: a repeated MESSAGE is answered again and not delivered again."""
        machine = begun()
        ok = make_response(OPTIONS)
        self.assertEqual(machine.received(OPTIONS, 0.1), [])
        self.assertEqual(machine.respond(ok, 1.0), [Transmit(ok, UDP_HOP)])
        self.assertEqual(machine.received(OPTIONS, 1.5), [Transmit(ok, UDP_HOP, repeated=True)])
        self.assertEqual(machine.respond(make_response(OPTIONS, 500), 2.0), [])
        self.assertEqual(machine.received(OPTIONS, 2.5), [Transmit(ok, UDP_HOP, repeated=True)])
        self.assertEqual(machine.deadline, 33.0)
        self.assertEqual(sent_at(machine), [])
        self.assertTrue(machine.finished)

    def test_over_a_stream_it_is_over_with_its_answer(self) -> None:
        machine = begun(TCP_HOP)
        ok = make_response(OPTIONS)
        self.assertEqual(machine.respond(ok, 1.0), [Transmit(ok, TCP_HOP)])
        self.assertTrue(machine.finished)

    def test_one_that_is_never_answered_is_forgotten(self) -> None:
        """After 32 s its sender has given up; a bug of ours must not fill the table."""
        machine = begun()
        self.assertEqual(sent_at(machine), [])
        self.assertTrue(machine.finished)


class HistoryTests(SynchronousTestCase):
    """Any order of inputs and waits."""

    HISTORIES = st.lists(st.tuples(st.sampled_from(HEARD), st.floats(0, 40)), max_size=25)

    def endure(self, machine: InviteServer | Server, history: list[tuple[Input, float]]) -> None:
        now, finals = 0.0, set()
        machine.start(now)
        for heard, pause in history:
            now += pause
            was_over = machine.finished
            outputs = machine.wake(now) + hear(machine, heard, now)
            finals |= {out.message for out in outputs if isinstance(out, Transmit) and _is_final(out)}
            self.assertLessEqual(len(finals), 1, words(outputs))
            if was_over:
                self.assertEqual(outputs, [])
            if machine.finished:
                self.assertIsNone(machine.deadline)

    @modest
    @given(HISTORIES, st.sampled_from([UDP_HOP, TCP_HOP]))
    def test_an_invite_survives_any_history(self, history: list[tuple[Input, float]], hop: Hop) -> None:
        """No order of events raises, gives two final answers, speaks after the end, or leaves a timer behind."""
        self.endure(InviteServer(hop, Settings(), INVITE, TCP_PEER), history)

    @modest
    @given(HISTORIES, st.sampled_from([UDP_HOP, TCP_HOP]))
    def test_any_other_request_survives_any_history(self, history: list[tuple[Input, float]], hop: Hop) -> None:
        """The same for requests that are not INVITE."""
        self.endure(Server(hop, Settings()), history)


def _is_final(output: Transmit) -> bool:
    return getattr(output.message, "status", 0) >= 200
