"""Two real daemons at work: bulk transfer and its memory, small pushes, submissions. Beside bare Twisted TLS."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.measure import Figure, Ratio, Result, seconds
from benchmarks.peers import nginx, openssl_handshakes
from benchmarks.processes import ROOT, Spent, bare_tls, cpu_seconds, https_upload, memory, reset_peak
from pushsvc.pushctl.client import Json
from pushsvc.pushctl.daemon import Role
from pushsvc.pushctl.demo import made_up
from pushsvc.pushctl.lab import Lab
from pushsvc.pushctl.progress import Quiet, is_final
from pushsvc.pushctl.push import submit, verdict
from pushsvc.pushctl.submission import Attachment

FOLDER = ROOT / "var" / "bench"
BULK = 1 << 30
PARALLEL = (1, 10, 100)  # pushes at the same time
PUSHES = 300
SUBMISSIONS = 2000
SMALL = "x" * 2048
TINY = "x" * 200
CLIENTS = 8  # connections that submit at the same time
LOOK_EVERY = 0.05
PATIENCE = 300.0  # seconds for any one wait
# One sender on loopback is a core here: limits for strangers are none of what is measured.
RECEIVER = {"sip.trusted_peers": '["127.0.0.1/32"]', "accept.max_sessions": "4000"}


@contextmanager
def running(settings: dict[Role, dict[str, str]] | None = None) -> Iterator[Lab]:
    """Both daemons, below a folder on the checkout's own disk that is gone afterwards."""
    try:
        with Lab(FOLDER / "lab", max_size=BULK, settings={"receiver": RECEIVER, **(settings or {})}) as lab:
            lab.start()
            yield lab
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


def bulk(rounds: int) -> Result:
    """1 GiB from queue to inbox, the same octets over bare TLS, and the same file by HTTPS, in turn."""
    ours: list[Spent] = []
    bare: list[Spent] = []
    uploads: list[Spent] = []
    stored: list[Spent] = []
    growth: dict[Role, list[float]] = {"sender": [], "receiver": []}
    idle: dict[Role, list[float]] = {"sender": [], "receiver": []}
    with (
        running() as lab,
        bare_tls(FOLDER / "bare") as limit,
        https_upload(FOLDER / "https") as web,
        nginx(FOLDER / "nginx") as server,
    ):
        subject = made_up(FOLDER / "lab" / "bulk.bin", BULK)
        for _ in range(min(rounds, 3)):
            for role, daemon in (("sender", lab.sender), ("receiver", lab.receiver)):
                reset_peak(daemon.pid)
                idle[role].append(memory(daemon.pid, "VmRSS"))
            ours.append(_one_push(lab, subject))
            for role, daemon in (("sender", lab.sender), ("receiver", lab.receiver)):
                growth[role].append(memory(daemon.pid, "VmHWM"))
            bare.append(limit.send(BULK))
            uploads.append(web.put(subject))
            stored += [server.put(subject)] if server else []
    rate, bare_rate = _rate("pushsvc, MSRP over TLS, stored", ours), _rate("bare Twisted TLS, 64 KiB writes", bare)
    cpu = _cpu("CPU per GiB, pushsvc, both daemons", ours, "≤ 5.5")
    of_receiver = [Spent(each.seconds, each.receiver_cpu) for each in ours]
    of_sender = [Spent(each.seconds, each.cpu - each.receiver_cpu) for each in ours]
    sides = [_cpu("CPU per GiB, push-sender", of_sender), _cpu("CPU per GiB, push-receiver", of_receiver)]
    bare_cpu = _cpu("CPU per GiB, bare TLS, both ends", bare)
    web_rate, web_cpu = _rate("HTTPS upload, Twisted Web, stored", uploads), _cpu("CPU per GiB, HTTPS upload", uploads)
    server_rate = [_rate("curl to nginx, stored", stored)] if stored else []
    idles = [Figure(f"RSS of push-{role}, before", "MiB", tuple(samples)) for role, samples in idle.items()]
    peaks = [
        Figure(f"RSS of push-{role}, peak", "MiB", tuple(samples), "≤ 40 more") for role, samples in growth.items()
    ]
    return Result(
        "Bulk: one push of 1 GiB",
        [rate, bare_rate, web_rate, *server_rate, cpu, *sides, bare_cpu, web_cpu, *idles, *peaks],
        [
            Ratio("MB/s, to bare TLS", rate, bare_rate, "≥ 0.55"),
            Ratio("MB/s, to an HTTPS upload", rate, web_rate, "≥ 1.5"),
            Ratio("CPU per GiB, to bare TLS", cpu, bare_cpu),
        ],
        "From the answer 202 to `delivered`: INVITE, TLS, MSRP, two hashes, fsync, BYE. Bare TLS has none of these; "
        "the HTTPS upload has TLS, file and fsync, and a blocking client; nginx does not sync.",
    )


