from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sender.content import described, icons_of, offered, opened
from pushsvc.sender.submission_contents import MAX_ICON
from pushsvc.sessions import Icon
from tests.sender.values import content, job


class Reading(SynchronousTestCase):
    """Octets of a file, exactly those that were asked for."""

    def setUp(self) -> None:
        self.content = content(b"0123456789", Path(self.mktemp()))
        self.job = job(self.content)

    def test_octets_at_an_offset(self) -> None:
        with opened(self.job, self.content) as octets:
            self.assertEqual((octets.size, octets.content_type), (10, "text/plain"))
            self.assertEqual([octets.read(0, 10), octets.read(4, 3), octets.read(10, 0)], [b"0123456789", b"456", b""])

    def test_the_rest_behind_what_the_receiver_has(self) -> None:
        """[F-14] It counts from its own first octet, as MSRP does; its headers are the whole file's."""
        with opened(self.job, self.content) as whole, opened(self.job, self.content, 4) as rest:
            self.assertEqual((rest.size, rest.headers), (6, whole.headers))
            self.assertEqual([rest.read(0, 6), rest.read(2, 3)], [b"456789", b"678"])
            self.assertRaises(OSError, rest.read, 2, 5)

    def test_a_file_that_became_shorter_is_an_error(self) -> None:
        """Sending less than was announced would look like a complete file to nobody, and hang."""
        with opened(self.job, self.content) as octets:
            self.content.path.write_bytes(b"0123")
            self.assertRaises(OSError, octets.read, 0, 10)

    def test_a_file_that_is_gone_is_an_error(self) -> None:
        self.content.path.unlink()
        with self.assertRaises(OSError), opened(self.job, self.content):
            pass


class Describing(SynchronousTestCase):
    """What the receiver is told about a content."""

    def test_headers_of_the_send(self) -> None:
        """[R-UP-1a] [R-UP-1b] [R-UP-2]"""
        headers = dict(described(job(description="Morning shift"), content()))
        self.assertTrue(headers["Content-Disposition"].startswith('attachment; filename="gate.txt"'))
        self.assertIn("size=6", headers["Content-Disposition"])
        self.assertEqual(headers["Content-Description"], "Morning shift")

    def test_the_title_stands_in_for_a_description(self) -> None:
        self.assertEqual(dict(described(job(title="Gate 3"), content()))["Content-Description"], "Gate 3")
        self.assertNotIn("Content-Description", dict(described(job(), content())))

    def test_icons_as_many_as_fit(self) -> None:
        """[R-PSA-EST-9] Careful peers read 64 KiB of an INVITE: what would be too much is left out, not the file."""
        large = Icon("image/png", bytes(MAX_ICON))
        contents = [
            content(icon=icon, transfer_id=f"t{index}") for index, icon in enumerate((large, None, *[large] * 3))
        ]
        small = Icon("image/gif", b"x")
        names, icons = icons_of(job(*contents), "example.com")
        self.assertEqual(names, ["t0@example.com", None, "t2@example.com", "t3@example.com", None])
        self.assertEqual(icons, dict.fromkeys(("t0@example.com", "t2@example.com", "t3@example.com"), large))
        names, icons = icons_of(job(content(icon=small), *contents), "[2001:db8::1]")
        self.assertEqual(list(icons), ["t" * 32 + "@[2001:db8::1]", "t0@[2001:db8::1]", "t2@[2001:db8::1]"])
        self.assertEqual(icons_of(job(), "example.com"), ([None], {}))

    def test_the_media_line(self) -> None:
        """[R-PSA-EST-9]"""
        line = offered(job(title="Gate 3", disposition="render"), content())
        self.assertEqual((line.name, line.type, line.size), ("gate.txt", "text/plain", 6))
        self.assertEqual((line.title, line.disposition, line.transfer_id), ("Gate 3", "render", "t" * 32))
        self.assertEqual(line.sha1, content().sha1)
