"""Session descriptions as other stacks write them (PEERS 5): offers to our receiver, and answers to our sender."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.sdp import FileSelector, Fingerprint, MediaOffer

SHA1 = bytes.fromhex("72245FE8653DDAF371362F86D471913EE4A2CE2E")
HASH = "72:24:5F:E8:65:3D:DA:F3:71:36:2F:86:D4:71:91:3E:E4:A2:CE:2E"
SELECTOR = FileSelector("notice.txt", "text/plain", 62, SHA1)

NODE_LIB = """v=0
o=- 3940000000 3940000000 IN IP4 192.0.2.30
s=push
c=IN IP4 192.0.2.30
t=0 0
m=message 49160 TCP/MSRP *
a=accept-types:text/plain text/x-msrp-heartbeat
a=setup:active
a=path:msrp://192.0.2.30:49160/uzkh3jwdb5;tcp
"""
SIPSIMPLE = f"""v=0
o=- 3940000000 3940000000 IN IP4 192.0.2.30
s=Blink 5.9.1
t=0 0
m=message 2855 TCP/TLS/MSRP *
c=IN IP4 192.0.2.30
a=path:msrps://192.0.2.30:2855/d8a1f6c20b7e49;tcp
a=sendonly
a=accept-types:*
a=setup:actpass
a=file-selector:name:"notice.txt" type:text/plain size:62 hash:sha-1:{HASH}
a=x-file-offset
a=file-transfer-id:aW0kYX8pZ2hq
"""
RCSJTA = f"""v=0
o=- 3940000000 3940000000 IN IP4 192.0.2.30
s=-
c=IN IP4 192.0.2.30
t=0 0
m=message 9 TCP/TLS/MSRP *
a=accept-types:text/plain
a=accept-wrapped-types:*
a=file-transfer-id:1795344325914
a=file-disposition:attachment
a=file-selector:name:"notice.txt" type:text/plain size:62 hash:sha-1:{HASH}
a=setup:active
a=path:msrps://192.0.2.30:9/1795344325913;tcp
a=fingerprint:SHA-1 {HASH}
a=sendonly
a=max-size:10485760
a=file-location:
a=file-icon:cid:1795344325915@example.com
"""
TINYDAV = """v=0
o=doubango 1983 678901 IN IP4 192.0.2.30
s=-
c=IN IP4 192.0.2.30
t=0 0
m=message 2855 TCP/MSRP *
c=IN IP4 192.0.2.30
a=path:msrp://192.0.2.30:2855/1732440000123;tcp
a=connection:new
a=setup:actpass
a=accept-types:message/CPIM application/octet-stream
a=accept-wrapped-types:application/octet-stream image/jpeg
a=sendonly
a=file-selector:name:"notice.txt" type:text/plain
a=file-transfer-id:1732440000124
"""
FREESWITCH = """v=0
o=FreeSWITCH 1732440000 1732440001 IN IP4 192.0.2.30
s=FreeSWITCH
c=IN IP4 192.0.2.30
t=0 0
m=message 2855 TCP/MSRP *
a=accept-types:message/cpim text/* application/im-iscomposing+xml
a=accept-wrapped-types:*
a=setup:passive
a=path:msrp://192.0.2.30:2855/9e2b7c1a-54f0-4a61-8d11-0c3f5d2e7a90;tcp
"""
AOSP = """v=0
o=- 3940000001 3940000001 IN IP4 192.0.2.30
s=-
c=IN IP4 192.0.2.30
t=0 0
m=message 9 TCP/MSRP *
a=accept-types:text/plain message/CPIM
a=setup:active
a=path:msrp://192.0.2.30:9/1795344325913;tcp
a=sendrecv
"""


def read(text: str) -> sdp.Description:
    return sdp.parse(text.replace("\n", "\r\n").encode())


def shown(line: MediaOffer, *names: str) -> dict[str, Any]:
    return {name: getattr(line, name) for name in names}


class Offers(SynchronousTestCase):
    """[D-SDP-5] [R-PRA-INV-1] Every one of them is readable, and nothing in it that we do not know is in the way."""

    def line(self, text: str) -> MediaOffer:
        (line,) = sdp.media(read(text))
        self.assertIsNone(line.problem)
        return line

    def test_node_lib(self) -> None:
        """Everything behind m=, no direction, no selector; its source port is that of its path (PEERS 9)."""
        line = self.line(NODE_LIB)
        facts = {"port": 49160, "secure": False, "setup": "active", "direction": "sendrecv", "selector": None}
        self.assertEqual(shown(line, *facts), facts)

    def test_sipsimple(self) -> None:
        """c= below m=, its own order, a private attribute, and types that are anything."""
        line = self.line(SIPSIMPLE)
        facts = {"connection_host": "192.0.2.30", "secure": True, "setup": "actpass", "selector": SELECTOR}
        self.assertEqual(shown(line, *facts), facts)
        self.assertTrue(sdp.acceptable_types(line, ("text/plain",)))
        self.assertFalse(sdp.acceptable_types(line, ("image/*",)))

    def test_rcsjta(self) -> None:
        """PEERS 10, 34 and 37: port 9 twice, `fingerprint:SHA-1` on the media line, an empty file-location."""
        line = self.line(RCSJTA)
        facts = {"port": 9, "max_size": 10485760, "selector": SELECTOR, "transfer_id": "1795344325914"}
        self.assertEqual(shown(line, *facts), facts)
        self.assertEqual((line.path[0].port, line.fingerprints), (9, (Fingerprint("sha-1", SHA1),)))

    def test_tinydav(self) -> None:
        """PEERS 37: neither size nor hash; a=connection:new; types in capitals, and a list of wrapped ones."""
        line = self.line(TINYDAV)
        self.assertEqual(line.selector, FileSelector("notice.txt", "text/plain"))
        self.assertTrue(sdp.acceptable_types(line, ("text/plain", "image/*")))
        self.assertEqual(line.accept_types[0], "message/CPIM")

    def test_freeswitch(self) -> None:
        """A session-id of 36 characters; what is wrapped may be anything."""
        line = self.line(FREESWITCH)
        self.assertEqual(len(line.path[0].session_id or ""), 36)
        self.assertTrue(sdp.acceptable_types(line, ("image/png",)))

    def test_aosp(self) -> None:
        """Port 9, and the direction at the end."""
        facts = {"port": 9, "setup": "active", "direction": "sendrecv", "problem": None}
        self.assertEqual(shown(self.line(AOSP), *facts), facts)

    def test_port_0_everywhere(self) -> None:
        """The negative twin: refused lines have no problem, and nothing is taken by them."""
        for text in (NODE_LIB, SIPSIMPLE, RCSJTA, TINYDAV, FREESWITCH, AOSP):
            (line,) = sdp.media(read(text.replace("m=message 9 ", "m=message 0 ").replace("2855 TCP", "0 TCP")))
            self.assertEqual((line.refused, line.problem), (text is not NODE_LIB, None))

    def test_without_what_a_line_needs(self) -> None:
        """The negative twin: no path, no types, TLS and path that differ."""
        for name in ("path", "accept-types"):
            for text in (NODE_LIB, SIPSIMPLE, RCSJTA, TINYDAV, FREESWITCH, AOSP):
                lines = [each for each in text.splitlines(keepends=True) if not each.startswith(f"a={name}:")]
                (line,) = sdp.media(read("".join(lines)))
                self.assertIn(line.problem, (sdp.Problem.NO_PATH, sdp.Problem.NO_TYPES))
        (line,) = sdp.media(read(RCSJTA.replace("msrps:", "msrp:")))
        self.assertEqual(line.problem, sdp.Problem.MIXED_SCHEME)


class Answers(SynchronousTestCase):
    """[D-SDP-5] Each can be sent to, where it was offered what it answers."""

    def answered(self, text: str, *, secure: bool = False) -> MediaOffer:
        offer = read(SIPSIMPLE if secure else SIPSIMPLE.replace("TCP/TLS/", "TCP/").replace("msrps:", "msrp:"))
        (line,) = sdp.answered(offer, read(text))
        self.assertIsNone(line.problem)
        return line

    def test_without_selectors_and_direction(self) -> None:
        """node-lib, FreeSWITCH and AOSP know no files: they take the content all the same."""
        for text, setup in ((NODE_LIB, "active"), (FREESWITCH, "passive"), (AOSP, "active")):
            line = self.answered(text)
            self.assertEqual((line.setup, line.selector, line.refused), (setup, None, False))

    def test_with_them(self) -> None:
        """sipsimple and rcsjta mirror what was offered; recvonly."""
        mirrored = "a=file-transfer-id:aW0kYX8pZ2hq"
        for text in (SIPSIMPLE, RCSJTA):
            answer = text.replace("a=sendonly", "a=recvonly").replace("a=file-transfer-id:1795344325914", mirrored)
            line = self.answered(answer, secure=True)
            self.assertEqual((line.selector, line.transfer_id), (SELECTOR, "aW0kYX8pZ2hq"))

    def test_no_setup_at_all(self) -> None:
        """[A-35] A peer that knows only RFC 4975, or leaves it out: the offerer connects, as with rcsjta."""
        line = self.answered(FREESWITCH.replace("a=setup:passive\n", ""))
        self.assertTrue(sdp.offerer_connects("actpass", line.setup))

    def test_a_selector_of_another_file(self) -> None:
        """The negative twin: whose transfer id differs is not about our file."""
        (line,) = sdp.answered(read(SIPSIMPLE), read(RCSJTA.replace("a=sendonly", "a=recvonly")))
        self.assertEqual(line.problem, sdp.Problem.OTHER_TRANSFER)

    def test_another_transport(self) -> None:
        """sipsimple refuses a transport that is not its own; who answers with another one cannot be sent to."""
        (line,) = sdp.answered(read(SIPSIMPLE), read(FREESWITCH))
        self.assertEqual(line.problem, sdp.Problem.FOREIGN_TRANSPORT)
