"""What a Prometheus finds: the names that dashboards are built on."""

from __future__ import annotations

import re
from math import isnan

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

import pushsvc
from pushsvc.ops.metrics import Metrics, ReceiverMetrics, SenderMetrics, word

COMMON = {
    "pushsvc_build_info",
    "pushsvc_ready",
    "pushsvc_sip_requests_total",
    "pushsvc_sip_responses_total",
    "pushsvc_sip_retransmissions_total",
    "pushsvc_sip_parse_errors_total",
    "pushsvc_sip_transactions",
    "pushsvc_msrp_sessions",
    "pushsvc_msrp_bytes_total",
    "pushsvc_msrp_chunks_total",
    "pushsvc_tls_certificate_expiry_timestamp_seconds",
    "pushsvc_reactor_lag_seconds",
}
OF_SENDER = {
    "pushsvc_pushes_submitted_total",
    "pushsvc_recipients_finished_total",
    "pushsvc_attempts_total",
    "pushsvc_queue_items",
    "pushsvc_queue_oldest_seconds",
    "pushsvc_delivery_seconds",
}
OF_RECEIVER = {
    "pushsvc_registration_up",
    "pushsvc_inbox_received_total",
    "pushsvc_inbox_declined_total",
    "pushsvc_sip_authentication_failures_total",
}


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample of ours as `name{labels}`."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        sample.name + "".join(f"{{{key}={value}}}" for key, value in sample.labels.items()): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("pushsvc_")
    }


def names(metrics: Metrics) -> set[str]:
    return set(re.findall(r"^# TYPE (pushsvc_\w+)", metrics.exposition().decode(), re.MULTILINE))


class Names(SynchronousTestCase):
    """The contract."""

    def test_each_daemon_has_the_common_names_and_its_own(self) -> None:
        """A sender that says it is not registered would raise an alarm."""
        self.assertEqual(names(SenderMetrics()), COMMON | OF_SENDER)
        self.assertEqual(names(ReceiverMetrics()), COMMON | OF_RECEIVER)

    def test_two_daemons_in_one_process_do_not_share(self) -> None:
        """Each has its own registry."""
        one, other = Metrics(), Metrics()
        one.ready(True)
        self.assertEqual((samples(one)["pushsvc_ready"], samples(other)["pushsvc_ready"]), (1.0, 0.0))

    def test_the_process_is_told_about_as_everywhere(self) -> None:
        """Memory, descriptors and CPU have names of their own."""
        self.assertIn(b"process_resident_memory_bytes", Metrics().exposition())

    def test_the_build_is_told(self) -> None:
        """Which version runs where."""
        (name,) = (name for name in samples(Metrics()) if "build_info" in name)
        self.assertIn(f"{{version={pushsvc.__version__}}}", name)


