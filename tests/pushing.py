"""Delivery and reception on simulated hosts: the product without HTTP, queue and processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from pushsvc import push
from pushsvc.config.receiver import Rule
from pushsvc.digest import Account
from pushsvc.net.msrp_sending import Transfer
from pushsvc.net.observer import Observer
from pushsvc.receiver.decisions import Change, Decisions, Pending
from pushsvc.receiver.inbox import NOTHING_KEPT, Inbox
from pushsvc.receiver.inbox_disk import Disk
from pushsvc.receiver.inbox_entry import Entry
from pushsvc.receiver.inbox_writer import InThread
from pushsvc.receiver.partials import Limits
from pushsvc.receiver.policy import Policy
from pushsvc.receiver.reception import Host, Reception
from pushsvc.sender.caller import Caller
from pushsvc.sender.delivery import Delivery
from pushsvc.sender.job import AttemptResult, ContentFile, Job
from pushsvc.sender.lingering import Lingering
from pushsvc.sender.traces import Traces
from pushsvc.sender.ways import Ways
from pushsvc.sip.authentication import Authentication, Users
from pushsvc.sip.trust_domain import Networks, TrustDomain
from pushsvc.sip.uri import SipUri
from tests.agents import Agent
from tests.sim import Network
from tests.tokens import CountedTokens

GIB = 1 << 30
ICSI = "urn:urn-7:3gpp-service.ims.icsi.oma.push"
PLAIN_PORT = 2856


def at_once(function: Callable[..., Any], /, *args: Any) -> Deferred[Any]:
    """A "thread" that is the test's own."""
    return maybeDeferred(function, *args)


class SendingSide:
    """A sender's delivery at 192.0.2.10. `directory` holds the contents.

    `caller` are facts of `Caller`, `agent` of the agent, `ways` of `Ways`.
    """

    def __init__(
        self,
        network: Network,
        directory: Path,
        *,
        linger: float = 0.0,
        name: str = "push",
        observers: tuple[Observer, ...] = (),
        account: Account | None = None,
        caller: dict[str, Any] | None = None,
        transfer: Transfer | None = None,
        agent: dict[str, Any] | None = None,
        **ways: Any,
    ) -> None:
        self.traces: Traces = Traces(network.clock)
        watching = (self.traces, *observers)
        facts = {"allow": push.SENDER_ALLOW, "observers": watching, "account": account, "transfer": transfer}
        self.stack = Agent(network, "192.0.2.10", name, **(facts | (agent or {})))
        self._directory = directory
        self.lingering = Lingering(self.stack.host, linger)
        self.delivery = Delivery(
            Ways(
                self.stack.sessions,
                Caller(SipUri.parse("sip:push@example.com"), **({"service": ICSI} | (caller or {}))),
                self.lingering,
                self.stack.tokens,
                self.stack.host,
                self.traces.began,
                **ways,
            )
        )
        self.progress: list[tuple[int, int]] = []

    def job(self, *contents: bytes, to: str = "sip:alice@192.0.2.20", mode: str = "msrp", **changes: Any) -> Job:
        """A push of these octets as text/plain files."""
        facts: dict[str, Any] = {"title": "Gate 3", "description": None, "application": "mms.ua", "attempt": 1}
        facts |= {"disposition": "attachment", "not_after": 1e6, "created_at": 0.0} | changes
        files = tuple(self.content(octets, f"file{index}.txt") for index, octets in enumerate(contents))
        return Job("psh_1", 1, to, files, mode=mode, **facts)

    def content(self, octets: bytes, name: str) -> ContentFile:
        sha256 = hashlib.sha256(octets)
        path = self._directory / sha256.hexdigest()
        path.write_bytes(octets)
        sha1 = hashlib.sha1(octets).digest()
        return ContentFile(name, "text/plain", len(octets), sha1, sha256.digest(), path, f"tid-{name}-{sha1.hex()}")

    def deliver(self, job: Job) -> Deferred[AttemptResult]:
        return self.delivery.deliver(job, lambda sent, known: self.progress.append((sent, known)))


class ReceivingSide:
    """A receiver's reception and inbox at 192.0.2.20.

    `host` are facts of `reception.Host`, `agent` of the agent, `accept` of the policy; `tell` hears of questions.
    `plain`: it takes MSRP without TLS, too. `trusted` are its trusted peers; all others have to be one of `users`.
    """

    def __init__(
        self,
        network: Network,
        directory: Path,
        *,
        rules: tuple[Rule, ...] = (),
        limits: Limits = NOTHING_KEPT,
        name: str = "alice",
        observers: tuple[Observer, ...] = (),
        host: dict[str, Any] | None = None,
        agent: dict[str, Any] | None = None,
        plain: bool = False,
        disk: Disk | None = None,
        trusted: Networks = (),
        users: Users | None = None,
        in_thread: InThread = at_once,
        tell: Callable[[Change, Pending], None] = lambda change, pending: None,
        **accept: Any,
    ) -> None:
        self.authentication = Authentication(CountedTokens("auth"))
        if users is not None:
            self.authentication.admit(users)
        self.unauthenticated: list[str] = []
        domain = TrustDomain(trusted, self.authentication)
        self.stack = Agent(network, "192.0.2.20", name, observers=observers, domain=domain, **(agent or {}))
        self.stack.agent.on_unauthenticated = self.unauthenticated.append
        self.arrived: list[Entry] = []
        self.declined: list[str] = []
        self.inbox = Inbox(
            directory,
            self.stack.host,
            self.stack.tokens,
            in_thread,
            arrived=self.arrived.append,
            disk=disk,
            limits=limits,
        )
        self.inbox.start()
        self.decisions = Decisions(self.stack.host, self.stack.tokens, tell)
        bounds = {"allow": (), "types": ("*",), "max_size": GIB, "free_min": 0} | accept
        policy = Policy(**bounds, rules=rules, free=lambda: 1 << 40, decisions=self.decisions)
        facts = {"targeting": push.Targeting(), "types": bounds["types"], "declined": self.declined.append}
        whose = Host("alice", **(facts | {"plain": plain} | (host or {})))
        if plain:
            self.stack.msrp.listen("tcp", "192.0.2.20", PLAIN_PORT)
        self.reception = Reception(self.stack.sessions, policy, self.inbox, whose)

    def contents(self) -> list[bytes]:
        """What is in the inbox, oldest first."""
        return [(Path(self.inbox.directory) / entry.file).read_bytes() for entry in self.arrived]
