"""Random SIP values, all of them valid, and damaged octets."""

from __future__ import annotations

import string

from hypothesis import settings
from hypothesis import strategies as st

from pushsvc.sip.headers import Address, CSeq, Headers, Via
from pushsvc.sip.message import Request, Response
from pushsvc.sip.uri import OpaqueUri, SipUri

modest = settings(derandomize=True, deadline=None, max_examples=150)
"""For every random test of this folder: the same each time, and quick."""

_ALNUM = string.ascii_letters + string.digits
tokens = st.text(_ALNUM + "-.!%*_+`'~", min_size=1, max_size=12)
ports = st.none() | st.integers(1, 65535)
hosts = st.one_of(
    st.builds(
        lambda first, more: ".".join((first, *more)),
        st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8),
        st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=5), max_size=2),
    ),
    st.sampled_from(["192.0.2.1", "[2001:db8::1]", "[::ffff:192.0.2.10]"]),
)
_escapes = st.sampled_from(["%40", "%00", "%3b", "%E2"])


def _escaped(alphabet: str, min_size: int = 1) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(alphabet) | _escapes, min_size=min_size, max_size=8).map("".join)


users = _escaped(_ALNUM + "-_.!~*'()&=+$,;?/")
uri_parameters = st.lists(
    st.tuples(_escaped(_ALNUM + "-_.!~*'()[]/:&+$"), st.none() | _escaped(_ALNUM + "-_.!~*'()[]/:&+$")), max_size=3
).map(tuple)
sip_uris = st.builds(
    SipUri,
    host=hosts,
    scheme=st.sampled_from(["sip", "sips"]),
    user=users,
    password=st.none() | _escaped(_ALNUM + "&=+$,", min_size=0),
    port=ports,
    parameters=uri_parameters,
    headers=st.sampled_from(["", "subject=hello%20you", "a=b&c=d"]),
) | st.builds(SipUri, host=hosts, port=ports, parameters=uri_parameters)
opaque_uris = st.builds(
    OpaqueUri, scheme=st.sampled_from(["tel", "urn", "soap.beep", "x-y+z"]), rest=_escaped(_ALNUM + ":/@;?.+")
)
uris = sip_uris | opaque_uris

quoted_values = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters='"\\')).map(
    lambda text: f'"{text}"'
)
header_parameters = st.lists(st.tuples(tokens, st.none() | tokens | quoted_values), max_size=3).map(tuple)
display_names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
addresses = st.builds(Address, uri=uris, display_name=display_names, parameters=header_parameters)
vias = st.builds(
    Via,
    transport=st.sampled_from(["UDP", "TCP", "TLS", "SCTP", "X-NEW"]),
    host=hosts,
    port=ports,
    parameters=st.lists(st.tuples(tokens, st.none() | tokens), max_size=3).map(tuple),
)
methods = st.sampled_from(["INVITE", "MESSAGE", "BYE", "OPTIONS", "RE%47IST%45R"]) | tokens
cseqs = st.builds(CSeq, number=st.integers(0, (1 << 32) - 1), method=methods)

# What any header may hold, octets that are no UTF-8 among it, but no blank at either end.
header_values = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\t\udc80\udcff"), max_size=30
).map(lambda text: text.strip(" \t"))
extra_fields = st.lists(st.tuples(tokens.map(lambda token: f"X-{token}"), header_values), max_size=4)


@st.composite
def header_blocks(draw: st.DrawFn, method: str) -> Headers:
    """Headers of a message of that method; the mandatory ones in a random order and spelling."""
    fields = [
        (draw(st.sampled_from(["Via", "v", "VIA"])), str(draw(vias))),
        (draw(st.sampled_from(["From", "f", "from"])), str(draw(addresses))),
        (draw(st.sampled_from(["To", "t", "TO"])), str(draw(addresses))),
        (draw(st.sampled_from(["Call-ID", "i", "call-id"])), draw(tokens)),
        (draw(st.sampled_from(["CSeq", "cseq"])), f"{draw(st.integers(0, 1 << 31))} {method}"),
        *draw(extra_fields),
    ]
    return Headers(draw(st.permutations(fields)))


bodies = st.binary(max_size=60)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request whose Request-URI carries no headers."""
    method = draw(methods)
    uri = draw(uris.filter(lambda uri: isinstance(uri, OpaqueUri) or not uri.headers))
    return Request(method, uri, draw(header_blocks(method)), draw(bodies))


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """A response of any status."""
    headers = draw(header_blocks(draw(methods)))
    return Response(draw(st.integers(100, 699)), draw(header_values), headers, draw(bodies))


messages = requests() | responses()


@st.composite
def damaged(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """A sample with octets changed, taken out or put in."""
    octets = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(octets)))
        size = draw(st.integers(0, 3))
        octets[place : place + size] = draw(st.binary(max_size=3) | st.sampled_from([b"\r\n", b'"', b"<", b",", b";"]))
    return bytes(octets)
