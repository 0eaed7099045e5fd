"""Many daemons in one process, over real sockets: `python -m tests.processes.together PLAN`.

Each is the service that twistd would run, with its own configuration, listeners and inbox. They share a reactor, a
log, their end, and a DNS that knows loopback only; so twenty of them cost what one costs to start.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.logger import globalLogBeginner
from twisted.names import client, dns
from twisted.names.authority import FileAuthority
from twisted.names.server import DNSServerFactory

from pushsvc.config import Log, LogFormat, load_receiver, load_sender
from pushsvc.ops.logs import LogObserver, Output
from pushsvc.pushctl.daemon import Daemon
from pushsvc.receiver.service import make_receiver
from pushsvc.sender.service import make_sender
from tests.processes.pushing import until

HOST = "127.0.0.1"
ZONE = "push.test"
ROLES = {"receiver": (load_receiver, make_receiver), "sender": (load_sender, make_sender)}


class Together:
    """The process, seen by a test. `names` are the hosts that DNS finds on loopback; all others do not exist."""

    def __init__(self, directory: Path, daemons: Sequence[Daemon], names: Sequence[str] = ()) -> None:
        self.log = directory / "together.txt"
        self._plan = directory / "together.json"
        self._daemons = daemons
        self._names = names
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until each of them is ready."""
        daemons = [
            {
                "role": daemon.role,
                "config": str(daemon.config),
                "settings": [f"{key}={value}" for key, value in daemon.settings.items()],
                "state": str(daemon.state),
                "ready": str(daemon.ready_file),
            }
            for daemon in self._daemons
        ]
        self._plan.write_text(json.dumps({"daemons": daemons, "names": list(self._names)}))
        with self.log.open("wb") as log:
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self._plan)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[2],
            )
        for daemon in self._daemons:
            until(lambda daemon=daemon: process.poll() is not None or daemon.is_ready_in(process.pid), str(self.log))
        assert process.poll() is None, self.log.read_text()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def run(plan: Any, reactor: Any) -> None:
    """Start everything in the plan. It stops with the reactor."""
    everything = MultiService()  # type: ignore[no-untyped-call]
    reactor.installResolver(client.Resolver(servers=[(HOST, _dns(plan["names"], reactor))], reactor=reactor))
    for daemon in plan["daemons"]:
        load, make = ROLES[daemon["role"]]
        config = load(daemon["config"], daemon["settings"], Path(daemon["state"]))
        make(config, reactor, Path(daemon["ready"])).setServiceParent(everything)  # type: ignore[arg-type]
    reactor.addSystemEventTrigger("before", "shutdown", everything.stopService)
    everything.startService()


def _dns(names: Sequence[str], reactor: Any) -> int:
    """The port of a server for the zone."""
    factory = DNSServerFactory(authorities=[_Zone(names)])
    return int(reactor.listenUDP(0, dns.DNSDatagramProtocol(factory), interface=HOST).getHost().port)


class _Zone(FileAuthority):
    """What exists, and nothing else does."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        super().__init__("")

    def loadFile(self, filename: str) -> None:
        soa = dns.Record_SOA(mname=f"ns.{ZONE}", rname=f"root.{ZONE}", serial=1, minimum=1)
        self.soa = (ZONE.encode(), soa)
        self.records = {name.encode(): [dns.Record_A(HOST, ttl=60)] for name in self._names}
        self.records[ZONE.encode()] = [soa]


if __name__ == "__main__":
    from twisted.internet import reactor

    globalLogBeginner.beginLoggingTo(
        [LogObserver(Output(), Log(format=LogFormat.TEXT))], discardBuffer=True, redirectStandardIO=False
    )
    run(json.loads(Path(sys.argv[1]).read_text()), reactor)
    reactor.run()  # type: ignore[attr-defined]
