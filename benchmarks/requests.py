"""MESSAGEs to the receiver over UDP, beside a bare echo; and how long one push takes when nothing else is going on."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import statistics
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from benchmarks.daemons import PATIENCE, SMALL, TINY, running
from benchmarks.floods.attacks import FRIEND, Target, sip
from benchmarks.measure import Figure, Ratio, Result, interleaved
from benchmarks.processes import cpu_seconds, udp_echo
from pushsvc.pushctl.lab import Lab

REQUESTS = 3000
IN_FLIGHT = 32
LOST_AFTER = 10.0  # seconds without an answer
ONE_AFTER_THE_OTHER = 40  # pushes in each round


def messages(rounds: int) -> Result:
    """MESSAGE, stored, 200; OPTIONS, 200; and datagrams of the same size to a bare echo; 32 in flight each."""
    numbers = itertools.count(1)
    with running() as lab, udp_echo() as echo:
        host, port = lab.receiver.ready["sip"]["udp"].rsplit(":", 1)
        target = Target({"udp": int(port)}, lab.receiver.uri)

        def made(method: str) -> list[bytes]:
            return [
                sip(method, target, next(numbers), host, caller=FRIEND, body=TINY if method == "MESSAGE" else "")
                for _ in range(REQUESTS)
            ]

        cost: dict[str, list[float]] = {"MESSAGE": [], "OPTIONS": []}

        def exchanged(method: str) -> float:
            requests = made(method)
            before = cpu_seconds(lab.receiver.pid)
            rate = _exchanged(int(port), requests, _is_200)
            cost[method].append((cpu_seconds(lab.receiver.pid) - before) / REQUESTS * 1e6)
            return rate

        found = interleaved(
            {
                "MESSAGE, stored, 200": lambda: exchanged("MESSAGE"),
                "OPTIONS, 200": lambda: exchanged("OPTIONS"),
                "bare Twisted UDP echo": lambda: _exchanged(echo, made("MESSAGE"), bool),
            },
            rounds,
        )
    ours, options, bare = (Figure(name, "/s", samples) for name, samples in found.items())
    cpu = [Figure(f"CPU of push-receiver for each {name}", "µs", tuple(samples)) for name, samples in cost.items()]
    return Result(
        f"MESSAGE over UDP, {IN_FLIGHT} in flight",
        [ours, options, bare, *cpu],
        [
            Ratio("stored MESSAGEs, to the echo", ours, bare, "≥ 0.25"),
            Ratio("OPTIONS, to the echo", options, bare, "≥ 0.5"),
        ],
        f"A text of {len(TINY)} octets. OPTIONS stands for what is answered and not stored. One client, the "
        "same for all "
        "three, has the other processor; the receiver's settings are those of a core (`sip.trusted_peers`).",
    )


def latency(rounds: int) -> Result:
    """From the POST to `delivered`, one push of 2 KiB after the other."""
    with running() as lab:
        _delivered_after(lab)
        times = [[_delivered_after(lab) for _ in range(ONE_AFTER_THE_OTHER)] for _ in range(rounds)]
    halves = tuple(statistics.median(each) for each in times)
    slowest = tuple(sorted(each)[-1] for each in times)
    everything = sorted(itertools.chain.from_iterable(times))
    p99 = everything[round(0.99 * len(everything)) - 1]
    return Result(
        "Latency of one push of 2 KiB",
        [
            Figure("p50", "ms", halves, "≤ 25"),
            Figure("p99 of all", "ms", (p99,), "≤ 80"),
            Figure("slowest of each round", "ms", slowest),
        ],
        note="`POST /v1/pushes` with `Prefer: wait`, by MSRP over TLS, until the answer says `delivered`.",
    )


def _delivered_after(lab: Lab) -> float:
    """Milliseconds."""
    push = {"to": [lab.receiver.uri], "mode": "msrp", "content": {"type": "text/plain", "text": SMALL}}
    connection = http.client.HTTPConnection(urlsplit(lab.sender.api.url).netloc, timeout=PATIENCE)
    start = time.perf_counter()
    connection.request(
        "POST", "/v1/pushes", json.dumps(push), {"Content-Type": "application/json", "Prefer": "wait=60"}
    )
    state = json.loads(connection.getresponse().read())["state"]
    spent = time.perf_counter() - start
    connection.close()
    if state != "delivered":
        raise AssertionError(f"the push is {state}")
    return spent * 1000


def _is_200(datagram: bytes) -> bool:
    return datagram.startswith(b"SIP/2.0 200")


def _exchanged(port: int, requests: list[bytes], is_answer: Callable[[bytes], bool]) -> float:
    """Exchanges in a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(LOST_AFTER)
        waiting = iter(requests)
        start = time.perf_counter()
        for request in itertools.islice(waiting, IN_FLIGHT):
            client.send(request)
        answered = 0
        while answered < len(requests):
            datagram = client.recv(65536)
            if not is_answer(datagram):
                raise AssertionError(f"answered {datagram[:60]!r}")
            answered += 1
            if request := next(waiting, b""):
                client.send(request)
        return answered / (time.perf_counter() - start)
