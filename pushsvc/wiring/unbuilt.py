"""Settings whose feature is not built yet: that is said at the start."""

from __future__ import annotations

from collections.abc import Iterator

from pushsvc.config.shared import Config


def ignored(config: Config) -> Iterator[str]:
    """The keys that are set and have no effect in this version."""
    if config.msrp.relay is not None:
        yield "msrp.relay"
