"""An MSRP relay for tests (RFC 4976): AUTH, and frames passed on hop by hop, each SEND answered by the relay itself."""

from __future__ import annotations

import hashlib
import re

import attrs
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pushsvc.digest import Account
from pushsvc.msrp.chunk import Flag, Head, OtherRequest, Reply, Report, Send, encode_head, end_line, reply_to
from pushsvc.msrp.framer import Begun, Data, Ended, Framer
from pushsvc.msrp.uri import MsrpUri
from pushsvc.net.identity import Identity
from pushsvc.net.msrp_relay import Relay as Ours
from pushsvc.net.tls import Tls
from tests.sim import Network

PORT = 2855
PASSWORD = "relay-secret"
REALM = "relay.example.com"
KAMAILIO_CHUNK = 10240

_directive = re.compile(r'([a-z]+)=(?:"([^"]*)"|([^\s,"]+))').findall


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


@attrs.define
class Habits:
    """How this relay differs.

    `expires` seconds are allowed; `without_uri`: nothing is said to credentials with one (PEERS 6); `same_path`: what
    was given is renewed; `denies` is the status for everybody; `deaf`: nothing is said to an AUTH; `loses`: what is
    not passed on; `reports`: a refusal by the next hop becomes a REPORT, which Kamailio does not do.
    """

    expires: int = 900
    without_uri: bool = False
    same_path: bool = True
    denies: int = 0
    deaf: bool = False
    proves: bool = True
    loses: tuple[type, ...] = ()
    reports: bool = True
    max_chunk: int = KAMAILIO_CHUNK


class RelayServer:
    """Listens at an address. `auths` are the AUTHs that came, `passed` the heads that were passed on, in order."""

    def __init__(self, network: Network, address: str, identity: Identity, habits: Habits | None = None) -> None:
        self.address = address
        self.habits = habits or Habits()
        self.password = PASSWORD
        self.auths: list[OtherRequest] = []
        self.passed: list[Send | Report] = []
        self.biggest = 0
        self.connections: list[Connection] = []
        self.clients: dict[str, Connection] = {}  # by the session-id that we gave
        self.peers: dict[str, Connection] = {}  # by the URI that they were heard or connected to by
        self._tls = Tls(identity, ask_client=False)
        self._host = network.host(address)
        self._count = 0
        self.begin()

    def begin(self) -> None:
        self._listener = self._host.listenTCP(PORT, self._tls.server(Factory.forProtocol(lambda: Connection(self))))

    def stop(self) -> None:
        """As if its process had been killed."""
        self._listener.stopListening()
        for connection in list(self.connections):
            connection.transport.abortConnection()  # type: ignore[attr-defined]

    @property
    def ours(self) -> Ours:
        """It, as the configuration of its client has it."""
        return Ours(MsrpUri.parse(f"msrps://{self.address}:{PORT};tcp"), Account("device1", PASSWORD))

    def new_path(self) -> str:
        self._count += 1
        return f"r{self._count}+/="

    def connected(self, uri: MsrpUri) -> Connection:
        """The connection to whoever this URI is of."""
        found = self.peers.get(uri.text)
        if found is None:
            found = self.peers[uri.text] = Connection(self)
            factory = self._tls.client(Factory.forProtocol(lambda: found), uri.host)
            connecting = TCP4ClientEndpoint(self._host, uri.host, uri.port).connect(factory)
            connecting.addErrback(lambda _: self.connections.remove(found))
        return found

    def pass_on(self, source: Connection | None, head: Send | Report, body: bytes, flag: Flag) -> int:
        """The status to answer. What comes from a client of ours goes where its path leads, all else to the client."""
        client = self.clients.get(head.to_path[0].session_id or "")
        if len(body) > self.habits.max_chunk:
            return 501
        if client is None or len(head.to_path) < 2:
            return 481
        further = attrs.evolve(head, to_path=head.to_path[1:], from_path=(head.to_path[0], *head.from_path))
        self.passed.append(head)
        if isinstance(head, self.habits.loses):
            return 200
        following = further.to_path[0]
        if client is not source:
            client.write(further, body, flag)
        elif (following.host, following.port) == (self.address, PORT):
            self.pass_on(None, further, body, flag)
        else:
            self.connected(following).write(further, body, flag)
        return 200

    def report(self, ours: MsrpUri, report: Report) -> None:
        """Back to where the SEND came from."""
        client = self.clients.get(ours.session_id or "")
        source = self.peers.get(report.to_path[0].text, client)
        if source is not None:
            source.write(report)


