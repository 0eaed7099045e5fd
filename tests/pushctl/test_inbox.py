"""`pushctl inbox`: what came in is listed, shown, and saved where its sender cannot decide."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.pushctl.scripted import Ran, Says, run, scripted

CONTENT = b"\x89PNG picture"


def an_entry(**members: object) -> dict[str, object]:
    return {
        "id": "in_1",
        "from": "sip:push@example.com",
        "name": "gate.png",
        "type": "image/png",
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "received_at": "2026-11-22T10:00:00Z",
        "state": "new",
        **members,
    }


class Looking(SynchronousTestCase):
    """What is there?"""

    def test_list_is_what_inbox_alone_does(self) -> None:
        """Two words less for the usual question."""
        answers = {"GET /v1/inbox?limit=20": [Says(200, {"items": [an_entry()], "next": None})]}
        with scripted(answers) as script:
            short, long = run("--url", script.url, "inbox"), run("--url", script.url, "inbox", "list")
        self.assertEqual(short, long)
        self.assertEqual(
            short.stdout.splitlines(),
            [
                "ID    STATE  RECEIVED              FROM                  TYPE       SIZE  NAME",
                "in_1  new    2026-11-22T10:00:00Z  sip:push@example.com  image/png  12 B  gate.png",
            ],
        )

    def test_show_tells_everything(self) -> None:
        """Foreign text without its control characters."""
        with scripted({"GET /v1/inbox/in_1": [Says(200, an_entry(title="a\x1b[31mb"))]}) as script:
            ran = run("--url", script.url, "inbox", "show", "in_1")
        self.assertIn("title: a\ufffd[31mb\n", ran.stdout)


class Saving(SynchronousTestCase):
    """Fetching content into a file of one's own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def save(self, entry: dict[str, object], *arguments: str, content: bytes = CONTENT) -> Ran:
        answers = {
            "GET /v1/inbox/in_1": [Says(200, entry)],
            "GET /v1/inbox/in_1/content": [Says(200, content, "image/png")],
        }
        with scripted(answers) as script:
            return run("--url", script.url, "inbox", "save", "in_1", *arguments)

    def test_into_a_folder_takes_the_entry_s_name(self) -> None:
        """And says where it is."""
        ran = self.save(an_entry(), "-o", str(self.folder))
        self.assertEqual((ran.code, ran.stdout), (0, f"{self.folder / 'gate.png'}\n"))
        self.assertEqual((self.folder / "gate.png").read_bytes(), CONTENT)

    def test_never_overwrites(self) -> None:
        """What a person has is worth more than what came."""
        (self.folder / "gate.png").write_bytes(b"mine")
        ran = self.save(an_entry(), "-o", str(self.folder))
        self.assertEqual((ran.code, (self.folder / "gate.png").read_bytes()), (73, b"mine"))

    def test_wrong_hash_leaves_nothing(self) -> None:
        """Half a picture under the right name is a trap."""
        ran = self.save(an_entry(), "-o", str(self.folder), content=b"something else")
        self.assertEqual((ran.code, os.listdir(self.folder)), (65, []))

    def test_sender_never_decides_the_path(self) -> None:
        """Names come from the network."""
        for name, local in {
            "../../etc/passwd": "passwd",
            "..": "in_1",
            "": "in_1",
            ".bashrc": "in_1",
            "-rf": "in_1",
            "C:\\boot.ini": "boot.ini",
            "a\nb": "a\ufffdb",
        }.items():
            ran = self.save(an_entry(name=name), "-o", str(self.folder))
            self.assertEqual((ran.code, os.listdir(self.folder)), (0, [local]), name)
            (self.folder / local).unlink()

    def test_to_standard_output(self) -> None:
        """For a pipe."""
        self.assertEqual(self.save(an_entry(), "-o", "-").stdout, CONTENT.decode(errors="replace"))

    def test_json_names_the_file(self) -> None:
        """A script goes on with it."""
        path = self.folder / "other.png"
        answers = {
            "GET /v1/inbox/in_1": [Says(200, an_entry())],
            "GET /v1/inbox/in_1/content": [Says(200, CONTENT, "image/png")],
        }
        with scripted(answers) as script:
            ran = run("--json", "--url", script.url, "inbox", "save", "in_1", "-o", str(path))
        self.assertEqual(json.loads(ran.stdout), {**an_entry(), "saved": str(path)})
