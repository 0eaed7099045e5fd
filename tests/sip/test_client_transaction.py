"""pushsvc.sip.client_transaction: our requests on their way."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.client_transaction import Client, InviteClient
from pushsvc.sip.hop import Hop
from pushsvc.sip.message import ack_of
from pushsvc.sip.transaction import Input, NoAnswer, Output, ResponseArrived, Settings, State, Transmit, Why
from tests.sip.values import make_invite, make_request, make_response
from tests.sip.walking import HEARD, TCP_HOP, TIMERS, UDP_HOP, walk, words

INVITE = make_invite()
OPTIONS = make_request("OPTIONS")
TO_INVITE = {Input.PROVISIONAL: 180, Input.SUCCESS: 200, Input.FAILURE: 486}
TO_OTHERS = {Input.PROVISIONAL: 100, Input.FINAL: 200}

modest = settings(derandomize=True, deadline=None, max_examples=150)


def hear(machine: InviteClient | Client, heard: Input, now: float = 1.0) -> list[Output]:
    """Give a client an input by the method that stands for it; what it has no method for, by its table."""
    statuses = TO_INVITE if isinstance(machine, InviteClient) else TO_OTHERS
    if heard in statuses:
        return machine.received(make_response(machine.request, statuses[heard]), now)
    if heard is Input.UNREACHABLE:
        return machine.unreachable(now)
    if heard is Input.CANCELLED and isinstance(machine, InviteClient):
        return machine.cancelled(now)
    if heard in TIMERS:
        machine._timers.clear()
        machine._timers.set(heard, now)
        return machine.wake(now)
    return machine._hear(heard, None, now)


def begun_invite(hop: Hop = UDP_HOP) -> InviteClient:
    machine = InviteClient(INVITE, hop, Settings())
    machine.start(0.0)
    return machine


def begun(hop: Hop = UDP_HOP) -> Client:
    machine = Client(OPTIONS, hop, Settings())
    machine.start(0.0)
    return machine


def sent_at(machine: InviteClient | Client, until: float) -> list[float]:
    """When something goes out while nobody answers."""
    moments = []
    while machine.deadline is not None and machine.deadline <= until:
        now = machine.deadline
        moments += [now for output in machine.wake(now) if isinstance(output, Transmit)]
    return moments


class InviteClientTests(SynchronousTestCase):
    STATES = (State.CALLING, State.PROCEEDING, State.ACCEPTED, State.COMPLETED, State.TERMINATED)

    def walked(self, hop: Hop) -> list[str]:
        def with_ack() -> InviteClient:
            machine = begun_invite(hop)
            machine._ack = ack_of(INVITE, make_response(INVITE, 486))
            return machine

        return walk(with_ack, hear, self.STATES)

    def test_every_pair_over_datagrams(self) -> None:
        """[D-SIP-8] The table is figure 5 of RFC 3261 with the Accepted state of RFC 6026; everything else is noise."""
        self.assertEqual(
            self.walked(UDP_HOP),
            [
                "calling PROVISIONAL -> proceeding: 180^",
                "calling SUCCESS -> accepted: 200^",
                "calling FAILURE -> completed: ACK! 486^",
                "calling UNREACHABLE -> terminated: unreachable",
                "calling TIMER_A -> calling: INVITE!!",
                "calling TIMER_B -> terminated: timeout",
                "proceeding PROVISIONAL -> proceeding: 180^",
                "proceeding SUCCESS -> accepted: 200^",
                "proceeding FAILURE -> completed: ACK! 486^",
                "proceeding CANCELLED -> proceeding",
                "proceeding CANCEL_GUARD -> terminated: timeout",
                "accepted SUCCESS -> accepted: 200^",
                "accepted TIMER_M -> terminated",
                "completed FAILURE -> completed: ACK!!",
                "completed UNREACHABLE -> terminated",
                "completed TIMER_D -> terminated",
            ],
        )

    def test_streams_differ_in_one_thing_only(self) -> None:
        """Over a stream nothing is repeated, so a refused INVITE is forgotten at once (Timer D is 0)."""
        over_udp = self.walked(UDP_HOP)
        self.assertEqual(
            [line for line in self.walked(TCP_HOP) if line not in over_udp],
            ["calling FAILURE -> terminated: ACK! 486^", "proceeding FAILURE -> terminated: ACK! 486^"],
        )

    def test_an_unanswered_invite_is_repeated_doubling_until_32_seconds(self) -> None:
        """Part F timers A and B: a lost INVITE is sent again soon, a dead peer is given up after 32 s."""
        machine = InviteClient(INVITE, UDP_HOP, Settings())
        self.assertEqual(machine.start(0.0), [Transmit(INVITE, UDP_HOP)])
        self.assertEqual(sent_at(machine, 31.9), [0.5, 1.5, 3.5, 7.5, 15.5, 31.5])
        self.assertEqual(machine.wake(32.0), [NoAnswer(INVITE, Why.TIMEOUT)])
        self.assertTrue(machine.finished)
        self.assertIsNone(machine.deadline)

    def test_over_a_stream_it_is_sent_once(self) -> None:
        """TCP repeats by itself; ours on top would double the load of a slow peer."""
        machine = InviteClient(INVITE, TCP_HOP, Settings())
        self.assertEqual(machine.start(0.0), [Transmit(INVITE, TCP_HOP)])
        self.assertEqual(machine.deadline, 32.0)
        self.assertEqual(machine.wake(32.0), [NoAnswer(INVITE, Why.TIMEOUT)])

    def test_a_provisional_answer_ends_repeating_and_waiting(self) -> None:
        """A peer that rings may ring for minutes; whoever asked has a limit of its own."""
        machine = begun_invite()
        ringing = make_response(INVITE, 180)
        self.assertEqual(machine.received(ringing, 1.0), [ResponseArrived(ringing, INVITE)])
        self.assertIsNone(machine.deadline)
        self.assertFalse(machine.finished)

    def test_after_cancel_the_wait_is_bounded(self) -> None:
        """Part F, CANCEL guard: a peer that answers CANCEL but never the INVITE costs 32 s and no more."""
        machine = begun_invite()
        machine.received(make_response(INVITE, 180), 1.0)
        self.assertEqual(machine.cancelled(5.0), [])
        self.assertEqual(machine.deadline, 37.0)
        self.assertEqual(machine.wake(37.0), [NoAnswer(INVITE, Why.TIMEOUT)])

    def test_a_refusal_is_acknowledged_again_each_time_it_comes(self) -> None:
        """[D-SIP-7] The ACK of a non-2xx is ours and carries the INVITE's branch; lost ones are replaced."""
        machine = begun_invite()
        busy = make_response(INVITE, 486)
        ack = ack_of(INVITE, busy)
        self.assertEqual(ack.via.branch, INVITE.via.branch)
        self.assertEqual(machine.received(busy, 1.0), [Transmit(ack, UDP_HOP), ResponseArrived(busy, INVITE)])
        self.assertEqual(machine.received(busy, 1.5), [Transmit(ack, UDP_HOP, repeated=True)])
        self.assertEqual(machine.deadline, 33.0)
        self.assertEqual(machine.wake(33.0), [])
        self.assertTrue(machine.finished)

    def test_every_2xx_is_passed_up_for_32_seconds(self) -> None:
        """[D-SIP-8] Each repeated 200 needs its ACK again, and each forked one its BYE; only the caller can do that."""
        machine = begun_invite()
        one, other = make_response(INVITE, 200), make_response(INVITE, 200, to_tag="b2")
        self.assertEqual(machine.received(one, 1.0), [ResponseArrived(one, INVITE)])
        self.assertEqual(machine.received(other, 2.0), [ResponseArrived(other, INVITE)])
        self.assertEqual(machine.received(make_response(INVITE, 486), 2.0), [])
        self.assertEqual(machine.deadline, 33.0)
        self.assertEqual(machine.wake(33.0), [])
        self.assertTrue(machine.finished)

    def test_an_unreachable_peer_is_known_at_once(self) -> None:
        """Waiting 32 s for a refused connection would only delay the next try."""
        machine = begun_invite()
        self.assertEqual(machine.unreachable(0.1), [NoAnswer(INVITE, Why.UNREACHABLE)])
        self.assertIsNone(machine.deadline)


