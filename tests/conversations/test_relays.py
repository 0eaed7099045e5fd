"""Pushes through MSRP relays (RFC 4976): before the sender, before the receiver, before both."""

from __future__ import annotations

import attrs

from pushsvc.msrp.chunk import Report, Send
from pushsvc.sender.job import FileState
from tests.conversations import relay_case
from tests.conversations.relay_case import CONTENT, FAR, NEAR, SLOW


class Through(relay_case.RelayCase):
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
        """[R-UP-3] So a report is asked for; without one nobody says that it was delivered."""
        for loses, state in ((Send, FileState.FAILED), (Report, FileState.UNCONFIRMED)):
            self.begin_with(sender=NEAR, loses=(loses,))
            result = self.push(self.sender.job(CONTENT))
            self.assertTrue(all(head.success_report for head in self.sends(NEAR)))
            self.assertEqual([file.result for file in result.files], [state])
            self.assert_nothing_left()

    def test_a_refusal_behind_a_relay(self) -> None:
        """[R-UP-3] It comes as a REPORT."""
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


class Uris(relay_case.RelayCase):
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


class InTime(relay_case.RelayCase):
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
        """In the middle of a content. Nobody but the relay had acknowledged any of it, so all of it is sent again."""
        self.begin_with(sender=NEAR)
        delivering = self.sender.deliver(self.sender.job(CONTENT * 20))
        while len(self.sends(NEAR)) < 5:
            self.network.step()
        self.relays[NEAR].stop()
        result = self.network.run(delivering)
        self.assertTrue(result.failure.retry)
        self.assertEqual([file.result for file in result.files], [FileState.FAILED])
        self.assertEqual(result.octets_acknowledged, 0)
        self.network.settle(200.0)
        self.relays[NEAR].begin()
        self.assert_delivered(CONTENT * 20)
        self.assert_nothing_left()
