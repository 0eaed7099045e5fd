"""A whole agent on a simulated host: SIP over UDP and TCP, MSRP over TLS, and the session manager on top."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed

from pushsvc import push, sdp
from pushsvc.digest import Account
from pushsvc.msrp.chunk import Send
from pushsvc.net.identity import Identity
from pushsvc.net.locate import Locator
from pushsvc.net.msrp_endpoint import MsrpEndpoint, MsrpSettings
from pushsvc.net.msrp_receiving import Wanted
from pushsvc.net.msrp_relay import Relay
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.observer import Observer, Observers
from pushsvc.net.tls import Tls
from pushsvc.net.user_agent import UserAgent
from pushsvc.sessions import Call, Floors, Invitation, Session, Sessions, Take
from pushsvc.sip.transaction import Settings
from pushsvc.sip.trust_domain import TrustDomain
from pushsvc.sip.uri import SipUri
from tests.identities import identity_of
from tests.sim import Host, Network
from tests.tokens import CountedTokens

SIP_PORT = 5060
MSRP_PORT = 2855


@attrs.frozen
class Octets:
    """A content in memory."""

    octets: bytes
    content_type: str = "text/plain"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        return len(self.octets)

    def read(self, offset: int, size: int) -> bytes:
        return self.octets[offset : offset + size]


@attrs.define(eq=False)
class Kept:
    """A sink in memory. `durable` is what `finish` gives; `discarded` says why, if it was."""

    send: Send
    octets: bytearray = attrs.Factory(bytearray)
    durable: Deferred[object] = attrs.Factory(lambda: succeed(None))
    finished: bool = False
    discarded: str = ""

    def write(self, offset: int, octets: memoryview) -> None:
        end = offset + len(octets)
        self.octets.extend(bytes(max(0, end - len(self.octets))))
        self.octets[offset:end] = octets

    def finish(self) -> Deferred[object]:
        self.finished = True
        return self.durable

    def cut(self, why: str) -> None:
        self.discarded = why

    def discard(self, why: str) -> None:
        self.discarded = why


class Agent:
    """One end of a conversation. `floors` are the facts of `sessions.Floors` that differ from its defaults."""

    targeting = push.Targeting()

    def __init__(
        self,
        network: Network,
        address: str,
        name: str,
        *,
        allow: tuple[str, ...] = push.RECEIVER_ALLOW,
        observers: tuple[Observer, ...] = (),
        identity: Identity | None = None,
        tls: Tls | None = None,
        transfer: Transfer | None = None,
        names: dict[str, list[str]] | None = None,
        max_sessions: int = 2000,
        account: Account | None = None,
        domain: TrustDomain | None = None,
        relay: Relay | None = None,
        locator: Locator | None = None,
        **floors: Any,
    ) -> None:
        self.network = network
        self.host: Host = network.host(address)
        self.tokens = CountedTokens(name)
        self.name = name
        locator = locator or Locator(lambda host: succeed([]))
        names = names or {}
        observer = Observers(observers)
        self.settings = Settings()
        self.agent = UserAgent(
            self.host, self.tokens, locator, observer, self.settings, address, account=account, domain=domain
        )
        self.tls = tls or Tls(identity or identity_of(name))
        settings = MsrpSettings(transfer=transfer or Transfer(), relay=relay)
        self.msrp = MsrpEndpoint(
            self.host,
            self.tls,
            self.tokens,
            observer,
            lambda host: succeed(names.get(host, [])),
            settings,
            advertise=address,
        )
        self.floors = Floors(self.agent, self.msrp, self.tokens, self.host, self.settings, **floors)
        self.allow = allow
        self.sessions = Sessions(self.floors, allow=allow, max_sessions=max_sessions)
        self.agent.listen("udp", address, SIP_PORT)
        self.agent.listen("tcp", address, SIP_PORT)
        self.msrp.listen("tls", address, MSRP_PORT)

    def left(self) -> list[str]:
        """What it still holds of its conversations, in words; nothing, once all are over."""
        sessions, streams = self.sessions, self.agent._streams
        held = {
            "sessions": sessions.alive,
            "calls": len(sessions._calls),
            "sessions to end": len(sessions._unwanted._ending),
            "MSRP sessions": self.msrp.sessions,
            "MSRP connections": self.msrp.connections,
            "transactions": self.agent.transactions,
            "requests without answer": len(self.agent._asking._asked) + len(streams._carriers),
        }
        return [f"{count} {what}" for what, count in held.items() if count]

    # -- as a sender

    def call(self, target: str, *contents: Octets, **facts: Any) -> Call:
        files = tuple(file_offer(content, self.tokens, index) for index, content in enumerate(contents))
        uri, call_id = SipUri.parse(target), self.tokens.word(20)
        return Call(uri, files, self._describe_call(target), call_id, user=self.name, **facts)

    def dial(self, target: str, *contents: Octets, **facts: Any) -> Deferred[Session]:
        return self.sessions.dial(self.call(target, *contents, **facts))

    def _describe_call(self, target: str):  # type: ignore[no-untyped-def]
        identity = SipUri.parse(f"sip:{self.name}@example.com")
        return lambda contact, interval, min_se: push.invite_headers(
            identity=identity,
            target=SipUri.parse(target),
            contact_uri=contact,
            targeting=self.targeting,
            session_expires=interval,
            min_se=min_se,
            allow=self.allow,
        )

    # -- as a receiver

    def accept_everything(self) -> list[Kept]:
        """Take every line of every invitation; what comes in is kept in the list that this gives."""
        kept: list[Kept] = []
        self.sessions.on_invitation = lambda invitation: self.accept(invitation, kept)
        return kept

    def accept(self, invitation: Invitation, kept: list[Kept]) -> Session:
        def make_sink(send: Send) -> Kept:
            kept.append(Kept(send))
            return kept[-1]

        takes = [Take(Wanted(lambda type: True, make_sink), ("*",)) for _ in invitation.lines]
        return invitation.accept(takes, self.describe_answer)

    def describe_answer(self, contact: SipUri) -> list[tuple[str, str]]:
        return push.answer_headers(contact_uri=contact, targeting=self.targeting, allow=self.allow)


def left(network: Network, *agents: Agent) -> list[str]:
    """What is left of all conversations when their time has passed, in words: at an agent, or a timer (promise 5)."""
    network.settle(400.0)
    held = [f"{agent.name}: {what}" for agent in agents for what in agent.left()]
    return held + [str(call) for call in network.clock.getDelayedCalls()]


def file_offer(content: Octets, tokens: CountedTokens, index: int = 0) -> sdp.FileOffer:
    return sdp.FileOffer(
        name=f"file{index}.txt",
        type=content.content_type,
        size=content.size,
        sha1=hashlib.sha1(content.octets).digest(),
        transfer_id=tokens.word(32),
        path=(),
    )
