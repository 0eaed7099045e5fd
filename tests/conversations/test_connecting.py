"""What happens when nobody connects, and when a connection breaks or falls silent; answers that cannot be used."""

from __future__ import annotations

from collections.abc import Callable

from pushsvc.errors import Refused, Unreachable
from pushsvc.net.msrp_sending import Transfer
from pushsvc.sessions import ConfirmedBy, Ended
from pushsvc.sip.message import Response
from tests.agents import Octets
from tests.conversations.case import BOB, NOTICE, TO_BOB, ConversationCase

LARGE = Octets(bytes(3_000_000))


class Broken(ConversationCase):
    """Connections that do not come, break, or fall silent."""

    def test_a_receiver_whose_msrp_port_is_closed(self) -> None:
        self.begin()
        self.bob.msrp.stop_listening()
        self.kept = self.bob.accept_everything()
        error = self.failed(self.alice.dial(TO_BOB, NOTICE), Unreachable)
        self.assertTrue(error.retry)
        self.network.settle(1.0)
        self.assertEqual(self.ladder[-2:], ["alice BYE", "bob 200 BYE"])
        self.assert_nothing_left()

    def test_a_sender_that_never_sends(self) -> None:
        """[A-41] 30 s after the 200 the receiver hangs up."""
        self.begin()
        session = self.opened()
        ended = self.network.run(session.when_ended())
        self.assertEqual(ended, Ended("the peer hung up", ours=False))
        self.assert_near(self.network.clock.seconds(), 30.0)
        self.assert_nothing_left()

    def test_a_connection_that_breaks_in_mid_transfer(self) -> None:
        """The content fails and may be tried again; what had come of it is discarded."""
        self.begin()
        session = self.opened(LARGE)
        sending = session.lines[0].send(LARGE)
        self.network.settle(0.3)
        self.break_msrp()
        error = self.failed(sending, Unreachable)
        self.assertTrue(error.retry)
        self.network.settle(0.1)
        self.assertIn("lost", self.kept[0].discarded)
        self.assertTrue(session.is_alive)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_however_tls_ends_when_all_is_answered(self) -> None:
        """[D-TLS-1] PEERS 33: rcsjta says an alert for goodbye, others nothing. Octets and answers decide."""
        for end in ("loseConnection", "abortConnection", "garbage"):
            self.begin()
            session = self.opened()
            sending = session.lines[0].send(NOTICE)
            self.network.settle(0.5)
            self.end_msrp(end)
            self.assertEqual(self.successResultOf(sending).size, NOTICE.size)
            self.assertEqual((self.received(), session.is_alive), ([NOTICE.octets], True), end)
            self.network.run(session.close())
            self.assertEqual(self.flushLoggedErrors(), [])
            self.assert_nothing_left()

    def test_however_tls_ends_in_mid_chunk(self) -> None:
        """[D-TLS-1] E.10 rule 9: without close_notify, or with it, half a file is no file, on either side."""
        for end in ("loseConnection", "abortConnection", "garbage"):
            self.begin()
            session = self.opened(LARGE)
            sending = session.lines[0].send(LARGE)
            self.network.settle(0.3)
            self.end_msrp(end)
            self.failed(sending, Unreachable)
            self.network.settle(1.0)
            self.assertEqual((self.received(), [bool(kept.discarded) for kept in self.kept]), ([], [True]), end)
            self.network.run(session.close())
            self.assert_nothing_left()

    def end_msrp(self, how: str) -> None:
        """Alice's MSRP connection ends below TLS."""
        (stream,) = [stream for stream in self.network.streams if stream.remote == (BOB, 2855)]
        if how == "garbage":
            stream.peer.write(b"\x15\x03\x03\x00\x02\x02\x00")
        else:
            stream.unregisterProducer()
            getattr(stream, how)()
        self.network.settle(0.5)

    def test_a_broken_connection_that_nobody_reacts_to(self) -> None:
        """[A-41] Either side hangs up after the bind timeout."""
        self.begin()
        session = self.opened()
        self.network.run(session.lines[0].send(NOTICE))
        self.break_msrp()
        broken_at = self.network.clock.seconds()
        ended = self.network.run(session.when_ended())
        self.assertEqual(ended.why, "no MSRP connection to carry it")
        self.assert_near(self.network.clock.seconds() - broken_at, 30.0)
        self.assert_nothing_left()

    def test_a_sender_that_stalls(self) -> None:
        """A transfer without octets for a minute: the receiver hangs up, and keeps nothing."""
        self.begin(alice={"transfer": Transfer(response_timeout=300.0)})
        session = self.opened(LARGE)
        sending = session.lines[0].send(LARGE)
        self.network.settle(0.3)
        self.patch(session.lines[0].msrp, "next_chunk", lambda: None)
        started = self.network.clock.seconds()
        ended = self.network.run(self.session_of(self.bob).when_ended())
        self.assertEqual(ended, Ended("every media line is closed", ours=True))
        self.assert_near(self.network.clock.seconds() - started, 60.0, 2.0)
        self.assertEqual(self.kept[0].discarded, "the sender stopped sending")
        self.network.settle(1.0)
        self.failureResultOf(sending, Unreachable)
        self.assert_nothing_left()

    def test_one_line_that_stalls_is_closed_and_the_other_goes_on(self) -> None:
        """Port 0 for it, from the receiver."""
        self.begin(alice={"transfer": Transfer(response_timeout=300.0)})
        contents = [LARGE, NOTICE]
        session = self.opened(*contents)
        sending = session.lines[0].send(LARGE)
        self.network.settle(0.3)
        self.patch(session.lines[0].msrp, "next_chunk", lambda: None)
        self.network.settle(70.0)
        self.assertIn("bob INVITE", self.ladder)
        self.assertIn("alice 200 INVITE", self.ladder)
        self.failureResultOf(sending, Unreachable)
        self.assertEqual([line.is_open for line in session.lines], [False, True])
        self.network.run(session.lines[1].send(NOTICE))
        self.assertEqual(self.received(), [NOTICE.octets])
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_sender_whose_every_line_is_closed_hangs_up(self) -> None:
        """[A-38] Flow 10: all ports are 0; 200, ACK, and BYE from who called."""
        self.begin()
        session = self.opened(NOTICE, NOTICE)
        self.network.run(session.lines[0].send(NOTICE))
        self.ladder.clear()
        bob = self.session_of(self.bob)
        self.run_story(bob._own.close_lines([0, 1]))
        self.network.settle(1.0)
        self.assertEqual(self.ladder, ["bob INVITE", "alice 200 INVITE", "bob ACK", "alice BYE", "bob 200 BYE"])
        self.assertEqual(self.successResultOf(session.when_ended()), Ended("no media line is left", ours=True))
        self.assert_nothing_left()

    def test_a_receiver_whose_every_line_is_closed_waits_a_while(self) -> None:
        """The sender may hang up, or offer something else; when it does neither, we hang up."""
        self.begin()
        session = self.opened(NOTICE, NOTICE)
        self.network.run(session.lines[0].send(NOTICE))
        self.run_story(session._own.close_lines([0, 1]))
        bob = self.session_of(self.bob)
        self.network.settle(29.0)
        self.assertTrue(bob.is_alive)
        self.network.settle(2.0)
        self.assertFalse(bob.is_alive)
        self.assert_nothing_left()

    def break_msrp(self) -> None:
        """Cut every MSRP connection."""
        for stream in self.network.streams:
            if stream.remote[1] == 2855:
                stream.abortConnection()


