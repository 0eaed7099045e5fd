"""Further files of a session that is there already, on their way into the receiver's inbox."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.receiver import Action, Rule
from pushsvc.errors import Refused
from pushsvc.sessions import Line, Session
from tests.agents import Octets
from tests.pushing import ReceivingSide, SendingSide
from tests.sim import Network

FIRST, SECOND = Octets(b"first" * 1000), Octets(b"second" * 1000)


class IntoTheInbox(SynchronousTestCase):
    """The policy decides about each file, whenever it is offered; who calls is who opened the session."""

    def begin(self, **accept: object) -> Session:
        self.network = Network()
        directory = Path(self.mktemp())
        for name in ("content", "inbox"):
            (directory / name).mkdir(parents=True)
        self.sender = SendingSide(self.network, directory / "content")
        self.receiver = ReceivingSide(self.network, directory / "inbox", **accept)  # type: ignore[arg-type]
        session = self.network.run(self.sender.stack.dial("sip:alice@192.0.2.20", FIRST))
        assert isinstance(session, Session)
        self.network.run(session.lines[0].send(FIRST))
        return session

    def more(self, session: Session, content: Octets) -> Deferred[list[Line]]:
        files = self.sender.stack.call("sip:alice@192.0.2.20", content).files
        return Deferred.fromCoroutine(session.offer_more(files))

    def test_a_further_file_is_kept_under_the_same_sender(self) -> None:
        """[R-PSA-REL-0] [R-PRA-INV-4a]"""
        session = self.begin()
        (line,) = self.network.run(self.more(session, SECOND))
        self.network.run(line.send(SECOND))
        self.assertEqual(self.receiver.contents(), [FIRST.octets, SECOND.octets])
        first, second = (entry.about for entry in self.receiver.arrived)
        self.assertEqual((first.sender, first.call_id, first.to), (second.sender, second.call_id, second.to))
        self.assertNotEqual(first.key, second.key)
        self.network.run(session.close())

    def test_a_further_file_that_is_too_large_is_refused_and_the_session_goes_on(self) -> None:
        """[R-PRA-INV-4a]"""
        session = self.begin(max_size=5500)
        with self.assertRaises(Refused) as caught:
            self.network.run(self.more(session, SECOND))
        self.assertEqual((caught.exception.status, session.is_alive), (488, True))
        self.assertEqual(self.receiver.declined, ["size"])
        self.network.run(session.close())

    def test_somebody_is_asked_about_a_further_file(self) -> None:
        """[D-SIP-13]"""
        session = self.begin(rules=(Rule(action=Action.ASK, name="file1*"), Rule(action=Action.ACCEPT)))
        files = self.sender.stack.call("sip:alice@192.0.2.20", FIRST, SECOND).files[1:]
        offering = Deferred.fromCoroutine(session.offer_more(files))
        self.network.settle(3.0)
        (pending,) = self.receiver.decisions.pending()
        self.receiver.decisions.answer(pending.id, True)
        (line,) = self.network.run(offering)
        self.network.run(line.send(SECOND))
        self.assertEqual(self.receiver.contents(), [FIRST.octets, SECOND.octets])
        self.network.run(session.close())

    def test_a_bug_in_the_decision_is_answered(self) -> None:
        """E.12: 500, at once and not when the sender has lost its patience."""
        session = self.begin()
        self.patch(self.receiver.reception.policy, "judge", lambda caller, files: 1 / 0)
        with self.assertRaises(Refused) as caught:
            self.network.run(self.more(session, SECOND))
        self.assertEqual((caught.exception.status, session.is_alive), (500, True))
        with self.assertRaises(Refused) as caught:
            self.network.run(self.sender.stack.dial("sip:alice@192.0.2.20", FIRST))
        self.assertEqual(caught.exception.status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.network.run(session.close())
        self.assertEqual(self.receiver.stack.sessions.alive, 0)

    def test_a_question_that_is_withdrawn_with_the_session(self) -> None:
        """[R-PRA-REL-2] Nobody is asked for nothing."""
        session = self.begin(rules=(Rule(action=Action.ASK, name="file1*"), Rule(action=Action.ACCEPT)))
        files = self.sender.stack.call("sip:alice@192.0.2.20", FIRST, SECOND).files[1:]
        offering = Deferred.fromCoroutine(session.offer_more(files)).addErrback(lambda failure: None)
        self.network.settle(3.0)
        self.assertEqual(len(self.receiver.decisions.pending()), 1)
        self.network.run(session.close())
        self.network.run(offering)
        self.assertEqual(self.receiver.decisions.pending(), [])
