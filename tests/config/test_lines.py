"""The line that an error names must be the line that the operator has to change."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.lines import KeyPath, lines_of

EVERYTHING = '''a = 1  # [not.a.table]
"b c" = """x
[not.a.table]
\\""" y = 2 """
[sip]  # = comment
listen = [ "a", # "]"
  'b"]',
  "c" ]
x.y = { f = "}", g = [1,
 2] }
when = 1979-05-27 07:32:00
'q' . r=-1.5e3
[[rule]]
from = "x"
[rule.sub]
k = \'\'\'
'\'\'\'
[[rule]]
from = 1
[ rule . "other sub" ]
k = 1
'''


def paths_of(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    """Every path into the value, as tomllib read it."""
    found = {path} if path else set()
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        found |= paths_of(inner, (*path, step))
    return found


class Lines(SynchronousTestCase):
    """Every construct of TOML that a configuration can have."""

    def test_each_key_has_its_line(self) -> None:
        """Multi-line strings, lists and inline tables included."""
        expected: dict[KeyPath, int] = {
            ("a",): 1,
            ("b c",): 2,
            ("sip",): 5,
            ("sip", "listen"): 6,
            ("sip", "listen", 0): 6,
            ("sip", "listen", 1): 7,
            ("sip", "listen", 2): 8,
            ("sip", "x"): 9,
            ("sip", "x", "y"): 9,
            ("sip", "x", "y", "f"): 9,
            ("sip", "x", "y", "g"): 9,
            ("sip", "x", "y", "g", 0): 9,
            ("sip", "x", "y", "g", 1): 10,
            ("sip", "when"): 11,
            ("sip", "q"): 12,
            ("sip", "q", "r"): 12,
            ("rule",): 13,
            ("rule", 0): 13,
            ("rule", 0, "from"): 14,
            ("rule", 0, "sub"): 15,
            ("rule", 0, "sub", "k"): 16,
            ("rule", 1): 18,
            ("rule", 1, "from"): 19,
            ("rule", 1, "other sub"): 20,
            ("rule", 1, "other sub", "k"): 21,
        }
        self.assertEqual(lines_of(EVERYTHING), expected)

    def test_no_key_is_forgotten(self) -> None:
        """A key without a line would be blamed on the first."""
        self.assertEqual(paths_of(tomllib.loads(EVERYTHING)) - set(lines_of(EVERYTHING)), set())

    def test_line_ends_of_other_systems_count_the_same(self) -> None:
        """A file that came from Windows has its mistakes in the same lines."""
        self.assertEqual(lines_of(EVERYTHING.replace("\n", "\r\n")), lines_of(EVERYTHING))

    def test_thousands_of_rules_are_counted(self) -> None:
        """Each in the time of one; those of another list have numbers of their own."""
        lines = lines_of("[[rule]]\nfrom = 1\n" * 5000 + "[[rule.more]]\na = 1\n[[other]]\n")
        self.assertEqual(lines["rule", 4999, "from"], 10_000)
        self.assertEqual((lines["rule", 4999, "more", 0, "a"], lines["other", 0]), (10_002, 10_003))

    def test_any_text_in_strings_is_stepped_over(self) -> None:
        """What looks like TOML inside of a string is not."""

        @settings(derandomize=True, deadline=None, max_examples=100)
        @given(st.text(st.sampled_from("a\"'\\[]{}#=,. é"), max_size=8))
        def check(text: str) -> None:
            basic = text.replace("\\", "\\\\").replace('"', '\\"')
            document = f'a = "{basic}"\nb = """{basic}"""\n[c]\nd = ["{basic}", {{e = "{basic}"}}]\nf = 1\n'
            self.assertEqual(tomllib.loads(document)["a"], text)
            lines = lines_of(document)
            self.assertEqual((lines[("b",)], lines[("c", "d", 1, "e")], lines[("c", "f")]), (2, 4, 5))

        check()
