"""Who may use the API: bearer tokens, from a file that holds only their hashes. Scopes of paths are in resource."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat

import attrs

from pushsvc.errors import ConfigError, ConfigErrors

SCOPES = frozenset({"read", "write", "metrics", "*"})
MAX_FILE = 1024 * 1024  # about ten thousand tokens
_LINE = re.compile(r"([A-Za-z0-9_.@-]{1,64}):([a-z*]{1,16}(?:,[a-z*]{1,16})*):([0-9a-fA-F]{64})", re.ASCII)


@attrs.frozen
class Token:
    """One who may use the API: a name for the logs, what it may do, the SHA-256 of its secret."""

    name: str
    scopes: frozenset[str]
    digest: bytes

    def allows(self, scope: str) -> bool:
        """Whether this token's scopes contain `scope`; `*` contains all."""
        return scope in self.scopes or "*" in self.scopes


@attrs.frozen
class BearerTokens:
    """Every token that is good now."""

    tokens: tuple[Token, ...]

    def holder(self, secret: bytes) -> Token | None:
        """The token with this secret. All are compared, each in constant time."""
        digest = hashlib.sha256(secret).digest()
        found = None
        for token in self.tokens:
            if hmac.compare_digest(token.digest, digest):
                found = token
        return found


def read_tokens(path: str) -> BearerTokens:
    """The tokens of a file: `name:scope,scope:sha256-hex` a line, `#` begins a comment line.

    Scopes are read, write, metrics and `*`. Raises ConfigErrors with every bad line, with a file that others can read
    or write, and with one that cannot be read.
    """
    errors: list[ConfigError] = []
    tokens: list[Token] = []
    for number, line in enumerate(_lines(path), 1):
        if not line or line.startswith("#"):
            continue
        token = _token(line)
        if isinstance(token, str):
            # The line itself is a secret as long as we do not know what is wrong with it.
            errors.append(ConfigError(f"{path}:{number}", "api.tokens", token, "name:scope,scope:sha256-hex"))
        else:
            tokens.append(token)
    if len({token.name for token in tokens}) != len(tokens):
        errors.append(ConfigError(path, "api.tokens", "two tokens have one name"))
    if errors:
        raise ConfigErrors(errors)
    return BearerTokens(tuple(tokens))


def _token(line: str) -> Token | str:
    found = _LINE.fullmatch(line)
    if found is None:
        return "not a token"
    scopes = frozenset(found[2].split(","))
    unknown = scopes - SCOPES
    if unknown:
        return f"unknown scope {', '.join(sorted(unknown))}"
    return Token(found[1], scopes, bytes.fromhex(found[3]))


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            octets = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigErrors([ConfigError(path, "api.tokens", error.strerror or "cannot be read")]) from None
    if stat.S_IMODE(mode) & 0o027:
        raise ConfigErrors([ConfigError(path, "api.tokens", "others can read it or change it", "chmod 600")])
    if len(octets) > MAX_FILE:
        raise ConfigErrors([ConfigError(path, "api.tokens", f"longer than {MAX_FILE} octets")])
    return [line.strip(" \t\r") for line in octets.decode("utf-8", "replace").split("\n")]