class ClientTests(SynchronousTestCase):
    STATES = (State.TRYING, State.PROCEEDING, State.COMPLETED, State.TERMINATED)

    def test_every_pair_over_datagrams(self) -> None:
        """The table is figure 6 of RFC 3261; everything else is noise."""
        self.assertEqual(
            walk(begun, hear, self.STATES),
            [
                "trying PROVISIONAL -> proceeding: 100^",
                "trying FINAL -> completed: 200^",
                "trying UNREACHABLE -> terminated: unreachable",
                "trying TIMER_E -> trying: OPTIONS!!",
                "trying TIMER_F -> terminated: timeout",
                "proceeding PROVISIONAL -> proceeding: 100^",
                "proceeding FINAL -> completed: 200^",
                "proceeding UNREACHABLE -> terminated: unreachable",
                "proceeding TIMER_E -> proceeding: OPTIONS!!",
                "proceeding TIMER_F -> terminated: timeout",
                "completed TIMER_K -> terminated",
            ],
        )

    def test_streams_differ_in_one_thing_only(self) -> None:
        """Over a stream no response is repeated, so an answered request is forgotten at once (Timer K is 0)."""
        over_udp = walk(begun, hear, self.STATES)
        over_tcp = walk(lambda: begun(TCP_HOP), hear, self.STATES)
        self.assertEqual(
            [line for line in over_tcp if line not in over_udp],
            [line.replace("-> completed", "-> terminated") for line in over_udp if "-> completed" in line],
        )

    def test_an_unanswered_request_is_repeated_every_4_seconds_at_most(self) -> None:
        """Part F timers E and F: 0.5, 1, 2 and then 4 s apart, for 32 s."""
        machine = Client(OPTIONS, UDP_HOP, Settings())
        self.assertEqual(machine.start(0.0), [Transmit(OPTIONS, UDP_HOP)])
        self.assertEqual(sent_at(machine, 31.9), [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5])
        self.assertEqual(machine.wake(32.0), [NoAnswer(OPTIONS, Why.TIMEOUT)])
        self.assertIsNone(machine.deadline)

    def test_after_a_provisional_answer_it_is_repeated_calmly(self) -> None:
        """RFC 3261 §17.1.2.2: the peer is alive, but its final answer may still be lost."""
        machine = begun()
        machine.received(make_response(OPTIONS, 100), 0.1)
        self.assertEqual(sent_at(machine, 13.0), [0.5, 4.5, 8.5, 12.5])

    def test_over_a_stream_it_is_sent_once(self) -> None:
        machine = Client(OPTIONS, TCP_HOP, Settings())
        self.assertEqual(machine.start(0.0), [Transmit(OPTIONS, TCP_HOP)])
        self.assertEqual(machine.wake(32.0), [NoAnswer(OPTIONS, Why.TIMEOUT)])

    def test_repeated_answers_are_absorbed_for_5_seconds(self) -> None:
        """Part F timer K: whoever asked hears the answer once."""
        machine = begun()
        ok = make_response(OPTIONS)
        self.assertEqual(machine.received(ok, 1.0), [ResponseArrived(ok, OPTIONS)])
        self.assertEqual(machine.received(ok, 1.5), [])
        self.assertEqual(machine.deadline, 6.0)
        self.assertEqual(machine.wake(6.0), [])
        self.assertTrue(machine.finished)


