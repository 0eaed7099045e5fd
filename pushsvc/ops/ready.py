"""The ready file: written when every listener is up, gone when the daemon stops. Tells where it really listens."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import attrs


@attrs.frozen
class ReadyFile:
    """A JSON file whose existence means "ready"; `path` None: nobody asked for one."""

    path: Path | None

    def write(self, facts: Mapping[str, object]) -> None:
        """Put the facts (and our `pid`) there at once, never half of them. OSError: it cannot be written."""
        if self.path is None:
            return
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            draft.write_text(json.dumps({**facts, "pid": os.getpid()}) + "\n")
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)

    def remove(self) -> None:
        """Take it away, unless another process has put its own there since."""
        if self.path is None:
            return
        try:
            if json.loads(self.path.read_bytes())["pid"] == os.getpid():
                self.path.unlink()
        except (OSError, ValueError, KeyError, TypeError):
            return  # gone already, or not ours
