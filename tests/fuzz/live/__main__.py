"""Attacks a receiver and a sender that run here: `python -m tests.fuzz.live [--sip N] [--msrp N] [--http N]`.

Everything happens in a network of its own that has loopback and nothing else (`unshare -n`), so that no mutated address
is ever reached. The figures are those of SECURITY G1, G2, G4 and G5. Exit 0: every good peer was answered, no error
in a log, nothing answered 500, no line in a log or an answer that a stranger made.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.lab import Lab
from tests.fuzz.live import http, msrp, sip
from tests.fuzz.live.sip import Told
from tests.fuzz.live.watched import faults_in, standing

INSIDE = "PUSHSVC_FUZZ_INSIDE"
MIB = 1 << 20
WARM = 1000  # mutations before memory is compared
AFTER = 40.0  # seconds after which memory has to be back
RECEIVER = {
    "sip.listen": '["udp:127.0.0.1:0", "tcp:127.0.0.1:0", "tls:127.0.0.1:0"]',
    "msrp.listen": '["tls:127.0.0.1:0", "tcp:127.0.0.1:0"]',
    "msrp.allow_plain": "true",
    "sip.source_rate": "0",  # or nothing of one source would be read after its first hundred (`make floods`)
}
Attack = tuple[Daemon, Callable[[int, int], Told], int]


def main(arguments: list[str]) -> int:
    """Attack, and tell what came of it; 0 when nothing did."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.live", description="Hostile bytes to real daemons.")
    parser.add_argument("--sip", type=int, default=100_000, help="mutations over each of UDP, TCP and TLS")
    parser.add_argument(
        "--msrp", type=int, default=5_000, help="over each of TCP and TLS, as a stranger and as a bound peer"
    )
    parser.add_argument("--http", type=int, default=5_000, help="to each daemon")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--after", type=float, default=AFTER, help="seconds of quiet before memory is looked at")
    options = parser.parse_args(arguments)
    if INSIDE not in os.environ:
        return _inside(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="pushsvc-fuzz-") as directory,
        Lab(Path(directory), settings={"receiver": RECEIVER}) as lab,
    ):
        lab.start()
        return _attacked(lab, options)


def _inside(arguments: list[str]) -> int:
    """The same again, in a network that has only loopback."""
    script = 'ip link set lo up && exec "$@"'
    command = [
        "unshare",
        "--map-root-user",
        "--net",
        "sh",
        "-c",
        script,
        "sh",
        sys.executable,
        "-m",
        "tests.fuzz.live",
        *arguments,
    ]
    return subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False).returncode


def _attacked(lab: Lab, options: argparse.Namespace) -> int:
    daemons = (lab.receiver, lab.sender)
    sip.attack("udp", lab.receiver.ready["sip"]["udp"], WARM, 0)
    before = {daemon.role: standing(daemon) for daemon in daemons}
    print(
        "| what | mutations | a second | connections | good peers asked | unanswered | p99 | worst | answered 500 "
        "| RSS |\n" + "|---" * 10 + "|"
    )
    all_told = []
    for daemon, attack, count in _attacks(lab, options):
        told = attack(count, options.seed)
        all_told.append(told)
        print(_row(told, (standing(daemon).rss - before[daemon.role].rss) / MIB), flush=True)
    time.sleep(options.after)
    bad = sum(told.unanswered + _answered_500(told) + len(told.broken) for told in all_told)
    for told in all_told:
        print(f"{told.name}: answers {dict(sorted(told.statuses.items()))}")
        print("".join(f"  {broken}\n" for broken in told.broken[:5]), end="")
    for daemon in daemons:
        now = standing(daemon)
        growth = (now.rss - before[daemon.role].rss) / MIB
        faults = faults_in(daemon.log)
        bad += len(faults)
        size = daemon.log.stat().st_size / MIB
        print(
            f"{daemon.role}: RSS {growth:+.1f} MiB and {now.files - before[daemon.role].files:+} open files "
            f"{options.after:.0f} s after,"
            f" log of {size:.1f} MiB, faults in it: {len(faults)}"
        )
        print("".join(f"  {fault}\n" for fault in faults), end="")
    print("nothing came of it" if not bad else f"{bad} things that should not be")
    return 1 if bad else 0


def _attacks(lab: Lab, options: argparse.Namespace) -> Iterator[Attack]:
    ready = lab.receiver.ready
    for transport, address in ready["sip"].items():
        yield lab.receiver, lambda count, seed, t=transport, a=address: sip.attack(t, a, count, seed), options.sip  # type: ignore[misc]
    for transport in ready["msrp"]:
        for bound in (False, True):
            yield (
                lab.receiver,
                lambda count, seed, t=transport, b=bound: msrp.attack(
                    ready["sip"]["tcp"], ready["msrp"], t, count, seed, bound=b
                ),  # type: ignore[misc]
                options.msrp,
            )
    for daemon in (lab.receiver, lab.sender):
        yield daemon, lambda count, seed, d=daemon: http.attack(d.role, d.ready["api"], count, seed), options.http  # type: ignore[misc]


def _answered_500(told: Told) -> int:
    return told.statuses[500] if told.name.startswith(("SIP", "HTTP")) else 0


def _row(told: Told, growth: float) -> str:
    asked = len(told.waits) + told.unanswered
    return (
        f"| {told.name} | {told.sent} | {told.sent / told.seconds:.0f} | {told.calls} | {asked} | "
        f"{told.unanswered} | {told.p99() * 1000:.0f} ms"
        f" | {max(told.waits, default=0) * 1000:.0f} ms | {_answered_500(told)} | {growth:+.1f} MiB |"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