class Answers(ConversationCase):
    """Answers that cannot be used."""

    def change_answers(self, change: Callable[..., Response]) -> None:
        """Bob's responses are changed on their way."""
        respond = self.bob.agent.respond
        self.bob.agent.respond = lambda response: respond(change(response))  # type: ignore[method-assign]

    def test_each_is_acknowledged_and_ended(self) -> None:
        """RFC 3261 §13.2.2.4: the caller ACKs any 2xx, and then says BYE; another try would be no better."""
        changes = {
            "no description": (b"v=0", b"w=0"),
            "another number of lines": (b"m=message 2855", b"m=message 2855 TCP/TLS/MSRP *\r\nm=message 2855"),
            "no path": (b"a=path:", b"a=pfad:"),
            "the wrong direction": (b"a=recvonly", b"a=sendonly"),
            "another transport": (b"TCP/TLS/MSRP", b"TCP/MSRP"),
            "another transfer": (b"a=file-transfer-id:", b"a=file-transfer-id:x"),
        }
        for what, (old, new) in changes.items():
            self.begin()
            self.change_answers(lambda response, old=old, new=new: _with_body(response, old, new))
            self.bob.accept_everything()
            error = self.failed(self.alice.dial(TO_BOB, NOTICE), Unreachable)
            self.assertFalse(error.retry, what)
            self.network.settle(1.0)
            self.assertEqual(
                self.ladder, ["alice INVITE", "bob 200 INVITE", "alice ACK", "alice BYE", "bob 200 BYE"], what
            )
            self.assert_nothing_left()

    def test_a_contact_that_cannot_be_followed(self) -> None:
        """There is nobody to send an ACK to."""
        self.begin()
        self.change_answers(_with_tel_contact)
        self.bob.accept_everything()
        error = self.failed(self.alice.dial(TO_BOB, NOTICE), Unreachable)
        self.assertFalse(error.retry)
        self.assert_nothing_left()

    def test_a_target_that_moves_where_it_cannot_be_followed(self) -> None:
        """A refresh whose 200 has such a Contact is a refresh; the target stays."""
        self.begin()
        session = self.opened(NOTICE, session_expires=90)
        self.network.run(session.lines[0].send(NOTICE))
        before = session.dialog.target
        self.change_answers(_with_tel_contact)
        self.network.settle(50.0)
        self.assertIn("bob 200 UPDATE", self.ladder)
        self.assertEqual(session.dialog.target, before)
        self.network.run(session.close())
        self.assert_nothing_left()


