"""Files that hold secrets: who may read them, and how a secret is taken out of one."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import attrs

from pushsvc.config.values import Secret, Wrong

MAX_SECRET = 4096  # octets; no password is longer, and a wrong file name is noticed
_CREDENTIAL = re.compile(r"[A-Za-z0-9_.-]{1,255}")


class Denied(Wrong):
    """The value may be right, but the file's permissions are not: exit code 77 instead of 78."""


@attrs.frozen
class Surroundings:
    """What the meaning of a value depends on beside itself."""

    directory: Path  # relative file names start here: the configuration file's directory
    credentials: Path | None = None  # systemd's $CREDENTIALS_DIRECTORY
    inline_secrets: bool = False


def check_readable(path: Path) -> None:
    """Raises `Wrong` when there is no such regular file, `Denied` when we may not read it."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            raise Wrong(f"{path} is not a regular file")
        path.open("rb").close()
    except PermissionError:
        raise Denied(f"{path} may not be read by this user", "give it to the user that the daemon runs as") from None
    except OSError as error:
        raise Wrong(f"{path} cannot be read: {error.strerror}") from None


def check_private(path: Path) -> None:
    """As `check_readable`; also `Denied` when others can read it or its group can write it.

    The group may read a file that belongs to root (0640): how distributions hand keys to services.
    """
    check_readable(path)
    found = path.stat()
    allowed = 0o640 if found.st_uid == 0 else 0o600
    if stat.S_IMODE(found.st_mode) & 0o077 & ~allowed:
        raise Denied(f"{path} has mode {stat.S_IMODE(found.st_mode):04o}: it is open to others", f"chmod 600 {path}")


def read_secret(value: object, around: Surroundings) -> Secret:
    """The secret of `{ file = "..." }`, `{ credential = "name" }` or, where allowed, the text itself."""
    match value:
        case {"file": str(name), **rest} if not rest:
            path = around.directory / name
            check_private(path)
            return Secret(_content(path), "file", str(path))
        case {"credential": str(name), **rest} if not rest:
            return Secret(_content(_credential(name, around)), "credential", name)
        case str(text) if around.inline_secrets:
            return Secret(text)
        case str():
            raise Wrong("a secret stands in the file", 'write { file = "..." }, or set allow_inline_secrets = true')
        case _:
            raise Wrong("not a secret", 'write { file = "/path" } or { credential = "name" }')


def _credential(name: str, around: Surroundings) -> Path:
    if not _CREDENTIAL.fullmatch(name) or name in (".", ".."):
        raise Wrong("not the name of a credential", "letters, digits, dots, dashes and underscores")
    if around.credentials is None:
        raise Wrong(f'no credential "{name}": not started by systemd with LoadCredential=', 'write { file = "/path" }')
    path = around.credentials / name
    check_readable(path)  # its mode is systemd's affair
    return path


def _content(path: Path) -> str:
    with path.open("rb") as file:
        octets = file.read(MAX_SECRET + 1)
    text = re.sub(rb"\r?\n\Z", b"", octets)
    if not text:
        raise Wrong(f"{path} is empty")
    if len(octets) > MAX_SECRET or re.search(rb"[\x00\r\n]", text):
        raise Wrong(f"{path} does not hold one secret on one line")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise Wrong(f"{path} is not UTF-8 text") from None
