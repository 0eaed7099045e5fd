"""Floods a real push-receiver while a good client pushes to it, and prints what that client saw: one row an attack.

`python -m benchmarks.floods [--seconds N] [--only WORDS]`. Both daemons have their default limits; whom the receiver
lets in is the good client's sender alone, as somebody who puts it on a network would say. Writes
benchmarks/results/floods.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from benchmarks.floods.attacks import FRIEND, Attack, Target, attacks
from benchmarks.floods.good import Served, push_while
from benchmarks.measure import machine
from benchmarks.processes import ROOT, cpu_seconds, memory, reset_peak
from pushsvc.pushctl.lab import Lab

FOLDER = ROOT / "var" / "floods"
PAGE = ROOT / "benchmarks" / "results" / "floods.md"
ERROR_MARKS = ("Traceback", "Unhandled", "a bug:", "RecursionError", "MemoryError")
BEFORE = 10.0  # seconds of the good client alone, to compare with
HEAD = (
    "| attack | sent | octets out/in | good pushes delivered | p50 | p99 | CPU of the receiver | its RSS grew |\n"
    "|---|---|---|---|---|---|---|---|"
)


@attrs.frozen
class Row:
    """One attack and what came of it."""

    name: str
    done: dict[str, int]
    seconds: float
    served: Served
    cpu: float
    grew: float

    def __str__(self) -> str:
        done, served = self.done, self.served
        sent = f"{done['sent'] / self.seconds:.0f}/s" if done["sent"] else f"{done['opened']} connections"
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
    parser.add_argument("--seconds", type=float, default=20.0, help="of each attack (default 20)")
    parser.add_argument("--only", default="", help="attacks with these words in their names")
    options = parser.parse_args()
    lines = [*(f"- {line}" for line in machine()), f"- {options.seconds:.0f} s each", "", HEAD]
    sys.stdout.write("\n".join(lines) + "\n")
    settings = {"receiver": {"sip.listen": json.dumps([f"{t}:127.0.0.1:0" for t in ("udp", "tcp", "tls")]),
                             "accept.allow": json.dumps([FRIEND])}}  # fmt: skip
    try:
        with Lab(FOLDER / "lab", settings=settings) as lab:  # type: ignore[arg-type]
            lab.start()
            target = target_of(lab)
            wanted = [each for each in attacks(target) if options.only.lower() in each.name.lower()]
            for attack in [None, *wanted]:
                row = flood(lab, target, attack, options.seconds if attack is not None else BEFORE)
                lines.append(str(row))
                sys.stdout.write(f"{row}\n")
                sys.stdout.flush()
            marks = error_marks(lab.receiver.log) + error_marks(lab.sender.log)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    lines += ["", f"{len(marks)} error marks in both logs", *marks[:10]]
    sys.stdout.write("\n".join(lines[-2 - len(marks[:10]) :]) + "\n")
    if not options.only:
        PAGE.write_text("# Floods\n\n" + "\n".join(lines) + "\n")


def target_of(lab: Lab) -> Target:
    """Where the receiver of this lab listens."""
    ready = json.loads((lab.receiver.directory / "ready.json").read_text())
    ports = {name: int(place.rpartition(":")[2]) for name, place in ready["sip"].items()}
    ports["msrp"] = int(ready["msrp"]["tls"].rpartition(":")[2])
    ports["api"] = urlsplit(ready["api"]).port or 0
    return Target(ports, "sip:alice@127.0.0.1")


def flood(lab: Lab, target: Target, attack: Attack | None, seconds: float) -> Row:
    """One attack, or none, and the good client meanwhile."""
    pid = lab.receiver.pid
    reset_peak(pid)
    rss, cpu = memory(pid, "VmRSS"), cpu_seconds(pid)
    done = {"sent": 0, "octets_out": 0, "octets_in": 0, "opened": 0}
    if attack is None:
        served = push_while(lab, seconds)
    else:
        command = [sys.executable, "-m", "benchmarks.floods.attacker", attack.name, str(seconds)]
        with subprocess.Popen(
            [*command, json.dumps(attrs.asdict(target))], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as attacker:
            served = push_while(lab, seconds)
            output, _ = attacker.communicate()
        done = json.loads(output)
    name = attack.name if attack is not None else "none"
    return Row(name, done, seconds, served, cpu_seconds(pid) - cpu, memory(pid, "VmHWM") - rss)


def error_marks(log: Path) -> list[str]:
    """Lines that tell of a bug."""
    text = log.read_text(errors="replace")
    return [line for line in text.splitlines() if any(mark in line for mark in ERROR_MARKS)]


if __name__ == "__main__":
    main()