class HistoryTests(SynchronousTestCase):
    """Any order of inputs and waits."""

    HISTORIES = st.lists(st.tuples(st.sampled_from(HEARD), st.floats(0, 40)), max_size=25)

    def endure(self, machine: InviteClient | Client, history: list[tuple[Input, float]]) -> None:
        now, verdicts = 0.0, 0
        final = 300 if isinstance(machine, InviteClient) else 200
        machine.start(now)
        for heard, pause in history:
            now += pause
            outputs = machine.wake(now) + hear(machine, heard, now)
            verdicts += sum(isinstance(output, NoAnswer) for output in outputs)
            verdicts += sum(isinstance(one, ResponseArrived) and one.response.status >= final for one in outputs)
            self.assertLessEqual(verdicts, 1, words(outputs))
            if machine.finished:
                self.assertIsNone(machine.deadline)
            elif machine.state is not State.PROCEEDING:
                self.assertIsNotNone(machine.deadline)

    @modest
    @given(HISTORIES, st.sampled_from([UDP_HOP, TCP_HOP]))
    def test_an_invite_survives_any_history(self, history: list[tuple[Input, float]], hop: Hop) -> None:
        """No order of events raises, ends a transaction twice, or leaves a timer behind."""
        self.endure(InviteClient(INVITE, hop, Settings()), history)

    @modest
    @given(HISTORIES, st.sampled_from([UDP_HOP, TCP_HOP]))
    def test_any_other_request_survives_any_history(self, history: list[tuple[Input, float]], hop: Hop) -> None:
        """The same for requests that are not INVITE."""
        self.endure(Client(OPTIONS, hop, Settings()), history)
