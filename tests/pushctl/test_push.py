"""`pushctl push`, as a shell script meets it: what is submitted, how it ends."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.pushctl.scripted import Asked, Ran, Says, a_push, run, scripted


class Push(SynchronousTestCase):
    """One run against a daemon that takes the push and then tells these states."""

    def push(self, *arguments: str, then: tuple[str, ...] = ("delivered",), as_json: bool = False) -> tuple[Ran, Asked]:
        states = [Says(200, a_push(*state.split("+"))) for state in then]
        answers = {"POST /v1/pushes": [Says(202, {"id": "psh_1"})], "GET /v1/pushes/psh_1": states}
        with scripted(answers) as script:
            ran = run(*(["--json"] if as_json else []), "--url", script.url, "push", *arguments)
        return ran, script.asked[0]

    def file(self, name: str, content: bytes) -> str:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / name).write_bytes(content)
        return str(folder / name)

    def test_text_goes_as_json(self) -> None:
        """The shortest push there is."""
        ran, asked = self.push("sip:alice@example.com", "sip:bob@example.com", "-m", "Gate 3", "--title", "Gate")
        self.assertEqual(
            json.loads(asked.body),
            {
                "to": ["sip:alice@example.com", "sip:bob@example.com"],
                "title": "Gate",
                "content": {"type": "text/plain;charset=utf-8", "text": "Gate 3"},
            },
        )
        self.assertEqual((ran.code, ran.stdout), (0, "psh_1\nsip:alice@example.com: delivered\n"))

    def test_every_option_finds_its_member(self) -> None:
        """[F-20] What the API can do, the command line can do."""
        _, asked = self.push(
            *("sip:a@b", "-m", "<b>!</b>", "--type", "text/html", "--name", "note.html"),
            *("--mode", "message", "--key", "alarm-4711", "--until", "2026-11-22T12:00:00+01:00"),
        )
        self.assertEqual(
            json.loads(asked.body),
            {
                "to": ["sip:a@b"],
                "mode": "message",
                "idempotency": "alarm-4711",
                "not_after": "2026-11-22T11:00:00Z",
                "content": {"type": "text/html", "name": "note.html", "text": "<b>!</b>"},
            },
        )

    def test_files_go_in_one_multipart(self) -> None:
        """Several files, one session."""
        ran, asked = self.push("sip:a@b", "-f", self.file("a.jpg", b"AAA"), "-f", self.file("b.txt", b"BBB"))
        self.assertTrue(asked.headers["Content-Type"].startswith("multipart/form-data; boundary="))
        for piece in (
            b'filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\nAAA\r\n',
            b'filename="b.txt"',
            b"\r\nBBB\r\n",
        ):
            self.assertIn(piece, asked.body)
        self.assertIn("upload: done, 6 B of 6 B", ran.stderr)

    def test_icons_go_with_the_contents_in_their_order(self) -> None:
        """[F-13] The picture of a text is in its JSON; files are then named in theirs."""
        icon = {"type": "image/png", "base64": base64.b64encode(b"icon").decode()}
        drawn = self.file("i.png", b"icon")
        _, asked = self.push("sip:a@b", "-m", "x", "--icon", drawn)
        self.assertEqual(json.loads(asked.body)["content"]["icon"], icon)
        files = ("-f", self.file("a.jpg", b"A"), "-f", self.file("b.txt", b"B"))
        for icons, contents in (
            ((drawn,), [{"upload": "file", "icon": icon}, {"upload": "file"}]),
            ((drawn, drawn), [{"upload": "file", "icon": icon}] * 2),
        ):
            _, asked = self.push("sip:a@b", *files, *(word for each in icons for word in ("--icon", each)))
            wanted = asked.body.partition(b"\r\n\r\n")[2].partition(b"\r\n")[0]
            self.assertEqual(json.loads(wanted), {"to": ["sip:a@b"], "contents": contents})

    def test_icons_that_are_none(self) -> None:
        """Nothing is sent to anybody."""
        drawn = self.file("i.png", b"icon")
        for words, code in (
            (("-m", "x", "--icon", self.file("i.txt", b"x")), 65),
            (("-m", "x", "--icon", "/nowhere/i.png"), 66),
            (("-m", "x", "--icon", drawn, "--icon", drawn), 64),
            (("-f", drawn, "--icon", drawn, "--icon", drawn), 64),
        ):
            self.assertEqual(run("--url", "http://127.0.0.1:1", "push", "sip:a@b", *words).code, code, words)

    def test_dash_is_standard_input(self) -> None:
        """`camera | pushctl push sip:a@b - --type image/jpeg --name gate.jpg`."""
        self.patch(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xd8jpeg")))
        ran, asked = self.push("sip:a@b", "-", "--type", "image/jpeg", "--name", "gate.jpg")
        self.assertIn(b'filename="gate.jpg"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8jpeg\r\n', asked.body)
        self.assertEqual(ran.code, 0)

    def test_exit_code_tells_how_it_ended(self) -> None:
        """A script needs no parser for the usual question."""
        for states, code in {
            "delivered+delivered": 0,
            "accepted": 0,
            "delivered+rejected": 2,
            "undeliverable+expired": 3,
            "cancelled": 3,
        }.items():
            self.assertEqual(self.push("sip:a@b", "-m", "x", then=(states,))[0].code, code, states)

    def test_is_over_when_its_time_is(self) -> None:
        """Exit 4: the push goes on, the waiting does not."""
        ran, _ = self.push("sip:a@b", "-m", "x", "--timeout", "0", then=("waiting",))
        self.assertEqual(ran.code, 4)

    def test_waits_and_tells_what_happens(self) -> None:
        """Plain lines where no terminal is, one for each change."""
        ran, _ = self.push("sip:a@b", "-m", "x", then=("queued", "sending", "sending", "delivered"))
        self.assertEqual(
            ran.stderr.splitlines(),
            [
                "sip:alice@example.com: queued, 0 B of 1000 B",
                "sip:alice@example.com: sending, 400 B of 1000 B",
                "sip:alice@example.com: delivered, 1000 B of 1000 B",
            ],
        )

    def test_no_wait_is_content_with_the_queue(self) -> None:
        """202 means that a restart will not lose it."""
        ran, _ = self.push("sip:a@b", "-m", "x", "--no-wait", then=("queued", "delivered"))
        self.assertEqual((ran.code, ran.stdout), (0, "psh_1\nsip:alice@example.com: queued\n"))

    def test_json_is_one_object_on_stdout(self) -> None:
        """Everything else would break the parser behind the pipe."""
        ran, _ = self.push("sip:a@b", "-m", "x", then=("queued", "delivered"), as_json=True)
        self.assertEqual(json.loads(ran.stdout), a_push("delivered"))
        self.assertEqual((ran.stdout.count("\n"), ran.stderr), (1, ""))

    def test_wrong_use_is_64(self) -> None:
        """And nothing is submitted."""
        file = self.file("a.jpg", b"A")
        for arguments in (
            (),
            ("sip:a@b",),
            ("-", "--name", "x"),
            ("sip:a@b", "-m", "x", "-f", file),
            ("sip:a@b", "-f", file, "-f", file, "--name", "x"),
            ("sip:a@b", "-m", "x", "--until", "soon"),
            ("sip:a@b", "-m", "x", "--mode", "pigeon"),
        ):
            self.patch(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x")))
            self.assertEqual(run("--url", "http://127.0.0.1:1", "push", *arguments).code, 64, arguments)

    def test_missing_file_is_66(self) -> None:
        """Before anything goes out."""
        ran = run("push", "sip:a@b", "-f", "/does/not/exist")
        self.assertEqual((ran.code, ran.stderr), (66, "pushctl: /does/not/exist: No such file or directory\n"))

    def test_reason_cannot_write_to_the_terminal(self) -> None:
        """A peer's reason phrase is foreign text."""
        told = a_push("rejected")
        told["recipients"][0]["reason"] = "no\x1b[2Jthing"
        answers = {"POST /v1/pushes": [Says(202, {"id": "psh_1"})], "GET /v1/pushes/psh_1": [Says(200, told)]}
        with scripted(answers) as script:
            ran = run("--url", script.url, "push", "sip:a@b", "-m", "x")
        self.assertNotIn("\x1b", ran.stdout + ran.stderr)
        self.assertIn("rejected (no\ufffd[2Jthing)", ran.stdout)
