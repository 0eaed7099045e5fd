"""What we can take, for whoever asks with OPTIONS (E.4, D-SIP-15)."""

from __future__ import annotations

import attrs

from pushsvc import push, sdp
from pushsvc.receiver.reception import Host
from pushsvc.sessions import ACCEPT
from pushsvc.sip.uri import SipUri

Told = tuple[list[tuple[str, str]], bytes]
"""Header fields and body."""


def capabilities(host: Host, local: sdp.LocalEnd, max_size: int, contact: SipUri) -> Told:
    """Headers and body of the 200. Every caller gets the same: it tells nothing about users.

    `max_size` is octets of one content, `contact` where SIP reaches this machine.
    """
    description = sdp.capabilities(local, (1, 1), push.announced(host.types), max_size)
    fields = [
        ("Contact", push.contact(attrs.evolve(contact, user=None), host.targeting)),
        ACCEPT,
        ("Accept-Encoding", "identity"),
        ("Content-Type", "application/sdp"),
    ]
    return fields, sdp.format(description)
