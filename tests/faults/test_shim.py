"""The shim does what the faults need, and nothing else."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.faults.shim import ON_DISK, Action, Kind, Shim, compiled, has_compiler

WRITES = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for _ in range(3):
    try:
        os.write(fd, b"octets")
        os.fsync(fd)
    except OSError as error:
        print(error.errno)
"""


class ShimTests(SynchronousTestCase):
    """A small Python under it."""

    def setUp(self) -> None:
        if not has_compiler():
            raise SkipTest("there is no C compiler")
        self.directory = Path(self.mktemp()).resolve()
        self.state = self.directory / "state"
        self.state.mkdir(parents=True)
        self.shim = Shim(compiled(self.directory), self.directory / "control", self.state)

    def run_python(self, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", "-c", code, *map(str, arguments)]
        return subprocess.run(command, env=dict(self.shim.environment), capture_output=True, text=True, check=False)

    def test_calls_below_the_state_are_counted(self) -> None:
        """And others are not: Python itself opens and writes a lot."""
        self.run_python(WRITES, self.directory / "elsewhere")
        self.assertEqual(sum(self.shim.calls.values()), 0)
        self.run_python(WRITES, self.state / "file")
        self.assertEqual(self.shim.calls, dict.fromkeys(Kind, 0) | {Kind.OPEN: 1, Kind.WRITE: 3, Kind.SYNC: 3})

    def test_the_call_that_was_meant_fails(self) -> None:
        """With the error that was asked for, once."""
        self.shim.arm(2, [Kind.WRITE], Action.FAIL, errno.ENOSPC)
        self.assertEqual(self.run_python(WRITES, self.state / "file").stdout, f"{errno.ENOSPC}\n")
        self.assertEqual((self.state / "file").read_bytes(), b"octets" * 2)
        self.assertEqual(self.shim.struck, 1)

    def test_a_lasting_fault_lasts_until_it_is_over(self) -> None:
        """For processes that are started meanwhile as well."""
        self.shim.arm(2, ON_DISK, Action.FAIL, errno.EIO, lasting=True)
        self.assertEqual(self.run_python(WRITES, self.state / "file").stdout, f"{errno.EIO}\n" * 3)
        self.shim.disarm()
        self.assertEqual(self.run_python(WRITES, self.state / "file").stdout, "")

    def test_a_process_dies_before_the_call(self) -> None:
        """As by kill -9, with the call not made."""
        self.shim.arm(2, [Kind.SYNC], Action.KILL)
        self.assertEqual(self.run_python(WRITES, self.state / "file").returncode, -signal.SIGKILL)
        self.assertEqual((self.state / "file").read_bytes(), b"octets" * 2)

    def test_a_torn_write_is_half_there(self) -> None:
        """What a kill leaves in the middle of a write."""
        self.shim.arm(2, [Kind.WRITE], Action.TEAR)
        self.assertEqual(self.run_python(WRITES, self.state / "file").returncode, -signal.SIGKILL)
        self.assertEqual((self.state / "file").read_bytes(), b"octetsoct")

    def test_the_clock_of_people_is_moved_and_the_steady_one_is_not(self) -> None:
        """A process that looks at both sees that somebody set the clock."""
        self.shim.set_clock(7200)
        told = self.run_python("import time; print(time.time(), time.monotonic())").stdout.split()
        wall, steady = map(float, told)
        self.assertLess(abs(wall - time.time() - 7200), 60)
        self.assertLess(abs(steady - time.monotonic()), 60)

    def test_what_happened_is_written_down(self) -> None:
        """In its order, for who judges it."""
        self.shim.trace()
        self.run_python(WRITES, self.state / "file")
        file = str(self.state / "file")
        self.assertEqual(self.shim.traced(), [f"open {file}", *[f"write {file}", f"sync {file}"] * 3])
