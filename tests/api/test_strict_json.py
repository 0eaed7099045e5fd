from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.problem import Problem
from pushsvc.api.strict_json import MAX_DEPTH, MAX_NUMBER, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


class StrictJson(SynchronousTestCase):
    """What two readers could understand differently is not read at all."""

    def assert_refused(self, text: bytes) -> str:
        problem = self.assertRaises(Problem, read_json, text)
        self.assertEqual((problem.status, problem.slug), (400, "bad-json"), text)
        return str(problem.detail)

    def test_what_is_no_json_is_refused(self) -> None:
        for text in (b"", b" ", b"{", b"{'a': 1}", b"[1,]", b"{} {}", b"\xef\xbb\xbf{}", b"01", b"+1", b"// x\n1"):
            self.assert_refused(text)

    def test_a_member_that_is_there_twice_is_refused(self) -> None:
        """One reader takes the first, the other the last."""
        self.assert_refused(b'{"to": "sip:alice@example.com", "to": "sip:eve@example.com"}')
        self.assert_refused(b'[{"a": {"b": 1, "\\u0062": 2}}]')

    def test_numbers_that_json_does_not_have_are_refused(self) -> None:
        for text in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * (MAX_NUMBER + 1), b"1." + b"1" * MAX_NUMBER):
            self.assert_refused(b"[" + text + b"]")

    def test_octets_that_are_not_utf_8_are_refused(self) -> None:
        self.assertIn("UTF-8", self.assert_refused(b'"\xff"'))

    def test_half_a_surrogate_pair_is_refused(self) -> None:
        """It could be read, but never be written again."""
        self.assert_refused(b'"\\ud800"')
        self.assertEqual(read_json(b'"\\ud83d\\ude00"'), "😀")

    def test_a_string_without_an_end_is_looked_at_once(self) -> None:
        """It was begun anew at each escaped quote: two hundred kilobytes took minutes of everybody's time."""
        for tail in (b"", b"\\"):
            self.assert_refused(b"[" * (MAX_DEPTH + 1) + b'"' + b'\\"' * 100_000 + tail)

    def test_depth_is_bounded_and_brackets_in_strings_are_none(self) -> None:
        self.assertEqual(read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)[0][0] != [], True)
        self.assert_refused(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
        self.assert_refused(b"[" * 100_000)
        self.assert_refused(b'{"a":' * 100_000)
        self.assertEqual(read_json(b'"' + b"[" * 1000 + b'\\""'), "[" * 1000 + '"')

    @settings(derandomize=True, deadline=None, max_examples=100)
    @given(VALUES)
    def test_whatever_json_can_say_is_read(self, value: object) -> None:
        for ascii in (True, False):
            self.assertEqual(read_json(json.dumps(value, ensure_ascii=ascii).encode()), value)

    @settings(derandomize=True, deadline=None, max_examples=100)
    @given(st.binary(max_size=40))
    def test_random_octets_are_read_or_refused(self, text: bytes) -> None:
        try:
            read_json(text)
        except Problem as problem:
            self.assertEqual(problem.status, 400)
