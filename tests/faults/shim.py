"""System calls of another process that fail, or are its last, when we say so: shim.c, compiled, and its controls."""

from __future__ import annotations

import enum
import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
COMPILER = ("cc", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")
# struct control of shim.c: countdown and clock_offset, mask to struck, calls by kind, what was struck.
_LAYOUT = struct.Struct("qqIIIIII6QI120s")
_COUNTDOWN, _CLOCK, _MASK, _ACTION, _TRACING, _STRUCK, _CALLS, _WHERE = 0, 8, 16, 20, 32, 36, 40, 88


class Kind(enum.Enum):
    """What kind of system call; the value is shim.c's."""

    OPEN = 0
    WRITE = 1
    SYNC = 2
    RENAME = 3
    UNLINK = 4
    SEND = 5


ON_DISK = frozenset(Kind) - {Kind.SEND}


class Action(enum.Enum):
    """What happens at the call: TEAR is half of a write and then death; the value is shim.c's.

    SWALLOW is for SEND: the socket takes everything from then on, and none of it arrives.
    """

    KILL = 1
    TEAR = 2
    FAIL = 3
    SWALLOW = 4


def has_compiler() -> bool:
    """Whether there is a C compiler here."""
    return shutil.which(COMPILER[0]) is not None


def compiled(directory: Path) -> Path:
    """The shim as a library in `directory`. Raises CalledProcessError with what the compiler said in `stderr`."""
    library = directory.resolve() / "shim.so"
    command = [*COMPILER, "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return library


class Shim:
    """The controls of one process and of those that follow it: `environment` is what it has to be started with.

    Calls are counted that touch something below `state`, and those that send on a socket.
    """

    def __init__(self, library: Path, control: Path, state: Path) -> None:
        control.write_bytes(bytes(_LAYOUT.size))
        with control.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)
        self._trace = control.with_name(control.name + ".trace")
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "FAULTS_CONTROL": str(control.resolve()),
            "FAULTS_STATE": str(state.resolve()),
        }

    def arm(self, call: int, kinds: Collection[Kind], action: Action, error: int = 0, *, lasting: bool = False) -> None:
        """Let the `call`th system call of these kinds from now on be the one; `lasting`: it and all that follow."""
        self.disarm()
        mask = sum(1 << kind.value for kind in kinds)
        struct.pack_into("IIIIII", self._memory, _MASK, mask, action.value, error, lasting, self._tracing, 0)
        self._put("q", _COUNTDOWN, call)

    def disarm(self) -> None:
        """Nothing happens from now on."""
        self._put("q", _COUNTDOWN, 0)

    def set_clock(self, seconds: int) -> None:
        """The clock that people read is so many seconds ahead of the real one; negative: behind."""
        self._put("q", _CLOCK, seconds)

    @property
    def struck(self) -> int:
        """How many calls were hit since it was armed."""
        return self._get("I", _STRUCK)

    def struck_dead(self) -> bool:
        """Whether a call was hit that its process does not survive, though it may look alive a while. Told once."""
        dead = self.struck > 0 and self._get("I", _ACTION) in (Action.KILL.value, Action.TEAR.value)
        if dead:
            self._put("I", _STRUCK, 0)
        return dead

    @property
    def calls(self) -> Mapping[Kind, int]:
        """Calls since the beginning, of all processes that had these controls."""
        counts = struct.unpack_from("6Q", self._memory, _CALLS)
        return {kind: counts[kind.value] for kind in Kind}

    @property
    def where(self) -> tuple[Kind, str]:
        """The last call that was struck: its kind, and the path that it touched or the octets that it was to send."""
        kind, octets = struct.unpack_from("I120s", self._memory, _WHERE)
        return Kind(kind), octets.partition(b"\0")[0].decode("latin-1")

    def trace(self) -> None:
        """Write down from now on what succeeds."""
        self._put("I", _TRACING, 1)

    def traced(self) -> list[str]:
        """What was written down: a kind in lower case, then what it touched, or the first octets that were sent.

        Before the kind of a call that was made to fail there is "failed-".
        """
        return self._trace.read_text("utf-8", "replace").splitlines() if self._trace.exists() else []

    @property
    def _tracing(self) -> int:
        return self._get("I", _TRACING)

    def _get(self, form: str, at: int) -> int:
        value: int = struct.unpack_from(form, self._memory, at)[0]
        return value

    def _put(self, form: str, at: int, value: int) -> None:
        struct.pack_into(form, self._memory, at, value)


def descriptors(pid: int) -> int:
    """How many a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid: int) -> int:
    """Octets of memory that a process has in hand (RSS)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
