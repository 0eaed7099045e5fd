"""Builds push-receiver bottom up, and is the only place of it that knows all classes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import attrs
from twisted.application.service import IService
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from pushsvc import push
from pushsvc.api.doctor import DoctorPage
from pushsvc.api.events import EventLog
from pushsvc.api.site import ApiSite
from pushsvc.api.tokens import read_tokens
from pushsvc.config.receiver import ReceiverConfig
from pushsvc.doctor.asking import Ear
from pushsvc.doctor.examination import Examination, Examined
from pushsvc.doctor.own_push import OwnPushes
from pushsvc.net.observer import Observers
from pushsvc.net.wirelog import WireLog
from pushsvc.ops import logs
from pushsvc.ops.metrics import ReceiverMetrics
from pushsvc.ops.steady_timers import SteadyTimers
from pushsvc.receiver.capabilities import Told, capabilities
from pushsvc.receiver.decisions import Decisions
from pushsvc.receiver.events import Events
from pushsvc.receiver.hooks import hooks_of
from pushsvc.receiver.http_api import receiver_api
from pushsvc.receiver.inbox import Inbox
from pushsvc.receiver.inbox_entry import Entry
from pushsvc.receiver.partials import Limits
from pushsvc.receiver.policy import Policy
from pushsvc.receiver.reception import Host, Reception
from pushsvc.sip.authentication import User, Users
from pushsvc.wiring.counting import Counting
from pushsvc.wiring.daemon import Daemon, Readiness
from pushsvc.wiring.network import Network, Product
from pushsvc.wiring.registration import Presence
from pushsvc.wiring.threads import Threads

SYNC_THREADS = 4  # syncs of different files wait for the disk side by side


def make_receiver(config: ReceiverConfig, reactor: Any, ready_file: Path | None) -> IService:
    """The receiver as one service. Raises ConfigErrors, OSError, ValueError."""
    metrics = ReceiverMetrics()
    ear = Ear()
    observer = Observers((Counting(metrics), WireLog(unlimited=False, is_wanted=logs.is_wanted), ear))
    product = Product(allow=push.RECEIVER_ALLOW, max_sessions=config.accept.max_sessions)
    network = Network(config, reactor, observer, product)
    readiness = Readiness()
    work = Receiving(config, reactor, network, metrics, ear)
    tokens = read_tokens(str(config.api.tokens)) if config.api.tokens is not None else None
    root = receiver_api(
        inbox=work.inbox,
        decisions=work.decisions,
        events=work.events,
        event_log=work.event_log,
        account=work.presence.account,
        obstacles=lambda: readiness.obstacles() | work.obstacles(),
        metrics=metrics.exposition,
        doctor=DoctorPage("receiver", Examination(config, network, reactor, ear, work.examined).as_json, reactor),
    )
    site = ApiSite(root, reactor, tokens=tokens)
    daemon = Daemon("receiver", config, reactor, network, metrics, work, site, readiness, ready_file)
    SteadyTimers(reactor, time.monotonic).setServiceParent(daemon)  # type: ignore[no-untyped-call]
    return daemon


class Receiving:
    """What push-receiver is for (`wiring.daemon.Work`)."""

    log = Logger()

    def __init__(
        self, config: ReceiverConfig, reactor: Any, network: Network, metrics: ReceiverMetrics, ear: Ear
    ) -> None:
        if config.registration.registrar is not None and not config.says_who_may_send:
            self.log.warn(
                "nothing says who may send: whoever can call {identity} may; set [accept] allow, or a [[rule]]",
                identity=str(config.sip.identity),
            )
        self._config = config
        self._metrics = metrics
        self._network = network
        self._sessions = network.sessions
        self._told: tuple[tuple[object, ...], Told] = (), ([], b"")
        self._threads = Threads(reactor, "inbox", SYNC_THREADS)
        self.event_log = EventLog(reactor)
        self.inbox = Inbox(
            config.inbox_dir,
            reactor,
            network.tokens,
            self._threads,
            arrived=self._arrived,
            limits=limits_of(config),
        )
        self.events = Events(self.event_log, self.inbox.directory, hooks_of(config.hooks, reactor))
        self.decisions = Decisions(reactor, network.tokens, self.events.decision)
        self._reception = Reception(network.sessions, self._policy(), self.inbox, host_of(config, metrics))
        own_pushes = OwnPushes(network.sessions, network.floors, config.sip, ear, secure=network.secure)
        network.sessions.on_invitation = own_pushes.before(network.sessions.on_invitation)
        network.sessions.capabilities = self._capabilities
        self._authentication = network.authentication
        self._authentication.admit(users_of(config))
        network.agent.on_unauthenticated = metrics.not_authenticated
        metrics.before_scrape(lambda: metrics.msrp_sessions("in", network.msrp.sessions))
        metrics.before_scrape(lambda: metrics.sip_transactions(network.agent.transactions))
        metrics.registration(False)
        self.presence = Presence(
            config, network, reactor, push.feature_tags(self._reception.host.targeting), metrics.registration
        )
        self.examined = Examined(config.registration.registrar, self.presence, own_pushes)

    async def _start(self) -> None:
        self._threads.start()
        await self.inbox.start()
        self.presence.start()

    def start(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._start())

    def drain(self) -> Deferred[Any]:
        """Whoever looks for us at the core shall not find us any more; what runs comes to its end meanwhile."""
        self.decisions.close()
        leaving = Deferred.fromCoroutine(self.presence.leave())
        return gatherResults([leaving, self._sessions.drain("the service stops")], consumeErrors=True)

    async def _stop(self) -> None:
        self.presence.abandon()
        await self.inbox.stop()
        self.events.stop()
        self._threads.stop()

    def stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    def apply(self, config: ReceiverConfig) -> None:
        # The other sections need a restart, as is logged (`wiring.daemon.RELOADABLE`).
        self._config = attrs.evolve(
            self._config, accept=config.accept, rule=config.rule, digest=config.digest, user=config.user
        )
        self._authentication.admit(users_of(self._config))
        self._reception.policy = self._policy()
        self._reception.host = host_of(self._config, self._metrics)
        self.inbox.partials.change(limits_of(self._config))
        self.presence.again()

    def obstacles(self) -> dict[str, str]:
        inbox = {} if self.inbox.writable else {"inbox": "the inbox takes nothing now"}
        return inbox | self.presence.obstacles()

    def _capabilities(self) -> Told:
        """Made when what they say has changed, and not for each of a flood of OPTIONS."""
        network, host, max_size = self._network, self._reception.host, self._config.accept.max_size
        about = host, max_size, network.msrp.host_and_port(network.secure)
        if self._told[0] != about:
            local = network.floors.local_end(secure=network.secure)
            self._told = about, capabilities(host, local, max_size, network.uri())
        return self._told[1]

    def _policy(self) -> Policy:
        config = self._config
        return Policy(
            allow=config.accept.allow,
            types=config.accept.types,
            max_size=config.accept.max_size,
            rules=config.rule,
            free_min=config.accept.free_min,
            free=self.inbox.free,
            decisions=self.decisions,
        )

    def _arrived(self, entry: Entry) -> None:
        self._metrics.received()
        about = entry.about
        self.log.info(
            "push received", id=entry.id, peer=about.sender, call_id=about.call_id, mode=about.mode,
            size=entry.size, file=entry.file, log_unlimited=True,
        )  # fmt: skip
        self.events.received(entry)


def limits_of(config: ReceiverConfig) -> Limits:
    """What the configuration says of the first parts of cut contents."""
    return Limits(config.inbox.keep_partial, config.inbox.max_partial, config.accept.free_min)


def users_of(config: ReceiverConfig) -> Users:
    """Who has to prove who it is."""
    users = [User(user.name, user.password.value(), config.identity_of(user)) for user in config.user]
    return Users(config.realm, tuple(each.value for each in config.digest.algorithms), tuple(users))


def host_of(config: ReceiverConfig, metrics: ReceiverMetrics) -> Host:
    """What the configuration says of us."""
    sip = config.sip
    return Host(
        user=sip.identity.user,
        targeting=push.Targeting(
            sip.service, config.registration.applications, sip.service_require, sip.service_explicit
        ),
        types=config.accept.types,
        accept_contact_in_response=sip.accept_contact_in_response,
        plain=config.msrp.allow_plain,
        declined=metrics.declined,
    )
