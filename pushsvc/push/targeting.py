"""Which devices and applications a push is for: feature tags in Contact and Accept-Contact (RFC 3840, RFC 3841)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

import attrs

from pushsvc.sip.uri import SipUri

SERVICE_TAG = "+g.3gpp.icsi-ref"
IARI_TAG = "+g.3gpp.iari-ref"
APPLICATION_TAG = "+g.oma.pusheventapp"

_PREFIXES = ("x-wap-application:", "x-oma-application:")
_TAG_VALUE = re.compile(r';[ \t]*([^ \t;="]{1,64})[ \t]*=[ \t]*"([^"]*)"')


@attrs.frozen
class Targeting:
    """What a push asks of the device, or a device says of itself.

    `service` is the ICSI of the Enabling Service as a plain URN ("" for none); an application is an IARI (`urn:...`) or
    an OMA push application id with or without its prefix. `require` and `explicit` are those of RFC 3841 §9.2.
    """

    service: str = ""
    applications: tuple[str, ...] = ()
    require: bool = False
    explicit: bool = False


def accept_contact(targeting: Targeting) -> list[str]:
    """The Accept-Contact values, one per identifier, so that all of them should match [A-15, A-43].

    `;require` and `;explicit` go to the first: the service, or the application where no service is named.
    """
    flags = ";require" * targeting.require + ";explicit" * targeting.explicit
    identifiers = [Targeting(targeting.service), *(Targeting("", (name,)) for name in targeting.applications)]
    tags = [tag for identifier in identifiers for tag in feature_tags(identifier)]
    return [f"*;{tag}{flags if index == 0 else ''}" for index, tag in enumerate(tags)]


def feature_tags(targeting: Targeting) -> list[str]:
    """`+g.3gpp.icsi-ref="urn%3A..."` and its like, one per kind, several values in one pair of quotes (RFC 3840 §9)."""
    values = {
        SERVICE_TAG: [targeting.service] if targeting.service else [],
        IARI_TAG: [name for name in targeting.applications if _is_iari(name)],
        APPLICATION_TAG: [_without_prefix(name) for name in targeting.applications if not _is_iari(name)],
    }
    return [f'{tag}="{",".join(map(_tag_value, names))}"' for tag, names in values.items() if names]


def contact(uri: SipUri, targeting: Targeting) -> str:
    """A Contact value: the tags are parameters of the header, outside of the angle brackets (E.14)."""
    return ";".join([f"<{uri}>", *feature_tags(targeting)])


def named_in(values: Iterable[str], tag: str = APPLICATION_TAG) -> tuple[str, ...]:
    """What Accept-Contact or Contact values name under this tag, decoded, each once."""
    found = [
        unquote(name.strip(" \t"))
        for value in values
        for key, names in _TAG_VALUE.findall(value)
        if key.lower() == tag
        for name in names.split(",")
    ]
    return tuple(dict.fromkeys(filter(None, found)))


def _is_iari(application: str) -> bool:
    return application.lower().startswith("urn:urn-7:")


def _without_prefix(application: str) -> str:
    for prefix in _PREFIXES:
        if application.lower().startswith(prefix):
            return application[len(prefix) :]
    return application


def _tag_value(text: str) -> str:
    """`text` with what RFC 3840 §9 does not allow in a tag value percent-encoded; once, even when it came encoded."""
    return quote(unquote(text), safe="-._*+'~`", errors="replace")
