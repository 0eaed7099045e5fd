"""The receiver's registration as the configuration wants it, and how it is, as a JSON value."""

from __future__ import annotations

import errno
import os
import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorTime

from pushsvc.api.fields import time_text
from pushsvc.config.receiver import ReceiverConfig
from pushsvc.net.reaching import Exchange
from pushsvc.net.registering import Binding, Registering, Status
from pushsvc.sip.uri import SipUri
from pushsvc.wiring.network import Network

_urn = re.compile(rb"\s*(urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\s*").fullmatch


class Presence:
    """Where this receiver is registered, if anywhere. Start it once the listeners are up.

    `features` are what the Contact says of this device (RFC 3840); `tell(up)` hears whether it is registered,
    whenever that may have changed.
    """

    def __init__(
        self,
        config: ReceiverConfig,
        network: Network,
        clock: IReactorTime,
        features: Sequence[str],
        tell: Callable[[bool], None],
    ) -> None:
        self._config = config
        self._network = network
        self._clock = clock
        self._features = tuple(features)
        self._tell = tell
        self._registering: Registering | None = None

    def start(self) -> None:
        """Raises OSError when our name among the user's devices can be neither read nor kept."""
        registrar = self._config.registration.registrar
        if registrar is not None:
            binding = self._binding(registrar)
            self._registering = Registering(
                self._network.agent,
                self._clock,
                self._network.tokens,
                binding,
                lambda status: self._tell(status.registered),
            )
            self._registering.start()

    def again(self) -> None:
        """The configuration was read again: if it is not registered, it is worth a try now."""
        if self._registering is not None:
            self._registering.again()

    async def leave(self) -> None:
        """Give the registration back, as long as that takes."""
        if self._registering is not None:
            await self._registering.stop()

    def abandon(self) -> None:
        """Do nothing more about it."""
        if self._registering is not None:
            self._registering.abandon()

    def obstacles(self) -> dict[str, str]:
        """What is in the way of being reached; for /readyz."""
        if self._config.registration.registrar is None or self.status.registered:
            return {}
        return {"registration": f"not registered: {self.status.reason or 'not answered yet'}"}

    def account(self) -> dict[str, Any]:
        """For GET /v1/account."""
        registrar, status = self._config.registration.registrar, self.status
        return {
            "identity": str(self._config.sip.identity),
            "registrar": None if registrar is None else str(registrar),
            "registered": status.registered,
            "expires_at": None if status.until is None else time_text(status.until),
            "reason": status.reason,
            "retry_at": None if status.retry_at is None else time_text(status.retry_at),
            "service_route": list(status.service_route),
            "identities": list(status.identities),
            "outbound": status.outbound,
            "gruu": None if status.gruu is None else str(status.gruu),
        }

    @property
    def status(self) -> Status:
        """How it is now."""
        return Status() if self._registering is None else self._registering.status

    @property
    def answer(self) -> Exchange | None:
        """How the last REGISTER was answered, None: it was not."""
        return None if self._registering is None else self._registering.answer

    def _binding(self, registrar: SipUri) -> Binding:
        config, sip = self._config, self._config.sip
        proxy = None if sip.outbound_proxy is None else sip.outbound_proxy.with_parameter("lr", None)
        return Binding(
            registrar=registrar,
            identity=sip.identity,
            contact=self._network.uri(),
            instance=instance(config.state_dir),
            features=self._features,
            expires=int(config.registration.expires),
            route=proxy,
            display_name=sip.display_name,
            gruu=config.registration.gruu,
            first_wait=config.registration.first_wait,
            longest_wait=config.registration.longest_wait,
        )


def instance(state_dir: Path) -> str:
    """The URN that names this device for good (RFC 5626 §4.1), made at first use.

    Raises OSError, also when the file holds something else: another name would be another device to the registrar.
    """
    path = state_dir / "instance"
    try:
        found = _urn(path.read_bytes())
    except FileNotFoundError:
        urn = f"urn:uuid:{uuid.uuid4()}"
        _write_durably(path, f"{urn}\n".encode())
        return urn
    if found is None:
        raise OSError(errno.EINVAL, "no urn:uuid is in this file; without the file a new one is made", str(path))
    return found[1].decode()


def _write_durably(path: Path, octets: bytes) -> None:
    """All of it or nothing, after a power cut as well."""
    new = path.with_suffix(".new")
    with open(new, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
