"""Builds push-sender bottom up, and is the only place of it that knows all classes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from pushsvc import push
from pushsvc.api.doctor import DoctorPage
from pushsvc.api.site import ApiSite
from pushsvc.api.tokens import read_tokens
from pushsvc.config.sender import CloseTransferred, SenderConfig
from pushsvc.doctor.asking import Ear
from pushsvc.doctor.examination import Examination
from pushsvc.net.observer import Observers
from pushsvc.net.wirelog import WireLog
from pushsvc.ops import logs
from pushsvc.ops.clock_watch import boot_id
from pushsvc.ops.exits import Exit, refuse
from pushsvc.ops.metrics import SenderMetrics
from pushsvc.ops.steady_timers import SteadyTimers
from pushsvc.sender.caller import Caller
from pushsvc.sender.content_store import ContentStore
from pushsvc.sender.delivery import Delivery
from pushsvc.sender.dispatch import Dispatch
from pushsvc.sender.http_api import PushApi
from pushsvc.sender.lingering import Lingering
from pushsvc.sender.message import too_big_for_message
from pushsvc.sender.outbox import Outbox
from pushsvc.sender.outbox_clock import Reading
from pushsvc.sender.outbox_database import Database, StoreUnusable
from pushsvc.sender.outcome import RetryPolicy
from pushsvc.sender.submission import Rules
from pushsvc.sender.traces import Traces
from pushsvc.sender.ways import Ways
from pushsvc.wiring.counting import Counting
from pushsvc.wiring.daemon import Daemon, Readiness
from pushsvc.wiring.network import Network, Product
from pushsvc.wiring.threads import Threads

CONTENT_THREADS = 2  # so that the sync of a big upload does not hold up the outbox's commits
SWEEP_EVERY = 3600.0  # seconds
MAX_SESSIONS = 10_000  # a sender is not invited: its own concurrency is the limit


def make_sender(config: SenderConfig, reactor: Any, ready_file: Path | None) -> IService:
    """The sender as one service. Raises ConfigErrors, OSError, ValueError; SystemExit for an unusable outbox."""
    metrics = SenderMetrics()
    traces = Traces(reactor)
    ear = Ear()
    observer = Observers((Counting(metrics), WireLog(unlimited=True, is_wanted=logs.is_wanted), traces, ear))
    product = Product(push.SENDER_ALLOW, MAX_SESSIONS, config.delivery.success_report, config.delivery.report_timeout)
    network = Network(config, reactor, observer, product)
    work = Sending(config, reactor, network, metrics, traces)
    tokens = read_tokens(str(config.api.tokens)) if config.api.tokens is not None else None
    api = PushApi(
        work.outbox, work.store, work.dispatch, traces, reactor, network.tokens, metrics, rules_of(config, work.ways)
    )
    readiness = Readiness()
    doctor = DoctorPage("sender", Examination(config, network, reactor, ear).as_json, reactor)
    site = ApiSite(api.root(readiness.obstacles, doctor), reactor, tokens=tokens)
    daemon = Daemon("sender", config, reactor, network, metrics, work, site, readiness, ready_file)
    SteadyTimers(reactor, time.monotonic).setServiceParent(daemon)  # type: ignore[no-untyped-call]
    return daemon


class Sending:
    """What push-sender is for (`wiring.daemon.Work`)."""

    log = Logger()

    def __init__(
        self, config: SenderConfig, reactor: Any, network: Network, metrics: SenderMetrics, traces: Traces
    ) -> None:
        self._reactor = reactor
        self._metrics = metrics
        self._drain_seconds = config.shutdown.drain
        self._crashes = config.delivery.crashes
        self._threads = Threads(reactor, "outbox", 1)
        self._content_threads = Threads(reactor, "content", CONTENT_THREADS)
        self._database = opened(config.database_path)
        self.store = ContentStore(config.content_dir, self._content_threads, network.tokens)
        self.store.start()  # before anybody can submit: what is arriving looks like what a kill left behind
        self.outbox = Outbox(self._database, self.store, self._threads)
        self._lingering = Lingering(reactor, config.delivery.linger)
        self.ways = Ways(
            network.sessions,
            caller_of(config),
            self._lingering,
            network.tokens,
            reactor,
            traces.began,
            answer_timeout=config.delivery.answer_timeout,
            after_413=config.delivery.after_413,
            close_at_once=config.delivery.close_transferred is CloseTransferred.IMMEDIATE,
            secure=network.secure,
            setup=config.msrp.setup.value,
        )
        self.dispatch = Dispatch(
            self.outbox,
            Delivery(self.ways).deliver,
            reactor,
            time.monotonic,
            network.tokens,
            metrics,
            policy=retry_policy_of(config),
            concurrency=config.delivery.concurrency,
        )
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = reactor
        metrics.before_scrape(lambda: metrics.msrp_sessions("out", network.msrp.sessions))
        metrics.before_scrape(lambda: metrics.sip_transactions(network.agent.transactions))

    # -- Work

    def start(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        self._threads.start()
        self._content_threads.start()
        # Both are asked for before anything can come in: that is in no old process's hand, and not of an old clock.
        started = self.outbox.start(self._reactor.seconds(), self._crashes)
        resumed = self.outbox.resume(self._clocks(), self._reactor.seconds())
        again = await started
        if again:
            self.log.info("{count} recipients were being sent to when the last process ended", count=again)
        if jump := await resumed:
            self.log.warn("the clock was set by {seconds:+.1f} s since the last process looked", seconds=jump)
        self.dispatch.startService()
        self._sweeping.start(SWEEP_EVERY)

    def drain(self) -> Deferred[Any]:
        self._lingering.end_all()
        return self.dispatch.drain(self._drain_seconds)

    def stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._sweeping.running:
            self._sweeping.stop()
        await self.dispatch.stopService()
        await self.outbox.when_idle()
        await self._threads(self._database.close)
        self._threads.stop()
        self._content_threads.stop()

    def apply(self, config: SenderConfig) -> None:
        """Nothing but what every daemon reloads."""

    def _clocks(self) -> Reading:
        return Reading(boot_id(), self.dispatch.clock_ahead)

    def _sweep(self) -> Deferred[None]:
        sweeping = Deferred.fromCoroutine(self._swept())
        return sweeping.addErrback(lambda failure: self.log.failure("the outbox could not be swept", failure))

    async def _swept(self) -> None:
        await self.outbox.note_clock(self._clocks())
        await self.outbox.sweep(self._reactor.seconds())


def opened(path: Path) -> Database:
    """The outbox's database. SystemExit when it cannot be used; raises OSError."""
    try:
        return Database.open(path)
    except StoreUnusable as error:
        refuse(Exit.IO, str(error))


def caller_of(config: SenderConfig) -> Caller:
    """Who we are on SIP."""
    sip = config.sip
    route = sip.outbound_proxy
    return Caller(
        identity=sip.identity,
        display_name=sip.display_name,
        route=None if route is None else route.with_parameter("lr", None),
        service=sip.service,
        require=sip.service_require,
        explicit=sip.service_explicit,
        ims=config.delivery.ims,
        session_expires=int(sip.session_expires),
    )


def retry_policy_of(config: SenderConfig) -> RetryPolicy:
    """delivery.retry as the judge takes it."""
    retry = config.delivery.retry
    return RetryPolicy(retry.first, retry.factor, retry.max, retry.jitter, retry.attempts)


def rules_of(config: SenderConfig, ways: Ways) -> Rules:
    """What a submission says when it says nothing, and what it may not say."""
    return Rules(
        max_content=config.queue.max_content,
        time_to_live=config.queue.default_ttl,
        mode=config.delivery.mode.value,
        disposition=config.delivery.disposition.value,
        too_big_for_message=lambda submission: too_big_for_message(ways, submission),
    )