class Connection(Protocol):
    """One connection to the relay, or of it."""

    def __init__(self, relay: RelayServer) -> None:
        self._relay = relay
        self._framer = Framer()
        self._head: Head | None = None
        self._body = b""
        self._nonce = ""
        self._session_id = ""
        self._unsent: list[bytes] = []
        self._unanswered: dict[str, Send] = {}
        relay.connections.append(self)

    def connectionMade(self) -> None:
        for octets in self._unsent:
            self.transport.write(octets)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        relay = self._relay
        relay.connections.remove(self)
        for table in (relay.clients, relay.peers):
            for key in [key for key, connection in table.items() if connection is self]:
                del table[key]

    def write(self, head: Head, body: bytes = b"", flag: Flag = Flag.COMPLETE) -> None:
        has_content = isinstance(head, Send) and head.content_type is not None
        if isinstance(head, Send):
            self._unanswered[head.transaction_id] = head
        octets = encode_head(head) + body + end_line(head.transaction_id, flag, has_content)
        if self.transport is None:
            self._unsent.append(octets)
        else:
            self.transport.write(octets)

    def dataReceived(self, data: bytes) -> None:
        for event in self._framer.feed(data):
            match event:
                case Begun():
                    self._head, self._body = event.head, b""
                case Data():
                    self._body += bytes(event.octets)
                case Ended() if self._head is not None:
                    self._heard(self._head, self._body, event.flag)

    def _heard(self, head: Head, body: bytes, flag: Flag) -> None:
        match head:
            case OtherRequest():
                self._relay.auths.append(head)
                if not self._relay.habits.deaf:
                    self._authorize(head)
            case Reply():
                self._refused(head, self._unanswered.pop(head.transaction_id))
            case Send() | Report():
                self._relay.biggest = max(self._relay.biggest, len(body))
                self._relay.peers.setdefault(head.from_path[0].text, self)
                self._passed(head, body, flag)

    def _passed(self, head: Send | Report, body: bytes, flag: Flag) -> None:
        status = self._relay.pass_on(self, head, body, flag)
        if isinstance(head, Send) and head.wants_reply(status):
            self.write(reply_to(head, status, own=head.to_path[0]))

    def _refused(self, reply: Reply, send: Send) -> None:
        """RFC 4976 §6.4.1: the hop before had its 200; that it went wrong further on, only a REPORT can say."""
        if reply.status < 300 or not self._relay.habits.reports:
            return
        ours, *back = send.from_path
        report = Report(f"r{send.transaction_id}", tuple(back), (ours,), send.message_id, send.byte_range, reply.status)
        self._relay.report(ours, report)

    def _authorize(self, auth: OtherRequest) -> None:
        habits, headers = self._relay.habits, dict(auth.headers)
        said = {name: quoted or plain for name, quoted, plain in _directive(headers.get("Authorization", ""))}
        if habits.denies:
            self._reply(auth, habits.denies)
        elif not said:
            self._nonce = f"nonce{len(self._relay.auths)}"
            challenge = f'Digest realm="{REALM}", nonce="{self._nonce}", qop="auth"'
            self._reply(auth, 401, ("WWW-Authenticate", challenge))
        elif habits.without_uri and "uri" in said:
            return
        elif said["response"] != self._digest(said, "AUTH", auth.to_path[-1].text) or said["nonce"] != self._nonce:
            challenge = f'Digest realm="{REALM}", nonce="{self._nonce}x", qop="auth"'
            self._reply(auth, 401, ("WWW-Authenticate", challenge))
        else:
            self._grant(auth, said)

    def _grant(self, auth: OtherRequest, said: dict[str, str]) -> None:
        relay = self._relay
        if not self._session_id or not relay.habits.same_path:
            self._session_id = relay.new_path()
        relay.clients[self._session_id] = self
        proof = self._digest(said, "", auth.to_path[-1].text)
        self._reply(
            auth,
            200,
            ("Use-Path", f"msrps://{relay.address}:{PORT}/{self._session_id};tcp"),
            ("Expires", str(relay.habits.expires)),
            *([("Authentication-Info", f'rspauth="{proof}"')] if relay.habits.proves else []),
        )

    def _digest(self, said: dict[str, str], method: str, uri: str) -> str:
        secret = _md5("device1", REALM, self._relay.password)
        return _md5(secret, said["nonce"], said["nc"], said["cnonce"], said["qop"], _md5(method, uri))

    def _reply(self, auth: OtherRequest, status: int, *headers: tuple[str, str]) -> None:
        self.write(Reply(auth.transaction_id, auth.from_path, auth.to_path, status, "words", headers))
