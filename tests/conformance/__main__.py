"""Writes docs/conformance.md from the last run of the whole suite, or from one now: `python -m tests.conformance`."""

import sys

from tests.__main__ import main
from tests.conformance.report import REPORT, claims, gaps, report, requirements, unknown
from tests.conformance.results import kept, verdict

required, claimed = requirements(), claims()
if slips := unknown(required, claimed):
    sys.exit("\n".join(f"no requirement has the id {name}: {', '.join(tests)}" for name, tests in slips.items()))
results = kept()
if results is None:  # its exit status is not ours: the page shows what failed
    main([])
    results = kept()
if results is None:
    sys.exit("the tests did not run to their end")
REPORT.write_text(report(required, claimed, lambda tests: verdict(tests, results)), "utf-8")
if missing := gaps(required, claimed):
    sys.stderr.write(f"without a test, and not called not applicable: {', '.join(missing)}\n")
