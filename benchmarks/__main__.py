"""Runs benchmarks, prints them, and writes benchmarks/results/latest.*: `python -m benchmarks [NAME...]`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import daemons, framer, held, queue, requests, sip
from benchmarks.measure import KEPT_RESULTS, kept, page

RESULTS = Path(__file__).parent / "results" / "latest.md"
BENCHMARKS = {
    "framer": framer.run,
    "sip": sip.run,
    "bulk": daemons.bulk,
    "parallel": daemons.parallel,
    "pushes": daemons.pushes,
    "submissions": daemons.submissions,
    "messages": requests.messages,
    "latency": requests.latency,
    "held": held.held,
    "queue": queue.queue,
}


def main() -> None:
    """A name that is not known ends in usage."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each figure (default 5)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    results = []
    known = json.loads(KEPT_RESULTS.read_text()) if KEPT_RESULTS.exists() else {}
    for name in options.names or BENCHMARKS:
        sys.stderr.write(f"{name} ...\n")
        results.append(BENCHMARKS[name](options.rounds))
        known[name] = kept(results[-1])
    text = page(results)
    sys.stdout.write(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    KEPT_RESULTS.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
