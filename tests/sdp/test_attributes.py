"""File selectors, ranges and fingerprints."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import NotAcceptable
from pushsvc.sdp import FileRange, FileSelector, Fingerprint
from pushsvc.sdp.attributes import MAX_NAME

SHA1 = bytes(range(20))
SHA1_TEXT = "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13"


class Selectors(SynchronousTestCase):
    """Which file it is: two ends must mean the same one."""

    def test_a_selector_is_written_as_peers_want_it(self) -> None:
        """[R-PSA-EST-9] One blank between, quotes around the name and parameter values, upper-case hash."""
        selector = FileSelector("n.txt", 'text/plain; charset=utf-8;x="a b"', 62, SHA1)
        self.assertEqual(
            str(selector), f'name:"n.txt" type:text/plain;charset="utf-8";x="a b" size:62 hash:sha-1:{SHA1_TEXT}'
        )

    def test_a_name_is_escaped_where_it_could_be_misread(self) -> None:
        """E.1: quotes, per cent, line ends, NUL and separators; all other letters stay as people wrote them."""
        name = 'a "b" 100%/\\\r\n\0 grün\ud800'
        text = str(FileSelector(name))
        self.assertEqual(text, 'name:"a %22b%22 100%25%2F%5C%0D%0A%00 grün?"')
        self.assertEqual(FileSelector.parse(text), FileSelector(name.replace("\ud800", "?")))

    def test_any_order_and_unknown_selectors_are_read(self) -> None:
        """[D-SDP-5] The first of several equal ones counts."""
        text = (
            f'hash:sha-256:AA:BB x-new:"a b" hash:SHA-1:{SHA1_TEXT.lower()} hash:sha-1:FF size:0  size:7'
            '\ttype:text/plain;charset="UTF 8" loose name:"a b"'
        )
        self.assertEqual(FileSelector.parse(text), FileSelector("a b", 'text/plain;charset="UTF 8"', 0, SHA1))

    def test_the_bare_form_only_says_that_files_are_understood(self) -> None:
        """Capability answers have it (E.4)."""
        self.assertEqual(FileSelector.parse(""), FileSelector())
        self.assertEqual(str(FileSelector()), "")

    def test_names_that_are_not_utf8_are_still_names(self) -> None:
        """A camera with another character set can be pushed from."""
        self.assertEqual(FileSelector.parse('name:"gr%FCn"').name, "gr\ufffdn")
        self.assertEqual(FileSelector.parse('name:"gr\udcfcn"').name, "gr\ufffdn")

    def test_broken_selectors_are_refused(self) -> None:
        """Class 7: a size that is not a size is not a file that we could check."""
        for text in (
            "size:-1",
            "size:+1",
            "size:1_0",
            "size:\u0662",
            "size:",
            "size:" + "9" * 19,
            "name:x",
            'name:""',
            'name:"x',
            f'name:"{"x" * MAX_NAME}"',
            "type:text",
            "type:",
            'type:text/plain;x="\xff"',
            'type:text/plain;x="\x1b"',
            'type:"text/plain"',
            "hash:sha-1:",
            "hash:sha-1:FF",
            f"hash:sha-1:{SHA1_TEXT}:14",
            f"hash:sha-1:{SHA1_TEXT[:-1]}G",
        ):
            with self.assertRaises(NotAcceptable):
                FileSelector.parse(text)

    def test_two_selectors_agree_unless_both_say_something_different(self) -> None:
        """A peer may leave out the hash when it repeats an offer."""
        file = FileSelector("n", "text/plain", 62, SHA1)
        self.assertTrue(file.agrees(FileSelector(type="Text/Plain", size=62)))
        self.assertTrue(file.agrees(FileSelector()))
        for other in (
            FileSelector("m"),
            FileSelector(type="text/html"),
            FileSelector(size=63),
            FileSelector(sha1=SHA1[::-1]),
        ):
            self.assertFalse(file.agrees(other))

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80), st.integers(0, 10**18 - 1))
    def test_every_name_comes_back(self, name: str, size: int) -> None:
        """In no language does a name change on its way."""
        selector = FileSelector(name, "application/x-y", size, SHA1)
        self.assertEqual(FileSelector.parse(str(selector)), selector)

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.text(st.sampled_from('name:typesizhax-1 \t"%;=/90'), max_size=60))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        """A line is refused, never the service."""
        for parse in (FileSelector.parse, FileRange.parse, Fingerprint.parse):
            try:
                parse(text)
            except NotAcceptable as error:
                self.assertEqual(error.status, 488)


class Ranges(SynchronousTestCase):
    """Resuming counts from one and includes both ends."""

    def test_ranges_are_read_and_written(self) -> None:
        """`*` is the end of the file."""
        for text, value in (("1-62", FileRange(1, 62)), ("2049-*", FileRange(2049)), ("5-5", FileRange(5, 5))):
            self.assertEqual(FileRange.parse(text), value)
            self.assertEqual(str(value), text)

    def test_empty_and_broken_ranges_are_refused(self) -> None:
        """No octet of a file is before the first."""
        for text in ("0-5", "6-5", "*-5", "1-", "-5", "1", "1-2-3", "", "1-" + "9" * 19, "\u0661-2"):
            with self.assertRaises(NotAcceptable):
                FileRange.parse(text)


class Fingerprints(SynchronousTestCase):
    """What ties the TLS connection to the SIP signalling."""

    def test_any_case_is_read_and_one_is_written(self) -> None:
        """[D-TLS-1] Peers differ, we do not (E.1)."""
        digest = bytes(range(32))
        fingerprint = Fingerprint.parse("SHA-256  " + digest.hex(":"))
        self.assertEqual(fingerprint, Fingerprint("sha-256", digest))
        self.assertEqual(str(fingerprint), "sha-256 " + digest.hex(":").upper())

    def test_a_hash_we_do_not_know_is_kept(self) -> None:
        """It is one of several, and whoever verifies takes the strongest that is known."""
        self.assertEqual(Fingerprint.parse("sha3-256 AA:BB"), Fingerprint("sha3-256", b"\xaa\xbb"))

    def test_a_digest_that_cannot_be_is_refused(self) -> None:
        """Half a fingerprint would be half as hard to forge."""
        for text in ("", "sha-256", "sha-256 AA:BB", "sha-1 " + "AA:" * 20, "sha-256 zz", "x " + ":".join(["AA"] * 65)):
            with self.assertRaises(NotAcceptable):
                Fingerprint.parse(text)
