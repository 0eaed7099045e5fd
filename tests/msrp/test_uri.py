"""MSRP URIs: read, kept as they came, compared by RFC 4975 §6.1."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadChunk
from pushsvc.msrp.uri import MsrpUri, format_path, hosts_differ, parse_path


class ReadingUris(SynchronousTestCase):
    """What a peer wrote must be sent back to it octet for octet, however odd it looks."""

    def test_every_part_is_found(self) -> None:
        """[D-MSRP-1] A session is found by the parts of its URI."""
        self.assertEqual(
            MsrpUri.parse("msrps://alice@[2001:db8::1]:9892/9di4ea;tcp;ob;x=y"),
            MsrpUri(
                scheme="msrps",
                host="[2001:db8::1]",
                port=9892,
                session_id="9di4ea",
                transport="tcp",
                userinfo="alice",
                parameters=(("ob", None), ("x", "y")),
            ),
        )

    def test_a_built_uri_is_written_as_it_would_be_read(self) -> None:
        """Our own URIs go into SDP as text and come back in To-Path."""
        uri = MsrpUri(scheme="msrp", host="r.example.com", port=2855, session_id="abc")
        self.assertEqual(str(uri), "msrp://r.example.com:2855/abc;tcp")
        self.assertEqual(MsrpUri.parse(str(uri)), uri)

    def test_the_text_stays_as_it_was_received(self) -> None:
        """msrp-java compares text including the case of ";tcp": a rebuilt URI would get 481."""
        text = "MSRPS://Host.Example.com:2855/a/b+c==;TCP;a=b"
        uri = MsrpUri.parse(text)
        self.assertEqual((uri.text, str(uri), format_path((uri,))), (text, text, text))
        self.assertEqual((uri.scheme, uri.secure, uri.session_id, uri.transport), ("msrps", True, "a/b+c==", "TCP"))

    def test_a_relay_has_no_session_and_a_transport_may_be_missing(self) -> None:
        """RFC 4976 relays are addressed without a session-id; what is not said is the default."""
        uri = MsrpUri.parse("msrp://relay.example.com")
        self.assertEqual((uri.session_id, uri.port, uri.transport), (None, None, "tcp"))
        self.assertEqual(MsrpUri.parse("msrp://relay.example.com:2855/;tcp").session_id, None)

    def test_what_is_no_msrp_uri_is_refused(self) -> None:
        """Nothing unreadable may become a key by which sessions are found."""
        for text in (
            "",
            "sip:alice@example.com",
            "msrp:host",
            "msrp://",
            "msrp://host:port/x;tcp",
            "msrp://host:65536/x;tcp",
            "msrp://host:999999/x;tcp",
            "msrp://host:+1/x;tcp",
            "msrp://host:\uff11/x;tcp",
            "msrp://ho st/x;tcp",
            "msrp://host/x\r\n;tcp",
            "msrp://host/ä;tcp",
            "msrp://[::1/x;tcp",
        ):
            with self.assertRaises(BadChunk, msg=text):
                MsrpUri.parse(text)


class ComparingUris(SynchronousTestCase):
    """[D-MSRP-1] A stranger's URI must not reach somebody's session, and a respelled one must."""

    uri = MsrpUri.parse("msrps://r.example.com:2855/abc;tcp")

    def test_spelling_does_not_matter(self) -> None:
        """Middleboxes change the case of schemes, hosts and transports, and add user parts and parameters."""
        for text in (
            "MSRPS://R.Example.COM:2855/abc;TCP",
            "msrps://alice@r.example.com:2855/abc;tcp",
            "msrps://r.example.com:2855/abc;tcp;x=y",
        ):
            self.assertTrue(self.uri.matches(MsrpUri.parse(text)), text)
            self.assertTrue(MsrpUri.parse(text).matches(self.uri), text)

    def test_any_other_difference_is_another_session(self) -> None:
        """A session-id is a secret: its case counts."""
        for text in (
            "msrp://r.example.com:2855/abc;tcp",
            "msrps://r.example.org:2855/abc;tcp",
            "msrps://r.example.com:2856/abc;tcp",
            "msrps://r.example.com/abc;tcp",
            "msrps://r.example.com:2855/ABC;tcp",
            "msrps://r.example.com:2855;tcp",
            "msrps://r.example.com:2855/abc;ws",
        ):
            self.assertFalse(self.uri.matches(MsrpUri.parse(text)), text)
            self.assertFalse(MsrpUri.parse(text).matches(self.uri), text)

    def test_addresses_are_compared_by_value(self) -> None:
        """An IPv6 address has many spellings."""
        short, long = MsrpUri.parse("msrp://[2001:db8::1]/x;tcp"), MsrpUri.parse("msrp://[2001:0DB8:0:0::1]/x;tcp")
        self.assertTrue(short.matches(long))
        self.assertFalse(short.matches(MsrpUri.parse("msrp://[2001:db8::2]/x;tcp")))

    def test_hosts_may_be_one_by_another_name(self) -> None:
        """Only DNS knows whether a name is that of an address, or of another name; and no host differs from none."""
        for one, other, differ in (
            ("192.0.2.1", "192.0.2.1", False),
            ("192.0.2.1", "192.0.2.2", True),
            ("[2001:db8::1]", "2001:0DB8:0:0::1", False),
            ("[2001:db8::1]", "192.0.2.1", True),
            ("h.example", "H.EXAMPLE", False),
            ("h.example", "i.example", None),
            ("h.example", "192.0.2.1", None),
            ("", "192.0.2.1", False),
        ):
            self.assertIs(hosts_differ(one, other), differ, (one, other))
            self.assertIs(hosts_differ(other, one), differ, (one, other))


class ReadingPaths(SynchronousTestCase):
    """A path through relays has several URIs."""

    def test_uris_are_separated_by_blanks(self) -> None:
        """The order of a path is the order of its hops."""
        text = "msrps://relay.example.com:2855/r1;tcp msrps://s.example.com:2855/s1;tcp"
        path = parse_path(text)
        self.assertEqual([uri.session_id for uri in path], ["r1", "s1"])
        self.assertEqual(format_path(path), text)
        self.assertEqual(parse_path(text.replace(" ", " \t ")), path)

    def test_a_path_leads_somewhere(self) -> None:
        """There is no reply to nowhere."""
        for text in ("", "  ", "msrp://h/x;tcp nonsense"):
            with self.assertRaises(BadChunk, msg=text):
                parse_path(text)