class Counting(SynchronousTestCase):
    """Each method and what it changes."""

    def assert_changed(self, metrics: Metrics, before: dict[str, float], expected: dict[str, float]) -> None:
        """Exactly these samples are new or different; histograms by their count and sum."""
        found = samples(metrics).items()
        changed = {
            name: value
            for name, value in found
            if before.get(name) != value and not isnan(value) and "_bucket" not in name
        }
        self.assertEqual(changed, expected)

    def test_what_both_daemons_count(self) -> None:
        """SIP, MSRP, and how the process is."""
        metrics = Metrics()
        before = samples(metrics)
        metrics.ready(True)
        metrics.reactor_lag(0.25)
        metrics.certificate_expires(1.8e9)
        metrics.sip_request("out", "INVITE")
        metrics.sip_request("in", "INVITE")
        metrics.sip_response("in", 480)
        metrics.sip_retransmissions(3)
        metrics.sip_parse_error("udp")
        metrics.sip_transactions(5)
        metrics.msrp_sessions("in", 2)
        metrics.msrp_octets("out", 65536)
        metrics.msrp_octets("out", 10)
        metrics.msrp_chunk("in")
        self.assert_changed(
            metrics,
            before,
            {
                "pushsvc_ready": 1,
                "pushsvc_reactor_lag_seconds_count": 1,
                "pushsvc_reactor_lag_seconds_sum": 0.25,
                "pushsvc_tls_certificate_expiry_timestamp_seconds": 1.8e9,
                "pushsvc_sip_requests_total{direction=out}{method=INVITE}": 1,
                "pushsvc_sip_requests_total{direction=in}{method=INVITE}": 1,
                "pushsvc_sip_responses_total{code=480}{direction=in}": 1,
                "pushsvc_sip_retransmissions_total": 3,
                "pushsvc_sip_parse_errors_total{transport=udp}": 1,
                "pushsvc_sip_transactions": 5,
                "pushsvc_msrp_sessions{direction=in}": 2,
                "pushsvc_msrp_bytes_total{direction=out}": 65546,
                "pushsvc_msrp_chunks_total{direction=in}": 1,
            },
        )

    def test_what_the_sender_counts(self) -> None:
        """Pushes, recipients, attempts, the queue."""
        metrics = SenderMetrics()
        before = samples(metrics)
        metrics.push_submitted("multipart")
        metrics.recipient_finished("delivered", "msrp")
        metrics.attempt("msrp", "try-later")
        metrics.delivered_after(1.5)
        metrics.queue({"queued": 3, "waiting": 1}, 60.0)
        self.assert_changed(
            metrics,
            before,
            {
                "pushsvc_pushes_submitted_total{door=multipart}": 1,
                "pushsvc_recipients_finished_total{mode=msrp}{result=delivered}": 1,
                "pushsvc_attempts_total{mode=msrp}{outcome=try-later}": 1,
                "pushsvc_delivery_seconds_count": 1,
                "pushsvc_delivery_seconds_sum": 1.5,
                "pushsvc_queue_items{state=queued}": 3,
                "pushsvc_queue_items{state=waiting}": 1,
                "pushsvc_queue_oldest_seconds": 60,
            },
        )

    def test_a_state_without_items_is_gone(self) -> None:
        """Else its last number would stand for ever."""
        metrics = SenderMetrics()
        metrics.queue({"queued": 3, "waiting": 1}, 60.0)
        metrics.queue({"queued": 1}, 1.0)
        self.assertEqual([name for name in samples(metrics) if "items" in name], ["pushsvc_queue_items{state=queued}"])

    def test_what_the_receiver_counts(self) -> None:
        """The inbox, and what did not get into it."""
        metrics = ReceiverMetrics()
        before = samples(metrics)
        metrics.registration(True)
        metrics.received()
        metrics.declined("too_large")
        metrics.not_authenticated("password")
        self.assert_changed(
            metrics,
            before,
            {
                "pushsvc_registration_up": 1,
                "pushsvc_inbox_received_total": 1,
                "pushsvc_inbox_declined_total{reason=too_large}": 1,
                "pushsvc_sip_authentication_failures_total{reason=password}": 1,
            },
        )

    def test_gauges_can_be_brought_up_to_date_when_asked_for(self) -> None:
        """Counting is done where the things are."""
        metrics = Metrics()
        metrics.before_scrape(lambda: metrics.sip_transactions(7))
        self.assertEqual(samples(metrics)["pushsvc_sip_transactions"], 7)


class Strangers(SynchronousTestCase):
    """Labels come from a closed set, whatever a peer sends."""

    def test_methods_and_codes_that_nobody_knows_are_one_series(self) -> None:
        """Each new label is memory for ever, here and in Prometheus."""
        metrics = Metrics()
        for index in range(50):
            metrics.sip_request("in", f"EVIL{index}")
            metrics.sip_response("in", 1000 + index)
        found = [name for name in samples(metrics) if "sip_re" in name and "{" in name]
        self.assertEqual(
            found,
            [
                "pushsvc_sip_requests_total{direction=in}{method=other}",
                "pushsvc_sip_responses_total{code=other}{direction=in}",
            ],
        )

    def test_only_short_plain_words_are_labels(self) -> None:
        """No URI, no user, no sentence."""
        self.assertEqual(
            [word(text) for text in ("msrp", "try-later", "413", "sip:a@b", "Two Words", "", "x" * 41)],
            ["msrp", "try-later", "413", "other", "other", "other", "other"],
        )

    def test_an_unknown_expiry_is_no_date(self) -> None:
        """Zero would be 1970, and an alarm."""
        self.assertTrue(isnan(samples(Metrics())["pushsvc_tls_certificate_expiry_timestamp_seconds"]))