def _with_body(response: Response, old: bytes, new: bytes) -> Response:
    return response.evolve(body=response.body.replace(old, new))


def _with_tel_contact(response: Response) -> Response:
    if "Contact" not in response.headers:
        return response
    return response.evolve(headers=response.headers.replaced("Contact", "<tel:+123>"))


class Directions(ConversationCase):
    """[D-SDP-3] sendonly and recvonly bind content, and nothing else."""

    def test_a_receiver_that_sends_content(self) -> None:
        """[D-SDP-3] 415: a sender takes content of no type. The session goes on, and nothing is kept."""
        self.begin()
        session = self.opened()
        self.network.run(session.lines[0].send(NOTICE))
        theirs = self.session_of(self.bob).lines[0]
        error = self.failed(theirs.send(NOTICE), Refused)
        self.assertEqual((error.protocol, error.status), ("msrp", 415))
        self.assertTrue(session.is_alive)
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_what_is_no_content_goes_against_it(self) -> None:
        """[D-SDP-3] A receiver's bodiless SEND keeps the connection up, and its REPORT says that all has come."""
        self.begin(alice={"transfer": Transfer(success_report=True)})
        session = self.opened()
        receipt = self.network.run(session.lines[0].send(NOTICE))
        self.assertEqual(receipt.confirmed_by, ConfirmedBy.REPORT)
        theirs = self.session_of(self.bob).lines[0].msrp
        assert theirs is not None
        theirs.greet()
        self.network.settle(0.5)
        self.assertEqual(self.ladder[-2:], ["bob SEND 1-0/0", "alice 200 OK"])
        self.network.run(session.close())
        self.assert_nothing_left()
