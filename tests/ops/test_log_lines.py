"""A log line is read by people, by programs, and is written in part by strangers."""

from __future__ import annotations

import enum
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops.log_lines import MAX_LINE, MAX_VALUE, json_line, quoted, text_line


def event(words: str = "sip resp", **fields: Any) -> dict[str, Any]:
    """An event as twisted.logger makes it, of 2026-11-22T10:14:03.6Z."""
    return {
        **fields,
        "log_time": 1795342443.6,
        "log_level": fields.pop("log_level", LogLevel.info),
        "log_format": words,
        "log_namespace": fields.pop("log_namespace", "pushsvc.net.user_agent"),
    }


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class Colour(enum.Enum):
    RED = "red"


class Text(SynchronousTestCase):
    """`time level words key=value ...`"""

    def test_the_line_is_as_promised(self) -> None:
        """The example of the manual."""
        self.assertEqual(
            text_line(
                event(
                    dir="in",
                    code=480,
                    method="INVITE",
                    call_id="8c1d@push1",
                    to="sip:bob@example.com;transport=tcp",
                    peer="tls:203.0.113.9:5061",
                    rtt_ms=188,
                    push="psh_1",
                )
            ),
            b"2026-11-22T10:14:03.600Z info sip resp dir=in code=480 method=INVITE call_id=8c1d@push1 "
            b"to=sip:bob@example.com;transport=tcp peer=tls:203.0.113.9:5061 rtt_ms=188 push=psh_1\n",
        )

    def test_fields_of_the_words_are_told_as_fields_too(self) -> None:
        """`grep push=psh_1` finds every line of a push."""
        self.assertEqual(
            text_line(event("push {push} delivered in {seconds:.1f}s", push="psh_1", seconds=0.26)),
            b"2026-11-22T10:14:03.600Z info push psh_1 delivered in 0.3s push=psh_1 seconds=0.26\n",
        )

    def test_values_are_quoted_where_they_could_be_misread(self) -> None:
        """Blanks, quotes, nothing at all."""
        for value, written in (
            ("a b", '"a b"'),
            ("", '""'),
            ('say "x"', '"say \\"x\\""'),
            ("back\\slash", '"back\\\\slash"'),
            ("Zoë", "Zoë"),
            ("a=b", "a=b"),
        ):
            self.assertEqual(quoted(value), written)

    def test_what_strangers_write_stays_in_its_value(self) -> None:
        """No line end, no escape sequence, no change of the reading direction."""
        hostile = "a\r\n2026 info forged\x1b[31m\u202e\u2028\x85\x00\x7f\U000e0001\udcff"
        self.assertEqual(
            text_line(event(name=hostile)).decode(),
            "2026-11-22T10:14:03.600Z info sip resp "
            'name="a\\r\\n2026 info forged\\u001b[31m\\u202e\\u2028\\u0085\\u0000\\u007f\\U000e0001\\udcff"\n',
        )

    def test_words_cannot_be_taken_for_fields(self) -> None:
        """A reason phrase that says `push=...` is no push."""
        self.assertEqual(
            text_line(event("{reason}", reason="Busy push=psh_2")),
            b'2026-11-22T10:14:03.600Z info "Busy push=psh_2" reason="Busy push=psh_2"\n',
        )

    def test_each_type_has_its_form(self) -> None:
        """None is left out."""
        self.assertEqual(
            text_line(
                event(
                    yes=True,
                    number=1,
                    part=0.1234567891,
                    endless=float("inf"),
                    octets=b"a\xff",
                    colour=Colour.RED,
                    nothing=None,
                    bad=Unprintable(),
                    items=[1],
                )
            ),
            b"2026-11-22T10:14:03.600Z info sip resp yes=true number=1 part=0.123457 endless=inf "
            b'octets="a\\\\xff" colour=red bad="<unprintable Unprintable>" items=[1]\n',
        )

    def test_names_of_the_line_itself_are_kept_apart(self) -> None:
        """A field called `level` is not the level."""
        self.assertEqual(
            text_line(event(level="high", event="x")), b"2026-11-22T10:14:03.600Z info sip resp level_=high event_=x\n"
        )

    def test_lines_of_others_say_whose_they_are(self) -> None:
        """twistd's and Twisted's own; their fields are in their words."""
        self.assertEqual(
            text_line(event("reactor {x}", x="y z", log_namespace="twisted.internet.base")),
            b"2026-11-22T10:14:03.600Z info reactor y z logger=twisted.internet.base\n",
        )

    def test_a_failure_is_one_line_with_where_it_came_from(self) -> None:
        """Innermost first; a traceback of thirty lines is read by nobody in a journal."""

        def inner() -> None:
            raise ValueError("bad\nvalue")

        try:
            inner()
        except ValueError:
            line = text_line(event("went wrong", log_failure=Failure(), log_level=LogLevel.critical)).decode()
        self.assertRegex(
            line,
            r"\A2026-11-22T10:14:03.600Z critical went wrong "
            r'error="ValueError: bad\\nvalue" at="ops/test_log_lines\.py:\d+:inner < ops/test_log_lines\.py:\d+:test_a',
        )
        self.assertEqual(line.count("\n"), 1)

    def test_a_format_that_cannot_be_filled_is_still_a_line(self) -> None:
        """A mistake in a log call must not lose the event."""
        for words in ("{missing}", "{bad}"):
            line = text_line(event(words, bad=Unprintable()))
            self.assertTrue(line.startswith(b"2026-11-22T10:14:03.600Z info ") and line.endswith(b"\n"), line)


