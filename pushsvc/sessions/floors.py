"""What every session stands on: the user agent, the MSRP endpoint, time and chance, and how long to wait."""

from __future__ import annotations

import attrs
from twisted.internet.interfaces import IReactorTime

from pushsvc import sdp
from pushsvc.machine import Tokens
from pushsvc.msrp.uri import UNUSED_PORT
from pushsvc.net.msrp_endpoint import MsrpEndpoint
from pushsvc.net.user_agent import UserAgent
from pushsvc.sip.session_timer import SHORTEST
from pushsvc.sip.transaction import Settings


@attrs.frozen
class Floors:
    """Given to each session whole. Times are seconds; `prefer_active`: we cannot be reached, so we want to connect."""

    agent: UserAgent
    msrp: MsrpEndpoint
    tokens: Tokens
    clock: IReactorTime
    settings: Settings = Settings()
    bind_timeout: float = 30.0
    session_expires: int = 1800
    min_se: int = SHORTEST
    cema: bool = False
    prefer_active: bool = False

    def local_end(self, *, secure: bool, setup: str = "actpass") -> sdp.LocalEnd:
        """Our end of the media, for offers and answers."""
        host, port = self.msrp.host_and_port(secure)
        relayed = self.msrp.is_relayed(secure)
        if setup == "active" and not relayed:
            port = UNUSED_PORT
        # E.10 rule 8: whoever connects to our relay sees its certificate.
        prints = (sdp.Fingerprint("sha-256", self.msrp.fingerprint),) if secure and not relayed else ()
        return sdp.LocalEnd(host, port, secure, setup, prints, self.cema)

    def session_number(self) -> int:
        """A number for the `o=` line that no other session has."""
        return int(self.tokens.fraction() * 2**62) + 1
