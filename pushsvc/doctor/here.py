"""What can be found out about this machine: the file, our certificate, our listeners, and who answers at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from pushsvc.config.load import reloaded
from pushsvc.config.shared import Config, Setup
from pushsvc.doctor.judgement.here import (
    File,
    Knock,
    Listener,
    OwnCertificate,
    Reached,
    judge_file,
    judge_knocks,
    judge_listeners,
    judge_own_certificate,
)
from pushsvc.doctor.judgement.verdicts import Check
from pushsvc.doctor.looking import look_at
from pushsvc.doctor.patience import in_time, side_by_side
from pushsvc.errors import ConfigErrors, DeliveryError
from pushsvc.net.locate import addresses_of
from pushsvc.sip.hop import Hop
from pushsvc.wiring.daemon import need_restart
from pushsvc.wiring.network import Network

NAME_SECONDS = 4.0  # for the name in sip.advertise


@attrs.frozen
class Here:
    """The near end. `receives`: others call us; `outbound`: the core has promised to do it over our connection."""

    config: Config
    network: Network
    reactor: Any
    receives: bool
    outbound: bool = False

    def at_rest(self) -> list[Check]:
        """What is known without asking anybody."""
        return [*judge_file(self._file()), judge_own_certificate(self._certificate(), self.reactor.seconds())]

    async def listening(self, core: Sequence[Hop]) -> list[Check]:
        """Of a core at these hops, if there is one."""
        listeners = self._listeners()
        reached = Reached(
            self.receives,
            self.by_connection(core),
            self.config.msrp.setup is Setup.ACTIVE,
            self.network.msrp.is_relayed(self.network.secure),
        )
        checks = [judge_listeners(listeners, [hop.host for hop in core], reached)]
        unused = {"SIP"} if reached.by_connection else set()
        unused |= {"MSRP"} if reached.relayed or reached.connects else set()
        knocked = [each for each in listeners if each.transport != "udp" and each.what not in unused]
        return checks + judge_knocks(await side_by_side(self._knock(each) for each in knocked))

    def by_connection(self, core: Sequence[Hop]) -> bool:
        """Whether a core at these hops calls over our connection: it promised so, or we are nowhere else."""
        nowhere_else = all(hop.reliable and hop.transport not in self.network.agent.addresses for hop in core)
        return self.outbound or (bool(core) and nowhere_else)

    def places(self) -> list[str]:
        """Where peers bring content."""
        return [self._place(each) for each in self._listeners() if each.what == "MSRP"]

    # -- ours

    def _file(self) -> File | None:
        path = self.config.origin.path
        if path is None:
            return None
        try:
            return File(str(path), waiting=tuple(need_restart(reloaded(self.config), self.config)))
        except ConfigErrors as found:
            return File(str(path), tuple(map(str, found.errors)))

    def _certificate(self) -> OwnCertificate:
        own = self.network.identity
        for_sip = "tls" in self.network.agent.addresses
        return OwnCertificate(own.begins_at, own.expires_at, not own.is_self_signed, for_sip)

    def _listeners(self) -> list[Listener]:
        found = {"SIP": self.network.agent.addresses, "MSRP": self.network.msrp.addresses}
        return [
            Listener(what, transport, *place)
            for what, addresses in found.items()
            for transport, place in addresses.items()
        ]

    def _place(self, listener: Listener) -> str:
        host = self.config.sip.advertise.strip("[]") or listener.host
        return f"[{host}]:{listener.port}" if ":" in host else f"{host}:{listener.port}"

    async def _knock(self, listener: Listener) -> Knock:
        place = self._place(listener)
        try:
            resolving = addresses_of(self.config.sip.advertise or listener.host, self.network.resolve)
            addresses = await in_time(resolving, NAME_SECONDS, self.reactor, "its name was not looked up in time")
        except DeliveryError as error:
            return Knock(listener, place, error.reason)
        look = await look_at(Hop("tcp", addresses[0], listener.port), self.reactor, self.network.tls)
        if look.trouble is None:
            return Knock(listener, place)
        return Knock(listener, place, look.error or look.trouble.value)
