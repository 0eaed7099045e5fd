"""The top of a daemon: the log from its first line on, and the right end when it cannot start."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Callable
from pathlib import Path

from twisted.application.service import Application, IService, Service
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config import Config
from pushsvc.ops import logs, root
from pushsvc.ops.logs import LogObserver
from pushsvc.ops.root import Root, daemon, log_observer


class Failing(Service):
    """Cannot start."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def startService(self) -> None:
        raise self.error

    privilegedStartService = startService


class Daemon(SynchronousTestCase):
    def setUp(self) -> None:
        self.held: list[Path] = []
        self.patch(root, "hold_state_dir", self.held.append)
        self.patch(logs, "_installed", [])
        self.error = io.StringIO()
        self.patch(sys, "stderr", self.error)
        self.config = Config(state_dir=Path("/x"))

    def daemon(self, make: Callable[[], IService]) -> IService:
        return daemon(self.config, None, make)

    def test_twistd_gets_our_observer_before_its_first_line(self) -> None:
        """The service is put into the application before the log begins."""
        application, child = Application("push-sender"), Service()
        made = self.daemon(lambda: child)
        made.setServiceParent(application)
        self.assertIsInstance(application.getComponent(ILogObserver), LogObserver)
        self.assertEqual(list(IService(application)), [made])
        self.assertEqual(list(made), [child])  # type: ignore[call-overload]
        self.assertEqual(self.held, [Path("/x")])

    def test_the_state_is_held_before_anything_is_made(self) -> None:
        """A second process must not touch the queue."""
        self.daemon(lambda: (self.assertEqual(len(self.held), 1), Service())[1])

    def test_circumstances_end_it_with_a_reason_and_a_code(self) -> None:
        """While it is made, and while it starts."""
        for error, code in (
            (OSError(errno.ENOSPC, "No space left on device"), 74),
            (CannotListenError("127.0.0.1", 5060, OSError(errno.EADDRINUSE, "in use")), 69),
            (PermissionError(errno.EACCES, "Permission denied"), 77),
        ):

            def fail(error: Exception = error) -> IService:
                raise error

            self.assertEqual(self.assertRaises(SystemExit, self.daemon, fail).code, code)
            self.assertIn(str(error), self.error.getvalue())
            made = self.daemon(lambda error=error: Failing(error))  # type: ignore[misc]
            for start in (made.privilegedStartService, made.startService):
                with capturedLogs() as events:
                    found = self.assertRaises(SystemExit, start)
                told = [(event["why"], event["exit"]) for event in events]
                self.assertEqual((found.code, told), (code, [(error, code)]))

    def test_our_bugs_keep_their_traceback(self) -> None:
        """They are for us."""
        self.assertRaises(ZeroDivisionError, self.daemon, lambda: 1 / 0)  # type: ignore[arg-type, return-value]
        self.assertRaises(ZeroDivisionError, self.daemon(lambda: Failing(ZeroDivisionError())).startService)

    def test_another_parent_is_no_application(self) -> None:
        """`twist` and tests put it below a plain service."""
        parent = Root(None)
        child = self.daemon(Service)
        child.setServiceParent(parent)
        self.assertEqual(list(parent), [child])


class WhereTo(SynchronousTestCase):
    """twistd's own options say where the log goes."""

    def path(self, **twistd: object) -> object:
        observer = log_observer(Config(), twistd)
        assert observer is not None
        return observer._output.path

    def test_the_log_goes_where_twistd_was_told_to(self) -> None:
        """Standard output in the foreground, a file in the background."""
        log = Path(self.mktemp()).absolute()
        self.patch(logs.os, "open", lambda *arguments: 99)
        self.assertIsNone(self.path())
        self.assertIsNone(self.path(nodaemon=True))
        self.assertIsNone(self.path(nodaemon=False, logfile="-"))
        self.assertEqual(self.path(nodaemon=False), Path("twistd.log").absolute())
        self.assertEqual(self.path(nodaemon=True, logfile=str(log)), log)

    def test_another_observer_of_twistd_is_left_in_place(self) -> None:
        """--syslog and --logger are somebody's choice."""
        self.assertIsNone(log_observer(Config(), {"syslog": 1}))
        self.assertIsNone(log_observer(Config(), {"logger": print}))
