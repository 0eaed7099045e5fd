"""What a wheel carries: setup.cfg lists packages by name, and a forgotten one is missed only after installing."""

from __future__ import annotations

import configparser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import pushsvc

ROOT = Path(pushsvc.__file__).parent.parent


class Wheel(SynchronousTestCase):
    """A person who installs the wheel gets everything that a checkout has."""

    def setUp(self) -> None:
        self.metadata = configparser.ConfigParser()
        self.metadata.read(ROOT / "setup.cfg")

    def test_every_package_is_listed(self) -> None:
        """Adding a folder is enough in a checkout; in a wheel it would be absent."""
        there = {".".join(path.relative_to(ROOT).parent.parts) for path in (ROOT / "pushsvc").rglob("__init__.py")} | {
            "twisted.plugins"
        }
        self.assertEqual(set(self.metadata["options"]["packages"].split()), there)

    def test_every_other_file_is_package_data(self) -> None:
        """A picture or a template that is not named is left behind."""
        data = dict(self.metadata["options.package_data"])
        for path in (ROOT / "pushsvc").rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                package = ".".join(path.relative_to(ROOT).parent.parts)
                self.assertTrue(
                    any(path.match(pattern) for pattern in data.get(package, "").replace(",", " ").split()), path
                )
