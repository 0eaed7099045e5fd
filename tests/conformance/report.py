"""Reads requirement ids from the docstrings of tests, and writes the table of docs/conformance.md.

A test claims a requirement by its id in square brackets: `[R-PSA-EST-1]`, `[D-SIP-2, D-SIP-3]`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

ROOT = Path(__file__).parent.parent.parent
REQUIREMENTS = ROOT / "docs" / "requirements.tsv"
REPORT = ROOT / "docs" / "conformance.md"

_ID = r"[RDF]-[A-Z0-9]+(?:-[A-Za-z0-9]+)*"
_CLAIM = re.compile(rf"\[({_ID}(?:[,;]?\s+{_ID})*)\]")

CHAPTERS = (
    ("R-GEN", "General"),
    ("R-PRA-INV", "Receiver: INVITE"),
    ("R-PRA-REL", "Receiver: release"),
    ("R-PSA-EST", "Sender: establishment"),
    ("R-PSA-200", "Sender: after the 200"),
    ("R-PSA-CAN", "Sender: CANCEL"),
    ("R-PSA-REL", "Sender: release"),
    ("R-UP", "User plane"),
    ("R-FLOW", "The flow of Annex A.6"),
    ("R-INF", "Informative statements"),
    ("D-SIP", "Derived: SIP"),
    ("D-SES", "Derived: session timer"),
    ("D-SDP", "Derived: SDP"),
    ("D-MSRP", "Derived: MSRP"),
    ("D-TLS", "Derived: TLS"),
    ("F", "Features of a complete push system"),
)

HEAD = """\
# Conformance

The requirements of pushsvc and the tests that prove them, written by `make docs` from the docstrings of the tests.
R-… are statements of the OMA SIP Push text that pushsvc started from, D-… follow from the RFCs that it refers to,
F-… are features of a complete system. S is the sender, R the receiver.

"""


@attrs.frozen
class Requirement:
    """One thing that pushsvc must do: its id, whose duty it is, and what it says."""

    id: str
    who: str
    statement: str


def requirements(path: Path = REQUIREMENTS) -> list[Requirement]:
    """The requirements, in the file's order."""
    _, *rows = path.read_text().splitlines()
    return [Requirement(*row.split("\t")) for row in rows]


def claims(folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Every claimed id, and the tests that claim it, as `tests.sip.test_codec.Folding.test_is_accepted`."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        module = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
        for name, docstring in _docstrings(ast.parse(path.read_bytes()), module):
            for claim in _CLAIM.findall(docstring):
                for identifier in re.findall(_ID, claim):
                    tests = found.setdefault(identifier, [])
                    tests.extend([name] if name not in tests else [])
    return found


def _docstrings(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    """Of every class of tests and of every test in it. A class's claim is the claim of all its tests together."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield f"{module}.{node.name}", ast.get_docstring(node) or ""
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and member.name.startswith("test"):
                    yield f"{module}.{node.name}.{member.name}", ast.get_docstring(member) or ""


def unknown(required: Sequence[Requirement], claimed: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Claims of ids that no requirement has: slips of the pen, each with its tests."""
    known = {requirement.id for requirement in required}
    return {identifier: tests for identifier, tests in claimed.items() if identifier not in known}


def report(required: Sequence[Requirement], claimed: Mapping[str, Sequence[str]]) -> str:
    """The whole page."""
    proved = sum(requirement.id in claimed for requirement in required)
    page = HEAD + f"{proved} of {len(required)} requirements have a test.\n"
    for prefix, title in CHAPTERS:
        rows = [requirement for requirement in required if requirement.id.startswith(f"{prefix}-")]
        page += f"\n## {title}\n\n| id | who | requirement | tests |\n|---|---|---|---|\n"
        page += "".join(_row(requirement, claimed.get(requirement.id, ())) for requirement in rows)
    return page


def _row(requirement: Requirement, tests: Sequence[str]) -> str:
    names = "<br>".join(f"`{test.removeprefix('tests.')}`" for test in tests) or "no test yet"
    return f"| {requirement.id} | {requirement.who} | {requirement.statement} | {names} |\n"
