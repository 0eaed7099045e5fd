"""What a submission may say, and what is made of it."""

from __future__ import annotations

import base64
from typing import Any

import attrs

from pushsvc.api.fields import time_text
from pushsvc.api.problem import Problem
from pushsvc.sender.content_store import SMALL
from pushsvc.sender.outbox_records import Submission
from pushsvc.sender.submission import Draft, read_submission
from tests.sender.outbox_case import ALICE, BOB, NOW, CountingTokens
from tests.sender.submission_case import HELLO, RULES, SubmissionCase


class Defaults(SubmissionCase):
    def test_the_shortest_submission(self) -> None:
        read = self.read()
        self.assertEqual(
            (read.id, read.to, read.client, read.submitted_at), ("psh_" + "1".zfill(22), (ALICE,), "ops", NOW)
        )
        self.assertEqual((read.mode, read.disposition, read.priority), ("auto", "attachment", "normal"))
        self.assertEqual(read.not_after, NOW + 259_200)
        (content,) = read.contents
        self.assertEqual((content.name, content.type), ("content.txt", "text/plain;charset=utf-8"))
        self.assertEqual(content.upload.small(), b"hello")

    def test_what_is_said_is_kept(self) -> None:
        said: dict[str, Any] = {
            "to": [ALICE, BOB],
            "title": "Gate 3",
            "description": "d",
            "application": "mms.ua",
            "mode": "msrp",
            "disposition": "render",
            "priority": "high",
            "correlation": {"alarm": [1, None]},
            "labels": ["gate"],
            "idempotency": "key",
        }
        read = self.read(**said)
        for name, value in said.items():
            self.assertEqual(getattr(read, name), tuple(value) if name in ("to", "labels") else value)

    def test_null_is_absent(self) -> None:
        """The contract's own example says "description": null."""
        self.assertIsNone(self.read(description=None, idempotency=None, title=None).description)

    def test_the_configuration_fills_in(self) -> None:
        self.rules = attrs.evolve(RULES, mode="msrp", disposition="render", time_to_live=60.0)
        read = self.read()
        self.assertEqual((read.mode, read.disposition, read.not_after), ("msrp", "render", NOW + 60))


