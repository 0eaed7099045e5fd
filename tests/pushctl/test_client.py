"""HTTP to a daemon: what is sent, and what each kind of trouble becomes."""

from __future__ import annotations

import os
import socket
import tempfile
from io import BytesIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl.client import Api, ApiRefused, Body
from pushsvc.pushctl.exits import CommandFailed, Exit
from tests.pushctl.scripted import Says, scripted


class Exchange(SynchronousTestCase):
    """The usual case."""

    def test_asks_for_json_with_the_token(self) -> None:
        """An operator keeps the token in a file, not in the process list."""
        with scripted({"GET /v1/pushes?limit=5": [Says(200, {"items": []})]}) as script:
            self.assertEqual(Api(script.url, token="secret").get("v1", "pushes", limit=5, cursor=None), {"items": []})
        headers = script.asked[0].headers
        self.assertEqual(headers["Authorization"], "Bearer secret")
        self.assertEqual(headers["Accept"], "application/json")
        self.assertNotIn("secret", repr(Api(script.url, token="secret")))

    def test_escapes_ids_in_paths(self) -> None:
        """Whatever a person pastes as an id stays one path segment."""
        with scripted({"GET /v1/pushes/..%2F..%2Fx%3Fy": [Says(200, {})]}) as script:
            self.assertEqual(Api(script.url).get("v1", "pushes", "../../x?y"), {})

    def test_keeps_the_path_of_the_base_url(self) -> None:
        """Behind a reverse proxy the API may live below a path."""
        with scripted({"GET /push/v1/pushes": [Says(200, {"items": []})]}) as script:
            self.assertEqual(Api(f"{script.url}/push/").get("v1", "pushes"), {"items": []})

    def test_goes_over_a_unix_socket(self) -> None:
        """The safest place for an API is no network at all."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "api.sock"
            with scripted({"GET /v1/pushes": [Says(200, {"items": []})]}, unix=path):
                self.assertEqual(Api(unix=path).get("v1", "pushes"), {"items": []})

    def test_post_without_body_has_length_zero(self) -> None:
        """Servers insist on a length."""
        with scripted({"POST /v1/pushes/a/retry": [Says(202, None)]}) as script:
            self.assertEqual(Api(script.url).post("v1", "pushes", "a", "retry"), {})
        self.assertEqual(script.asked[0].headers["Content-Length"], "0")


class Trouble(SynchronousTestCase):
    """A script decides by the exit code, a person by the words."""

    def failure(self, says: Says) -> CommandFailed:
        with scripted({"GET /v1/pushes/a": [says]}) as script:
            return self.assertRaises(CommandFailed, Api(script.url).get, "v1", "pushes", "a")

    def test_problem_details_are_told_whole(self) -> None:
        """The daemon names each wrong member; none of that may get lost."""
        errors = [{"pointer": "/to/0", "code": "not-a-sip-uri"}, {"pointer": "/not_after", "code": "past"}]
        failure = self.failure(Says(422, {"detail": "the push cannot be taken", "errors": errors}))
        self.assertEqual(
            failure.reason,
            "the push cannot be taken (HTTP 422)\n  /to/0: not-a-sip-uri\n  /not_after: past",
        )
        self.assertEqual(failure.code, Exit.BAD_DATA)

    def test_status_becomes_exit_code(self) -> None:
        """One that may be tried later is told apart from one that never helps."""
        for status, code in {
            400: Exit.BAD_DATA,
            401: Exit.NOT_ALLOWED,
            403: Exit.NOT_ALLOWED,
            404: Exit.NO_INPUT,
            409: Exit.BAD_DATA,
            413: Exit.BAD_DATA,
            429: Exit.TRY_LATER,
            500: Exit.UNAVAILABLE,
            503: Exit.TRY_LATER,
            507: Exit.TRY_LATER,
            599: Exit.UNAVAILABLE,
        }.items():
            self.assertEqual(self.failure(Says(status, b"<html>", "text/html")).code, code, status)

    def test_answer_that_is_no_json_is_no_daemon(self) -> None:
        """A wrong port often has some other web server behind it."""
        self.assertEqual(self.failure(Says(200, b"<html>")).code, Exit.UNAVAILABLE)
        self.assertEqual(self.failure(Says(200, [])).code, Exit.UNAVAILABLE)

    def test_refused_connection_names_the_place(self) -> None:
        """So that a person sees at once which daemon is meant."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            failure = self.assertRaises(CommandFailed, Api(url).get, "healthz")
        self.assertEqual(failure.code, Exit.UNAVAILABLE)
        self.assertIn(url, failure.reason)

    def test_url_that_is_none_is_a_usage_error(self) -> None:
        """A typing error must not look like a dead service."""
        for url in ("localhost:8480", "ftp://host", "http://"):
            self.assertEqual(self.assertRaises(CommandFailed, Api(url).get, "healthz").code, Exit.USAGE)

    def test_early_refusal_is_heard_although_the_body_was_not_read(self) -> None:
        """A file over the limit is refused before it was sent: the reason counts, not the broken pipe."""
        says = Says(413, {"detail": "too large"}, unread=True)
        body = Body((b"x" * 65536 for _ in range(1024)), 64 << 20, "application/octet-stream")
        with scripted({"POST /v1/pushes": [says]}) as script:
            refused = self.assertRaises(ApiRefused, Api(script.url).post, "v1", "pushes", body=body)
        self.assertEqual((refused.status, refused.problem), (413, {"detail": "too large"}))


class Download(SynchronousTestCase):
    """Content of any size passes through one block's memory."""

    def test_is_written_block_by_block(self) -> None:
        """A gigabyte is saved by a small process."""
        content = os.urandom(600_000)
        into = BytesIO()
        with scripted({"GET /v1/inbox/a/content": [Says(200, content, "image/png")]}) as script:
            blocks = list(Api(script.url).download(into, "v1", "inbox", "a", "content"))
        self.assertEqual(into.getvalue(), content)
        self.assertGreater(len(blocks), 1)

    def test_that_ends_early_fails(self) -> None:
        """Half a file is no file."""
        with scripted({"GET /v1/inbox/a/content": [Says(200, b"half", "image/png", size=8)]}) as script:
            failure = self.assertRaises(
                CommandFailed, list, Api(script.url).download(BytesIO(), "v1", "inbox", "a", "content")
            )
        self.assertEqual(failure.code, Exit.UNAVAILABLE)
