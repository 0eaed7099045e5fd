"""Contents of a submission, in every form that they come in."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from pushsvc.sender.outbox_records import Submission
from tests.sender.submission_case import SubmissionCase


class Contents(SubmissionCase):
    def names(self, read: Submission) -> Sequence[tuple[str, str, bytes | None]]:
        return [(content.name, content.type, content.upload.small()) for content in read.contents]

    def test_base64_with_line_ends_as_tools_write_it(self) -> None:
        text = base64.encodebytes(bytes(range(200))).decode()
        read = self.read(content={"base64": text, "name": "gate.jpg"})
        self.assertEqual(self.names(read), [("gate.jpg", "image/jpeg", bytes(range(200)))])

    def test_several_contents_keep_their_order(self) -> None:
        parts = [self.part("a", b"A"), self.part("b", b"B", "b.png", "image/png")]
        contents = [
            {"upload": "b"},
            {"text": "t", "name": "t.txt", "type": "text/html"},
            {"upload": "a", "name": "A.bin"},
        ]
        read = self.read(None, *parts, content=..., contents=contents)
        self.assertEqual(
            self.names(read),
            [("b.png", "image/png", b"B"), ("t.txt", "text/html", b"t"), ("A.bin", "application/octet-stream", b"A")],
        )

    def test_parts_that_nobody_names_are_all_contents(self) -> None:
        parts = [self.part("file", b"1", "one.txt"), self.part("file", b"2", "two.txt")]
        self.assertEqual(
            [name for name, _, _ in self.names(self.read(None, *parts, content=...))], ["one.txt", "two.txt"]
        )

    def test_parts_of_one_name_are_taken_in_their_order(self) -> None:
        parts = [self.part("file", b"1"), self.part("file", b"2")]
        read = self.read(None, *parts, content=..., contents=[{"upload": "file", "name": "x"}, {"upload": "file"}])
        self.assertEqual([octets for _, _, octets in self.names(read)], [b"1", b"2"])

    def test_a_part_that_is_named_nowhere_is_a_mistake(self) -> None:
        """Its sender believes that it will arrive."""
        found = self.refused(422, self.part("a"), self.part("b"), content={"upload": "a"})
        self.assertEqual(found, [("/contents", "unused-part")])

    def test_too_many_parts(self) -> None:
        self.assertEqual(self.refused(422, *[self.part() for _ in range(9)], content=...), [("/contents", "value")])

    def test_a_type_that_is_missing_is_guessed_by_the_name(self) -> None:
        table = [
            ("gate.jpg", None, "image/jpeg"),
            ("gate.jpg", "image/png", "image/png"),
            ("notes.tar.gz", None, "application/octet-stream"),
            (None, None, "application/octet-stream"),
            ("gate.jpg", "not a type", "image/jpeg"),
            ("x", 'text/plain; charset="utf-8"', 'text/plain; charset="utf-8"'),
        ]
        for name, given, guessed in table:
            read = self.read(None, self.part("f", b"", name, given), content={"upload": "f"})
            self.assertEqual(read.contents[0].type, guessed, name)

    def test_a_name_is_never_a_path(self) -> None:
        for name, safe in (("../../etc/passwd", "_.._etc_passwd"), ("a\u202egpj.exe", "agpj.exe"), ("", "content.bin")):
            read = self.read(content={"base64": "", "name": name, "type": "application/octet-stream"})
            self.assertEqual(read.contents[0].name, safe)

    def test_an_empty_content_is_a_content(self) -> None:
        self.assertEqual(self.read(content={"text": ""}).contents[0].upload.size, 0)
