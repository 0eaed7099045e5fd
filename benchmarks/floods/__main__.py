"""Floods a real push-receiver while a good client pushes to it, and prints what that client saw: one row an attack.

`python -m benchmarks.floods [--seconds N] [--only WORDS]`, or with `--goals` what SECURITY G10 and G11 ask for, judged.
Both daemons have their default limits; whom the receiver lets in is the good client's sender alone, as somebody who
puts it on a network would say. Writes benchmarks/results/floods.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from benchmarks.floods.asking import Asking
from benchmarks.floods.attacks import FRIEND, Attack, Target, attacks, slow
from benchmarks.floods.good import Served, push_while
from benchmarks.goals import Goal, told, verdict
from benchmarks.measure import machine
from benchmarks.processes import ROOT, cpu_seconds, memory, reset_peak
from pushsvc.pushctl.lab import Lab

IN_MEMORY = Path("/dev/shm")  # where there is such a thing: what a busy disk takes is nobody's attack
PAGE = ROOT / "benchmarks" / "results" / "floods.md"
ERROR_MARKS = ("Traceback", "Unhandled", "a bug:", "RecursionError", "MemoryError")
COUNTS = ("sent", "octets_out", "octets_in", "opened", "refused", "closed", "longest")
FLOOD, G10, G11 = 20.0, 600.0, 60.0  # seconds
AFTER = 5.0  # seconds until everything has to be as before
BEFORE = 10.0  # seconds of the good client alone, to compare with
HEAD = (
    "| attack | sent | octets out/in | good pushes delivered | p50 | p99 | CPU of the receiver | its RSS grew |\n"
    "|---|---|---|---|---|---|---|---|"
)


@attrs.frozen
class Row:
    """One attack and what came of it."""

    name: str
    done: dict[str, float]
    seconds: float
    served: Served
    cpu: float
    grew: float

    def __str__(self) -> str:
        done, served = self.done, self.served
        sent = f"{done['sent'] / self.seconds:.0f}/s" if done["sent"] else f"{done['opened']:.0f} connections"
        ratio = f"{done['octets_in'] / done['octets_out']:.2f}" if done["octets_out"] else "-"
        cells = (
            self.name,
            sent,
            ratio,
            f"{len(served.times)} of {served.pushes}",
            f"{served.percentile(0.5):.2f} s",
            f"{served.percentile(0.99):.2f} s",
            f"{100 * self.cpu / self.seconds:.0f}%",
            f"{self.grew:.0f} MiB",
        )
        return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints each row as it is known."""
    parser = argparse.ArgumentParser(prog="floods", description=__doc__)
    parser.add_argument("--seconds", type=float, help="of each attack (default 20; of G10 600, of G11 60 at most)")
    parser.add_argument("--only", default="", help="attacks with these words in their names")
    parser.add_argument("--goals", action="store_true", help="G10 and G11 instead")
    options = parser.parse_args()
    settings = {"receiver": {"sip.listen": json.dumps([f"{t}:127.0.0.1:0" for t in ("udp", "tcp", "tls")]),
                             "accept.allow": json.dumps([FRIEND])}}  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="pushsvc-floods-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
    try:
        with Lab(folder / "lab", settings=settings) as lab:  # type: ignore[arg-type]
            lab.start()
            run = _goals if options.goals else _floods
            lines = run(lab, options)
            marks = error_marks(lab.receiver.log) + error_marks(lab.sender.log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    last = ["", f"{len(marks)} error marks in both logs", *marks[:10]]
    sys.stdout.write("\n".join(last) + "\n")
    if not options.only and not options.goals:
        PAGE.write_text("# Floods\n\n" + "\n".join([*lines, *last]) + "\n")


def _floods(lab: Lab, options: argparse.Namespace) -> list[str]:
    seconds = options.seconds or FLOOD
    lines = [*(f"- {line}" for line in machine()), f"- {seconds:.0f} s each", "", HEAD]
    sys.stdout.write("\n".join(lines) + "\n")
    target = target_of(lab)
    wanted = [each for each in attacks(target) if options.only.lower() in each.name.lower()]
    for attack in [None, *wanted]:
        row = flood(lab, target, [attack] if attack else [], seconds if attack else BEFORE)
        lines.append(str(row))
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
    return lines


def _goals(lab: Lab, options: argparse.Namespace) -> list[str]:
    target = target_of(lab)
    before = flood(lab, target, [], BEFORE)
    sys.stdout.write(f"{HEAD}\n{before}\n")
    goals = [_flooded(lab, target, min(options.seconds or G11, G11), before.served)]
    time.sleep(AFTER)
    goals += _slow(lab, target, options.seconds or G10)
    lines = told(goals)
    sys.stdout.write("\n".join(["", *lines]) + "\n")
    return lines


def _flooded(lab: Lab, target: Target, seconds: float, before: Served) -> Goal:
    attack = next(each for each in attacks(target) if each.name == "INVITE, UDP, 4,000 sources")
    row = flood(lab, target, [attack], seconds)
    time.sleep(AFTER)
    after = push_while(lab, BEFORE)
    sys.stdout.write(f"{row}\n")
    ratio = row.done["octets_in"] / max(1.0, row.done["octets_out"])
    rate, good = row.done["sent"] / seconds, row.served.within(2.0)
    normal = after.percentile(0.9) <= 2 * before.percentile(0.9) + 0.05
    return Goal(
        "G11",
        "2,000 INVITE/s for 60 s: RSS <= 64 MiB more, 99 % in 2 s, normal 5 s after, octets <= 1.0",
        f"{rate:.0f}/s, {row.grew:+.0f} MiB, {100 * good:.1f} %, p90 {before.percentile(0.9):.2f} s before and "
        f"{after.percentile(0.9):.2f} s after, octets {ratio:.2f}",
        verdict(row.grew <= 64 and good >= 0.99 and normal and ratio <= 1.0, seconds >= G11),
    )


def _slow(lab: Lab, target: Target, seconds: float) -> list[Goal]:
    asking = Asking(target)
    row = flood(lab, target, list(slow(target)), seconds, asking.once)
    sys.stdout.write(f"{row}\n")
    p99 = {**asking.p99(), "push": row.served.percentile(0.99)}
    failed = asking.failed() + row.served.pushes - len(row.served.times)
    figure = f"longest {row.done['longest']:.0f} s, {failed} failed, p99 " + ", ".join(
        f"{name} {wait * 1000:.0f} ms" for name, wait in p99.items()
    )
    held = row.done["longest"] <= 40 and not failed and max(p99.values()) <= 0.2
    wanted = "1,000 slow connections to each listener for 10 min: closed in 40 s, good clients 0 failed, p99 <= 200 ms"
    return [Goal("G10", wanted, figure, verdict(held, seconds >= G10))]


def target_of(lab: Lab) -> Target:
    """Where the receiver of this lab listens."""
    ready = json.loads((lab.receiver.directory / "ready.json").read_text())
    ports = {name: int(place.rpartition(":")[2]) for name, place in ready["sip"].items()}
    ports["msrp"] = int(ready["msrp"]["tls"].rpartition(":")[2])
    ports["api"] = urlsplit(ready["api"]).port or 0
    return Target(ports, "sip:alice@127.0.0.1")


def flood(
    lab: Lab, target: Target, under: Sequence[Attack], seconds: float, also: Callable[[], None] = lambda: None
) -> Row:
    """These attacks at once, or none, and the good client meanwhile, who does this `also`."""
    pid = lab.receiver.pid
    reset_peak(pid)
    rss, cpu = memory(pid, "VmRSS"), cpu_seconds(pid)
    done = dict.fromkeys(COUNTS, 0.0)
    with contextlib.ExitStack() as stack:
        attackers = [stack.enter_context(_attacker(attack, seconds, target)) for attack in under]
        served = push_while(lab, seconds, also)
        for attacker in attackers:
            output, _ = attacker.communicate()
            for name, count in json.loads(output).items():
                done[name] = max(done[name], count) if name == "longest" else done[name] + count
    name = ", ".join(attack.name for attack in under) or "none"
    return Row(name, done, seconds, served, cpu_seconds(pid) - cpu, memory(pid, "VmHWM") - rss)


def _attacker(attack: Attack, seconds: float, target: Target) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.floods.attacker", attack.name, str(seconds)]
    return subprocess.Popen([*command, json.dumps(attrs.asdict(target))], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def error_marks(log: Path) -> list[str]:
    """Lines that tell of a bug."""
    text = log.read_text(errors="replace")
    return [line for line in text.splitlines() if any(mark in line for mark in ERROR_MARKS)]


if __name__ == "__main__":
    main()
