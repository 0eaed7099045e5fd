"""What an attempt's end means: the tables of the contract, line by line."""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import DeliveryError, Refused, TimedOut, Unreachable, Withdrawn
from pushsvc.sender.job import AttemptResult, FileResult, FileState
from pushsvc.sender.outcome import FAILED, OPEN, Outcome, RetryPolicy, State, is_given_up, judge, merged, push_state

NOW = 1000.0
LATE = NOW + 100_000
POLICY = RetryPolicy()
FINE = FileResult("a", FileState.DELIVERED, 200)
REFUSED = FileResult("b", FileState.REFUSED)
BROKEN = FileResult("c", FileState.FAILED)
UNSURE = FileResult("d", FileState.UNCONFIRMED)


def verdict(
    result: AttemptResult,
    *files: FileResult | None,
    tries: int = 1,
    now: float = NOW,
    not_after: float = LATE,
    chance: float = 0.5,
    cancelled: bool = False,
    policy: RetryPolicy = POLICY,
) -> Outcome:
    return judge(
        result,
        files or (None,),
        tries=tries,
        now=now,
        policy=policy,
        not_after=not_after,
        chance=chance,
        cancelled=cancelled,
    )


def refused(status: int, protocol: str = "sip", retry_after: float | None = None) -> AttemptResult:
    return AttemptResult(failure=Refused(status, "No", protocol=protocol, retry_after=retry_after))


class Statuses(SynchronousTestCase):
    def test_every_sip_status_of_the_contract(self) -> None:
        """Programs decide by these words whether to bother a person."""
        table = {
            State.REJECTED: (403, 406, 415, 416, 420, 488, 600, 603, 606),
            State.UNDELIVERABLE: (404, 604),
            State.WAITING: (408, 480, 486, 491, 500, 502, 503, 504),
        }
        for state, statuses in table.items():
            for status in statuses:
                self.assertEqual(verdict(refused(status)).state, state, status)

    def test_what_the_contract_does_not_name_goes_by_its_class(self) -> None:
        table = {
            State.UNDELIVERABLE: (300, 302, 400, 401, 402, 405, 407, 410, 414, 484, 487, 493, 499, 501, 505, 580),
            State.WAITING: (429, 494, 506, 599),
            State.REJECTED: (413, 513, 607, 699),
        }
        for state, statuses in table.items():
            for status in statuses:
                self.assertEqual(verdict(refused(status)).state, state, status)

    def test_every_msrp_status(self) -> None:
        table = {
            State.REJECTED: (403, 413, 415),
            State.WAITING: (408, 481, 500, 506),
            State.UNDELIVERABLE: (400, 423, 501),
        }
        for state, statuses in table.items():
            for status in statuses:
                self.assertEqual(verdict(refused(status, "msrp")).state, state, status)

    def test_too_large_with_a_time_to_come_back_is_too_large_for_now(self) -> None:
        self.assertEqual(verdict(refused(413, retry_after=60)).state, State.WAITING)

    def test_the_reason_says_who_said_what(self) -> None:
        self.assertEqual(verdict(refused(486)).reason, "486 No")
        self.assertEqual(verdict(refused(413, "msrp")).reason, "MSRP 413 No")
        self.assertEqual(verdict(refused(500, "local")), Outcome(State.WAITING, "No", NOW + 5))  # a disk of ours

    def test_the_reason_says_what_we_know_better(self) -> None:
        """[D-SIP-9] Nobody finds a wrong password by the word Unauthorized."""
        failure = Refused(401, "Unauthorized", why='wrong user or password for realm "example.com"')
        self.assertEqual(
            verdict(AttemptResult(failure=failure)),
            Outcome(State.UNDELIVERABLE, '401 Unauthorized: wrong user or password for realm "example.com"'),
        )

    def test_a_reason_phrase_cannot_forge_lines(self) -> None:
        """It ends up in logs, tables and terminals."""
        nasty = AttemptResult(failure=Refused(403, "No\r\nInfo: all\x1b[2J  is\u2028well" + "!" * 500))
        self.assertEqual(verdict(nasty).reason, ("403 No Info: all [2J is well" + "!" * 500)[:200])


