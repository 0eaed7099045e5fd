"""One HTTP connection of the sender's API, from its first octet on: answered, refused or closed, and never by 500."""

from __future__ import annotations

import re
from functools import cache

from twisted.internet.task import Clock

from pushsvc.api.answer import Answer, json_answer
from pushsvc.api.body import JsonBody
from pushsvc.api.fields import Fields
from pushsvc.api.files import foreign_headers
from pushsvc.api.lists import page_limit, read_query
from pushsvc.api.request import ApiRequest
from pushsvc.api.resource import ApiResource
from pushsvc.api.site import ApiSite
from tests.api.client import RawClient, tree
from tests.fuzz.target import Target, holds, pieces_of, words

_statuses = re.compile(rb"HTTP/1\.1 ([0-9]{3})").findall
POST = (
    b"POST /v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n"
    + b'{"name":"x"}'[:11]
)


class _Things(ApiResource):
    """A list, and what a client may add to it."""

    def open_body(self, request: ApiRequest) -> JsonBody:
        return JsonBody(request)

    def render_GET(self, request: ApiRequest) -> Answer:
        query = read_query(request, {"limit", "cursor"})
        return json_answer({"limit": page_limit(query)}, 200)

    def render_POST(self, request: ApiRequest) -> Answer:
        fields = Fields(request.body)
        name = fields.text("name", "")
        fields.done()
        return Answer(200, b"", foreign_headers("text/html", name))


@cache
def _root() -> ApiResource:
    return tree(v1_things=_Things())


def run(octets: bytes) -> None:
    clock = Clock()
    site = ApiSite(_root(), clock)
    client = RawClient(site)
    came = b""
    for piece in pieces_of(octets):
        came += client.send(piece)
        if client.ended:
            break
    clock.pump([1.0] * 70)
    came += client.take()
    statuses = set(_statuses(came))
    holds(not {status for status in statuses if status.startswith(b"5")}, f"answered {statuses}")
    holds(client.ended, "a connection that stays")
    client.lose()
    holds(not site._channels, "a connection that is remembered")


def _samples() -> list[bytes]:
    get = b"GET /v1/things?limit=5&cursor=a HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1\r\n\r\n"
    chunked = (
        b"POST /v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    return [
        get,
        POST,
        get + POST + get,
        chunked + b"c;x=y\r\n" + b'{"name":"x"}' + b"\r\n0\r\nA: b\r\n\r\n",
        b"HEAD /healthz HTTP/1.0\r\n\r\n",
        POST.replace(b"POST", b"PUT"),
        POST.replace(b"Host", b"Expect: 100-continue\r\nHost"),
        get.replace(b"/v1", b"http://localhost/v1"),
        b"DELETE /v1/%2e%2e/%00 HTTP/1.1\r\nHost: [::1]:80\r\nAuthorization: Bearer x\r\n\r\n",
    ]


TARGET = Target(
    "http-connection",
    run,
    _samples,
    words(r"""
    \r\n \r\n\r\n \n \r \x20 \t GET\x20 POST\x20 HTTP/1.1 Content-Length:\x205\r\n Content-Length:\x20+5\r\n
    Host:\x20 Transfer-Encoding:\x20chunked\r\n Transfer-Encoding:\x20x\r\n 0\r\n\r\n %00 % ? & / ..
    Expect:\x20100-continue\r\n
"""),
    weight=4,
)
