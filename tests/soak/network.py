"""A simulated network whose streams can be broken and whose machines can be killed and started again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.task import Clock

from tests.agents import SIP_PORT
from tests.sim import Host, Network, Place, Weather
from tests.sim_streams import Connector


class BreakableNetwork(Network):
    """Counts what it does to those who use it, and its steps. `at_step` is what is to happen before one of these."""

    def __init__(self, seed: int = 0, weather: Weather | None = None) -> None:
        super().__init__(seed, weather)
        self.steps = 0
        self.at_step: dict[int, Callable[[], None]] = {}

    def host(self, address: str) -> MortalHost:
        return MortalHost(self, address)

    def exhaust(self, seconds: float, steps: int) -> None:
        """Let time pass until nothing is left to happen. Raises AssertionError after so much time, or so many steps."""
        end = self.clock.seconds() + seconds
        for _ in range(steps):
            calls = self.clock.getDelayedCalls()
            if not calls:
                return
            if calls[0].getTime() > end:
                raise AssertionError("never ends: " + "; ".join(str(call) for call in calls[:5]))
            if self.steps in self.at_step:
                self.at_step.pop(self.steps)()
            self.steps += 1
            self.step()
        raise AssertionError(f"{steps} steps, and no end: " + "; ".join(map(str, self.clock.getDelayedCalls()[:5])))

    def cut(self, kind: str) -> None:
        """Break the streams of SIP, of MSRP, or all."""
        for stream in list(self.streams):
            carries = "sip" if SIP_PORT in (stream.local[1], stream.remote[1]) else "msrp"
            if stream.connected and kind in (carries, "all"):
                self.cuts += 1
                stream.abortConnection()

    def mute(self, address: str) -> None:
        """Half-open: what this machine sends on its MSRP streams arrives nowhere any more, and nobody is told."""
        for stream in self.streams:
            if stream.local[0] == address and SIP_PORT not in (stream.local[1], stream.remote[1]):
                stream.muted = True

    def kill(self, host: MortalHost) -> None:
        """The process on this machine is no more; its kernel resets what was open."""
        host.die()
        for table in (self.sockets, self.listeners):
            for place in [place for place in table if place[0] == host.address]:
                del table[place]  # type: ignore[attr-defined]
        for stream in self.streams:
            if stream.local[0] == host.address and not stream._closed:
                stream._closed, stream.connected, stream.disconnecting = True, False, True
                stream._inbox.clear()
                self.later(stream.peer.reset)


@attrs.define(eq=False)
class MortalHost(Host):
    """A machine with one process, that can die: nothing that it wanted to do later is done then."""

    alive: bool = True
    _calls: list[Any] = attrs.Factory(list)
    _connectors: list[Connector] = attrs.Factory(list)
    _limbo: Clock = attrs.Factory(Clock)
    _never: list[object] = attrs.Factory(list)

    def callLater(self, delay: float, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self.alive:
            return self._limbo.callLater(delay, f, *args, **kwargs)
        call = self.network.clock.callLater(delay, f, *args, **kwargs)
        self._calls.append(call)
        return call

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Place | None = None
    ) -> Connector:
        connector = super().connectTCP(host, port, factory, timeout, bindAddress)
        self._connectors.append(connector)
        return connector

    def die(self) -> None:
        """Nothing more is done, and nothing is tidied up either: what coroutines wait for stays where it is."""
        self.alive = False
        for call in self._calls:
            if call.active():
                self._never += [call.func, call.args, call.kw]
                call.cancel()
        for connector in self._connectors:
            connector._over = True
            if connector._pending is not None and connector._pending.active():
                connector._pending.cancel()
