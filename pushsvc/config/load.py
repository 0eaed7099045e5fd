"""Reads a configuration as a whole: the file, what overrides it, and every mistake in either with its place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from pushsvc.config.checks import check
from pushsvc.config.lines import KeyPath
from pushsvc.config.receiver import ReceiverConfig
from pushsvc.config.secrets import Denied, Surroundings
from pushsvc.config.sender import SenderConfig
from pushsvc.config.shared import AnyConfig, Origin, Override
from pushsvc.config.source import NotPermitted, Source, parse_overrides, read_source
from pushsvc.config.structure import Mistake, structured
from pushsvc.errors import ConfigError, ConfigErrors


def load_sender(
    path: Path | str,
    overrides: Sequence[str | Override] = (),
    state_dir: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> SenderConfig:
    """push-sender's configuration. Overrides are `KEY=VALUE`. Raises ConfigErrors with every mistake."""
    return _load(SenderConfig, Path(path), overrides, state_dir, environ)


def load_receiver(
    path: Path | str,
    overrides: Sequence[str | Override] = (),
    state_dir: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ReceiverConfig:
    """push-receiver's configuration. Overrides are `KEY=VALUE`. Raises ConfigErrors with every mistake."""
    return _load(ReceiverConfig, Path(path), overrides, state_dir, environ)


def reloaded(config: AnyConfig, environ: Mapping[str, str] = os.environ) -> AnyConfig:
    """The same configuration read again from where it came from. Raises ConfigErrors with every mistake."""
    origin = config.origin
    if origin.path is None:
        return config
    return _load(type(config), origin.path, origin.overrides, origin.state_dir, environ)


def _load(
    kind: type[AnyConfig],
    path: Path,
    overrides: Sequence[str | Override],
    state_dir: Path | None,
    environ: Mapping[str, str],
) -> AnyConfig:
    errors: list[ConfigError] = []
    unusable: list[ConfigError] = []
    parsed = tuple(parse_overrides(overrides, unusable))
    source = read_source(path, errors).overridden(parsed, unusable)
    config, mistakes = structured(kind, source.tables, _surroundings(path, source, environ))
    mistakes += _findings(config, mistakes)
    mistakes.sort(key=lambda mistake: source.place(mistake.key, mistake.judged_by))
    errors += [_error(source, mistake) for mistake in mistakes] + unusable
    if errors:
        raise ConfigErrors(errors)
    state_dir = (state_dir or _default_state_dir(environ)).absolute()
    return attrs.evolve(config, state_dir=state_dir, origin=Origin(path.absolute(), parsed, state_dir))


def _surroundings(path: Path, source: Source, environ: Mapping[str, str]) -> Surroundings:
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    inline_secrets = source.tables.get("allow_inline_secrets") is True
    return Surroundings(path.absolute().parent, Path(credentials) if credentials else None, inline_secrets)


def _default_state_dir(environ: Mapping[str, str]) -> Path:
    """systemd's $STATE_DIRECTORY (the first of several), else `./state`."""
    return Path(environ.get("STATE_DIRECTORY", "").split(":")[0] or "state")


def _findings(config: AnyConfig, mistakes: list[Mistake]) -> list[Mistake]:
    """What the checks find, save where they judged by a default that stands in for a wrong value."""
    wrong = [key for mistake in mistakes for key in (mistake.key, mistake.meant) if key]
    return [
        Mistake(finding.keys[0], finding.wrong, judged_by=finding.keys[1:])
        for finding in check(config)
        if not any(_overlap(key, bad) for key in finding.keys for bad in wrong)
    ]


def _overlap(one: KeyPath, other: KeyPath) -> bool:
    """Whether one key is, or is inside of, the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _error(source: Source, mistake: Mistake) -> ConfigError:
    kind = NotPermitted if isinstance(mistake.wrong, Denied) else ConfigError
    where = source.place(mistake.key, mistake.judged_by)[2]
    return kind(where, _spelled(source.written(mistake.key)), mistake.wrong.what, mistake.wrong.hint)


def _spelled(key: KeyPath) -> str:
    """`rule[0].types[1]`"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in key).removeprefix(".")