class OtherFailures(SynchronousTestCase):
    def test_silence_and_cut_connections_are_tried_again(self) -> None:
        for failure in (TimedOut("no answer"), Unreachable("refused"), DeliveryError("cut", retry=True)):
            self.assertEqual(verdict(AttemptResult(failure=failure)), Outcome(State.WAITING, failure.reason, NOW + 5))

    def test_what_trying_cannot_change_is_undeliverable_at_once(self) -> None:
        """A certificate that does not match, an answer that cannot be used."""
        for failure in (Unreachable("wrong name", retry=False), DeliveryError("unusable answer", retry=False)):
            self.assertEqual(verdict(AttemptResult(failure=failure)), Outcome(State.UNDELIVERABLE, failure.reason))

    def test_a_cancelled_push_is_cancelled(self) -> None:
        outcome = verdict(AttemptResult(failure=Withdrawn()), cancelled=True)
        self.assertEqual(outcome.state, State.CANCELLED)

    def test_a_cancelled_push_that_had_arrived_is_delivered(self) -> None:
        """Whoever cancels must know when it was too late."""
        self.assertEqual(verdict(AttemptResult(files=(FINE,)), FINE, cancelled=True), Outcome(State.DELIVERED))

    def test_an_attempt_that_ends_after_the_deadline_is_expired(self) -> None:
        self.assertEqual(verdict(refused(480), now=LATE), Outcome(State.EXPIRED, "480 No"))
        cut = verdict(AttemptResult(failure=Withdrawn()), now=LATE)
        self.assertEqual(cut, Outcome(State.EXPIRED, "its deadline came while it was being sent"))

    def test_a_refusal_after_the_deadline_is_still_a_refusal(self) -> None:
        self.assertEqual(verdict(refused(603), now=LATE).state, State.REJECTED)


