"""Runs tests with real processes while all of loopback is captured: `python -m tests.capture [TEST...]`.

TLS is decrypted with the keys that the daemons write (SSLKEYLOGFILE). Each test has a capture of its own, which is kept
below var/wire when there is a finding, or the test has failed.
Exit 0: the tests passed, and Wireshark has nothing to say.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import TestSuite

from twisted.trial.runner import TestLoader

from tests.capture import loopback
from tests.capture.judge import NO_KEYS, Verdict, judge, msrp_findings, sip_findings
from tests.capture.wireshark import NotThere, Recording
from tests.processes.pushing import TEXT_ONLY

KEPT = Path("var/wire")
# What must be found, so that nothing found means something.
BROKEN_SIP = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK1\r\nContent-Length: many\r\nCSeq: x OPTIONS\r\n\r\n"
)
BROKEN_MSRP = b"MSRP a1b2c3d4 SEND\r\nTo-Path: msrp://a:1/x;tcp\r\nFrom-Path\r\n\r\nstray"
# Test and finding: its two relays are one Kamailio, which calls itself over TLS, and writes no keys.
EXCUSED = {("tests.processes.test_relay.Relayed.test_before_both", NO_KEYS)}


def main(words: list[str]) -> int:
    """Exit status."""
    loopback.go_apart("-m", "tests.capture", *words)
    parser = argparse.ArgumentParser(prog="tests.capture", description="What Wireshark says of tests.")
    parser.add_argument("tests", nargs="*", default=["tests.processes"], help="if none is named: all with processes")
    parser.add_argument("--keep", action="store_true", help=f"leave every capture, with its keys, in {KEPT}")
    options = parser.parse_args(words)
    if loopback.is_apart():
        loopback.bring_up()
    else:
        sys.stdout.write("no network namespace of our own is permitted: whoever speaks on loopback is judged, too\n")
    try:
        for found in (sip_findings([BROKEN_SIP]), msrp_findings([BROKEN_MSRP])):
            assert found, "Wireshark finds nothing in what is broken"
        return _judged(list(_tests(options.tests)), options.keep)
    except NotThere as missing:
        sys.stdout.write(f"{missing}\n")
        return 2


def _judged(tests: list[str], keep: bool) -> int:
    total: Counter[str] = Counter()
    failed, findings = 0, 0
    KEPT.mkdir(parents=True, exist_ok=True)
    for test in tests:
        passed, verdict = _observed(test, keep)
        failed += not passed
        findings += len(verdict.findings)
        total += verdict.seen
        sys.stdout.write(f"{test}: {_counted(verdict.seen)}, {len(verdict.findings)} findings\n")
        for finding in verdict.findings:
            sys.stdout.write(f"    {finding}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(tests)} tests, {failed} failed; {_counted(total)}, {findings} findings\n")
    return 1 if failed or findings or not total["SIP messages"] else 0


def _observed(test: str, keep: bool) -> tuple[bool, Verdict]:
    """Whether it has passed, and what was seen meanwhile."""
    capture, keys = KEPT / f"{test}.pcapng", KEPT / f"{test}.keys"
    for former in (capture, keys):
        former.unlink(missing_ok=True)
    keys.touch(mode=0o600)
    environment = {**os.environ, "SSLKEYLOGFILE": str(keys.absolute()), TEXT_ONLY: "1", "CI": "true"}
    with Recording(capture) as recording:
        run = subprocess.run([sys.executable, "-m", "tests", test], env=environment, capture_output=True, check=False)
    verdict = judge(capture, keys)
    excused = [what for name, what in EXCUSED if name == test]
    verdict.findings = [each for each in verdict.findings if not any(what in each for what in excused)]
    if recording.lost:
        verdict.findings.append(f"the capture has lost {recording.lost} packets")
    if run.returncode:
        sys.stdout.buffer.write(run.stdout)
    elif not verdict.findings and not keep:
        capture.unlink()
        keys.unlink()
    return run.returncode == 0, verdict


def _counted(seen: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in seen.items())


def _tests(names: list[str]) -> Iterator[str]:
    waiting = [TestLoader().loadByNames(names, recurse=True)]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, TestSuite):
            waiting[:0] = list(each)
        else:
            yield each.id()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
