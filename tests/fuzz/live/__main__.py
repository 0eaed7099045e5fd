"""Attacks a receiver and a sender that run here: `python -m tests.fuzz.live`, with `--sip N`, `--msrp N`, `--http N`.

Everything happens in a network of its own that has loopback and nothing else (`unshare -n`), so that no mutated address
is ever reached; and where that can be had in memory, so that a busy disk is not what a good peer waits for. The figures
are those of SECURITY G1 to G5, which are judged at the end. Memory is compared after a warm-up of all attacks.
Exit 0: every good peer was answered, no error in a log, nothing answered 500, no line in a log or an answer that a
stranger made.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.goals import Goal, told, verdict
from pushsvc.pushctl.daemon import Daemon
from pushsvc.pushctl.lab import Lab
from tests.fuzz.live import http, msrp, sip, torture
from tests.fuzz.live.loopback import inside, is_inside
from tests.fuzz.live.sip import Told
from tests.fuzz.live.watched import faults_in, standing
from tests.fuzz.target import scratch

MIB = 1 << 20
WARM = 0.05  # of each attack, with another seed, before memory is compared
G1, G4 = 100_000, 20_000  # mutations: of each transport, of all
SLOWEST_ANSWER, P99_SIP, P99_MSRP = 2.0, 0.1, 0.2  # seconds: G2, G4
GROWTH, BACK = 32, 64  # MiB: G5, while it is attacked and afterwards
AFTER = 40.0  # seconds after which memory has to be back
RECEIVER = {
    "sip.listen": '["udp:127.0.0.1:0", "tcp:127.0.0.1:0", "tls:127.0.0.1:0"]',
    "msrp.listen": '["tls:127.0.0.1:0", "tcp:127.0.0.1:0"]',
    "msrp.allow_plain": "true",
    # Or nothing of one source would be read after its first hundred (`make floods`); it is a stranger all the same.
    "sip.source_rate": "1000000",
    "sip.source_burst": "1000000",
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
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="so many, of which each has its part of the mutations")
    parser.add_argument("--after", type=float, default=AFTER, help="seconds of quiet before memory is looked at")
    options = parser.parse_args(arguments)
    if not is_inside():
        return inside("tests.fuzz.live", arguments)
    with (
        scratch() as directory,
        Lab(Path(directory), settings={"receiver": RECEIVER}) as lab,
    ):
        lab.start()
        return _attacked(lab, options)


def _attacked(lab: Lab, options: argparse.Namespace) -> int:
    daemons = (lab.receiver, lab.sender)
    g3 = torture.tortured(lab.receiver.ready["sip"])
    for _, attack, count in _attacks(lab, options):
        attack(int(count * WARM), 0)
    before = {daemon.role: standing(daemon) for daemon in daemons}
    print(
        "| what | mutations | a second | connections | good peers asked | unanswered | p99 | worst | answered 500 "
        "| RSS |\n" + "|---" * 10 + "|"
    )
    all_told: list[Told] = []
    grown = 0.0
    for daemon, attack, count in _attacks(lab, options):
        one = Told("")
        for seed in range(options.seed, options.seed + options.seeds):
            one.add(attack(count // options.seeds, seed))
        all_told.append(one)
        growth = (standing(daemon).rss - before[daemon.role].rss) / MIB
        grown = max(grown, growth)
        print(_row(one, growth), flush=True)
    time.sleep(options.after)
    bad = sum(each.unanswered + _answered_500(each) + len(each.broken) for each in all_told)
    for each in all_told:
        print(f"{each.name}: answers {dict(sorted(each.statuses.items()))}")
        print("".join(f"  {broken}\n" for broken in each.broken[:5]), end="")
    faults, back = 0, 0.0
    for daemon in daemons:
        now = standing(daemon)
        growth = (now.rss - before[daemon.role].rss) / MIB
        found = faults_in(daemon.log)
        faults, back = faults + len(found), max(back, growth)
        size = daemon.log.stat().st_size / MIB
        print(
            f"{daemon.role}: RSS {growth:+.1f} MiB and {now.files - before[daemon.role].files:+} open files "
            f"{options.after:.0f} s after,"
            f" log of {size:.1f} MiB, faults in it: {len(found)}"
        )
        print("".join(f"  {fault}\n" for fault in found), end="")
    print("\n".join(told([g3, *_goals(all_told, bad + faults, grown, back)])))
    print("nothing came of it" if not bad + faults else f"{bad + faults} things that should not be")
    return 1 if bad + faults or not g3.met else 0


def _goals(all_told: list[Told], bad: int, grown: float, back: float) -> Iterator[Goal]:
    """How the figures stand to those of SECURITY part 3."""
    over_sip = [each for each in all_told if each.name.startswith("SIP")]
    over_msrp = [each for each in all_told if each.name.startswith("MSRP")]
    sent = min(each.sent for each in over_sip)
    yield Goal(
        "G1",
        "100,000 a transport, nothing came of it",
        f"{sent} a transport, {bad} things",
        verdict(not bad, sent >= G1),
    )
    p99, worst = (max(f(each) for each in over_sip) for f in (Told.p99, lambda told: max(told.waits, default=0.0)))
    ms = f"p99 {p99 * 1000:.0f} ms, worst {worst * 1000:.0f} ms"
    yield Goal("G2", "p99 <= 100 ms, worst <= 2 s", ms, p99 <= P99_SIP and worst <= SLOWEST_ANSWER)
    p99 = max(each.p99() for each in over_msrp)
    sent, missed = sum(each.sent for each in over_msrp), sum(each.unanswered for each in over_msrp)
    figure = f"{sent}, p99 {p99 * 1000:.0f} ms, {missed} unanswered"
    yield Goal(
        "G4", "20,000 mutations, good peer's p99 <= 200 ms", figure, verdict(p99 <= P99_MSRP and not missed, sent >= G4)
    )
    figure = f"+{grown:.0f} MiB, then {back:+.0f} MiB"
    yield Goal("G5", "RSS +32 MiB at most, back within 64 MiB", figure, grown <= GROWTH and back <= BACK)


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
