"""`pushctl config`: a file is judged before a daemon depends on it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl.configuration import role_of
from tests.pushctl.scripted import run


class Config(SynchronousTestCase):
    """One file, one command."""

    def file(self, text: str, name: str = "sender.toml") -> Path:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / name).write_text(text)
        return folder / name

    def test_good_file_passes(self) -> None:
        """Exit 0 is what a deployment script waits for."""
        file = self.file('[sip]\nidentity = "sip:push@example.com"\n')
        ran = run("config", "check", str(file))
        self.assertEqual((ran.code, ran.stdout, ran.stderr), (0, "", f"{file}: no mistakes\n"))

    def test_every_mistake_is_told_at_once(self) -> None:
        """One round of corrections, not five."""
        file = self.file('[sip]\nidentitty = "x"\nt1 = "soon"\n[queue]\nmax_content = -1\n')
        ran = run("config", "check", str(file))
        self.assertEqual(ran.code, 78)
        places = [line.split(": ")[:2] for line in ran.stdout.splitlines()]
        self.assertEqual(
            places, [[f"{file}:2", "sip.identitty"], [f"{file}:3", "sip.t1"], [f"{file}:5", "queue.max_content"]]
        )

    def test_mistakes_as_json(self) -> None:
        """For an editor."""
        file = self.file('[sip]\nt1 = "soon"\n')
        mistake = json.loads(run("--json", "config", "check", str(file)).stdout)
        self.assertEqual((mistake["where"], mistake["key"]), (f"{file}:2", "sip.t1"))

    def test_print_is_toml_that_reads_back(self) -> None:
        """What the daemon would use, with its defaults, and a key set on the way."""
        file = self.file('[sip]\ndisplay_name = "Push"\n')
        ran = run("config", "print", "--set", "sip.display_name=Gate", str(file))
        printed = tomllib.loads(ran.stdout)
        self.assertEqual((ran.code, printed["sip"]["display_name"]), (0, "Gate"))
        self.assertIn("delivery", printed)

    def test_role_is_found_by_section_then_by_name(self) -> None:
        """Few people want to say what the file says already."""
        self.assertEqual(role_of(self.file("[accept]\n", "x.toml")), "receiver")
        self.assertEqual(role_of(self.file("[queue]\n", "receiver.toml")), "sender")
        self.assertEqual(role_of(self.file("", "my-receiver.toml")), "receiver")
        self.assertEqual(role_of(self.file("[[[", "x.toml")), "sender")
        self.assertEqual(role_of(Path("/does/not/exist.toml")), "sender")
        ran = run("config", "check", "--role", "receiver", str(self.file("[queue]\n")))
        self.assertEqual(ran.code, 78)
