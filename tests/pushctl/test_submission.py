"""The body of one POST: what the daemon's parser gets to see, and how times are understood."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from multipart import MultipartParser, parse_options_header
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl.exits import CommandFailed, Exit
from pushsvc.pushctl.submission import (
    MOST_OF_AN_ICON,
    Attachment,
    guessed_type,
    icon_member,
    json_body,
    moment,
    multipart_body,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def attachment(content: bytes, name: str | None, kind: str = "image/jpeg") -> Attachment:
    return Attachment(BytesIO(content), len(content), name, kind)


class Multipart(SynchronousTestCase):
    """Files of any size go out in pieces, and their exact length is promised before the first."""

    def parts(self, push: dict[str, object], *attachments: Attachment) -> list[tuple[str, str | None, str, bytes]]:
        heard: list[int] = []
        body = multipart_body(push, attachments, heard.append)
        octets = b"".join(body.pieces)
        self.assertEqual(len(octets), body.size)
        self.assertEqual(sum(heard), sum(each.size for each in attachments))
        boundary = parse_options_header(body.content_type)[1]["boundary"]
        return [(p.name, p.filename, p.content_type, p.raw) for p in MultipartParser(BytesIO(octets), boundary)]

    def test_carries_the_push_and_every_file(self) -> None:
        """Three files become three lines of one session, so they must come in one request."""
        push = {"to": ["sip:a@b"]}
        large = bytes(range(256)) * 4096
        parts = self.parts(
            push, attachment(b"one", "1.jpg"), attachment(b"", "2.txt", "text/plain"), attachment(large, None)
        )
        self.assertEqual([part[:3] for part in parts[1:]], [
            ("file", "1.jpg", "image/jpeg"), ("file", "2.txt", "text/plain"), ("file", "content", "image/jpeg"),
        ])  # fmt: skip
        self.assertEqual((parts[0][0], json.loads(parts[0][3])), ("push", push))
        self.assertEqual([part[3] for part in parts[1:]], [b"one", b"", large])

    def test_name_cannot_leave_its_quotes(self) -> None:
        """A file may be called anything; it stays the name of one part."""
        (_, (field, name, _, content)) = self.parts({}, attachment(b"x", 'Tür "3"\r\nX: y.jpg'))
        self.assertEqual((field, content), ("file", b"x"))
        self.assertEqual(name, 'Tür "3"\r\nX: y.jpg')

    def test_file_that_shrinks_is_an_error(self) -> None:
        """The length was promised; sending less would leave the daemon waiting."""
        body = multipart_body({}, [Attachment(BytesIO(b"abc"), 4, "a.log", "text/plain")], lambda octets: None)
        self.assertEqual(self.assertRaises(CommandFailed, list, body.pieces).code, Exit.BAD_DATA)


class Attachments(SynchronousTestCase):
    """Where content comes from."""

    def test_file_tells_its_name_size_and_type(self) -> None:
        """What the receiver sees first."""
        path = Path(self.mktemp())
        path.mkdir()
        path = path / "gate.jpg"
        path.write_bytes(b"12345")
        found = Attachment.of(path)
        self.addCleanup(found.file.close)
        self.assertEqual((found.size, found.name, found.type), (5, "gate.jpg", "image/jpeg"))

    def test_file_that_cannot_be_read_is_named(self) -> None:
        """Exit 66, as other tools do."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for path in (folder / "absent", folder):
            failure = self.assertRaises(CommandFailed, Attachment.of, path)
            self.assertEqual(failure.code, Exit.NO_INPUT)
            self.assertIn(str(path), failure.reason)

    def test_device_is_not_a_file(self) -> None:
        """/dev/zero has no end."""
        self.assertEqual(self.assertRaises(CommandFailed, Attachment.of, Path("/dev/zero")).code, Exit.NO_INPUT)

    def test_stream_is_read_to_its_end_first(self) -> None:
        """`tar c . | pushctl push … -` has no size until it is over."""
        found = Attachment.of_stream(BytesIO(b"x" * 600_000))
        self.addCleanup(found.file.close)
        self.assertEqual((found.size, found.name, found.type), (600_000, None, "application/octet-stream"))
        self.assertEqual(found.file.read(), b"x" * 600_000)

    def test_compressed_file_is_not_what_is_in_it(self) -> None:
        """A receiver that shows text would show rubbish."""
        self.assertEqual(guessed_type("notes.txt"), "text/plain")
        self.assertEqual(guessed_type("notes.txt.gz"), "application/octet-stream")
        self.assertEqual(guessed_type("README"), "application/octet-stream")


class Icons(SynchronousTestCase):
    """[F-13]"""

    def test_a_picture_becomes_a_member(self) -> None:
        """No more of it is read than tells push-sender that it is too large."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for size in (4, MOST_OF_AN_ICON + 1):
            path = folder / "gate.png"
            path.write_bytes(bytes(size))
            member = icon_member(path)
            self.assertEqual(member["type"], "image/png")
            self.assertEqual(len(base64.b64decode(member["base64"])), min(size, MOST_OF_AN_ICON))


class Moments(SynchronousTestCase):
    """--until takes what people type."""

    def test_spans_count_from_now(self) -> None:
        """`--until 2h`."""
        self.assertEqual(moment("90s", NOON), "2026-11-22T12:01:30Z")
        self.assertEqual(moment("2h", NOON), "2026-11-22T14:00:00Z")
        self.assertEqual(moment("3d", NOON), "2026-11-25T12:00:00Z")

    def test_times_are_turned_to_utc(self) -> None:
        """The API speaks UTC."""
        self.assertEqual(moment("2026-11-22T12:00:00+01:00", NOON), "2026-11-22T11:00:00Z")
        self.assertEqual(moment("2026-11-22T11:00:00Z", NOON), "2026-11-22T11:00:00Z")

    def test_time_without_zone_and_nonsense_are_refused(self) -> None:
        """An hour too late is worse than an error."""
        for text in ("2026-11-22T11:00:00", "tomorrow", "", "-5s"):
            self.assertRaises(ValueError, moment, text, NOON)


class JsonBody(SynchronousTestCase):
    """Text needs no file."""

    def test_has_its_exact_length(self) -> None:
        """Letters are not octets."""
        body = json_body({"content": {"text": "Tür offen"}})
        octets = b"".join(body.pieces)
        self.assertEqual((len(octets), body.content_type), (body.size, "application/json"))
        self.assertEqual(json.loads(octets), {"content": {"text": "Tür offen"}})
