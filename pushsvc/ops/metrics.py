"""The metrics of the daemons by their Prometheus names. Callers count in plain words; no label has a user or a URI."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import twisted
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

import pushsvc

METHODS = frozenset(
    {"ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER"}
    | {"SUBSCRIBE", "UPDATE"}
)
OTHER = "other"  # the label for what peers make up: they must not be able to add time series
DELIVERY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 86400)
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_word = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}").fullmatch


def word(text: str) -> str:
    """A label value out of a closed set as it is; anything that is no short plain word becomes `other`."""
    return text if _word(text) else OTHER


class Metrics:
    """What both daemons count, in a registry of its own. Directions are `in` and `out`, seen from us."""

    def __init__(self) -> None:
        # It adds a second series per counter that nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._before_scrape: list[Callable[[], None]] = []
        ProcessCollector(registry=self._registry)
        build = self._gauge("pushsvc_build_info", "The versions that run", "version", "python", "twisted")
        build.labels(pushsvc.__version__, platform.python_version(), twisted.__version__).set(1)
        self._ready = self._gauge("pushsvc_ready", "1 while every listener is up and work is taken")
        self._lag = self._histogram("pushsvc_reactor_lag_seconds", "How late the reactor is", LAG_BUCKETS)
        self._certificate = self._gauge(
            "pushsvc_tls_certificate_expiry_timestamp_seconds", "When our certificate ends, in Unix time"
        )
        self._certificate.set(float("nan"))  # until it is known: 0 would be an expired one
        self._count_sip()
        self._count_msrp()

    def _count_sip(self) -> None:
        requests = self._counter("pushsvc_sip_requests_total", "SIP requests", "direction", "method")
        responses = self._counter("pushsvc_sip_responses_total", "SIP responses", "direction", "code")
        # Looked up once: these are counted for every message.
        self._request, self._response = cache(requests.labels), cache(responses.labels)
        self._retransmissions = self._counter("pushsvc_sip_retransmissions_total", "SIP messages that were sent again")
        self._parse_errors = self._counter("pushsvc_sip_parse_errors_total", "What was no SIP message", "transport")
        self._transactions = self._gauge("pushsvc_sip_transactions", "SIP transactions that are alive")

    def _count_msrp(self) -> None:
        sessions = self._gauge("pushsvc_msrp_sessions", "MSRP sessions that are open", "direction")
        octets = self._counter("pushsvc_msrp_bytes_total", "Octets of content", "direction")
        chunks = self._counter("pushsvc_msrp_chunks_total", "MSRP chunks", "direction")
        # Looked up once: these are counted for every read.
        self._sessions = {direction: sessions.labels(direction) for direction in ("in", "out")}
        self._octets = {direction: octets.labels(direction) for direction in ("in", "out")}
        self._chunks = {direction: chunks.labels(direction) for direction in ("in", "out")}

    def before_scrape(self, update: Callable[[], None]) -> None:
        """Call this before each `exposition`: for gauges whose truth is kept elsewhere."""
        self._before_scrape.append(update)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text form, version 0.0.4."""
        for update in self._before_scrape:
            update()
        return generate_latest(self._registry)

    def ready(self, ready: bool) -> None:
        self._ready.set(ready)

    def reactor_lag(self, seconds: float) -> None:
        self._lag.observe(seconds)

    def certificate_expires(self, at: float) -> None:
        """`at`: Unix time."""
        self._certificate.set(at)

    def sip_request(self, direction: str, method: str) -> None:
        self._request(direction, method if method in METHODS else OTHER).inc()

    def sip_response(self, direction: str, code: int) -> None:
        self._response(direction, str(code) if 100 <= code <= 699 else OTHER).inc()

    def sip_retransmissions(self, count: int) -> None:
        """So many more."""
        self._retransmissions.inc(count)

    def sip_parse_error(self, transport: str) -> None:
        self._parse_errors.labels(word(transport)).inc()

    def sip_transactions(self, count: int) -> None:
        """So many now."""
        self._transactions.set(count)

    def msrp_sessions(self, direction: str, count: int) -> None:
        """So many now; `in` are those in which we receive."""
        self._sessions[direction].set(count)

    def msrp_octets(self, direction: str, count: int) -> None:
        self._octets[direction].inc(count)

    def msrp_chunk(self, direction: str) -> None:
        self._chunks[direction].inc()

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self._registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(name, meaning, buckets=tuple(buckets), registry=self._registry)


class SenderMetrics(Metrics):
    """What push-sender counts."""

    def __init__(self) -> None:
        super().__init__()
        self._submitted = self._counter("pushsvc_pushes_submitted_total", "Pushes that were accepted", "door")
        self._finished = self._counter(
            "pushsvc_recipients_finished_total", "Recipients that came to an end", "result", "mode"
        )
        self._attempts = self._counter("pushsvc_attempts_total", "Delivery attempts", "mode", "outcome")
        self._items = self._gauge("pushsvc_queue_items", "Recipients in the outbox", "state")
        self._oldest = self._gauge("pushsvc_queue_oldest_seconds", "Age of the oldest recipient that waits")
        self._delivery = self._histogram("pushsvc_delivery_seconds", "From submission to delivery", DELIVERY_BUCKETS)

    def push_submitted(self, door: str) -> None:
        """`door`: how it came in, as `json`, `raw`, `multipart`."""
        self._submitted.labels(word(door)).inc()

    def recipient_finished(self, result: str, mode: str) -> None:
        """`result`: the recipient's final state; `mode`: `msrp`, `message`, or `none` if nothing was tried."""
        self._finished.labels(word(result), word(mode)).inc()

    def attempt(self, mode: str, outcome: str) -> None:
        self._attempts.labels(word(mode), word(outcome)).inc()

    def delivered_after(self, seconds: float) -> None:
        self._delivery.observe(seconds)

    def queue(self, items: Mapping[str, int], oldest: float) -> None:
        """How many recipients are in each state now, and the age in seconds of the one that waits longest."""
        self._items.clear()
        for state, count in items.items():
            self._items.labels(word(state)).set(count)
        self._oldest.set(oldest)


class ReceiverMetrics(Metrics):
    """What push-receiver counts."""

    def __init__(self) -> None:
        super().__init__()
        self._registration = self._gauge("pushsvc_registration_up", "1 while registered")
        self._received = self._counter("pushsvc_inbox_received_total", "Contents that entered the inbox")
        self._declined = self._counter("pushsvc_inbox_declined_total", "Contents that were not taken", "reason")
        self._unproved = self._counter(
            "pushsvc_sip_authentication_failures_total", "SIP requests whose credentials were not taken", "reason"
        )

    def registration(self, up: bool) -> None:
        self._registration.set(up)

    def received(self) -> None:
        self._received.inc()

    def not_authenticated(self, reason: str) -> None:
        """`reason`: a word out of a closed set."""
        self._unproved.labels(word(reason)).inc()

    def declined(self, reason: str) -> None:
        """`reason`: a word out of a closed set."""
        self._declined.labels(word(reason)).inc()
