"""MSRP relays that give no path: nothing is sent, nothing is taken, nothing is left."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from pushsvc.errors import Refused, Unreachable
from pushsvc.net.msrp_receiving import NOTHING
from pushsvc.sender.job import FileState
from pushsvc.sessions import Invitation, Take
from tests.conversations import relay_case
from tests.conversations.relay_case import CONTENT, FAR, NEAR
from tests.relays import RelayServer


class NoPath(relay_case.RelayCase):
    """A relay that gives none: the sender tries again later, and a receiver says that it cannot be reached now."""

    def assert_not_sent(self, reason: str) -> None:
        """No INVITE went out; the reason is of the relay, and worth another try."""
        failure = self.push(self.sender.job(CONTENT)).failure
        assert isinstance(failure, Unreachable)
        self.assertIn(f"no path from our MSRP relay {NEAR}:2855: {reason}", failure.reason)
        self.assertTrue(failure.retry)
        self.assertEqual([line for line in self.network.transcript if "INVITE" in line], [])
        self.assert_nothing_left()

    def assert_not_taken(self) -> None:
        """480, and when to come again; nothing is kept."""
        failure = self.push(self.sender.job(CONTENT)).failure
        assert isinstance(failure, Refused)
        self.assertEqual((failure.status, failure.retry_after), (480, 30))
        self.assertEqual(self.receiver.contents(), [])
        self.assert_nothing_left()

    def wrong_password(self, relay: RelayServer) -> None:
        relay.password = "another"

    def test_a_wrong_password(self) -> None:
        """Tried once: two AUTHs, and no third."""
        self.begin_with(sender=NEAR)
        self.wrong_password(self.relays[NEAR])
        self.assert_not_sent("wrong user or password for the relay")
        self.assertEqual(len(self.relays[NEAR].auths), 2)

    def test_a_wrong_password_of_the_receiver(self) -> None:
        self.begin_with(receiver=FAR)
        self.wrong_password(self.relays[FAR])
        self.assert_not_taken()
        self.assertEqual(len(self.relays[FAR].auths), 2)

    def test_a_relay_that_is_away(self) -> None:
        self.begin_with(sender=NEAR)
        self.relays[NEAR].stop()
        self.assert_not_sent(f"{NEAR}:2855 cannot be reached over MSRP")

    def test_a_relay_that_is_away_from_the_receiver(self) -> None:
        self.begin_with(receiver=FAR)
        self.relays[FAR].stop()
        self.assert_not_taken()

    def test_a_certificate_for_another_name(self) -> None:
        """[D-TLS-1] E.10 rule 8: who is not our relay does not get our password's digest."""
        self.begin_with(sender=NEAR, certified=FAR)
        self.assert_not_sent(f"{NEAR}:2855 cannot be reached over MSRP")
        self.assertEqual(self.relays[NEAR].auths, [])

    def test_a_refusal(self) -> None:
        self.begin_with(sender=NEAR, denies=403)
        self.assert_not_sent("the relay said 403 words")

    def test_silence(self) -> None:
        self.begin_with(sender=NEAR, deaf=True)
        self.assert_not_sent("the relay did not reply")

    def test_silence_to_the_receiver(self) -> None:
        self.begin_with(receiver=FAR, deaf=True)
        self.assert_not_taken()

    def test_lines_that_are_not_taken_after_all(self) -> None:
        """The receiver had asked its relay for three: what is not needed is given back."""
        self.begin_with(receiver=FAR)
        stack = self.receiver.stack

        async def invited(invitation: Invitation) -> None:
            self.assertTrue(await invitation.reserve(invitation.lines))
            self.assertEqual(stack.msrp.sessions, 3)
            invitation.accept([None, Take(NOTHING, ("*",)), None], stack.describe_answer)
            self.assertEqual(stack.msrp.sessions, 1)

        stack.sessions.on_invitation = lambda invitation: Deferred.fromCoroutine(invited(invitation))
        results = [file.result for file in self.push(self.sender.job(b"one", b"two", b"three")).files]
        self.assertEqual(results, [FileState.REFUSED, FileState.FAILED, FileState.REFUSED])
        self.assert_nothing_left()

    def test_a_push_that_is_refused_meanwhile(self) -> None:
        """As when the receiver is being stopped."""
        self.begin_with(receiver=FAR, deaf=True)
        delivering = self.sender.deliver(self.sender.job(CONTENT))
        self.network.settle(5.0)
        self.receiver.stack.sessions.close_all("stopping")
        failure = self.network.run(delivering).failure
        assert isinstance(failure, Refused)
        self.assertEqual(failure.status, 503)
        self.assert_nothing_left()

    def test_a_push_that_is_withdrawn_meanwhile(self) -> None:
        """The receiver does not go on waiting for its relay."""
        self.begin_with(receiver=FAR, deaf=True)
        delivering = self.sender.deliver(self.sender.job(CONTENT))
        self.network.settle(5.0)
        self.assertEqual(len(self.relays[FAR].clients) + len(self.relays[FAR].auths), 1)
        delivering.addErrback(lambda _: None)
        delivering.cancel()
        self.network.settle(5.0)
        self.assertEqual(self.receiver.stack.msrp.connections, 0)
        self.assert_nothing_left()
