"""The headers that describe content."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.push import (
    Disposition,
    content_description,
    content_disposition,
    content_headers,
    parse_content_description,
    parse_content_disposition,
)
from pushsvc.push.content import MAX_DESCRIPTION, MAX_WRITTEN


class Written(SynchronousTestCase):
    """What a SEND says before its Content-Type."""

    def test_a_file_is_described_as_in_the_flows(self) -> None:
        """[R-UP-1a, R-UP-1b] Name, dates and size; attachment is not opened by itself."""
        self.assertEqual(
            content_headers("attachment", "notice.txt", 62, created_at=1772357400),
            (
                (
                    "Content-Disposition",
                    'attachment; filename="notice.txt"; creation-date="Sun, 01 Mar 2026 09:30:00 +0000"; size=62',
                ),
            ),
        )

    def test_only_what_is_known_is_said(self) -> None:
        """[R-UP-1b, A-28] A push without a name is rendered or kept all the same."""
        self.assertEqual(content_headers("render"), (("Content-Disposition", "render"),))
        self.assertEqual(
            content_disposition("render", modified_at=0),
            'render; modification-date="Thu, 01 Jan 1970 00:00:00 +0000"',
        )

    def test_a_description_is_one_line(self) -> None:
        """[R-UP-2] With a description the header is there, without one it is not."""
        headers = content_headers("render", description=" Gate 3:\r\n  Grüße ")
        self.assertEqual(headers[1], ("Content-Description", "Gate 3: Grüße"))
        self.assertEqual(len(content_headers("render", description="\r\n")), 1)
        self.assertEqual(len(content_description("x" * 5000)), MAX_DESCRIPTION)

    def test_both_together_are_short(self) -> None:
        """PEERS 29: msrp-java takes 3024 octets of headers. The name is never cut, the description is, at a letter."""
        for name, description in (("x" * 255, "y" * 5000), ("ß" * 127, "ü" * 5000), ('"' * 255, "€" * 5000)):
            disposition, described = content_headers(
                "attachment", name, 1 << 60, created_at=0.0, description=description
            )
            size = len(disposition[1].encode()) + len(described[1].encode())
            self.assertTrue(MAX_WRITTEN - 3 <= size <= MAX_WRITTEN or len(described[1]) == MAX_DESCRIPTION, size)
            self.assertEqual(described[1], description[: len(described[1])])
        alone = content_headers("attachment", "ß" * 900, description="no room")
        self.assertEqual([name for name, _ in alone], ["Content-Disposition"])

    def test_names_in_other_scripts_are_said_twice(self) -> None:
        """RFC 5987: old peers show something, new ones the right thing."""
        self.assertEqual(
            content_disposition("attachment", 'Grü"ß\\e.txt'),
            'attachment; filename="Gr_\\"_\\\\e.txt"; filename*=UTF-8\'\'Gr%C3%BC%22%C3%9F%5Ce.txt',
        )

    def test_no_name_breaks_out_of_the_header(self) -> None:
        """A name comes from whoever submits pushes."""
        value = content_disposition("attachment", "a\r\nX: y\0\x7f\u2028\ud800")
        self.assertTrue(value.isascii() and value.isprintable())


class Read(SynchronousTestCase):
    """What a peer's SEND says; never a reason to fail."""

    def test_everything_that_is_said_is_read(self) -> None:
        """[R-UP-1a] Quotes, blanks and case as peers like them."""
        self.assertEqual(
            parse_content_disposition(
                'Attachment ;FileName = "a \\"b\\".txt";size=62; creation-date="Sun, 01 Mar 2026 09:30:00 GMT"'
                ';modification-date="1 Mar 2026 09:30:01 +0000";handling=optional;size=7'
            ),
            Disposition("attachment", 'a "b".txt', 62, 1772357400.0, 1772357401.0),
        )
        self.assertEqual(parse_content_disposition("render"), Disposition("render"))
        self.assertEqual(parse_content_disposition("render; filename=a.txt"), Disposition("render", "a.txt"))

    def test_the_exact_name_wins(self) -> None:
        """RFC 5987, in the character sets that are seen; another one leaves the plain name."""
        for value, name in (
            ("UTF-8''Gr%C3%BC%C3%9Fe", "Grüße"),
            ("utf-8'de'%e2%82%ac", "€"),
            ("ISO-8859-1''Gr%FC%DFe", "Grüße"),
            ("UTF-8''%FF", "\ufffd"),
            ("x-mac''%FF", "plain"),
            ("Gr%C3%BC", "plain"),
            ("UTF-8''", "plain"),
            ("UTF-8''a\udcff", "a?"),
        ):
            found = parse_content_disposition(f'attachment; filename*={value}; filename="plain"')
            assert found is not None
            self.assertEqual(found.filename, name)

    def test_what_cannot_be_read_is_passed_over(self) -> None:
        """A lying size must not be a number, and half a header still has a kind."""
        self.assertIsNone(parse_content_disposition(""))
        self.assertIsNone(parse_content_disposition('"attachment"'))
        for rest in (
            "; size=-1",
            "; size=1_0",
            "; size=\u0662",
            ";;;=;",
            '; filename="open',
            "; filename",
            "; filename=",
        ):
            self.assertEqual(parse_content_disposition("attachment" + rest), Disposition("attachment"), rest)

    def test_descriptions_may_come_as_encoded_words(self) -> None:
        """RFC 2047, as mail programs write them; what is broken is shown as it came."""
        for text, expected in (
            ("Grüße", "Grüße"),
            ("=?UTF-8?Q?Gr=C3=BC=C3=9Fe_an?= =?utf-8*de?b?YWxsZQ==?= hier", "Grüße analle hier"),
            ("100% =?utf-8?q?50%25=?=", "100% 50%25"),
            ("=?iso-8859-1?Q?=FC?=", "ü"),
            ("=?koi8-r?Q?=FC?=", "=?koi8-r?Q?=FC?="),
            ("=?utf-8?B?#?=", "=?utf-8?B?#?="),
            ("=?utf-8?B?YW?=", "=?utf-8?B?YW?="),
            ("=?utf-8?B?\udcff?=", "=?utf-8?B???="),
            ("=?utf-8?Q?\udcff?=", "?"),
            ("=?utf-8?B??=", ""),
            ("=?utf-8?Q?a=0D=0Ab?=", "a b"),
        ):
            self.assertEqual(parse_content_description(text), expected, text)

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(st.one_of(st.text(max_size=60), st.text(st.sampled_from("a;=\"\\*'%?QB8-utf "), max_size=60)))
    def test_any_text_is_read(self, text: str) -> None:
        """These only decorate, so they never raise."""
        parse_content_disposition(text)
        parse_content_disposition("attachment;" + text)
        self.assertNotIn("\n", parse_content_description(text))

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
    def test_every_name_comes_back(self, name: str) -> None:
        """In no language does a name change on its way."""
        found = parse_content_disposition(content_disposition("attachment", name, 5))
        self.assertEqual(found, Disposition("attachment", name, 5))
