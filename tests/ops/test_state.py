"""Two processes on one queue would deliver everything twice."""

from __future__ import annotations

import fcntl
import io
import os
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops import state
from pushsvc.ops.state import hold_state_dir, make_private


class StateDirectory(SynchronousTestCase):
    """Made and held."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "deep" / "state"
        self.held: list[int] = []
        self.patch(state, "_held", self.held)
        self.addCleanup(lambda: [os.close(descriptor) for descriptor in self.held])
        self.error = io.StringIO()
        self.patch(sys, "stderr", self.error)

    def refused(self) -> object:
        return self.assertRaises(SystemExit, hold_state_dir, self.directory).code

    def test_it_is_made_for_us_alone(self) -> None:
        """What people send is in it."""
        hold_state_dir(self.directory)
        self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)
        self.assertEqual([path.stat().st_mode & 0o777 for path in self.directory.iterdir()], [0o600])

    def test_a_second_process_is_refused(self) -> None:
        """With a code that lets systemd try again: the first may be on its way out."""
        hold_state_dir(self.directory)
        self.assertEqual(self.refused(), 69)
        self.assertIn("another process works in this state directory", self.error.getvalue())
        self.assertEqual(len(self.held), 1)

    def test_the_lock_ends_with_the_process(self) -> None:
        """A crash leaves none behind, and an old lock file is no lock."""
        hold_state_dir(self.directory)
        os.close(self.held.pop())
        hold_state_dir(self.directory)
        self.assertTrue(fcntl.fcntl(self.held[0], fcntl.F_GETFD) & fcntl.FD_CLOEXEC)

    def test_a_place_that_cannot_be_had_is_told(self) -> None:
        """A file in the way."""
        self.directory.parent.mkdir(parents=True)
        self.directory.write_text("")
        self.assertEqual(self.refused(), 73)
        self.assertIn("the state directory cannot be made: File exists", self.error.getvalue())

    def test_a_link_in_place_of_the_lock_is_not_followed(self) -> None:
        """Somebody else's file must not be opened by us."""
        self.directory.mkdir(parents=True)
        (self.directory / "lock").symlink_to("/dev/null")
        self.assertEqual(self.refused(), 73)


class Private(SynchronousTestCase):
    """Files that are opened by somebody else's code."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def test_it_is_ours_alone_whatever_it_was(self) -> None:
        """Senders, names and small contents are in a database; an older version left it open to all."""
        make_private(self.path)
        self.assertEqual((self.path.stat().st_mode & 0o777, self.path.read_bytes()), (0o600, b""))
        self.path.write_bytes(b"kept")
        self.path.chmod(0o644)
        make_private(self.path)
        self.assertEqual((self.path.stat().st_mode & 0o777, self.path.read_bytes()), (0o600, b"kept"))

    def test_a_link_is_not_followed(self) -> None:
        """To a file that somebody else would like us to change."""
        self.path.symlink_to("/dev/null")
        self.assertRaises(OSError, make_private, self.path)
