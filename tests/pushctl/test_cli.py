"""What is common to all commands."""

from __future__ import annotations

import json
from pathlib import Path

import twisted
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import __version__
from tests.pushctl.scripted import Says, run, scripted


class CommandLine(SynchronousTestCase):
    """pushctl as a whole."""

    def test_version_names_what_it_stands_on(self) -> None:
        """The first question of every bug report."""
        ran = run("version")
        self.assertEqual(ran.stdout.splitlines()[:2], [f"pushsvc {__version__}", f"twisted {twisted.__version__}"])
        self.assertEqual(json.loads(run("--json", "version").stdout)["pushsvc"], __version__)

    def test_help_is_no_error_and_nonsense_is_64(self) -> None:
        """`sysexits.h`, not click's 2, which here means that some recipients failed."""
        self.assertEqual(run("--help").code, 0)
        self.assertEqual(run("push", "--help").code, 0)
        self.assertEqual(run("frobnicate").code, 64)
        self.assertEqual(run("--frobnicate").code, 64)
        self.assertEqual(run("status").code, 64)

    def test_completion_knows_three_shells(self) -> None:
        """A tool that is typed often."""
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("_PUSHCTL_COMPLETE", run("completion", shell).stdout)
        self.assertEqual(run("completion", "tcsh").code, 64)

    def test_token_comes_from_a_file(self) -> None:
        """Without the newline that every editor puts at its end."""
        path = Path(self.mktemp())
        path.write_text("secret\n")
        with scripted({"DELETE /v1/pushes/a": [Says(202)]}) as script:
            run("--url", script.url, "--token-file", str(path), "cancel", "a")
        self.assertEqual(script.asked[0].headers["Authorization"], "Bearer secret")
        self.assertEqual(run("--token-file", "/does/not/exist", "cancel", "a").code, 66)

    def test_url_may_come_from_the_environment(self) -> None:
        """Once per machine is enough."""
        with scripted({"DELETE /v1/pushes/a": [Says(202)]}) as script:
            self.patch_environment("PUSHCTL_URL", script.url)
            self.assertEqual(run("cancel", "a").code, 0)

    def patch_environment(self, name: str, value: str) -> None:
        import os

        self.patch(os, "environ", {**os.environ, name: value})

    def test_dead_service_is_69(self) -> None:
        """Told apart from a push that failed."""
        ran = run("--socket", "/does/not/exist.sock", "list")
        self.assertEqual(ran.code, 69)
        self.assertIn("/does/not/exist.sock cannot be reached", ran.stderr)
