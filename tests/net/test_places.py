"""Where peers find us, as Via and Contact say it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.places import Flow, Places
from pushsvc.sip.hop import Hop
from pushsvc.sip.uri import SipUri
from tests.tokens import CountedTokens

CORE = "192.0.2.5"
OVER_TLS = Hop("tls", CORE, 5061, connection=7)


class Addresses(SynchronousTestCase):
    """Alice listens for TCP alone, and has a TLS connection to a core."""

    def setUp(self) -> None:
        self.near: tuple[str, int] | None = ("192.0.2.1", 40001)
        self.places = Places(CountedTokens("p"), "push.example.com", lambda hop: self.near)
        self.places.add("tcp", "192.0.2.1", 5060)

    def answering(self, source: Hop, user: str = "alice", *, secure: bool = False) -> str:
        return str(self.places.answering(user, source, secure=secure))

    def test_where_we_listen_we_are_found_by_our_name(self) -> None:
        hop = Hop("tcp", CORE, 5060)
        via = self.places.via(hop)
        self.assertEqual((via.host, via.port), ("push.example.com", 5060))
        self.assertEqual(str(self.places.asking("alice", via)), "sip:alice@push.example.com:5060;transport=tcp")
        self.assertEqual(self.answering(hop), "sip:alice@push.example.com:5060;transport=tcp")

    def test_elsewhere_by_our_end_of_the_connection(self) -> None:
        """Not by the name, which leads to listeners. Via and Contact agree, also with IPv6 and with sips."""
        for near, host in (("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "[2001:db8::1]")):
            self.near = (near, 40001)
            via = self.places.via(OVER_TLS)
            self.assertEqual((via.host, via.port), (host, 40001))
            self.assertEqual(str(self.places.asking("alice", via)), f"sip:alice@{host}:40001;transport=tls")
            self.assertEqual(str(self.places.asking("alice", via, secure=True)), f"sips:alice@{host}:40001")
            self.assertEqual(self.answering(OVER_TLS), f"sip:alice@{host}:40001;transport=tls")

    def test_without_a_connection_by_the_nearest_that_there_is(self) -> None:
        """Better than nothing: some listener of ours, or a port by default."""
        self.near = None
        self.assertEqual(self.places.via(OVER_TLS).port, 5060)
        none = Places(CountedTokens("p"), "", lambda hop: None)
        self.assertEqual(str(none.contact("alice", "udp")), "sip:alice@127.0.0.1:5060")

    def test_over_the_flow_of_a_registration(self) -> None:
        """RFC 5626 §4.3: `;ob` where the core has promised to use this connection, and for no other."""
        self.places.flow = Flow(CORE, 7)
        self.assertTrue(self.answering(OVER_TLS).endswith(";transport=tls;ob"))
        for source in (Hop("tls", CORE, 5061, connection=8), Hop("tls", CORE, 5061), Hop("udp", CORE, 5060, 7)):
            self.assertNotIn(";ob", self.answering(source))
        self.places.flow = Flow(CORE)
        self.assertNotIn(";ob", self.answering(Hop("tls", CORE, 5061)))

    def test_by_the_name_that_the_core_gave_us(self) -> None:
        """RFC 5627 §4.4: for whom the core calls by it; it goes before `;ob`."""
        self.places.flow = Flow(CORE, 7, SipUri.parse("sip:alice@example.com;gr=urn:uuid:0"))
        self.assertEqual(self.answering(OVER_TLS), "sip:alice@example.com;gr=urn:uuid:0")
        self.assertEqual(self.answering(OVER_TLS, secure=True), "sips:alice@example.com;gr=urn:uuid:0")
        self.assertTrue(self.answering(OVER_TLS, "bob").startswith("sip:bob@192.0.2.1:40001"))
        self.assertTrue(self.answering(Hop("tls", "192.0.2.6", 5061)).startswith("sip:alice@192.0.2.1:40001"))
