"""Figures, ratios, and the page that they are shown on. What is measured is in the other modules."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
from OpenSSL import SSL

KEPT_RESULTS = Path(__file__).parent / "results" / "latest.json"
VERSIONS = ("twisted", "pyopenssl", "cryptography", "attrs", "SQLAlchemy")


@attrs.frozen
class Figure:
    """One quantity, measured several times (never empty), and what it is meant to be."""

    name: str
    unit: str
    samples: tuple[float, ...]
    target: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def __str__(self) -> str:
        return f"{self.median:.4g} {self.unit}"


@attrs.frozen
class Ratio:
    """Two figures of one interleaved run, and what the quotient of their medians is meant to be."""

    name: str
    ours: Figure
    theirs: Figure
    target: str = ""

    @property
    def value(self) -> float:
        return self.ours.median / self.theirs.median


@attrs.frozen
class Result:
    """What one benchmark found out."""

    title: str
    figures: Sequence[Figure]
    ratios: Sequence[Ratio] = ()
    note: str = ""


def kept(result: Result) -> dict[str, Any]:
    """The result as results/latest.json has it."""
    return {
        "title": result.title,
        "machine": machine(),
        "figures": [{**attrs.asdict(figure), "median": figure.median} for figure in result.figures],
        "ratios": [{"name": each.name, "value": each.value, "target": each.target} for each in result.ratios],
    }


def interleaved(works: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, tuple[float, ...]]:
    """Call each work in turn, `rounds` times over, so that a busy moment of the machine hits all of them alike."""
    samples: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            samples[name].append(work())
    return {name: tuple(values) for name, values in samples.items()}


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def machine() -> list[str]:
    """What the figures were measured on, and with."""
    cpu = _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()
    memory = int((_first("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / (1 << 20)
    openssl = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return [
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, commit {commit.stdout.strip() or 'unknown'}",
        f"{os.cpu_count()} x {cpu}, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {openssl}",
        ", ".join(f"{name} {version(name)}" for name in VERSIONS),
    ]


def _first(path: str, key: str) -> str | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), None)


def page(results: Sequence[Result]) -> str:
    """All results as Markdown."""
    parts = ["# Benchmarks\n", "\n".join(f"- {line}" for line in machine()) + "\n"]
    return "\n".join([*parts, *map(_section, results)])


def _section(result: Result) -> str:
    lines = [f"## {result.title}", "", "| what | median | min | max | samples | target |", "|---|---|---|---|---|---|"]
    for figure in result.figures:
        low, high = min(figure.samples), max(figure.samples)
        lines.append(f"| {figure.name} | {figure} | {low:.4g} | {high:.4g} | {len(figure.samples)} | {figure.target} |")
    if result.ratios:
        lines += ["", "| ratio | value | target |", "|---|---|---|"]
        lines += [f"| {ratio.name} | {ratio.value:.2f} | {ratio.target} |" for ratio in result.ratios]
    return "\n".join([*lines, *(["", result.note] if result.note else []), ""])
