"""The values in header fields, one by one: what is read is written so that it is read again."""

from __future__ import annotations

from collections.abc import Callable

from pushsvc.errors import BadMessage
from pushsvc.quoting import split_list, unquoted
from pushsvc.sip.headers import Address, CSeq, Via, is_sendable, parse_parameters
from pushsvc.sip.multipart import ContentField
from pushsvc.sip.uri import SipUri, find_parameter, parse_uri
from tests.fuzz import samples
from tests.fuzz.target import Frame, Target, holds, text_of, words

_LINES = words(r"""
    Via From To Contact CSeq Route Record-Route Content-Type Accept-Contact
""")
OTHER = SipUri.parse("sip:%61lice:pw@Example.COM:5060;transport=tcp;lr?a=b&c=d")
URIS = (
    *words(r"""
    sip:alice@example.com tel:+1234;phone-context=x urn:urn-7:3gpp-service.ims.icsi.oma.push
    sip:a;b=c@host;maddr=239.1.1.1 SIP:HOST_1.example.:65535 x-y+z:/;?
"""),
    b"sips:a%40b:pw@[2001:db8::1]:5061;transport=tcp;lr;x=y?a=b&c=d",
)


def _values(*names: bytes) -> list[bytes]:
    """The values of these fields in all samples."""
    lines = (line.partition(b":") for message in samples.sip() for line in message.split(b"\r\n"))
    return sorted({value.strip() for name, _, value in lines if name in names})


def run_uri(octets: bytes) -> None:
    text = text_of(octets)
    try:
        uri = parse_uri(text)
    except BadMessage:
        return
    holds(parse_uri(str(uri)) == uri, "a URI that is written is another one")
    if isinstance(uri, SipUri):
        parse_uri(str(uri.as_target()))
        holds(uri.equivalent(uri), "a URI is not equivalent to itself")
        holds(uri.equivalent(OTHER) == OTHER.equivalent(uri), "equivalence depends on the side")
        for name in ("transport", "maddr", "lr", "method"):
            find_parameter(uri.parameters, name)


def run_values(octets: bytes) -> None:
    text = text_of(octets)
    for item in split_list(text):
        unquoted(item)
    _again(Via.parse, text)
    _again(CSeq.parse, text)
    address = _again(Address.parse, text)
    if isinstance(address, Address) and is_sendable(text):
        holds(is_sendable(str(address)), "an address that cannot be sent")
        parameter = address.parameter("tag")
        if parameter is not None:
            again = Address.parse(str(address.with_parameter("tag", parameter)))
            holds(again.parameter("tag") == parameter, "a parameter that changes when it is set")
    for read in (parse_parameters, ContentField.parse):
        try:
            read(text)
        except BadMessage:
            continue


def _again(read: Callable[[str], object], text: str) -> object:
    try:
        value = read(text)
    except BadMessage:
        return None
    holds(read(str(value)) == value, f"{value!r} is another one when written")
    return value


URI = Target(
    "uri",
    run_uri,
    lambda: [*URIS, *_values(b"Contact", b"To")],
    words(r"""
    sip: sips: @ : ; ? & %41 % [::1] ;lr ;transport=udp ;maddr= tel:
"""),
    longest=512,
    limit=8192,
    frames=(
        Frame(b"sip:"),
        Frame(b"sip:a@b"),
        Frame(b"sip:", b"@b"),
        Frame(b"sip:a@b;x="),
        Frame(b"sip:a@b?"),
        Frame(b"sip:["),
    ),
    units=words(r"""
    ;a=b %41 a. &a=b a; ;a
"""),
)
VALUES = Target(
    "header-values",
    run_values,
    lambda: [*_values(*_LINES), b'"a\\"b" <sip:a>;tag="x\\\\";y', b"SIP/2.0/UDP [::1]:5060;branch=z9hG4bKa;rport"],
    samples.SIP_WORDS,
    longest=1024,
    limit=8192,
    frames=(
        Frame(),
        Frame(b"SIP/2.0/UDP a"),
        Frame(b"<sip:a>"),
        Frame(b'"'),
        Frame(b"<"),
        Frame(b"a <sip:a>;b="),
        Frame(b"", b"<sip:a>"),
    ),
    units=words(r"""
    \\" "\\" "", <>, ;a=b \x20;a="b" \x20,\x20 <"
"""),
)
