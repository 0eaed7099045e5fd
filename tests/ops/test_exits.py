"""systemd, scripts and people read the exit code."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

from twisted.internet.error import CannotListenError, ReactorNotRunning
from twisted.internet.testing import MemoryReactor
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config import NotPermitted
from pushsvc.errors import ConfigError, ConfigErrors, Misuse
from pushsvc.ops import exits
from pushsvc.ops.exits import Exit, exit_for, give_up, refuse, stop


class Codes(SynchronousTestCase):
    """Which error ends in which code."""

    def test_each_error_has_its_code(self) -> None:
        """A unit does not restart what a restart cannot mend."""
        mistake, forbidden = ConfigError("f:1", "k", "w"), NotPermitted("f:1", "k", "w")
        for error, code in (
            (ConfigErrors([mistake]), Exit.CONFIGURATION),
            (ConfigErrors([mistake, forbidden]), Exit.CONFIGURATION),
            (ConfigErrors([forbidden, forbidden]), Exit.NOT_PERMITTED),
            (CannotListenError("127.0.0.1", 5060, OSError(errno.EADDRINUSE, "")), Exit.UNAVAILABLE),
            (CannotListenError("192.0.2.1", 5060, OSError(errno.EADDRNOTAVAIL, "")), Exit.UNAVAILABLE),
            (CannotListenError("127.0.0.1", 80, OSError(errno.EACCES, "")), Exit.NOT_PERMITTED),
            (CannotListenError("", "/run/x", "text"), Exit.UNAVAILABLE),
            (PermissionError(errno.EACCES, ""), Exit.NOT_PERMITTED),
            (OSError(errno.ENOSPC, ""), Exit.IO),
            (OSError(errno.EIO, ""), Exit.IO),
            (OSError("without a number"), Exit.IO),
            (Misuse("we"), Exit.SOFTWARE),
            (ZeroDivisionError(), Exit.SOFTWARE),
        ):
            self.assertIs(exit_for(error), code, repr(error))

    def test_the_numbers_are_those_of_the_contract(self) -> None:
        """Units and scripts have them written down."""
        self.assertEqual([int(code) for code in Exit], [69, 70, 73, 74, 77, 78])


class Refusing(SynchronousTestCase):
    """Before the reactor runs."""

    def test_the_reason_goes_to_standard_error_and_the_code_to_twistd(self) -> None:
        """No help text, no traceback."""
        error = io.StringIO()
        self.patch(sys, "stderr", error)
        found = self.assertRaises(SystemExit, refuse, Exit.CANNOT_CREATE, "no place")
        self.assertEqual((found.code, error.getvalue()), (73, "no place\n"))


class GivingUp(SynchronousTestCase):
    """While the reactor runs."""

    def setUp(self) -> None:
        self.registered: list[tuple[object, ...]] = []
        self.patch(exits, "_given_up", [])
        self.patch(exits.atexit, "register", lambda *call: self.registered.append(call))

    def test_the_reason_is_logged_and_the_reactor_stopped_once_it_runs(self) -> None:
        """Services stop in order, whenever it was called."""
        reactor = MemoryReactor()
        with capturedLogs() as events:
            give_up(reactor, Exit.IO, "the disk is away")
        self.assertEqual(
            [(event["log_level"], event["why"], event["exit"]) for event in events],
            [(LogLevel.critical, "the disk is away", 74)],
        )
        self.assertEqual(len(self.registered), 1)
        reactor.run()
        self.assertTrue(reactor.hasStopped)

    def test_only_the_first_reason_counts(self) -> None:
        """The others follow from it."""
        reactor = MemoryReactor()
        give_up(reactor, Exit.IO, "the disk is away")
        give_up(reactor, Exit.SOFTWARE, "so the queue failed")
        self.assertEqual([call[1] for call in self.registered], [Exit.IO])

    def test_the_process_ends_with_the_code_after_everything_was_flushed(self) -> None:
        """The last lines say why."""
        ended: list[int] = []
        output = io.StringIO()
        output.flush = lambda: ended.append(-1)  # type: ignore[method-assign]
        self.patch(sys, "stdout", output)
        self.patch(sys, "stderr", output)
        exits._leave(Exit.IO, ended.append)
        self.assertEqual(ended, [-1, -1, 74])

    def test_stopping_twice_is_no_error(self) -> None:
        """TERM and a failure may come together."""

        class Stopped(MemoryReactor):
            def stop(self) -> None:
                raise ReactorNotRunning("again")

        self.assertIsNone(stop(Stopped()))

    def test_a_real_process_ends_with_the_code_after_a_clean_stop(self) -> None:
        """`reactor.stop()` alone would end with 0."""
        program = (
            "from twisted.internet import reactor\n"
            "from pushsvc.ops.exits import Exit, give_up\n"
            "reactor.addSystemEventTrigger('before', 'shutdown', print, 'services stopped')\n"
            "give_up(reactor, Exit.UNAVAILABLE, 'gone')\n"
            "reactor.run()\n"
            "print('clean')\n"
        )
        path = os.pathsep.join(filter(None, sys.path))
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout.split("\n")[-3:]), (69, ["services stopped", "clean", ""]), done)
