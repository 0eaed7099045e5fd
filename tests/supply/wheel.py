"""A wheel that whoever has the sources can make again, octet by octet: `python -m tests.supply.wheel DIRECTORY`.

It is built twice, in folders of other names, with other times on the files, and compared. Modes of
files are in a wheel, so both have the same umask.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.supply.licences import ROOT

BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
WAYS = (
    ("one", {"TZ": "UTC", "PYTHONHASHSEED": "1", "LC_ALL": "C"}, 1_700_000_000),
    ("quite/another/place", {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8"}, 1_800_000_000),
)
"""Folder, environment, and the time of the files."""


class NotReproducible(Exception):
    """The two differ."""


def build(directory: Path) -> Path:
    """Build the wheel of what git has of this checkout, as it is here, into a directory. Raises NotReproducible."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        one, other = (_built(Path(work) / folder, environment, time) for folder, environment, time in WAYS)
        if one.name != other.name or one.read_bytes() != other.read_bytes():
            raise NotReproducible(f"{one.name} and {other.name} differ")
        return Path(shutil.copy(one, directory / one.name))


def _built(folder: Path, environment: dict[str, str], time: int) -> Path:
    """A copy of the sources in this folder, and its wheel."""
    for name in _git("ls-files", "-z").split("\0")[:-1]:
        if (ROOT / name).is_file():
            copy = folder / "sources" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy)
            copy.chmod(0o644)
            os.utime(copy, (time, time))
    environment = {**os.environ, **environment, "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct").strip()}
    command = [sys.executable, "-c", BUILD, str(folder)]
    where = folder / "sources"
    subprocess.run(command, cwd=where, env=environment, umask=0o022, capture_output=True, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, encoding="utf-8", check=True)
    return done.stdout


if __name__ == "__main__":
    made = build(Path(sys.argv[1]))
    print(f"sha256 {hashlib.sha256(made.read_bytes()).hexdigest()}  {made}, twice the same")
