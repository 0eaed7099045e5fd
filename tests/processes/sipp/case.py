"""A lab with SIPp beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pushsvc.pushctl.daemon import Role
from pushsvc.pushctl.lab import Lab
from tests.processes.pushing import LabCase, need_core
from tests.processes.sipp.program import Sipp, free_port, sipp
from tests.processes.sipp.scenario import Scenario


class SippCase(LabCase):
    """Scenarios run one after the other against one lab; each that was not content is told."""

    def setUp(self) -> None:
        sipp()
        self.directory = Path(self.mktemp()).resolve()
        self.complaints: list[str] = []
        self._calls = 0

    def sipp_lab(self, settings: Mapping[Role, Mapping[str, str]], core: str | None) -> Lab:
        """A lab; its core asks for MD5, since SIPp knows nothing better."""
        if core is not None:
            need_core()
        return self.lab(settings, core, algorithm="MD5")

    def started(self, scenario: Scenario, transport: str, port: int = 0, remote: str = "") -> Sipp:
        """A call that runs, or waits to be called."""
        self._calls += 1
        call = Sipp(self.directory / f"{self._calls}", scenario, transport, port or free_port(), remote)
        call.start()
        self.addCleanup(call.stop)
        return call

    def run_all(self, scenarios: Sequence[Scenario], transport: str, remote: str) -> None:
        """Calls, all at once: SIPp takes a second to end."""
        for call in [self.started(scenario, transport, remote=remote) for scenario in scenarios]:
            self.over(call)

    def over(self, call: Sipp) -> None:
        """Wait for its end; what it complains of fails the test at `assert_content`."""
        complaint = call.complaint()
        if complaint:
            self.complaints.append(complaint)

    def assert_content(self) -> None:
        self.assertEqual(self.complaints, [], "\n".join(self.complaints))