class Json(SynchronousTestCase):
    """One flat object."""

    def test_the_keys_are_those_of_the_text(self) -> None:
        """What is found in one form is found in the other."""
        self.assertEqual(
            json_line(event(dir="in", code=480, ok=True, seconds=0.25)),
            b'{"time": "2026-11-22T10:14:03.600Z", "level": "info", "event": "sip resp", '
            b'"dir": "in", "code": 480, "ok": true, "seconds": 0.25}\n',
        )

    def test_everything_is_ascii(self) -> None:
        """So there is nothing to escape for whoever shows it."""
        line = json_line(event(name="Zoë\u202e\x7f\n"))
        self.assertEqual(json.loads(line)["name"], "Zoë\u202e\x7f\n")
        self.assertTrue(line.isascii() and line[:-1].decode().isprintable(), line)


class Limits(SynchronousTestCase):
    """Whatever is in it, it is one line, and not a long one."""

    def test_long_values_are_cut(self) -> None:
        """The beginning tells most."""
        self.assertEqual(json.loads(json_line(event(name="x" * 5000)))["name"], "x" * (MAX_VALUE - 3) + "...")

    def test_words_are_cut_by_what_they_take_when_written(self) -> None:
        """Seven hundred letters can be eight thousand octets: of other scripts, or as escapes."""
        for letter in ("\u754c", "\U0001f600", "\U000e0001", "\udcff", "\x1b"):
            for line in (text_line(event(letter * 700, peer="a")), json_line(event(letter * 700, peer="a"))):
                self.assertLessEqual(len(line), MAX_LINE)
                self.assertIn(b"...", line)
                self.assertIn(b"peer", line)

    def test_what_does_not_fit_is_counted(self) -> None:
        """Nobody should take the line for all there was."""
        many = {f"field{index}": "é" * 250 for index in range(20)}
        text, parsed = text_line(event(**many)), json.loads(json_line(event(**many)))
        self.assertLessEqual(len(text), MAX_LINE)
        self.assertRegex(text.decode(), r" omitted=1\d\n\Z")
        self.assertEqual(parsed["omitted"] + len(parsed), 20 + 4)

    def test_any_text_gives_one_safe_line(self) -> None:
        """Random words and values, in both forms."""

        @settings(derandomize=True, deadline=None, max_examples=150)
        @given(st.text(max_size=900), st.text(max_size=400), st.binary(max_size=400))
        def check(words: str, text: str, octets: bytes) -> None:
            for write in (text_line, json_line):
                line = write(event("{reason}", reason=words, text=text, octets=octets))
                self.assertLessEqual(len(line), MAX_LINE)
                self.assertTrue(line.endswith(b"\n") and line[:-1].decode().isprintable(), line)
            json.loads(json_line(event("{reason}", reason=words, text=text, octets=octets)))

        check()
