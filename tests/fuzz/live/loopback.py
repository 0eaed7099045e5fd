"""A network that has loopback and nothing else, so that no mutated address is ever reached."""

from __future__ import annotations

import os
import subprocess
import sys

_INSIDE = "PUSHSVC_FUZZ_INSIDE"


def is_inside() -> bool:
    """Whether this process is in there."""
    return _INSIDE in os.environ


def inside(module: str, arguments: list[str]) -> int:
    """Run this module in there, with these arguments; its exit code."""
    script = 'ip link set lo up && exec "$@"'
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", script, "sh", sys.executable, "-m", module]
    return subprocess.run([*command, *arguments], env={**os.environ, _INSIDE: "1"}, check=False).returncode
