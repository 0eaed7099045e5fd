"""Pushes through MSRP relays (RFC 4976): before the sender, before the receiver, before both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from pushsvc import sdp
from pushsvc.errors import Refused, Unreachable
from pushsvc.msrp.chunk import Report, Send
from pushsvc.net.msrp_receiving import NOTHING
from pushsvc.net.tls import Tls
from pushsvc.sender.job import AttemptResult, FileState
from pushsvc.sessions import Invitation, Take
from tests.conversations import test_pushes
from tests.identities import identity_of
from tests.net.authorities import authority
from tests.pushing import ReceivingSide, SendingSide
from tests.relays import Habits, TestRelay
from tests.sim import Network, Weather

NEAR, FAR = "192.0.2.50", "192.0.2.60"  # the sender's relay, the receiver's
CONTENT = bytes(range(256)) * 400
SLOW = Weather(delay=0.03)  # some 23 KB in a second


class RelayCase(test_pushes.PushCase):
    """A sender and a receiver that trust one authority, which the relays' certificates are from."""

    def begin_with(
        self,
        *,
        sender: str = "",
        receiver: str = "",
        certified: str = "",
        active: bool = False,
        linger: float = 0.0,
        weather: Weather | None = None,
        **habits: Any,
    ) -> None:
        """Where the relays of the two are; "" is none. `certified` is whom their certificates are for, else themselves.

        `active`: the receiver wants to connect.
        """
        self.network = Network(weather=weather)
        self.habits = Habits(**habits)
        self.directory = Path(self.mktemp())
        for name in ("content", "inbox"):
            (self.directory / name).mkdir(parents=True)
        self.authority = authority().write(self.directory / "ca.pem")
        self.relays = {
            address: TestRelay(self.network, address, authority().issue(certified or address), self.habits)
            for address in {sender, receiver} - {""}
        }
        self.sender = SendingSide(
            self.network, self.directory / "content", linger=linger, agent=self.stack("push", sender)
        )
        self.receiver = ReceivingSide(
            self.network, self.directory / "inbox", agent=self.stack("alice", receiver) | {"prefer_active": active}
        )

    def stack(self, name: str, address: str) -> dict[str, Any]:
        relay = self.relays.get(address)
        tls = Tls(identity_of(name), authority=self.authority)
        return {"tls": tls, "relay": relay.ours if relay is not None else None}

    def assert_delivered(self, *contents: bytes) -> AttemptResult:
        result = self.push(self.sender.job(*contents))
        self.assertIsNone(result.failure)
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED] * len(contents))
        self.assertCountEqual(self.receiver.contents(), contents)
        return result

    def assert_nothing_left(self) -> None:
        super().assert_nothing_left()
        for relay in self.relays.values():
            self.assertEqual(relay.clients, {})

    def sends(self, address: str) -> list[Send]:
        """The SENDs that a relay passed on."""
        return [head for head in self.relays[address].passed if isinstance(head, Send)]

    def offers(self) -> list[sdp.MediaOffer]:
        """The lines that the receiver is going to be offered."""
        lines: list[sdp.MediaOffer] = []
        decide = self.receiver.stack.sessions.on_invitation
        assert decide is not None

        def invited(invitation: Invitation) -> None:
            lines.extend(invitation.lines)
            decide(invitation)

        self.receiver.stack.sessions.on_invitation = invited
        return lines