class Files(SynchronousTestCase):
    def test_all_delivered_is_delivered_whatever_happened_to_the_bye(self) -> None:
        for failure in (None, TimedOut("BYE")):
            self.assertEqual(verdict(AttemptResult(failure=failure), FINE, FINE), Outcome(State.DELIVERED))

    def test_what_was_refused_does_not_count_when_something_was_taken(self) -> None:
        """[A-21] The receiver decides file by file."""
        self.assertEqual(verdict(AttemptResult(), REFUSED, FINE), Outcome(State.DELIVERED))

    def test_all_refused_is_rejected(self) -> None:
        self.assertEqual(verdict(AttemptResult(), REFUSED, REFUSED), Outcome(State.REJECTED, "every file was refused"))

    def test_all_refused_by_us_says_why(self) -> None:
        """[F-12] The peer's answer excluded them; it said nothing more itself."""
        excluded = attrs.evolve(REFUSED, code=415)
        outcome = verdict(refused(415, "local"), excluded)
        self.assertEqual(outcome, Outcome(State.REJECTED, "every file was refused 415: No"))
        self.assertEqual(verdict(refused(415, "local"), excluded, FINE), Outcome(State.DELIVERED))
        self.assertEqual(verdict(refused(415, "local"), excluded, attrs.evolve(BROKEN, code=408)).state, State.WAITING)

    def test_a_refusal_of_what_is_left_does_not_undo_a_delivery(self) -> None:
        """The first attempt delivered one file and broke; the second was refused as a whole."""
        outcome = verdict(refused(488), FINE, None)
        self.assertEqual(outcome, Outcome(State.DELIVERED, "the other files were refused: 488 No"))

    def test_a_file_stopped_with_413_was_refused(self) -> None:
        stopped = attrs.evolve(BROKEN, code=413)
        self.assertEqual(verdict(refused(413, "msrp"), stopped, FINE), Outcome(State.DELIVERED))
        outcome = verdict(refused(413, "msrp"), stopped)
        self.assertEqual(outcome, Outcome(State.REJECTED, "every file was refused 413: No"))

    def test_a_file_that_broke_is_tried_again_though_another_was_refused(self) -> None:
        """The refusal of the first file is not the reason for the second."""
        outcome = verdict(refused(413, "msrp"), attrs.evolve(BROKEN, code=413), BROKEN)
        self.assertEqual(outcome.state, State.WAITING)

    def test_the_status_of_a_broken_file_decides_where_nothing_else_does(self) -> None:
        self.assertEqual(verdict(AttemptResult(), attrs.evolve(BROKEN, code=501)).state, State.UNDELIVERABLE)
        self.assertEqual(verdict(AttemptResult(), BROKEN).state, State.WAITING)

    def test_message_answered_202_is_accepted_and_final(self) -> None:
        """Nothing proves that the device has it, and nothing will."""
        outcome = verdict(AttemptResult(mode="message", sip_status=202), UNSURE)
        self.assertEqual(outcome.state, State.ACCEPTED)

    def test_content_whose_report_never_came_is_accepted(self) -> None:
        """[A-26] Every octet was answered; sending all of it again would not make it surer."""
        self.assertEqual(verdict(AttemptResult(mode="msrp"), UNSURE, FINE).state, State.ACCEPTED)

    def test_a_refusal_beside_it_does_not_send_it_again(self) -> None:
        """A dozen copies of the file that has arrived would be the price of the one that was refused."""
        result = attrs.evolve(refused(413, "msrp"), mode="msrp")
        for refusal in (REFUSED, attrs.evolve(BROKEN, code=413)):
            self.assertEqual(verdict(result, UNSURE, refusal).state, State.ACCEPTED)
        self.assertEqual(verdict(AttemptResult(failure=Unreachable("cut")), UNSURE, BROKEN).state, State.WAITING)

    def test_an_attempt_speaks_about_what_was_not_settled_before(self) -> None:
        earlier = (FINE, None, BROKEN, REFUSED)
        now = AttemptResult(files=(UNSURE, FINE))
        self.assertEqual(merged(earlier, now), (FINE, UNSURE, FINE, REFUSED))
        self.assertEqual(merged(earlier, AttemptResult()), earlier)


