"""The wheel: whoever doubts one that was handed to them can make it again."""

from __future__ import annotations

import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.supply.wheel import build


class Reproducible(SynchronousTestCase):
    """Built twice, in other places, by others."""

    def test_it_is_the_same_each_time(self) -> None:
        """And has what it should: the code, both plugins, and nothing of the tests or of this machine."""
        wheel = build(Path(self.mktemp()))
        self.assertEqual(wheel.suffixes[-1], ".whl")
        names = zipfile.ZipFile(wheel).namelist()
        self.assertIn("twisted/plugins/pushsvc_plugin.py", names)
        tops = {name.split("/")[0] for name in names}
        self.assertEqual({top for top in tops if ".dist-info" not in top}, {"pushsvc", "twisted"})