class Through(RelayCase):
    """The way of the content."""

    def test_a_relay_of_the_sender(self) -> None:
        """[F-19] Only what the sender opens itself leads to it."""
        self.begin_with(sender=NEAR)
        offers = self.offers()
        self.assert_delivered(CONTENT)
        (line,) = offers
        relay, own = line.path
        self.assertEqual(str(relay), f"msrps://{NEAR}:2855/r1+/=;tcp")
        self.assertEqual((own.host, own.port), ("192.0.2.10", 2855))
        self.assertEqual((line.port, line.fingerprints), (2855, ()))  # E.10 rule 8: the relay's certificate is seen
        self.assertEqual({head.to_path[0].text for head in self.sends(NEAR)}, {relay.text})
        self.assertEqual({head.from_path for head in self.sends(NEAR)}, {(own,)})
        self.assert_nothing_left()

    def test_a_relay_of_the_receiver(self) -> None:
        """[F-19] The answer has a path of several URIs, which the sender needs no relay of its own to follow."""
        self.begin_with(receiver=FAR)
        self.assert_delivered(CONTENT)
        self.assertEqual({len(head.to_path) for head in self.sends(FAR)}, {2})
        self.assert_nothing_left()

    def test_a_relay_of_each(self) -> None:
        """Own relay B, peer path D F: To-Path B D F."""
        self.begin_with(sender=NEAR, receiver=FAR)
        self.assert_delivered(CONTENT)
        hosts = [[uri.host for uri in head.to_path] for head in self.sends(NEAR)]
        self.assertEqual(hosts, [[NEAR, FAR, "192.0.2.20"]] * len(hosts))
        self.assert_nothing_left()

    def test_the_same_relay_for_both(self) -> None:
        """And two files, each with a path of its own: one use per session."""
        self.begin_with(sender=NEAR, receiver=NEAR)
        self.assert_delivered(CONTENT, b"two")
        self.assertEqual(len({head.to_path for head in self.sends(NEAR) if len(head.to_path) == 3}), 2)
        self.assertEqual(len(self.relays[NEAR].auths), 8)
        self.assert_nothing_left()

    def test_chunks_that_every_relay_takes(self) -> None:
        """Kamailio answers 501 to larger ones."""
        self.begin_with(sender=NEAR)
        self.assert_delivered(CONTENT)
        self.assertEqual(self.relays[NEAR].biggest, 10240)

    def test_a_relay_says_200_for_itself_only(self) -> None:
        """So a report is asked for; without one nobody says that it was delivered."""
        for loses, state in ((Send, FileState.FAILED), (Report, FileState.UNCONFIRMED)):
            self.begin_with(sender=NEAR, loses=(loses,))
            result = self.push(self.sender.job(CONTENT))
            self.assertTrue(all(head.success_report for head in self.sends(NEAR)))
            self.assertEqual([file.result for file in result.files], [state])
            self.assert_nothing_left()

    def test_a_refusal_behind_a_relay(self) -> None:
        """It comes as a REPORT."""
        self.begin_with(sender=NEAR, receiver=FAR)
        job = self.sender.job(CONTENT)
        broken = attrs.evolve(job, contents=(attrs.evolve(job.contents[0], sha1=bytes(20)),))
        result = self.push(broken)
        self.assertEqual([file.result for file in result.files], [FileState.FAILED])
        self.assertEqual(self.receiver.contents(), [])
        self.assert_nothing_left()

    def test_a_peer_that_wants_to_connect(self) -> None:
        """It connects to our relay, and its first SEND comes from there; until then we say nothing (E.13)."""
        for sender, receiver in ((NEAR, ""), (NEAR, FAR), ("", FAR)):
            self.begin_with(sender=sender, receiver=receiver, active=True)
            self.assert_delivered(CONTENT)
            first = self.sends(receiver or sender)[0]
            self.assertEqual(first.from_path[-1].host, "192.0.2.20")
            self.assertIsNone(first.content_type)
            self.assert_nothing_left()

    def test_further_files_in_a_session_that_lingers(self) -> None:
        """Each with a path of its own."""
        self.begin_with(sender=NEAR, receiver=FAR, linger=30.0)
        self.push(self.sender.job(b"one"))
        self.push(self.sender.job(b"two"))
        self.assertEqual(self.receiver.contents(), [b"one", b"two"])
        self.assertEqual(len({entry.about.call_id for entry in self.receiver.arrived}), 1)
        self.assertEqual(len({head.to_path for head in self.sends(NEAR)}), 2)
        self.assert_nothing_left()


class NoPath(RelayCase):
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

    def wrong_password(self, relay: TestRelay) -> None:
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
        """E.10 rule 8: who is not our relay does not get our password's digest."""
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


class Uris(RelayCase):
    """Credentials with a uri, and without (PEERS 6)."""

    def test_a_relay_that_is_silent_about_a_uri(self) -> None:
        """It is asked again without, over a new connection; and is not asked with one any more."""
        self.begin_with(sender=NEAR, without_uri=True)
        self.assert_delivered(b"one")
        self.assertEqual(len(self.relays[NEAR].auths), 4)
        began = self.network.clock.seconds()
        self.push(self.sender.job(b"two"))
        self.assertEqual(len(self.relays[NEAR].auths), 6)
        self.assertLess(self.network.clock.seconds() - began, 4.0)
        self.assertEqual(self.receiver.contents(), [b"one", b"two"])
        self.assert_nothing_left()


class InTime(RelayCase):
    """What the relay allows ends, unless it is renewed."""

    def test_it_is_renewed_for_as_long_as_the_session_lives(self) -> None:
        self.begin_with(sender=NEAR, receiver=FAR, expires=60, linger=200.0)
        self.assert_delivered(b"one")
        self.network.settle(150.0)
        self.assertEqual((len(self.relays[NEAR].auths), len(self.relays[FAR].auths)), (8, 8))
        self.push(self.sender.job(b"two"))
        self.assertEqual(len({entry.about.call_id for entry in self.receiver.arrived}), 1)
        self.assert_nothing_left()

    def test_it_is_renewed_by_another_path(self) -> None:
        """Either side tells the other by a re-INVITE (E.13), in the middle of a content if need be."""
        for sender, receiver in ((NEAR, ""), ("", FAR), (NEAR, FAR)):
            self.begin_with(sender=sender, receiver=receiver, expires=60, same_path=False, weather=SLOW)
            self.assert_delivered(CONTENT * 20)
            near = sender or receiver
            self.assertGreater(len({head.to_path for head in self.sends(near)}), 1)
            self.assert_nothing_left()

    def test_it_is_not_renewed(self) -> None:
        """The session ends with it."""
        self.begin_with(sender=NEAR, expires=60, linger=1000.0)
        self.assert_delivered(b"one")
        self.habits.denies = 403
        self.network.settle(62.0)
        self.assertEqual(self.sender.stack.msrp.connections, 0)
        self.network.settle(40.0)
        self.assertEqual(self.sender.stack.sessions.alive, 0)
        self.assert_nothing_left()

    def test_a_relay_that_dies(self) -> None:
        """In the middle of a content, which is sent again later."""
        self.begin_with(sender=NEAR)
        delivering = self.sender.deliver(self.sender.job(CONTENT * 20))
        while len(self.sends(NEAR)) < 5:
            self.network.step()
        self.relays[NEAR].stop()
        result = self.network.run(delivering)
        self.assertTrue(result.failure.retry)
        self.assertEqual([file.result for file in result.files], [FileState.FAILED])
        self.assert_nothing_left()
