from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.fields import Fields, moment_of, time_text
from pushsvc.api.problem import FieldError, Problem


class Reading(SynchronousTestCase):
    """Every mistake of a body in one answer, each with the place where it is."""

    def errors(self, fields: Fields, status: int = 422) -> list[tuple[str, str]]:
        problem = self.assertRaises(Problem, fields.done)
        self.assertEqual((problem.status, problem.slug), (status, "bad-field"))
        return [(error.pointer, error.code) for error in problem.errors]

    def test_members_are_read_by_their_kinds(self) -> None:
        fields = Fields({
            "text": "a", "number": 3, "flag": False, "at": "2026-11-22T11:00:00Z", "list": ["x", "y"],
            "part": {"inner": 1}, "parts": [{"inner": 2}], "any": [None],
        })  # fmt: skip
        self.assertEqual(fields.text("text"), "a")
        self.assertEqual(fields.integer("number"), 3)
        self.assertEqual(fields.boolean("flag"), False)
        self.assertEqual(fields.time("at"), 1795345200.0)
        self.assertEqual(fields.texts("list"), ["x", "y"])
        part = fields.part("part")
        assert part is not None
        self.assertEqual(part.integer("inner"), 1)
        self.assertEqual([part.integer("inner") for part in fields.parts("parts")], [2])
        self.assertEqual(fields.anything("any"), [None])
        fields.done()

    def test_what_is_absent_or_null_is_its_default(self) -> None:
        fields = Fields({"title": None})
        self.assertEqual(fields.text("title", None), None)
        self.assertEqual(fields.text("name", "x"), "x")
        self.assertEqual(fields.time("at", None), None)
        self.assertEqual(fields.texts("labels", []), [])
        self.assertEqual((fields.part("part"), fields.parts("parts"), fields.anything("any")), (None, [], None))
        fields.done()

    def test_every_mistake_is_named_at_once(self) -> None:
        fields = Fields({
            "a": 1, "b": "long", "d": "no", "e": True, "f": "yesterday", "g": [1, "x\0"], "h": 1, "i/j~": 0,
        })  # fmt: skip
        fields.text("a")
        fields.text("b", longest=3)
        fields.text("c")
        fields.text("d", choices=("yes",))
        fields.integer("e")
        fields.time("f")
        fields.texts("g")
        fields.part("h")
        self.assertEqual(
            self.errors(fields, status=400),
            [
                ("/a", "type"), ("/b", "too-long"), ("/c", "missing"), ("/d", "value"), ("/e", "type"), ("/f", "value"),
                ("/g/0", "type"), ("/g/1", "control-character"), ("/h", "type"), ("/i~1j~0", "unknown"),
            ],
        )  # fmt: skip

    def test_unknown_members_are_mistakes_wherever_they_are(self) -> None:
        """Somebody who misspells `not_after` must hear of it, not wonder why the push came late."""
        fields = Fields({"content": {"typ": "x"}, "contents": [{"nam": 1}]})
        fields.part("content")
        fields.parts("contents")
        self.assertEqual(self.errors(fields), [("/content/typ", "unknown"), ("/contents/0/nam", "unknown")])

    def test_a_body_that_is_no_object_is_a_mistake_of_the_whole(self) -> None:
        for value in ([], "x", 1, None):
            self.assertEqual(self.errors(Fields(value)), [("", "type")])

    def test_line_ends_are_for_prose_only(self) -> None:
        """A title with a line end could become a second header."""
        fields = Fields({"title": "a\r\nb", "text": "a\r\n\tb"})
        fields.text("title")
        fields.text("text", prose=True)
        self.assertEqual(self.errors(fields, status=400), [("/title", "control-character")])

    def test_numbers_and_lists_are_bounded(self) -> None:
        fields = Fields({"a": 11, "b": ["x"] * 3, "c": [{}] * 3, "d": []})
        fields.integer("a", most=10)
        fields.texts("b", most=2)
        fields.parts("c", most=2)
        fields.texts("d")
        self.assertEqual(self.errors(fields), [("/a", "value"), ("/b", "value"), ("/c", "value"), ("/d", "value")])

    def test_callers_can_add_mistakes_of_their_own(self) -> None:
        fields = Fields({"to": ["x"]})
        fields.texts("to")
        fields.wrong("to/0", "not-a-uri")
        fields.wrong("", "contradiction")
        problem = self.assertRaises(Problem, fields.done)
        self.assertEqual(problem.errors, (FieldError("/to/0", "not-a-uri"), FieldError("", "contradiction")))


class Times(SynchronousTestCase):
    def test_a_time_is_read_with_its_offset(self) -> None:
        for text in ("2026-11-22T11:00:00Z", "2026-11-22t11:00:00z", "2026-11-22 12:00:00+01:00"):
            self.assertEqual(moment_of(text), 1795345200.0)
        self.assertEqual(moment_of("2026-11-22T11:00:00.250Z"), 1795345200.25)

    def test_what_is_no_time_is_none(self) -> None:
        for text in ("", "2026-11-22", "2026-11-22T11:00:00", "2026-13-01T00:00:00Z", "1795345200", "٢٠-11-22T11:00Z"):
            self.assertEqual(moment_of(text), None, text)

    def test_a_time_is_written_in_utc_to_the_millisecond(self) -> None:
        self.assertEqual(time_text(1795345200.25), "2026-11-22T11:00:00.250Z")
