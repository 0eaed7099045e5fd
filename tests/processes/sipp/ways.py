"""How SIPp and our daemons reach each other, and the descriptions of files that SIPp writes."""

from __future__ import annotations

import attrs

from pushsvc.pushctl.core import DOMAIN

FINGERPRINT = ":".join(["5A"] * 32)  # of a certificate that nobody will ever present
SHA1 = ":".join(["C3"] * 20)
TRANSFER_ID = "sippOffers7Qm2ZrXk"
SELECTOR = rf'file-selector:name:"[a-z]+\.png" type:image/png size:4092 hash:sha-1:{SHA1}'


@attrs.frozen
class Way:
    """Who SIPp is, and how it and the other side reach each other.

    `domain` is that of the URIs: a host and port where there is no core. `password`: what a core asks `user` for.
    """

    transport: str
    domain: str
    password: str = ""
    user: str = "bob"

    @property
    def vias(self) -> int:
        """How many Vias a request has when it arrives."""
        return 2 if self.through_core else 1

    @property
    def through_core(self) -> bool:
        return self.domain == DOMAIN

    @property
    def identity(self) -> str:
        """Who SIPp is."""
        return f"sip:{self.user}@{DOMAIN if self.through_core else 'sipp.invalid'}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@[local_ip]:[local_port];transport={self.transport}>"

    @property
    def via(self) -> str:
        """The beginning of a Via."""
        return "SIP/2.0/[transport] [local_ip]:[local_port];rport;branch="


def offer(name: str, *, port: int = 2855, version: int = 1) -> str:
    """A file over MSRP and TLS, which SIPp will not connect for; `port` 0 withdraws it."""
    return "\n".join(
        [
            f"v=0\no=- 3913 {version} IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0",
            f"m=message {port} TCP/TLS/MSRP *\na=sendonly\na=setup:actpass",
            f"a=fingerprint:sha-256 {FINGERPRINT}",
            "a=accept-types:message/cpim image/png",
            f"a=path:msrps://[local_ip]:{port or 2855}/sippOffersx7f3k;tcp",
            f'a=file-selector:name:"{name}" type:image/png size:4092 hash:sha-1:{SHA1}',
            f"a=file-transfer-id:{TRANSFER_ID}\na=file-disposition:attachment\n",
        ]
    )


def answer(setup: str, *, port: int, msrp_port: int | None = None, version: int = 1) -> str:
    """Takes the one file of our offer; its selector and id are those that the scenario has kept.

    `msrp_port` is the one of the media line; the path has `port`.
    """
    return "\n".join(
        [
            f"v=0\no=- 3914 {version} IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0",
            f"m=message {port if msrp_port is None else msrp_port} TCP/TLS/MSRP *\na=recvonly\na=setup:{setup}",
            f"a=fingerprint:sha-256 {FINGERPRINT}\na=accept-types:*",
            f"a=path:msrps://[local_ip]:{port}/sippTakesx7f3k;tcp",
            "a=file-selector:[$selector]\na=file-transfer-id:[$transfer_id]\n",
        ]
    )
