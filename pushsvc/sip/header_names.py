"""The names of header fields: their compact forms, and which spellings mean the same."""

from __future__ import annotations

# RFC 3261 §7.3.3, and the registry of header fields for the later ones.
_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

# The names of the registry that are met in practice; any other is compared in lower case.
_USUAL = frozenset(_COMPACT.values()) | {
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Alert-Info",
    "Allow",
    "Authentication-Info",
    "Authorization",
    "Call-Info",
    "Content-Disposition",
    "Content-ID",
    "Content-Language",
    "CSeq",
    "Date",
    "Error-Info",
    "Expires",
    "Feature-Caps",
    "Flow-Timer",
    "Geolocation",
    "In-Reply-To",
    "Info-Package",
    "Max-Forwards",
    "MIME-Version",
    "Min-Expires",
    "Min-SE",
    "Organization",
    "P-Access-Network-Info",
    "P-Asserted-Identity",
    "P-Asserted-Service",
    "P-Associated-URI",
    "P-Called-Party-ID",
    "P-Charging-Function-Addresses",
    "P-Charging-Vector",
    "P-Preferred-Identity",
    "P-Preferred-Service",
    "P-Visited-Network-ID",
    "Path",
    "Priority",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "Reason",
    "Record-Route",
    "Recv-Info",
    "Replaces",
    "Reply-To",
    "Require",
    "Retry-After",
    "Route",
    "RSeq",
    "Security-Client",
    "Security-Server",
    "Security-Verify",
    "Server",
    "Service-Route",
    "SIP-ETag",
    "SIP-If-Match",
    "Subscription-State",
    "Timestamp",
    "Unsupported",
    "User-Agent",
    "Warning",
    "WWW-Authenticate",
}


class _Keys(dict[str, str]):
    def __missing__(self, name: str) -> str:
        lowered = name.lower()
        return self.get(lowered) or lowered


KEYS = _Keys({**_COMPACT, **{name: name for name in _USUAL}, **{name.lower(): name for name in _USUAL}})
"""The form for each spelling, any spelling: for loops that cannot afford a call of header_key()."""


def header_key(name: str) -> str:
    """The one form of a header's name that stands for all its spellings: `v`, `VIA` and `Via` are `Via`."""
    return KEYS[name]
