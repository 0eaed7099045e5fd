"""Inputs by coverage: atheris, a libFuzzer for Python, keeps those that reach something new and goes on from there.

libFuzzer ends its process, so each target has one of its own: `python -m tests.fuzz.guided NAME FILE [its options]`.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.run import Crash, Outcome

CORPUS = Path("build/fuzz/corpus")  # what was found worth keeping; the next run begins with it
_DONE = re.compile(r"Done ([0-9]+) runs")
_AT = re.compile(r"^#([0-9]+)\t", re.MULTILINE)


def missing() -> str | None:
    """Why it cannot be done here; None when it can."""
    if importlib.util.find_spec("atheris") is None:
        return "atheris is not installed: make fuzz does that, where there is one for this Python"
    return None


def fuzzed(name: str, count: int, seed: int) -> Outcome:
    """`count` inputs to this target, in a process of its own. It ends with its first crash."""
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        samples, told = Path(scratch) / "samples", Path(scratch) / "told.json"
        samples.mkdir()
        for number, octets in enumerate(target.samples()):
            (samples / f"{number:04}").write_bytes(octets)
        words = Path(scratch) / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
        began = time.monotonic()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.guided", name, str(told)),
                *(
                    f"-runs={count}",
                    f"-seed={seed}",
                    f"-dict={words}",
                    f"-max_len={target.longest}",
                    f"-artifact_prefix={scratch}/",
                ),
                *("-timeout=20", "-rss_limit_mb=1024", "-verbosity=1", str(corpus), str(samples)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output = done.stdout.decode("utf-8", "replace")
        outcome = Outcome(name, _count(output), seconds=time.monotonic() - began)
        if told.exists():
            facts = json.loads(told.read_bytes())
            outcome.slowest, outcome.slowest_size = facts["slowest"], facts["size"]
            outcome.octets = facts["octets"] * outcome.inputs // facts["count"]  # it is told now and then
        if done.returncode:
            found = [path.read_bytes() for path in Path(scratch).glob("*-*") if path.is_file()]
            outcome.crashes.append(Crash("found by coverage", output[-4000:], found[0] if found else b""))
    return outcome


def _count(output: str) -> int:
    done = _DONE.search(output)
    return int(done[1]) if done else max(map(int, _AT.findall(output)), default=0)


def _escaped(word: bytes) -> str:
    return "".join(chr(octet) if 35 <= octet <= 126 and octet != 92 else f"\\x{octet:02x}" for octet in word)


def main(name: str, told: Path, options: list[str]) -> None:
    """The process of one target; never returns."""
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["pushsvc"]):
        from tests.fuzz.targets import TARGETS
    run = TARGETS[name].run
    facts = {"slowest": 0.0, "size": 0, "octets": 0, "count": 0}

    def one(octets: bytes) -> None:
        start = time.perf_counter()
        run(octets)
        took = time.perf_counter() - start
        facts["octets"] += len(octets)
        facts["count"] += 1
        if took > facts["slowest"]:
            facts["slowest"], facts["size"] = took, len(octets)
        elif facts["count"] % 1000:
            return
        told.write_text(json.dumps(facts))

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
