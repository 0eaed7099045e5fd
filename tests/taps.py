"""What twistd sees of either daemon: the tests that both `tap` modules have to pass."""

from __future__ import annotations

import gc
import io
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from twisted.application.service import IService, IServiceMaker, Service
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.ops import root
from pushsvc.ops.options import DaemonOptions


class TapCases(SynchronousTestCase):
    """Options in, a service out."""

    role: ClassVar[str]
    config_class: ClassVar[type]
    options_class: ClassVar[type[DaemonOptions]]
    make_service: ClassVar[Callable[[Any], IService]]

    def setUp(self) -> None:
        self.calls: list[Any] = []
        self.child = Service()
        service = types.ModuleType(f"pushsvc.{self.role}.service")
        setattr(service, f"make_{self.role}", self.make)
        before = sys.modules.get(service.__name__)
        sys.modules[service.__name__] = service
        self.addCleanup(self.put_back, service.__name__, before)
        self.patch(root, "hold_state_dir", self.calls.append)
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)
        self.file = Path(self.mktemp())
        self.file.write_text("")

    def put_back(self, name: str, module: types.ModuleType | None) -> None:
        del sys.modules[name]
        if module is not None:
            sys.modules[name] = module

    def make(self, config: Any, reactor: object, ready_file: Path | None) -> IService:
        self.calls += [config, ready_file]
        return self.child

    def options(self, *arguments: str) -> DaemonOptions:
        options = self.options_class()
        options.parseOptions(["--config", str(self.file), *arguments])
        return options

    def test_the_service_is_made_from_the_configuration(self) -> None:
        """And what it is given is what was said on the command line."""
        made = self.make_service(self.options("--state-dir=/x", "--set=sip.realm=r", "--ready-file=/r"))
        directory, config, ready_file = self.calls
        self.assertIsInstance(config, self.config_class)
        self.assertEqual((directory, config.sip.realm, ready_file), (Path("/x"), "r", Path("/r")))
        self.assertIs(self.child.parent, made)

    def test_mistakes_are_told_before_anything_is_made(self) -> None:
        """Exit 78, and the reactor was not even looked at."""
        self.file.write_text("foo = 1")
        error = io.StringIO()
        self.patch(sys, "stderr", error)
        found = self.assertRaises(SystemExit, self.make_service, self.options())
        self.assertEqual((found.code, self.calls), (78, []))
        self.assertTrue(error.getvalue().startswith(f"{self.file}:1: foo: unknown key"), error.getvalue())

    def test_help_says_what_it_is_and_how_it_ends(self) -> None:
        """The first thing that people read."""
        text = " ".join(str(self.options()).split())
        for part in (
            f"[default: /etc/pushsvc/{self.role}.toml]",
            "HUP reloads",
            "TERM finishes what runs",
            "78 configuration",
        ):
            self.assertIn(part, text)

    def test_twistd_knows_it_by_its_name(self) -> None:
        """The plugin is found, and names this module."""
        makers = {maker.tapname: maker for maker in getPlugins(IServiceMaker) if maker.tapname.startswith("push-")}
        self.assertEqual(set(makers), {"push-sender", "push-receiver"})
        maker = makers[f"push-{self.role}"]
        self.assertIs(maker.options, self.options_class)
        self.assertIs(maker.makeService, self.make_service)
