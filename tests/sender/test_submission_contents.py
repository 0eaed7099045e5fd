"""Contents of a submission, in every form that they come in."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from pushsvc.api.problem import Problem
from pushsvc.sender.content_store import SMALL
from pushsvc.sender.outbox_records import Submission
from pushsvc.sender.submission_contents import MAX_ICON
from pushsvc.sessions import Icon
from tests.sender.submission_case import HELLO, SubmissionCase


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

    def test_an_icon_is_part_of_a_content(self) -> None:
        """[F-13] Inline or as a part of the form, whose type counts when nothing else is said."""
        parts = [self.part("a", b"A"), self.part("i", b"icon", "i.png", "Image/PNG; q=1"), self.part("j", b"jpg")]
        contents = [
            {"upload": "a", "icon": {"upload": "i"}},
            {"text": "t", "icon": {"upload": "j", "type": "image/jpeg"}},
            {"text": "t", "icon": {"type": "image/svg+xml", "base64": base64.encodebytes(b"<svg/>").decode()}},
            {"text": "t", "icon": None},
        ]
        read = self.read(None, *parts, content=..., contents=contents)
        self.assertEqual(
            [content.icon for content in read.contents],
            [Icon("image/png", b"icon"), Icon("image/jpeg", b"jpg"), Icon("image/svg+xml", b"<svg/>"), None],
        )

    def test_icons_that_are_none(self) -> None:
        """[F-13] A client hears of it now; its receivers never would."""
        fits, large = (base64.b64encode(bytes(size)).decode() for size in (MAX_ICON, MAX_ICON + 1))
        self.read(content=HELLO | {"icon": {"type": "image/png", "base64": fits}})
        for icon, pointer, code in (
            ({"type": "image/png", "base64": large}, "", "too-large"),
            ({"type": "image/png", "base64": ""}, "", "value"),
            ({"type": "image/png", "base64": "*"}, "/base64", "value"),
            ({"type": "text/html", "base64": "eA=="}, "/type", "value"),
            ({"type": "image/" + "x" * 65, "base64": "eA=="}, "/type", "value"),
            ({"type": "image/png\r\nX: y", "base64": "eA=="}, "/type", "control-character"),
            ({"base64": "eA=="}, "/type", "missing"),
            ({"type": "image/png"}, "", "one-of"),
            ({"type": "image/png", "base64": "eA==", "upload": "file"}, "", "one-of"),
            ({"type": "image/png", "upload": "nobody"}, "/upload", "unknown-part"),
            ({"type": "image/png", "base64": "eA==", "text": "x"}, "/text", "unknown"),
            ("eA==", "", "type"),
        ):
            problem = self.assertRaises(Problem, self.read, content=HELLO | {"icon": icon})
            found = [(error.pointer, error.code) for error in problem.errors]
            self.assertIn((f"/content/icon{pointer}", code), found)

    def test_an_icon_in_a_part_that_is_refused_leaves_nothing(self) -> None:
        part = self.part("i", bytes(SMALL + 1), "i.png", "image/png")
        found = self.refused(422, part, content=HELLO | {"icon": {"upload": "i"}})
        self.assertEqual(found, [("/content/icon", "too-large")])
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_an_empty_content_is_a_content(self) -> None:
        self.assertEqual(self.read(content={"text": ""}).contents[0].upload.size, 0)