class Refusals(SubmissionCase):
    def test_every_field_says_what_is_wrong_with_it(self) -> None:
        table: list[tuple[dict[str, Any], str, str]] = [
            ({"to": ...}, "/to", "missing"),
            ({"to": []}, "/to", "value"),
            ({"to": ALICE}, "/to", "type"),
            ({"to": [ALICE, 7]}, "/to/1", "type"),
            ({"to": ["alice@example.com"]}, "/to/0", "uri"),
            ({"to": ["tel:+4930"]}, "/to/0", "uri"),
            ({"to": [ALICE, "sip:b%zz@example.com"]}, "/to/1", "uri"),
            ({"to": [ALICE + "?Subject=x"]}, "/to/0", "uri"),
            ({"to": [ALICE, BOB, ALICE]}, "/to", "duplicate"),
            ({"to": [f"sip:u{number}@h" for number in range(1001)]}, "/to", "value"),
            ({"title": 7}, "/title", "type"),
            ({"title": "x" * 256}, "/title", "too-long"),
            ({"mode": "fax"}, "/mode", "value"),
            ({"disposition": "icon"}, "/disposition", "value"),
            ({"priority": "urgent"}, "/priority", "value"),
            ({"application": "a b"}, "/application", "value"),
            ({"not_after": "tomorrow"}, "/not_after", "value"),
            ({"not_after": time_text(NOW)}, "/not_after", "past"),
            ({"correlation": "x" * 4097}, "/correlation", "too-long"),
            ({"labels": ["x"] * 17}, "/labels", "value"),
            ({"idempotency": "ü"}, "/idempotency", "value"),
            ({"colour": "red"}, "/colour", "unknown"),
            ({"content": ...}, "/content", "missing"),
            ({"content": "hello"}, "/content", "type"),
            ({"content": {}}, "/content", "one-of"),
            ({"content": {"text": "a", "base64": "YQ=="}}, "/content", "one-of"),
            ({"content": {"text": 7}}, "/content/text", "type"),
            ({"content": {"base64": "a"}}, "/content/base64", "value"),
            ({"content": {"base64": ["a"]}}, "/content/base64", "type"),
            ({"content": {"upload": "file"}}, "/content/upload", "unknown-part"),
            ({"content": {"text": "a", "type": "text"}}, "/content/type", "value"),
            ({"content": {"text": "a", "size": 1}}, "/content/size", "unknown"),
            ({"contents": [HELLO]}, "/contents", "one-of"),
            ({"content": ..., "contents": [HELLO] * 9}, "/contents", "value"),
            ({"content": ..., "contents": [HELLO, {"text": 7}]}, "/contents/1/text", "type"),
        ]
        for fields, pointer, code in table:
            self.assertIn((pointer, code), self.refused(422, **fields), fields)

    def test_all_mistakes_are_told_at_once(self) -> None:
        found = self.refused(422, to=["x"], title=7, mode="fax", colour="red")
        self.assertEqual({pointer for pointer, _ in found}, {"/to/0", "/title", "/mode", "/colour"})

    def test_line_ends_and_nul_are_no_text_of_a_field(self) -> None:
        """[SECURITY 1.16] They are how one field becomes two, in a SIP header or in a log."""
        for nasty in ("a\rb", "a\nb", "a\0b"):
            for fields in (
                {"title": nasty},
                {"description": nasty},
                {"labels": [nasty]},
                {"to": [nasty]},
                {"application": nasty},
                {"idempotency": nasty},
                {"content": {"text": "x", "name": nasty}},
                {"content": {"text": "x", "type": "text/plain\r\nTo: eve"}},
            ):
                self.assertIn("control-character", [code for _, code in self.refused(400, **fields)])

    def test_content_may_hold_any_character(self) -> None:
        read = self.read(content={"text": "line\r\nline\0ü"})
        self.assertEqual(read.contents[0].upload.small(), "line\r\nline\0ü".encode())

    def test_a_draft_that_is_no_object(self) -> None:
        for value in ([], "x", 7, None):
            draft = Draft("json", value)
            problem = self.assertRaises(
                Problem, read_submission, draft, RULES, self.store, CountingTokens(), client="", now=NOW
            )
            self.assertEqual(problem.status, 422)

    def test_a_content_that_is_too_big_is_413(self) -> None:
        self.assertEqual(self.refused(413, content={"text": "x" * 100_001}), [])

    def test_a_message_that_does_not_fit_is_refused_now(self) -> None:
        """Not after an hour of retries."""
        asked: list[Submission] = []

        def too_big(wanted: Submission) -> str:
            asked.append(wanted)
            return "1400 octets"

        self.rules = attrs.evolve(RULES, too_big_for_message=too_big)
        self.assertEqual(self.refused(422, mode="message"), [("/mode", "too-large")])
        self.assertEqual(asked[0].to, (ALICE,))
        self.read(mode="auto")
        self.assertEqual(len(asked), 1)

    def test_nothing_that_was_refused_stays_on_the_disk(self) -> None:
        big = base64.b64encode(b"x" * (SMALL + 1)).decode()
        self.refused(422, self.part(octets=b"y" * (SMALL + 1)), content={"base64": big}, colour="red")
        self.refused(413, contents=[{"base64": big}, {"text": "x" * 100_001}], content=...)
        self.assertEqual(list(self.directory.iterdir()), [])


class SameOrNot(SubmissionCase):
    def fingerprint(self, **fields: Any) -> str:
        return self.read(**fields).fingerprint

    def test_the_same_words_are_the_same_push(self) -> None:
        self.assertEqual(self.fingerprint(), self.fingerprint())

    def test_the_form_does_not_matter(self) -> None:
        """A multipart boundary is another one each time."""
        inline = self.fingerprint(content={"base64": "aGVsbG8=", "name": "x", "type": "text/plain"})
        part = self.read(None, self.part("f", b"hello", "x", "text/plain"), content=...).fingerprint
        self.assertEqual(inline, part)

    def test_any_other_word_is_another_push(self) -> None:
        others: list[dict[str, Any]] = [
            {"to": [BOB]},
            {"content": {"text": "Hello"}},
            {"content": HELLO | {"name": "x"}},
            {"content": HELLO | {"icon": {"type": "image/png", "base64": "eA=="}}},
            {"content": HELLO | {"icon": {"type": "image/gif", "base64": "eA=="}}},
            {"content": HELLO | {"icon": {"type": "image/png", "base64": "eQ=="}}},
            {"title": "t"},
            {"mode": "msrp"},
            {"not_after": time_text(NOW + 60)},
            {"correlation": 1},
            {"labels": ["x"]},
            {"priority": "low"},
        ]
        prints = {self.fingerprint(), *(self.fingerprint(**fields) for fields in others)}
        self.assertEqual(len(prints), len(others) + 1)

    def test_the_key_may_be_in_the_header_or_in_the_body(self) -> None:
        self.assertEqual(self.read(key="k").idempotency, "k")
        self.assertEqual(self.read(key="k", idempotency="k").idempotency, "k")
        problem = self.assertRaises(Problem, self.read, key="k", idempotency="other")
        self.assertEqual(problem.errors[0].pointer, "/idempotency")

    def test_a_header_that_is_no_key_is_refused(self) -> None:
        for key in ("", "k" * 256, "schlüssel"):
            problem = self.assertRaises(Problem, self.read, key=key)
            self.assertEqual([(error.pointer, error.code) for error in problem.errors], [("/idempotency", "value")])
