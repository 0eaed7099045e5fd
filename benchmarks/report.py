"""Writes docs/performance.md and its plots from benchmarks/results/latest.json: `python -m benchmarks.report`.

The words are here, the figures are in the results; what was not measured yet is said to be so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from benchmarks.measure import KEPT_RESULTS

DOCS = Path(__file__).parent.parent / "docs"
PLOTS = DOCS / "performance"
Results = dict[str, dict[str, Any]]


@attrs.frozen
class Target:
    """One row of the page: `result` names the benchmark, `reached` the figures and ratios of it that are shown."""

    id: str
    work: str
    target: str
    result: str
    reached: tuple[str, ...]
    words: str


TARGETS = (
    Target("P1", "bulk of 1 GiB, to bare Twisted TLS", "≥ 0.55", "bulk", ("MB/s, to bare TLS",),
        "Limited by the receiver: two hashes take 1.2 s of processor for each GiB, all else in Python and OpenSSL 1.1, "
        "the system 0.7. Even with both processors always busy 5 s of work take 2.5 s, and bare TLS is through in 1 to "
        "2. Tried: TLS by whole buffers, hashing in a thread, chunks of up to 1 MiB, reads of 512 KiB, memory that "
        "glibc keeps, and file cache that is given back on the way (before it the system took 0.8 to 3.4 s)."),
    Target("P2", "the same, to the best MSRP peer over TLS (98 MB/s)", "≥ 4", "bulk",
        ("pushsvc, MSRP over TLS, stored",),
        "The peer is not installed here; its figure is of another run of this machine."),
    Target("P3", "CPU per GiB, both daemons", "≤ 5.5 s", "bulk", ("CPU per GiB, pushsvc, both daemons",),
        "11.5 s at first, 5.4 by whole buffers and longer chunks, and the receiver's system time no longer grows with "
        "what the machine has to fetch for its file cache."),
    Target("P3b", "bulk, to an HTTPS upload to Twisted Web", "≥ 1.5", "bulk", ("MB/s, to an HTTPS upload",),
        "Twisted Web computes no hash; ours computes two, which alone take half as long as its whole upload."),
    Target("P4", "framer alone", "≥ 2,000 and 250 MB/s", "framer", ("64 KiB chunks", "2 KiB chunks"),
        "Python's cost of an event for each chunk."),
    Target("P5", "parse of an INVITE, to twisted.protocols.sip", "≤ 0.4", "sip", ("parse, to Twisted's",),
        "Values are parsed on demand; what is left is splitting the head into lines and checking each."),
    Target("P6", "MESSAGE, stored, 200, to a bare UDP echo", "≥ 0.25; not stored ≥ 0.5", "messages",
        ("stored MESSAGEs, to the echo", "OPTIONS, to the echo"),
        "An echo does nothing for a datagram; a request is parsed, made a transaction, judged, logged and "
        "answered, all in "
        "Python, and a file is written, renamed and synced. Making nothing that is logged, counted or said to "
        "nobody new took OPTIONS from 300 to about 120 µs of processor, a stored MESSAGE from 420 to about 320: its "
        "way through policy and inbox, and the index's own thread, take most of what is left."),
    Target("P7", "pushes of 2 KiB, to bare TLS connections", "≥ 0.4", "pushes", ("pushes, to bare TLS connections",),
        "Limited by the sender's processor, which had 7.3 ms to do for a push and has 4.2. Less by: attempts that "
        "end together, SQL statements built once, one commit instead of two, our own SDP read once, log lines "
        "written in one go, fewer looks into the outbox, a collector that looks seldom. Of what is left, the INVITE "
        "with its answer takes 40 %, HTTP and the outbox 13 % each. Pushes that are under way together share a TLS "
        "connection, so handshakes are no part of it; with a session that is used again there is no figure."),
    Target("P8", "submissions of 200 octets, durable", "≥ 1,000/s", "submissions", ("submissions, 8 clients",),
        "Many share a commit. One process has the API, the outbox and its thread under one lock of Python: 1.2 ms a "
        "submission."),
    Target("P9", "memory of an idle session, beyond its TLS connection", "≤ 60 KiB", "held",
        ("beyond the bare connection",), "2,000 are held at once, and each has answered."),
    Target("P10", "RSS while 1 GiB is pushed", "≤ 40 MiB more", "bulk",
        ("RSS of push-sender, before", "RSS of push-sender, peak", "RSS of push-receiver, before",
         "RSS of push-receiver, peak"), "Nothing is held but a window of chunks."),
    Target("P11", "POST to delivered, 2 KiB, idle system", "p50 ≤ 25 ms, p99 ≤ 80 ms", "latency", ("p50", "p99 of all"),
        "Two syncs in the sender, and five in the receiver before its 200: the content in the index, then its file,"
        " its sidecar and their directory, then the index once more."),
    Target("P12", "many at once, and a long queue", "flat within 25 %", "parallel",
        ("10 at once, to one", "100 at once, to one"), "Large pushes at the same time."),
    Target("P12b", "pushes/s while others wait in the queue", "flat within 25 %", "queue",
        ("10,000 wait, to 100 wait", "1,000,000 wait, to 100 wait"),
        "What is due is found by an index, and no statement of the outbox reads all of the queue or of its history"
        " but the count for the metrics, which gets 2 % of the outbox's time however often they are asked for."),
)  # fmt: skip

HEAD = """\
# Performance

