"""Writes docs/conformance.md: `python -m tests.conformance`."""

import sys

from tests.conformance.report import REPORT, claims, report, requirements, unknown

required, claimed = requirements(), claims()
if slips := unknown(required, claimed):
    sys.exit("\n".join(f"no requirement has the id {name}: {', '.join(tests)}" for name, tests in slips.items()))
REPORT.write_text(report(required, claimed))