class Retries(SynchronousTestCase):
    def test_pauses_grow_by_the_factor_up_to_the_longest(self) -> None:
        pauses = [POLICY.delay(tries) for tries in range(1, 9)]
        self.assertEqual(pauses, [5, 15, 45, 135, 405, 1215, 1800, 1800])

    def test_a_huge_factor_does_not_overflow(self) -> None:
        self.assertEqual(RetryPolicy(factor=100.0, attempts=1000).delay(1000), 1800)

    def test_a_long_reason_does_not_hide_that_we_gave_up(self) -> None:
        wordy = AttemptResult(failure=Unreachable("far " * 100))
        for outcome in (verdict(wordy, tries=12), verdict(wordy, not_after=NOW + 1)):
            reason = outcome.reason or ""
            self.assertEqual((outcome.state, is_given_up(reason), len(reason)), (State.UNDELIVERABLE, True, 200))

    def test_jitter_spreads_to_both_sides(self) -> None:
        for chance, pause in ((0.0, 4.0), (0.5, 5.0), (0.75, 5.5)):
            self.assertEqual(verdict(refused(480), chance=chance).retry_at, NOW + pause)

    def test_retry_after_is_honoured_even_above_the_longest_pause(self) -> None:
        self.assertEqual(verdict(refused(503, retry_after=7200), chance=0.0).retry_at, NOW + 7200)

    def test_a_short_retry_after_does_not_undo_the_back_off(self) -> None:
        """A peer that always says "in a second" must not use up all attempts in a dozen seconds."""
        self.assertEqual(verdict(refused(503, retry_after=1), tries=4).retry_at, NOW + 135)

    def test_the_first_attempt_counts(self) -> None:
        once = RetryPolicy(attempts=1)
        self.assertEqual(verdict(refused(480), policy=once).state, State.UNDELIVERABLE)
        self.assertEqual(verdict(refused(480), tries=11).state, State.WAITING)
        self.assertEqual(verdict(refused(480), tries=12).state, State.UNDELIVERABLE)

    def test_there_is_one_last_chance_before_the_deadline(self) -> None:
        outcome = verdict(refused(480), tries=5, not_after=NOW + 100)
        self.assertEqual(outcome, Outcome(State.WAITING, "480 No", NOW + 95))
        last = verdict(refused(480), tries=6, now=NOW + 95.1, not_after=NOW + 100)
        self.assertEqual(last.state, State.UNDELIVERABLE)

    def test_no_last_chance_while_the_peer_does_not_want_to_hear_from_us(self) -> None:
        outcome = verdict(refused(480, retry_after=99), not_after=NOW + 100, chance=0.9)
        self.assertEqual(outcome.state, State.UNDELIVERABLE)

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(
        st.integers(100, 699),
        st.sampled_from(["sip", "msrp", "local"]),
        st.integers(1, 20),
        st.floats(0, 1e6),
        st.floats(1, 1e6),
        st.floats(0, 0.999),
        st.none() | st.floats(0, 1e9),
    )
    def test_whatever_happens_it_ends_or_goes_on_in_time(
        self, status: int, protocol: str, tries: int, now: float, not_after: float, chance: float, wish: float | None
    ) -> None:
        """[promise 4] A recipient waits for a moment that comes before its deadline, or is at an end with a reason."""
        outcome = verdict(refused(status, protocol, wish), tries=tries, now=now, not_after=not_after, chance=chance)
        if outcome.state is State.WAITING:
            assert outcome.retry_at is not None
            self.assertTrue(now < outcome.retry_at < not_after)
            self.assertTrue(wish is None or outcome.retry_at >= now + wish)
        else:
            self.assertIn(outcome.state, FAILED)
            self.assertTrue(outcome.reason)


class PushStates(SynchronousTestCase):
    def test_a_push_is_as_far_as_its_last_recipient(self) -> None:
        table: list[tuple[dict[State, int], str]] = [
            ({State.QUEUED: 3}, "queued"),
            ({State.DELIVERED: 2, State.QUEUED: 1}, "queued"),
            ({State.QUEUED: 1, State.WAITING: 1}, "waiting"),
            ({State.SENDING: 1, State.WAITING: 5, State.REJECTED: 1}, "sending"),
            ({State.DELIVERED: 2, State.WAITING: 0}, "delivered"),
            ({State.DELIVERED: 2, State.ACCEPTED: 1}, "accepted"),
            ({State.DELIVERED: 2, State.REJECTED: 1}, "partial"),
            ({State.ACCEPTED: 1, State.CANCELLED: 1}, "partial"),
            ({State.REJECTED: 1, State.EXPIRED: 1}, "rejected"),
            ({State.UNDELIVERABLE: 1, State.CANCELLED: 1}, "undeliverable"),
            ({State.CANCELLED: 2}, "cancelled"),
            ({State.EXPIRED: 2}, "expired"),
        ]
        for counts, word in table:
            self.assertEqual(push_state(counts), word, counts)

    def test_every_state_is_open_or_an_end(self) -> None:
        for state in State:
            self.assertEqual(push_state({state: 1}), state.value)
        self.assertEqual(OPEN & FAILED, frozenset())

    def test_an_attempt_before_a_retry_is_called_retry(self) -> None:
        self.assertEqual([Outcome(State.WAITING).word, Outcome(State.REJECTED).word], ["retry", "rejected"])
