"""pushsvc.quoting: what header fields are made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.quoting import quoted, split_list, unquoted
from tests.sip.strategies import modest


class ListTests(SynchronousTestCase):
    def test_commas_in_quotes_and_brackets_do_not_split(self) -> None:
        """[D-SIP-4] `"Bell, Alexander" <sip:a,b@c>` is one person."""
        self.assertEqual(
            split_list('"Bell, \\", A" <sip:a,b@c>;x="1,2" ,\t<sip:d> , e;f=g,, '),
            ['"Bell, \\", A" <sip:a,b@c>;x="1,2"', "<sip:d>", "e;f=g"],
        )
        self.assertEqual(split_list("timer, 100rel"), ["timer", "100rel"])
        self.assertEqual(split_list(""), [])

    def test_what_never_ends_is_one_item(self) -> None:
        """So that it is refused where it is read, and not taken apart into something valid."""
        self.assertEqual(split_list('<sip:a>, "x, <sip:b>, y'), ["<sip:a>", '"x, <sip:b>, y'])
        self.assertEqual(split_list("a, <sip:b, c"), ["a", "<sip:b, c"])

    @modest
    @given(st.text('a"<>\\, ', max_size=40))
    def test_any_text_is_split_somehow(self, text: str) -> None:
        for item in split_list(text):
            self.assertIn(item, text)

    def test_long_nonsense_takes_no_time(self) -> None:
        """A pattern that tries again from every octet needs minutes for these."""
        for text in ('"' * 60001, "<" * 60000, '"\\' * 30000, ('"a' * 30001) + "\\", "," * 60000, " " * 60000):
            split_list(text)


class QuotedStrings(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        """What a peer quoted can be said again."""
        for text in ("", "plain", 'with "quotes"', "back\\slash\\"):
            self.assertEqual(unquoted(quoted(text)), text)
        self.assertEqual(unquoted("token"), "token")