Two real daemons on loopback, beside the limit of what they are made of. **Compare ratios**: each is of one
run, in which ours
and the limit took turns; other machines have other figures. This page and its plots are written from
`benchmarks/results/latest.json` by `python -m benchmarks.report`, which `make docs` runs.

- `make bench` measures everything, `make bench ONLY="pushes latency"` some of it; what was not measured
  again stays as it was.
- Every figure is the median of its samples; the line in a plot goes from the smallest to the largest.
- The receiver has `sip.trusted_peers = ["127.0.0.1/32"]` and `accept.max_sessions = 4000`: the one sender
  stands for a core,
  to which the limits for strangers do not apply. All else is as installed.

## Targets

| id | work | target | reached |
|---|---|---|---|
"""


def page(results: Results) -> str:
    """The whole page as Markdown."""
    rows = [f"| {each.id} | {each.work} | {each.target} | {_reached(each, results)} |" for each in TARGETS]
    sections = []
    for each in TARGETS:
        plot = f"\n\n![{each.work}](performance/{each.id}.svg)" if each.result in results else ""
        sections.append(f"## {each.id}: {each.work}\n\nTarget {each.target}. {each.words}{plot}\n")
    measured = sorted({line for result in results.values() for line in result["machine"]})
    on = "\n".join(["## Measured on", "", *(f"- {line}" for line in measured), ""])
    return "\n".join([HEAD + "\n".join(rows), "", *sections, on])


def plot(target: Target, results: Results) -> str:
    """The figures of the target's benchmark as bars, a scale for each unit, as SVG."""
    shown = [figure for figure in results[target.result]["figures"] if figure["samples"]]
    scale = {unit: max(max(f["samples"]) for f in shown if f["unit"] == unit) for unit in {f["unit"] for f in shown}}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {30 * len(shown) + 10}" font-family="sans-serif" '
        'font-size="13">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, figure in enumerate(shown):
        low, high = (340 + 270 * of(figure["samples"]) / scale[figure["unit"]] for of in (min, max))
        width, top = 270 * figure["median"] / scale[figure["unit"]], 30 * number + 8
        lines += [
            f'<text x="330" y="{top + 14}" text-anchor="end">{figure["name"]}</text>',
            f'<rect x="340" y="{top}" width="{width:.1f}" height="18" fill="#e26a5c"/>',
            f'<line x1="{low:.1f}" y1="{top + 9}" x2="{high:.1f}" y2="{top + 9}" stroke="#0e1430" stroke-width="2"/>',
            f'<text x="620" y="{top + 14}">{figure["median"]:.4g} {figure["unit"]}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def _reached(target: Target, results: Results) -> str:
    found = results.get(target.result)
    if found is None:
        return "not measured"
    values = {each["name"]: f"{each['value']:.2f}" for each in found["ratios"]}
    values |= {each["name"]: f"{each['median']:.4g} {each['unit']}" for each in found["figures"]}
    return ", ".join(values.get(name, "not measured") for name in target.reached)


def main(targets: Sequence[Target] = TARGETS) -> None:
    """Write both."""
    results: Results = json.loads(KEPT_RESULTS.read_text()) if KEPT_RESULTS.exists() else {}
    PLOTS.mkdir(exist_ok=True)
    for each in targets:
        if each.result in results:
            (PLOTS / f"{each.id}.svg").write_text(plot(each, results))
    (DOCS / "performance.md").write_text(page(results))


if __name__ == "__main__":
    main()
