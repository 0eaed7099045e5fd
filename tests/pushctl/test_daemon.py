"""Child processes: started, waited for, stopped by their own id. The twistd here is a stand-in of a few lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl import daemon
from pushsvc.pushctl.daemon import Daemon, DaemonFailed
from pushsvc.pushctl.exits import CommandFailed, Exit

# Writes its arguments and a ready file as the real one does, then waits for a signal. Its mood is in a file.
STAND_IN = """#!{python}
import json, os, signal, sys, time
mood = open("mood").read()
print("starting", flush=True)
if mood == "fails":
    sys.exit("listen: address in use")
if mood == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
target = sys.argv[sys.argv.index("--ready-file") + 1]
if mood != "slow":
    ready = {{"pid": os.getpid(), "api": "http://127.0.0.1:40005", "uri": "sip:alice@127.0.0.1:40002;transport=tcp",
             "sip": {{"udp": "127.0.0.1:40001", "tcp": "127.0.0.1:40002"}}, "argv": sys.argv[1:]}}
    with open(target + ".tmp", "w") as file:
        json.dump(ready, file)
    os.rename(target + ".tmp", target)
while True:
    time.sleep(60)
"""


class ChildProcess(SynchronousTestCase):
    """The lab promises that nothing is left behind, whatever the daemons do."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        stand_in = self.folder / "twistd"
        stand_in.write_text(STAND_IN.format(python=sys.executable))
        stand_in.chmod(0o700)
        self.mood("willing")
        self.patch(daemon, "twistd", lambda: stand_in)
        self.child = Daemon("receiver", self.folder, {"sip.t1": '"50ms"'})
        self.addCleanup(self.child.kill)

    def mood(self, mood: str) -> None:
        (self.folder / "mood").write_text(mood)

    def test_is_ready_when_its_own_file_says_so(self) -> None:
        """A file left by a process that was killed must not count."""
        (self.folder / "ready.json").write_text(json.dumps({"pid": 1, "api": "http://127.0.0.1:1"}))
        self.child.start()
        self.child.wait_until_ready()
        self.assertEqual(self.child.ready["pid"], self.child.pid)
        self.assertEqual(self.child.api.url, "http://127.0.0.1:40005")
        self.assertEqual(self.child.uri, "sip:alice@127.0.0.1:40002;transport=tcp")

    def test_is_told_where_everything_is(self) -> None:
        """Nothing outside its folder."""
        self.child.start()
        self.child.wait_until_ready()
        argv = self.child.ready["argv"]
        self.assertEqual(argv[:3], ["--nodaemon", "--pidfile=", "push-receiver"])
        for option, value in {
            "--config": "receiver.toml",
            "--state-dir": "state",
            "--ready-file": "ready.json",
        }.items():
            self.assertEqual(argv[argv.index(option) + 1], str(self.folder / value))
        self.assertEqual(argv[-1], '--set=sip.t1="50ms"')

    def test_listens_again_where_it_did(self) -> None:
        """A peer that knew its address before it was killed finds it again."""
        self.child.start()
        self.child.wait_until_ready()
        self.assertEqual(self.child.kill(), -9)
        self.child.start()
        self.child.wait_until_ready()
        self.assertEqual(
            self.child.ready["argv"][-3:],
            [
                '--set=sip.listen=["udp:127.0.0.1:40001", "tcp:127.0.0.1:40002"]',
                '--set=api.listen="tcp:127.0.0.1:40005"',
                '--set=sip.t1="50ms"',
            ],
        )

    def test_stop_is_term(self) -> None:
        """And its end is reported; stopping twice is harmless."""
        self.child.start()
        self.child.wait_until_ready()
        self.assertEqual((self.child.stop(), self.child.alive), (-15, False))
        self.assertEqual(self.child.stop(), -15)

    def test_stubborn_one_is_killed(self) -> None:
        """Bounded, so that a test run ends."""
        self.mood("stubborn")
        self.child.start()
        self.child.wait_until_ready()
        self.assertEqual(self.child.stop(within=0.1), -9)

    def test_one_that_fails_shows_its_log(self) -> None:
        """The reason is in there, and nobody wants to look for it."""
        self.mood("fails")
        self.child.start()
        failure = self.assertRaises(DaemonFailed, self.child.wait_until_ready)
        self.assertEqual(failure.code, Exit.UNAVAILABLE)
        self.assertIn("push-receiver exited with 1 before it was ready", failure.reason)
        self.assertTrue(failure.reason.endswith("starting\nlisten: address in use\n"))

    def test_one_that_is_never_ready_is_given_up(self) -> None:
        """A hanging start must not hang the lab."""
        self.mood("slow")
        self.child.start()
        failure = self.assertRaises(DaemonFailed, self.child.wait_until_ready, within=0.2)
        self.assertIn("was not ready within", failure.reason)

    def test_one_that_was_never_started_has_nothing_to_stop(self) -> None:
        """An early error leaves the context all the same."""
        self.assertEqual((self.child.stop(), self.child.kill()), (None, None))
        self.assertRaises(CommandFailed, lambda: self.child.pid)
