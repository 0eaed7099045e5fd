"""How far one content is, what of it is offered, and what a cut leaves."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import DeliveryError, Refused, TimedOut, Unreachable
from pushsvc.sender.course import MAX_RESUMPTIONS, Course
from pushsvc.sender.job import FileResult, FileState
from tests.sender.values import content, job
from tests.tokens import CountedTokens

LOST = Unreachable("the connection was lost")


def course(resume_at: int = 0) -> Course:
    """Of ten octets."""
    return Course.of(attrs.evolve(content(b"0123456789"), resume_at=resume_at))


class Offering(SynchronousTestCase):
    def offer(self, course: Course) -> sdp.FileOffer:
        return course.offer(job(course.content), CountedTokens("t"))

    def test_a_whole_content_has_the_id_of_every_attempt(self) -> None:
        """Promise 3: the receiver knows a repetition by it."""
        offer = self.offer(course())
        self.assertEqual((offer.transfer_id, offer.file_range), (course().content.transfer_id, None))

    def test_a_rest_has_an_id_of_its_own_and_is_described_as_the_whole(self) -> None:
        """E.16. Size and hash stay those of the file."""
        whole, rest = self.offer(course()), self.offer(course(4))
        self.assertEqual(rest.file_range, sdp.FileRange(5, 10))
        self.assertNotEqual(rest.transfer_id, whole.transfer_id)
        self.assertEqual(len(rest.transfer_id), 32)
        self.assertEqual(attrs.evolve(rest, transfer_id=whole.transfer_id, file_range=None), whole)

    def test_where_nothing_or_everything_was_acknowledged_the_whole_is_offered(self) -> None:
        """A range behind the end would be of no file."""
        for resume_at in (0, 10, 11):
            self.assertEqual(course(resume_at).start, 0, resume_at)


class Counting(SynchronousTestCase):
    def test_octets_count_from_the_first(self) -> None:
        one = course(4)
        self.assertEqual((one.sent, one.acknowledged), (4, 4))
        one.moved(5, 2)
        self.assertEqual((one.sent, one.acknowledged), (9, 6))

    def test_what_was_sent_and_not_acknowledged_is_sent_again(self) -> None:
        one = course()
        one.moved(8, 3)
        one.go_on()
        self.assertEqual((one.start, one.sent, one.acknowledged), (3, 3, 3))

    def test_whole_again(self) -> None:
        one = course(4)
        one.moved(5, 2)
        one.start_whole()
        self.assertEqual((one.start, one.sent, one.acknowledged), (0, 0, 0))

    def test_delivered(self) -> None:
        for confirmed, state, code in ((True, FileState.DELIVERED, 200), (False, FileState.UNCONFIRMED, None)):
            one = course(4)
            one.delivered(confirmed=confirmed)
            self.assertEqual(one.result, FileResult("gate.txt", state, code))
            self.assertEqual((one.sent, one.acknowledged), (10, 10))


class GoingOn(SynchronousTestCase):
    def test_only_after_progress_and_only_when_the_connection_was_lost(self) -> None:
        errors: dict[DeliveryError, bool] = {
            LOST: True,
            Unreachable("another certificate", retry=False): False,
            TimedOut("no octets"): False,
            Refused(413, "stop", protocol="msrp"): False,
        }
        for acknowledged, progress in ((0, False), (3, True), (9, True), (10, False)):
            for error, lost in errors.items():
                one = course()
                one.began()
                one.moved(10, acknowledged)
                self.assertEqual(one.can_go_on(error), lost and progress, (acknowledged, error))

    def test_not_where_the_rest_made_no_progress(self) -> None:
        one = course(4)
        one.began()
        self.assertFalse(one.can_go_on(LOST))
        one.moved(2, 1)
        self.assertTrue(one.can_go_on(LOST))

    def test_not_of_what_was_wrapped(self) -> None:
        """The receiver keeps no first part of that, now or for the next attempt."""
        one = course()
        one.began(is_wrapped=True)
        one.moved(5, 3)
        self.assertFalse(one.can_go_on(LOST))
        one.failed(LOST)
        assert one.result is not None
        self.assertEqual(one.result.resume_at, 0)

    def test_a_rest_is_not_wrapped(self) -> None:
        """It would be joined, wrapper and all; the next attempt is whole."""
        one = course(4)
        self.assertRaises(Unreachable, one.began, is_wrapped=True)
        self.assertEqual(one.resumed, [])

    def test_not_for_ever(self) -> None:
        one = course(1)
        one.resumed = [2] * MAX_RESUMPTIONS
        one.moved(2, 1)
        self.assertFalse(one.can_go_on(LOST))


class Failing(SynchronousTestCase):
    def failed(self, one: Course, error: DeliveryError) -> tuple[DeliveryError, int | None, int]:
        one.failed(error)
        assert one.result is not None
        assert one.error is not None
        self.assertEqual(one.result.result, FileState.FAILED)
        return one.error, one.result.code, one.result.resume_at

    def test_a_cut_leaves_where_to_go_on(self) -> None:
        one = course(4)
        one.moved(3, 2)
        self.assertEqual(self.failed(one, LOST), (LOST, None, 6))

    def test_a_refusal_leaves_nothing_to_go_on_with(self) -> None:
        """The receiver has dropped what had come."""
        refused = Refused(413, "stop", protocol="msrp")
        one = course()
        one.moved(5, 5)
        self.assertEqual(self.failed(one, refused), (refused, 413, 0))

    def test_what_is_given_up_in_between_may_be_gone_on_with(self) -> None:
        """A sender that is restarted does not begin a large file again."""
        one = course()
        one.moved(8, 6)
        self.assertEqual(one.so_far(), FileResult("gate.txt", FileState.FAILED, None, 6))
        one.delivered(confirmed=True)
        self.assertEqual(one.so_far(), one.result)

    def test_a_refused_rest_says_nothing_about_the_whole(self) -> None:
        """[D-MSRP-4] Two parts that do not make the file: the next attempt sends all of it."""
        for status in (400, 413):
            said, code, resume_at = self.failed(course(4), Refused(status, "Hash mismatch", protocol="msrp"))
            self.assertEqual((said.retry, code, resume_at), (True, None, 0))
            self.assertEqual(said.reason, f"the rest was refused: MSRP {status} Hash mismatch")

    def test_other_refusals_of_a_rest_are_what_they_are(self) -> None:
        refused = Refused(415, "type", protocol="msrp")
        self.assertEqual(self.failed(course(4), refused), (refused, 415, 0))

    def test_everything_acknowledged_and_the_report_missing(self) -> None:
        """There is no rest."""
        one = course()
        one.moved(10, 10)
        self.assertEqual(self.failed(one, LOST), (LOST, None, 0))

    def test_what_the_receiver_ended_is_refused(self) -> None:
        """RFC 5547 §8.4: it closed the line; there is no rest that it wants."""
        one = course(2)
        one.moved(5, 3)
        one.ended()
        self.assertEqual((one.result, one.ended_at), (FileResult(one.content.name, FileState.REFUSED), 5))
        self.assertFalse(one.can_go_on(Refused(413, "", protocol="msrp")))
