"""Who starts a daemon waits for this file and for nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops.ready import ReadyFile


class Ready(SynchronousTestCase):
    """--ready-file"""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = self.directory / "ready.json"

    def test_it_tells_the_facts_and_who_we_are(self) -> None:
        """The process id is ours to know."""
        ReadyFile(self.path).write({"role": "sender", "sip": {"udp": "127.0.0.1:5060"}})
        self.assertEqual(
            json.loads(self.path.read_text()),
            {"pid": os.getpid(), "role": "sender", "sip": {"udp": "127.0.0.1:5060"}},
        )
        self.assertEqual(os.listdir(self.directory), ["ready.json"])

    def test_a_failure_leaves_no_half_file(self) -> None:
        """Its existence means that all of it is true."""
        self.path.mkdir()
        self.assertRaises(OSError, ReadyFile(self.path).write, {})
        self.assertEqual(os.listdir(self.directory), ["ready.json"])

    def test_it_is_removed_at_the_end(self) -> None:
        """And removing it again is no error."""
        ready = ReadyFile(self.path)
        ready.write({})
        ready.remove()
        ready.remove()
        self.assertEqual(os.listdir(self.directory), [])

    def test_another_process_keeps_its_own(self) -> None:
        """The successor may be up before we are gone."""
        for content in ('{"pid": 1}', "[]", "nonsense", "{}"):
            self.path.write_text(content)
            ReadyFile(self.path).remove()
            self.assertTrue(self.path.exists(), content)

    def test_nobody_asked_for_one(self) -> None:
        """The usual case."""
        ready = ReadyFile(None)
        ready.write({})
        ready.remove()
