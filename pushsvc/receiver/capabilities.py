"""What we can take, for whoever asks with OPTIONS (E.4, D-SIP-15)."""

from __future__ import annotations

from pushsvc import push, sdp
from pushsvc.config.receiver import Accept
from pushsvc.receiver.reception import Host


def capabilities(host: Host, local: sdp.LocalEnd, accept: Accept) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of the 200. Every caller gets the same: it tells nothing about users."""
    description = sdp.capabilities(local, (1, 1), push.announced(accept.types), accept.max_size)
    tags = push.feature_tags(host.targeting)
    fields = [("Accept", "application/sdp"), ("Content-Type", "application/sdp")]
    contact = [("Contact", ";".join([f"<sip:{local.host}>", *tags]))] if tags else []
    return [*contact, *fields], sdp.format(description)
