"""Why a push went as it went, in words that a person understands who knows no SIP."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sender.explain import MSRP, SIP, explain, explain_text
from pushsvc.sender.job import FileResult, FileState
from pushsvc.sender.outbox_records import Attempt, Push, Recipient
from pushsvc.sender.outcome import State
from tests.sender.outbox_case import ALICE, BOB, NOW

TRIED = Attempt(
    1,
    NOW,
    NOW + 2,
    "msrp",
    "the content is too big for a MESSAGE",
    "c1",
    "tls:192.0.2.1:5061",
    486,
    "Busy Here",
    outcome="retry",
    reason="486 Busy Here",
    retry_at=NOW + 5,
)


def made(*recipients: Recipient) -> Push:
    return Push(
        number=1,
        id="psh_1",
        state="partial",
        submitted_at=NOW,
        not_after=NOW + 60,
        mode="auto",
        disposition="attachment",
        priority="normal",
        title=None,
        description=None,
        application=None,
        correlation=None,
        labels=(),
        contents=(),
        recipients=recipients,
    )


def recipient(state: State, *attempts: Attempt, reason: str | None = None, to: str = ALICE) -> Recipient:
    return Recipient(1, to, state, reason, NOW + 5, 0, (), attempts)


def told(state: State, *attempts: Attempt, reason: str | None = None) -> dict[str, Any]:
    (story,) = explain(made(recipient(state, *attempts, reason=reason)))["recipients"]
    assert isinstance(story, dict)
    return story


class Explaining(SynchronousTestCase):
    def test_the_summary_counts(self) -> None:
        push = made(
            recipient(State.DELIVERED), recipient(State.EXPIRED), recipient(State.QUEUED), recipient(State.CANCELLED)
        )
        self.assertEqual(
            explain(push)["summary"],
            "The push was delivered to 1, failed for 1, was cancelled for 1, is not finished for 1 of 4 recipients.",
        )

    def test_who_waits_is_told_why_and_until_when(self) -> None:
        story = told(State.WAITING, TRIED, reason="486 Busy Here")
        self.assertEqual(
            story["why"], "The device is busy. (486 Busy Here) It is tried again at 2027-01-15T08:00:05.000Z."
        )
        self.assertEqual(story["advice"], "Nothing: we try again by ourselves.")

    def test_a_message_may_be_with_several_devices(self) -> None:
        """A proxy gives it to each of them, and hands on one answer."""
        self.assertIn("more than one may have it", told(State.DELIVERED, attrs.evolve(TRIED, mode="message"))["why"])
        self.assertEqual(told(State.DELIVERED, TRIED)["why"], "The device has every octet that it accepted.")

    def test_the_evidence_is_every_attempt(self) -> None:
        self.assertEqual(
            told(State.WAITING, TRIED)["evidence"],
            [
                "attempt 1 at 2027-01-15T08:00:00.000Z; by MSRP; because the content is too big for a MESSAGE; "
                "peer tls:192.0.2.1:5061; SIP 486 Busy Here; retry; 486 Busy Here; next at 2027-01-15T08:00:05.000Z"
            ],
        )
        running = told(State.SENDING, Attempt(1, NOW))
        self.assertEqual(running["evidence"], ["attempt 1 at 2027-01-15T08:00:00.000Z; still running"])

    def test_who_gave_up_is_not_told_that_we_go_on(self) -> None:
        story = told(State.UNDELIVERABLE, attrs.evolve(TRIED, sip_status=480))
        self.assertNotIn("by ourselves", story["advice"])

    def test_a_refusal_in_the_middle_of_the_transfer(self) -> None:
        stopped = attrs.evolve(TRIED, sip_status=200, msrp_status=413, octets_acknowledged=2048)
        story = told(State.REJECTED, stopped, reason="MSRP 413 Stop")
        self.assertEqual(story["why"], MSRP[413][0] + " (MSRP 413 Stop)")
        self.assertIn("2048 octets acknowledged", story["evidence"][0])

    def test_nobody_answered(self) -> None:
        """However long it was tried."""
        silent = attrs.evolve(TRIED, sip_status=None, sip_reason=None, peer=None)
        self.assertIn("Nobody answered", told(State.WAITING, silent)["why"])
        for ending in ("; 12 attempts were made", "; no time for another attempt before the deadline"):
            gone = attrs.evolve(silent, outcome="undeliverable", reason="no answer to INVITE" + ending)
            self.assertIn("Nobody answered", told(State.UNDELIVERABLE, gone, reason=gone.reason)["why"])

    def test_somebody_else_is_there(self) -> None:
        """A certificate for another name is nothing that the network could mend."""
        reason = "the certificate of tls:192.0.2.20:2855 is not the announced one"
        other = attrs.evolve(TRIED, sip_status=None, sip_reason=None, peer=None, outcome="undeliverable", reason=reason)
        story = told(State.UNDELIVERABLE, other, reason=reason)
        self.assertEqual(
            story["why"],
            f"What was found there cannot be trusted or used, so it was not tried again. ({reason})",
        )
        self.assertIn("a certificate", story["advice"])

    def test_a_transfer_that_did_not_come_to_its_end(self) -> None:
        """The device had answered: a cut, a rest that it had not kept, a disk of ours."""
        reason = "the rest was refused: MSRP 400 Hash mismatch"
        cut = attrs.evolve(TRIED, sip_status=200, sip_reason="OK", reason=reason)
        self.assertIn(f"did not come to its end. ({reason})", told(State.WAITING, cut, reason=reason)["why"])

    def test_a_success_that_is_none_of_all_files_says_so(self) -> None:
        """[A-21]"""
        files = (
            FileResult("a.txt", FileState.DELIVERED, 200),
            FileResult("b.txt", FileState.FAILED, 413),
            FileResult("c.txt", FileState.REFUSED),
        )
        (story,) = explain(made(attrs.evolve(recipient(State.DELIVERED), files=files)))["recipients"]
        self.assertEqual(story["evidence"], ["file b.txt: failed, 413", "file c.txt: refused"])
        reason = "the other files were refused: 488 No"
        self.assertIn(f" ({reason})", told(State.DELIVERED, reason=reason)["why"])

    def test_what_is_unconfirmed_is_not_to_be_sent_again_lightly(self) -> None:
        story = told(State.ACCEPTED, reason="everything was sent; the receiver's report did not come")
        self.assertIn("(everything was sent;", story["why"])
        self.assertIn("twice", story["advice"])

    def test_an_answer_that_leaves_the_content_out(self) -> None:
        """[F-12] The device did answer, so nobody is to look for it in the network."""
        reason = "every file was refused 415: the peer takes text/plain, not image/png"
        excluded = attrs.evolve(TRIED, sip_status=200, sip_reason="OK", outcome="rejected", reason=reason)
        story = told(State.REJECTED, excluded, reason=reason)
        self.assertEqual(
            story["why"], f"The device's answer leaves out what was offered: its type or its size. ({reason})"
        )
        self.assertIn("another media type", story["advice"])

    def test_an_expired_push_says_what_it_waited_for(self) -> None:
        self.assertIn(SIP[486][0], told(State.EXPIRED, TRIED)["why"])
        self.assertNotIn("last attempt", told(State.EXPIRED)["why"])

    def test_every_status_and_every_state_has_words(self) -> None:
        for state in State:
            for status in (None, 200, *range(300, 700)):
                for msrp in (None, 200, 400, 415, 599):
                    story = told(state, attrs.evolve(TRIED, sip_status=status, msrp_status=msrp))
                    self.assertTrue(story["why"].endswith((".", ")")), story["why"])

    def test_as_text_for_a_terminal(self) -> None:
        push = made(recipient(State.WAITING, TRIED, reason="486 Busy Here"), recipient(State.DELIVERED, to=BOB))
        text = explain_text(push)
        for line in (f"{ALICE}: waiting", "  Try: Nothing: we try again by ourselves.", f"{BOB}: delivered"):
            self.assertIn(line + "\n", text)
        self.assertNotIn("Try: \n", text)
