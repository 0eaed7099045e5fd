"""Secrets come from files that nobody else can read, and go nowhere."""

from __future__ import annotations

import os
from pathlib import Path

from pushsvc.config import NotPermitted, load_sender, to_toml
from pushsvc.config.secrets import MAX_SECRET, Denied, check_private, check_readable
from pushsvc.config.values import Wrong
from pushsvc.errors import ConfigErrors
from tests.config.case import ConfigCase


class Secrets(ConfigCase):
    """`{ file = "..." }`, `{ credential = "..." }`, or inline where that is allowed."""

    def test_a_file_holds_the_secret_and_a_line_end_is_not_part_of_it(self) -> None:
        """Every editor adds one; only one is taken off, and blanks stay."""
        for content, value in (("hunter2\n", "hunter2"), ("hunter2\r\n", "hunter2"), (" a b ", " a b "), ("é", "é")):
            self.file("pw", content)
            secret = self.sender('[sip]\nauth_password = { file = "pw" }').sip.auth_password
            assert secret is not None
            self.assertEqual(secret.value(), value)

    def test_a_file_without_one_secret_is_refused(self) -> None:
        """Two lines are two secrets, or a wrong file."""
        for content in ("", "\n", "a\nb\n", "a\0", b"\xff", "x" * (MAX_SECRET + 1)):
            self.file("pw", content)
            self.assert_named(
                self.sender_mistakes('[sip]\nauth_password = { file = "pw" }'), "s.toml:2: sip.auth_password: "
            )

    def test_a_credential_is_found_where_systemd_has_put_it(self) -> None:
        """Its mode is systemd's affair."""
        self.file("sip-password", "hunter2\n", 0o444)
        self.environ = {"CREDENTIALS_DIRECTORY": str(self.directory)}
        secret = self.sender('[sip]\nauth_password = { credential = "sip-password" }').sip.auth_password
        assert secret is not None
        self.assertEqual(secret.value(), "hunter2")
        self.assert_named(
            self.sender_mistakes('[sip]\nauth_password = { credential = "../pw" }'),
            "s.toml:2: sip.auth_password: not the name of a credential",
        )

    def test_without_systemd_there_are_no_credentials(self) -> None:
        """Said in words, since it works as soon as the unit is used."""
        self.assert_named(
            self.sender_mistakes('[sip]\nauth_password = { credential = "pw" }'),
            's.toml:2: sip.auth_password: no credential "pw": not started by systemd with LoadCredential=',
        )

    def test_inline_secrets_need_a_word(self) -> None:
        """A configuration file is shown around."""
        found = self.sender_mistakes('[sip]\nauth_password = "hunter2"')
        self.assert_named(found, "s.toml:2: sip.auth_password: a secret stands in the file")
        self.assertNotIn("hunter2", found[0])
        config = self.sender('allow_inline_secrets = true\n[sip]\nauth_password = "hunter2"')
        assert config.sip.auth_password is not None
        self.assertEqual(config.sip.auth_password.value(), "hunter2")

    def test_other_shapes_are_refused(self) -> None:
        """Also a table with more than one key."""
        self.file("pw", "x")
        for text in ("5", '{ file = "pw", credential = "x" }', "{ file = 1 }", "{}", '["x"]'):
            self.assert_named(
                self.sender_mistakes(f"[sip]\nauth_password = {text}"), "s.toml:2: sip.auth_password: not a secret"
            )

    def test_a_secret_is_in_no_dump(self) -> None:
        """repr of the whole configuration ends in tracebacks."""
        self.file("pw", "hunter2")
        config = self.sender('[sip]\nauth_password = { file = "pw" }')
        self.assertNotIn("hunter2", repr(config) + to_toml(config))


class Permissions(ConfigCase):
    """Who may read the file."""

    def test_a_secret_that_others_can_read_is_not_permitted(self) -> None:
        """Exit 77: mending the file's mode mends it."""
        path = self.file("pw", "x", 0o644)
        found = self.assertRaises(
            ConfigErrors, load_sender, self.file("s.toml", '[sip]\nauth_password = { file = "pw" }'), (), None, {}
        )
        self.assertIsInstance(found.errors[0], NotPermitted)
        self.assertEqual(
            (found.errors[0].what, found.errors[0].hint),
            (f"{path} has mode 0644: it is open to others", f"chmod 600 {path}"),
        )

    def test_only_what_others_could_do_counts(self) -> None:
        """The group may read what root owns, as distributions hand out keys."""
        path = self.file("key", "x")
        root_owns_it = path.stat().st_uid == 0
        for mode, allowed in (
            (0o600, True),
            (0o400, True),
            (0o640, root_owns_it),
            (0o660, False),
            (0o604, False),
            (0o601, False),
            (0o620, False),
        ):
            path.chmod(mode)
            if allowed:
                check_private(path)
            else:
                self.assertRaises(Denied, check_private, path)

    def test_the_group_may_read_only_what_root_owns(self) -> None:
        """What the daemon's own user made is for that user."""
        path = self.file("key", "x", 0o640)
        found = path.stat()

        class Mine:
            st_mode, st_uid = found.st_mode, 1000

        self.patch(Path, "stat", lambda path: Mine)
        self.assertRaises(Denied, check_private, path)

    def test_what_cannot_be_opened_is_told_apart_from_what_may_not(self) -> None:
        """Missing is a mistake in the file, forbidden one of the file's owner."""
        self.assertRaises(Wrong, check_readable, self.directory / "absent")
        self.assertRaises(Wrong, check_readable, self.directory)
        os.mkfifo(self.directory / "pipe")
        self.assertRaises(Wrong, check_readable, self.directory / "pipe")
        path = self.file("x", "")
        self.patch(Path, "open", lambda path, mode: os.fdopen(_denied()))
        self.assertRaises(Denied, check_readable, path)


def _denied() -> int:
    raise PermissionError(13, "Permission denied")
