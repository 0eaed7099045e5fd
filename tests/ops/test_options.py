"""The command line, as `twistd push-sender ...` reads it."""

from __future__ import annotations

import io
import sys
import tomllib
from pathlib import Path

import twisted
from twisted.trial.unittest import SynchronousTestCase

import pushsvc
from pushsvc.config import Level, LogFormat, load_receiver
from pushsvc.ops.options import DaemonOptions


class Options(DaemonOptions):
    """As a daemon's tap has it."""

    optParameters = [["config", "c", "/etc/pushsvc/receiver.toml", "The configuration, a TOML file."]]
    load = staticmethod(load_receiver)


class OptionsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.output, self.error = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.output)
        self.patch(sys, "stderr", self.error)
        self.file = Path(self.mktemp())
        self.file.write_text("")

    def options(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(["-c", str(self.file), *arguments])
        return options

    def exit_code(self, *arguments: str) -> object:
        return self.assertRaises(SystemExit, self.options, *arguments).code


class Configuring(OptionsCase):
    """Options that change the configuration."""

    def test_the_default_file_is_the_daemons(self) -> None:
        """No option at all is a complete command line."""
        options = Options()
        options.parseOptions([])
        self.assertEqual(options["config"], "/etc/pushsvc/receiver.toml")

    def test_keys_can_be_set_more_than_once(self) -> None:
        """And the log's have options of their own, which win."""
        config = self.options(
            "--set=sip.realm=example.com",
            "--set",
            "log.level=error",
            "--log-level=debug",
            "--log-format=text",
            "--state-dir=/x",
        ).configuration()
        self.assertEqual(
            (config.sip.realm, config.log.level, config.log.format, config.state_dir),
            ("example.com", Level.DEBUG, LogFormat.TEXT, Path("/x")),
        )

    def test_the_ready_file_does_not_move_with_the_process(self) -> None:
        """twistd changes its directory when it goes into the background."""
        self.assertEqual(self.options("--ready-file=r.json").ready_file, Path("r.json").absolute())
        self.assertIsNone(self.options().ready_file)


class Telling(OptionsCase):
    """Options that only tell something."""

    def test_check_says_ok(self) -> None:
        """Exit 0, nothing on standard error."""
        self.assertEqual(self.exit_code("--check"), 0)
        self.assertEqual((self.output.getvalue(), self.error.getvalue()), (f"{self.file}: ok\n", ""))

    def test_check_tells_every_mistake_on_a_line(self) -> None:
        """Five mistakes, five lines, exit 78, and no help text around them."""
        self.file.write_text('foo = 1\n[sip]\nt1 = "x"\nlisten = "x"\n[accept]\nopne = true\n[log]\nlevel = "x"\n')
        self.assertEqual(self.exit_code("--check"), 78)
        self.assertEqual(
            [line.split(": ")[:2] for line in self.error.getvalue().splitlines()],
            [
                [f"{self.file}:1", "foo"],
                [f"{self.file}:3", "sip.t1"],
                [f"{self.file}:4", "sip.listen"],
                [f"{self.file}:6", "accept.opne"],
                [f"{self.file}:8", "log.level"],
            ],
        )
        self.assertEqual(self.output.getvalue(), "")

    def test_mistakes_of_the_log_options_name_the_option(self) -> None:
        """Not a key that nobody has written."""
        self.assertEqual(self.exit_code("--check", "--log-level=loud"), 78)
        self.assertTrue(self.error.getvalue().startswith('--log-level: log.level: "loud" is not one'))

    def test_print_config_is_toml(self) -> None:
        """What is in force, overrides included."""
        self.assertEqual(self.exit_code("--print-config", "--set=sip.realm=r"), 0)
        self.assertEqual(tomllib.loads(self.output.getvalue())["sip"]["realm"], "r")

    def test_print_config_of_a_bad_file_tells_the_mistakes(self) -> None:
        """There is nothing to print."""
        self.file.write_text("foo = 1")
        self.assertEqual((self.exit_code("--print-config"), self.output.getvalue()), (78, ""))

    def test_version_names_us_first(self) -> None:
        """twistd's own --version knows only Twisted."""
        self.assertEqual(self.exit_code("--version"), 0)
        self.assertTrue(
            self.output.getvalue().startswith(
                f"pushsvc {pushsvc.__version__} (Twisted {twisted.__version__}, Python 3."
            )
        )

    def test_help_tells_each_option(self) -> None:
        """In whole sentences, with the default of the file."""
        text = " ".join(str(self.options()).split())
        for part in (
            "-c, --config= The configuration, a TOML file. [default: /etc/pushsvc/receiver.toml]",
            "--set= One key of the configuration, as --set=log.level=debug. Wins over the file; may be repeated.",
            "--check Print every mistake",
            "--print-config",
            "--state-dir=",
            "--ready-file=",
            "--log-level=",
            "--log-format=",
            "--version",
        ):
            self.assertIn(part, text)


class Starting(OptionsCase):
    """The configuration of a daemon that is to run."""

    def test_mistakes_end_it_with_78(self) -> None:
        """All of them are told."""
        self.file.write_text("foo = 1\nbar = 2\n")
        found = self.assertRaises(SystemExit, self.options().configuration)
        self.assertEqual((found.code, len(self.error.getvalue().splitlines())), (78, 2))

    def test_permissions_alone_end_it_with_77_but_a_check_with_78(self) -> None:
        """--check has two answers."""
        secret = Path(self.mktemp()).absolute()
        secret.write_text("x")
        secret.chmod(0o644)
        self.file.write_text(f'[sip]\nauth_password = {{ file = "{secret}" }}\n')
        self.assertEqual(self.assertRaises(SystemExit, self.options().configuration).code, 77)
        self.assertEqual(self.exit_code("--check"), 78)
