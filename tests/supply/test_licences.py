"""What we say of licences is what the packages say; what is pinned is what is needed, and what is tested with."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.supply.licences import PAGE, installed, licence, needed, pins, told

# What a service under the MIT licence can be installed with, whatever is done with it.
FREE = ("MIT", "Apache", "BSD", "ISC", "MPL", "PSF", "ZPL")


class TheCommittedPage(SynchronousTestCase):
    """docs/licences.md"""

    def setUp(self) -> None:
        self.run, self.rest = told(PAGE.read_text("utf-8"))

    def test_every_pinned_package_is_there_once(self) -> None:
        """And no other."""
        self.assertEqual(self.run.keys() & self.rest.keys(), set())
        self.assertEqual(self.run.keys() | self.rest.keys(), pins().keys())

    def test_what_is_needed_to_run_is_told_apart(self) -> None:
        """By what the packages that are installed here require. A newer Python needs less than the oldest one."""
        self.assertEqual(needed(installed()) - self.run.keys(), set())
        self.assertEqual(self.run.keys() - installed().keys(), set())

    def test_licences_are_those_of_the_packages(self) -> None:
        """Of those that are installed here."""
        here = installed()
        rows = self.run | self.rest
        self.assertEqual({name: licence(here[name]) for name in rows if name in here}, _only(rows, here))

    def test_nothing_that_is_needed_to_run_is_bound_to_more(self) -> None:
        """Whoever installs a service should not have to ask a lawyer."""
        self.assertEqual([name for name, said in self.run.items() if not any(word in said for word in FREE)], [])


class Pins(SynchronousTestCase):
    """constraints.txt"""

    def test_they_are_what_is_installed(self) -> None:
        """Or these tests would have been run with something else."""
        versions = {name: each["version"] for name, each in installed().items()}
        self.assertEqual(_only(versions, pins()), _only(pins(), versions))


class Reading(SynchronousTestCase):
    """How a package says its licence, and what it needs."""

    def test_licence(self) -> None:
        """The newest way that there is goes first."""
        mit, bsd = "License :: OSI Approved :: MIT License", "License :: OSI Approved :: BSD License"
        for metadata, said in (
            ({"license_expression": "MIT", "classifier": [bsd]}, "MIT"),
            ({"license": "see file", "classifier": [mit, "Topic :: X", bsd]}, "BSD License, MIT License"),
            ({"license": "ISC\n\nand so on"}, "ISC"),
            ({}, "not said"),
        ):
            self.assertEqual(licence(metadata), said)

    def test_needed(self) -> None:
        """Through extras that are asked for, and no others; not what is for other systems."""
        packages = {
            "pushsvc": {"requires_dist": ["Twisted[tls]>=1", 'hypothesis; extra == "test"']},
            "twisted": {"requires_dist": ["zope.interface", "pyOpenSSL; extra == 'tls'", "h2; extra == 'http2'"]},
            "zope-interface": {"requires_dist": ["twisted", 'pywin32; sys_platform == "win32"']},
            "pyopenssl": {},
            "h2": {},
            "hypothesis": {},
        }
        self.assertEqual(needed(packages), {"twisted", "zope-interface", "pyopenssl"})


def _only(some: dict[str, Any], names: Any) -> dict[str, Any]:
    return {name: value for name, value in some.items() if name in names}