def parallel(rounds: int) -> Result:
    """1 GiB as one push, as ten and as a hundred at the same time: submitted, and delivered."""
    rates: dict[int, list[float]] = {count: [] for count in PARALLEL}
    with running() as lab:
        for _ in range(min(rounds, 3)):
            for count, samples in rates.items():
                subject = made_up(FOLDER / "lab" / "part.bin", BULK // count)
                samples.append(BULK / seconds(lambda n=count, f=subject: _together(lab, f, n)) / 1e6)
                _empty_inbox(lab)
    figures = {count: Figure(f"{count} at once", "MB/s", tuple(samples)) for count, samples in rates.items()}
    one = figures[PARALLEL[0]]
    return Result(
        "Bulk: 1 GiB in parallel pushes",
        list(figures.values()),
        [Ratio(f"{count} at once, to one", figures[count], one, "≥ 0.75") for count in PARALLEL[1:]],
        "From the first submission to the last delivery.",
    )


def pushes(rounds: int) -> Result:
    """Whole pushes of 2 KiB, a session each, beside bare TLS connections that carry the same."""
    rates: list[float] = []
    bare: list[float] = []
    in_c: list[float] = []
    cost: dict[Role, list[float]] = {"sender": [], "receiver": []}
    with running() as lab, bare_tls(FOLDER / "bare") as limit:
        pids: dict[Role, int] = {"sender": lab.sender.pid, "receiver": lab.receiver.pid}
        many_pushes(lab)
        for _ in range(rounds):
            before = {role: cpu_seconds(pid) for role, pid in pids.items()}
            rates.append(PUSHES / seconds(lambda: many_pushes(lab)))
            for role, pid in pids.items():
                cost[role].append((cpu_seconds(pid) - before[role]) / PUSHES * 1000)
            bare.append(PUSHES / limit.send(len(SMALL), PUSHES, CLIENTS).seconds)
            in_c += filter(None, [openssl_handshakes(FOLDER / "openssl")])
    ours = Figure("pushes of 2 KiB, submitted and delivered", "/s", tuple(rates))
    handshakes = Figure("bare Twisted TLS connections with 2 KiB", "/s", tuple(bare))
    cpu = [Figure(f"CPU of push-{role} for each push", "ms", tuple(samples)) for role, samples in cost.items()]
    openssl = [Figure("TLS connections, openssl s_time to s_server", "/s", tuple(in_c))] if in_c else []
    return Result(
        "Small pushes",
        [ours, handshakes, *openssl, *cpu],
        [Ratio("pushes, to bare TLS connections", ours, handshakes, "≥ 0.4")],
        "Each push has a dialog and an MSRP session of its own; those that are under way together share a connection.",
    )


def submissions(rounds: int) -> Result:
    """Submissions of 200 octets, each durable before its answer; the one recipient never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        target = f"sip:nobody@127.0.0.1:{silent.getsockname()[1]}"
        push = {"to": [target], "mode": "message", "content": {"type": "text/plain", "text": TINY}}
        with running({"sender": {"delivery.concurrency": "1"}}) as lab:
            rates = [SUBMISSIONS / seconds(lambda: _post(lab, push, SUBMISSIONS)) for _ in range(rounds)]
            syncs = [_syncs_per_second(FOLDER / "lab" / "sync") for _ in range(rounds)]
    ours = Figure(f"submissions, {CLIENTS} clients", "/s", tuple(rates), "≥ 1000")
    disk = Figure("fsync of the same disk, one at a time", "/s", tuple(syncs))
    return Result("Submissions of 200 octets", [ours, disk], [Ratio("submissions, to fsync", ours, disk)])


def _rate(name: str, spent: list[Spent]) -> Figure:
    return Figure(name, "MB/s", tuple(BULK / each.seconds / 1e6 for each in spent))


def _cpu(name: str, spent: list[Spent], target: str = "") -> Figure:
    return Figure(name, "s", tuple(each.cpu * (1 << 30) / BULK for each in spent), target)


def _one_push(lab: Lab, subject: Path) -> Spent:
    """From the answer 202 to its end; then the receiver's copy is removed."""
    wanted = {"to": [lab.receiver.uri]}
    push = submit(lab.sender.api, wanted, [Attachment.of(subject)], Quiet())
    start, sent, received = time.perf_counter(), cpu_seconds(lab.sender.pid), cpu_seconds(lab.receiver.pid)
    while not is_final(push):
        time.sleep(LOOK_EVERY)
        push = lab.sender.api.get("v1", "pushes", push["id"])
    received = cpu_seconds(lab.receiver.pid) - received
    spent = Spent(time.perf_counter() - start, cpu_seconds(lab.sender.pid) - sent + received, received)
    if verdict(push):
        raise AssertionError(f"the push was not delivered: {push['recipients']}")
    _empty_inbox(lab)
    return spent


def _empty_inbox(lab: Lab) -> None:
    while entries := lab.receiver.api.get("v1", "inbox")["items"]:
        for entry in entries:
            lab.receiver.api.delete("v1", "inbox", entry["id"])


def _together(lab: Lab, subject: Path, count: int) -> None:
    done = _delivered(lab) + count
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(
            pool.map(
                lambda _: submit(lab.sender.api, {"to": [lab.receiver.uri]}, [Attachment.of(subject)], Quiet()),
                range(count),
            )
        )
    _await_delivered(lab, done)


def many_pushes(lab: Lab) -> None:
    """`PUSHES` pushes of 2 KiB, submitted and delivered."""
    done = _delivered(lab) + PUSHES
    push = {"to": [lab.receiver.uri], "mode": "msrp", "content": {"type": "text/plain", "text": SMALL}}
    _post(lab, push, PUSHES)
    _await_delivered(lab, done)


def _await_delivered(lab: Lab, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while _delivered(lab) < count:
        if time.monotonic() > end:
            raise AssertionError(f"{count - _delivered(lab)} pushes are missing")
        time.sleep(LOOK_EVERY)


def _delivered(lab: Lab) -> int:
    text = lab.sender.api.text("metrics")
    counts = re.findall(r'^pushsvc_recipients_finished_total\{[^}]*result="delivered"[^}]*\} (\S+)', text, re.M)
    return sum(int(float(count)) for count in counts)


def _post(lab: Lab, push: Json, times: int) -> None:
    """Submit the same push so many times, over a few connections that are kept."""
    host, body = urlsplit(lab.sender.api.url).netloc, json.dumps(push)

    def some(count: int) -> None:
        connection = http.client.HTTPConnection(host, timeout=PATIENCE)
        for _ in range(count):
            connection.request("POST", "/v1/pushes", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.read() and response.status != 202:
                raise AssertionError(f"submission was answered {response.status}")
        connection.close()

    shares = [times // CLIENTS + (client < times % CLIENTS) for client in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(some, shares))


def _syncs_per_second(path: Path) -> float:
    with path.open("wb") as file:

        def work() -> None:
            for _ in range(100):
                file.write(TINY.encode())
                file.flush()
                os.fsync(file.fileno())

        return 100 / seconds(work)
