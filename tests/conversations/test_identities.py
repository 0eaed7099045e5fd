"""Certificates over whole calls (requirements E.10): what was announced is what decides, on both sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pushsvc.errors import Unreachable
from pushsvc.net.identity import Identity
from pushsvc.net.tls import Tls, fingerprint
from pushsvc.sessions import Session
from tests.agents import Agent
from tests.conversations.case import ALICE, BOB, NOTICE, TO_BOB, ConversationCase, rewrite
from tests.conversations.test_setups import LARGE, without
from tests.identities import identity_of
from tests.net.authorities import authority

RELAY = "192.0.2.30"


class IdentityTest(ConversationCase):
    """A push that arrives, or that does not because somebody is not who was announced."""

    def arrives(self) -> Session:
        session = self.opened()
        self.network.run(session.lines[0].send(NOTICE))
        self.assertEqual(self.received(), [NOTICE.octets])
        self.network.run(session.close())
        self.assert_nothing_left()
        return session

    def fails_for_good(self) -> Unreachable:
        """At once: nothing is kept, no connection stays, and both sides have nothing left."""
        self.kept = self.bob.accept_everything()
        error = self.failed(self.alice.dial(TO_BOB, NOTICE), Unreachable)
        assert isinstance(error, Unreachable)
        self.assertLess(self.network.clock.seconds(), 1.0)
        self.network.settle(1.0)
        self.assertEqual((self.kept, self.up()), ([], []))
        self.assert_nothing_left()
        return error

    def up(self) -> list[object]:
        """The MSRP connections that are up."""
        return [stream for stream in self.network.streams if stream.connected and 2855 in stream.remote]


class SomebodyElse(IdentityTest):
    """[D-TLS-1] [F-18] Certificates that are not the announced ones (E.10 rule 2)."""

    def test_a_receiver(self) -> None:
        """[D-TLS-1] The call fails for good, and the session is ended; nothing was sent."""
        self.begin()
        self.impostor(self.bob)
        error = self.fails_for_good()
        self.assertFalse(error.retry)
        self.assertIn("certificate", error.reason)
        self.assertEqual(self.ladder[-2:], ["alice BYE", "bob 200 BYE"])

    def test_a_sender(self) -> None:
        """[D-TLS-1] The receiver drops the connection before it takes anything, and ends the session."""
        self.begin()
        self.impostor(self.alice)
        session = self.opened()
        self.failed(session.lines[0].send(NOTICE), Unreachable)
        self.network.settle(0.5)
        self.assertEqual((self.kept, self.up()), ([], []))
        self.assertIn("bob BYE", self.ladder)
        self.assertLess(self.network.clock.seconds(), 2.0)
        self.assert_nothing_left()

    def test_a_sender_with_several_files(self) -> None:
        """[D-TLS-1] Port 0 for the line that it came for; and for the last one, BYE."""
        self.begin()
        self.impostor(self.alice)
        session = self.opened(NOTICE, LARGE)
        sending = session.lines[0].send(NOTICE)
        self.failed(sending, Unreachable)
        self.network.settle(0.5)
        self.assertEqual((self.kept, self.up()), ([], []))
        self.assertIn("bob INVITE", self.ladder)
        self.assertEqual([line.is_open for line in session.lines], [False, True])
        self.network.run(session.when_ended())
        self.assert_nothing_left()

    def test_an_active_receiver(self) -> None:
        """[D-TLS-1] It comes, is looked at, and that is the end: nobody waits for another one."""
        self.begin(bob={"prefer_active": True})
        self.impostor(self.bob)
        error = self.fails_for_good()
        self.assertFalse(error.retry)
        self.assertIn("certificate", error.reason)

    def test_an_active_receiver_finds_somebody_else(self) -> None:
        """[D-TLS-1] It ends the session at once."""
        self.begin(bob={"prefer_active": True})
        self.impostor(self.alice)
        self.assertEqual(self.fails_for_good().reason, "the peer hung up")


class Announced(IdentityTest):
    """What a description says of certificates (E.10 rules 2 and 4)."""

    def announcing(self, *fingerprints: str) -> Callable[[bytes], bytes]:
        lines = "".join(f"a=fingerprint:{each}\r\n" for each in fingerprints).encode()
        return lambda body: without(b"a=fingerprint")(body).replace(b"t=0 0\r\n", b"t=0 0\r\n" + lines)

    def hashed(self, algorithm: str, identity: Identity | None = None) -> str:
        return f"{algorithm} {fingerprint((identity or identity_of('bob')).der, algorithm).hex(':').upper()}"

    def test_one_of_several_is_enough_and_the_strongest_hash_counts(self) -> None:
        """[D-TLS-1] [D-SDP-5] A peer may have several certificates, and hashes that nobody knows."""
        mallory = identity_of("mallory")
        for fingerprints, good in (
            ([self.hashed("sha-256", mallory), self.hashed("sha-256")], True),
            ([self.hashed("sha-512").lower(), self.hashed("sha-256", mallory)], True),
            (["sha3-256 " + "AA" + 31 * ":AA", self.hashed("sha-384")], True),
            ([self.hashed("sha-512", mallory), self.hashed("sha-256")], False),
            (["md5 " + "AA" + 15 * ":AA"], False),
            (["sha-1 " + "AA" + 19 * ":AA"], False),
        ):
            self.begin()
            rewrite(self.bob, self.announcing(*fingerprints))
            if good:
                self.arrives()
            else:
                self.assertFalse(self.fails_for_good().retry)

    def test_the_line_wins_over_the_session(self) -> None:
        """[D-TLS-1] E.1."""
        self.begin()
        right = f"a=fingerprint:{self.hashed('sha-256')}\r\na=setup:".encode()
        wrong = self.announcing(self.hashed("sha-256", identity_of("mallory")))
        rewrite(self.bob, lambda body: wrong(body).replace(b"a=setup:", right))
        self.arrives()

    def test_a_client_that_presents_nothing(self) -> None:
        """[D-TLS-1] tls.client_certificate = "required": it announced one. Otherwise it is believed, and noted."""
        for insist, ask in ((False, False), (False, True), (True, True)):
            self.begin(bob={"tls": Tls(identity_of("bob"), ask_client=ask, insist=insist)})
            self.patch(Identity, "equip", _equip_servers_only(self.bob.tls.identity))
            self.alice.tls.renew(self.alice.tls.identity)
            if not insist:
                self.arrives()
                continue
            session = self.opened()
            self.failed(session.lines[0].send(NOTICE), Unreachable)
            self.assertEqual((self.kept, self.up()), ([], []))
            self.network.run(session.close())
            self.assert_nothing_left()


class ByName(IdentityTest):
    """[D-TLS-1] No fingerprint: the chain and the name of the certificate (E.10 rule 3)."""

    def called(self, identity: Identity) -> None:
        """Alice knows our authority; Bob presents this certificate and announces none."""
        file = authority().write(Path(self.mktemp()))
        self.begin(alice={"tls": Tls(identity_of("alice"), authority=file)}, bob={"tls": Tls(identity)})
        rewrite(self.bob, without(b"a=fingerprint"))

    def test_the_name_that_is_connected_to(self) -> None:
        """[D-TLS-1] So peers without fingerprints are reached."""
        self.called(authority().issue(BOB))
        self.arrives()

    def test_another_name_or_authority(self) -> None:
        """[D-TLS-1] The call fails for good."""
        for identity in (authority().issue("192.0.2.21"), authority("another").issue(BOB), identity_of("bob")):
            self.called(identity)
            self.assertFalse(self.fails_for_good().retry)


class Relays(IdentityTest):
    """[D-TLS-1] A path of several URIs: the first is connected to, and looked at by name (E.10 rule 8, E.13)."""

    def behind_a_relay(self, identity: Identity) -> Agent:
        """Bob's path leads over a relay, which in this test is all that Alice ever sees."""
        file = authority().write(Path(self.mktemp()))
        self.begin(alice={"tls": Tls(identity_of("alice"), authority=file)})
        relay = Agent(self.network, RELAY, "relay", tls=Tls(identity))
        path = f"a=path:msrps://{RELAY}:2855/hop1;tcp msrps://".encode()
        rewrite(self.bob, lambda body: body.replace(b"a=path:msrps://", path))
        return relay

    def test_the_leftmost_is_connected_to_and_all_are_in_the_to_path(self) -> None:
        """[D-TLS-1] Bob's fingerprint is in the answer, and says nothing about the relay's certificate."""
        relay = self.behind_a_relay(authority().issue(RELAY))
        heard: list[str] = []
        self.patch(relay.msrp, "bind", lambda send, connection: heard.append(" ".join(map(str, send.to_path))) or 481)
        session = self.opened()
        self.failed(session.lines[0].send(NOTICE), Exception)
        (view,) = [line.msrp.peer_path for line in session.lines if line.msrp is not None]
        self.assertEqual([uri.host for uri in view], [RELAY, BOB])
        self.assertEqual((heard, self.connections()), ([f"{view[0]} {view[1]}"], [(ALICE, RELAY)]))
        self.network.run(session.close())
        self.assert_nothing_left()

    def test_a_relay_that_is_somebody_else(self) -> None:
        """[D-TLS-1] Even one that has the certificate which the answer announces."""
        for identity in (identity_of("bob"), authority().issue("192.0.2.31")):
            self.behind_a_relay(identity)
            self.assertFalse(self.fails_for_good().retry)


def _equip_servers_only(server: Identity) -> Callable[..., None]:
    equip = Identity.equip

    def only(identity: Identity, context: object) -> None:
        if identity is server:
            equip(identity, context)  # type: ignore[arg-type]

    return only
