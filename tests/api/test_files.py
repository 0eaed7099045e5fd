from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.api.answer import Reply
from pushsvc.api.files import PIECE, attachment, file_answer
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource
from tests.api.client import ApiClient, RawClient, new_site, tree

CONTENT = bytes(range(256)) * 1000


class Content(ApiResource):
    """A file, counted."""

    def __init__(self, path: Path, size: int) -> None:
        super().__init__()
        self.path = path
        self.size = size
        self.opened: list[BinaryIO] = []

    def open(self) -> BinaryIO:
        self.opened.append(self.path.open("rb", buffering=0))
        return self.opened[-1]

    def render_GET(self, request: ApiRequest) -> Reply:
        return file_answer(request, self.open, size=self.size, type="text/html", name="gaté.html", sha256="ab" * 32)


class Files(SynchronousTestCase):
    """What was received, given out: whole or in part, and never run by a browser."""

    def setUp(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(CONTENT)
        self.content = Content(path, len(CONTENT))

    def ask(self, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return ApiClient(self, tree(content=self.content)).ask(method, "/content", headers=fields)

    def test_the_whole_file(self) -> None:
        status, headers, body = self.ask()
        self.assertEqual((status, body, headers["etag"]), (200, CONTENT, f'"{"ab" * 32}"'))
        self.assertTrue(self.content.opened[0].closed)

    def test_a_browser_saves_it_and_runs_nothing(self) -> None:
        """Its type and its name come from whoever pushed it."""
        _, headers, _ = self.ask()
        self.assertTrue(headers["content-disposition"].startswith("attachment; "))
        self.assertTrue(headers["content-security-policy"].startswith("sandbox"))
        self.assertEqual(headers["x-content-type-options"], "nosniff")

    def test_a_name_keeps_its_letters_and_loses_its_teeth(self) -> None:
        field = "attachment; filename=\"a_b____.txt\"; filename*=UTF-8''a%22b%0D%0A%3B%C3%A9.txt"
        self.assertEqual(attachment('a"b\r\n;é.txt'), field)

    def test_ranges(self) -> None:
        size = len(CONTENT)
        for field, start, end in (
            ("bytes=0-0", 0, 1),
            ("bytes=5-9", 5, 10),
            (f"bytes={size - 3}-", size - 3, size),
            ("bytes=10-999999999", 10, size),
            ("bytes=-5", size - 5, size),
            ("bytes=-999999999", 0, size),
        ):
            status, headers, body = self.ask(Range=field)
            self.assertEqual((status, body), (206, CONTENT[start:end]), field)
            self.assertEqual(headers["content-range"], f"bytes {start}-{end - 1}/{size}")

    def test_ranges_that_are_not_there(self) -> None:
        for field in (f"bytes={len(CONTENT)}-", "bytes=-0"):
            status, headers, _ = self.ask(Range=field)
            self.assertEqual((status, headers["content-range"]), (416, f"bytes */{len(CONTENT)}"), field)

    def test_ranges_that_say_nothing_are_ignored(self) -> None:
        for field in ("bytes=9-5", "bytes=", "octets=0-1", "bytes=0-1,5-6", "bytes=a-b", "bytes=-", "bytes=٣-"):
            self.assertEqual(self.ask(Range=field)[0], 200, field)

    def test_an_empty_file_has_no_ranges(self) -> None:
        self.content.path.write_bytes(b"")
        self.content.size = 0
        self.assertEqual(self.ask()[2], b"")
        self.assertEqual(self.ask(Range="bytes=0-")[0], 416)

    def test_a_range_of_another_file_is_not_mixed_in(self) -> None:
        self.assertEqual(self.ask(Range="bytes=0-4", If_Range='"old"')[0], 200)
        self.assertEqual(self.ask(Range="bytes=0-4", If_Range=f'"{"ab" * 32}"')[0], 206)

    def test_what_the_client_has_is_not_sent_again(self) -> None:
        status, _, body = self.ask(If_None_Match=f'"x", W/"{"ab" * 32}"')
        self.assertEqual((status, body, self.content.opened), (304, b"", []))

    def test_head_opens_nothing(self) -> None:
        status, headers, _ = self.ask("HEAD")
        self.assertEqual((status, headers["content-length"], self.content.opened), (200, str(len(CONTENT)), []))

    def test_no_more_is_read_than_the_client_takes(self) -> None:
        """A slow reader of a large file must not have it in our memory."""
        site, _ = new_site(tree(content=self.content))
        client = RawClient(site)
        write = client.transport.write

        def write_and_pause(octets: bytes) -> None:
            write(octets)
            client.channel.pauseProducing()

        client.transport.write = write_and_pause
        start = client.send(b"GET /content HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertLess(len(start), PIECE + 1000)
        rest = b""
        while more := (client.channel.resumeProducing(), client.take())[1]:
            rest += more
        self.assertTrue((start + rest).endswith(CONTENT))
        self.assertTrue(self.content.opened[0].closed)

    def test_a_reader_that_goes_away_leaves_no_file_open(self) -> None:
        site, _ = new_site(tree(content=self.content))
        client = RawClient(site)
        client.transport.write = lambda octets: client.channel.pauseProducing()
        client.send(b"GET /content HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertFalse(self.content.opened[0].closed)
        client.lose()
        self.assertTrue(self.content.opened[0].closed)

    def test_a_file_that_became_shorter_is_seen_to_be_cut(self) -> None:
        self.content.size += 1
        site, _ = new_site(tree(content=self.content))
        client = RawClient(site)
        client.send(b"GET /content HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(client.transport.disconnected)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_the_file_is_read_where_the_range_says(self) -> None:
        self.assertIsInstance(self.content.open(), io.FileIO)
        self.assertEqual(os.pread(self.content.opened[0].fileno(), 2, 3), CONTENT[3:5])
        self.content.opened[0].close()
