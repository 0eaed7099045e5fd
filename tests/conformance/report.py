"""Reads requirement ids from the docstrings of tests, and writes the table of docs/conformance.md.

A test claims a requirement by its id in square brackets: `[R-PSA-EST-1]`, `[D-SIP-2, D-SIP-3]`. A requirement that does
not apply says why in the last column of docs/requirements.tsv. What became of the tests: results.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
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

PASSED = "passed"
NOT_APPLICABLE = "not applicable"

HEAD = """\
# Conformance

The requirements of pushsvc, the tests that prove them, and what became of those tests in the last run of the whole
suite. Written by `make docs` from the docstrings of the tests; `make test` fails when a test named here does not pass,
when an R-… or D-… has no test and no reason why it does not apply, or when this page is not what the tests say.

R-… are statements of the OMA SIP Push text that pushsvc started from, D-… follow from the RFCs that it refers to,
F-… are features of a complete system. S is the sender, R the receiver, core the SIP proxies between them. A test is run
by its name, with `tests.` before it: `.venv/bin/python -m tests tests.sip.test_codec`.

"""

Verdict = Callable[[Sequence[str]], str]
"""What became of some tests together: "passed" or a worse word."""


@attrs.frozen
class Requirement:
    """One thing that pushsvc must do: its id, whose duty it is, what it says, and why not, where it does not apply."""

    id: str
    who: str
    statement: str
    not_applicable: str = ""


def requirements(path: Path = REQUIREMENTS) -> list[Requirement]:
    """The requirements, in the file's order."""
    _, *rows = path.read_text("utf-8").splitlines()
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


def gaps(required: Sequence[Requirement], claimed: Mapping[str, Sequence[str]]) -> list[str]:
    """The R-… and D-… that no test proves, and that apply all the same. A feature may be missing yet."""
    bare = [each.id for each in required if each.id not in claimed and not each.not_applicable]
    return [identifier for identifier in bare if not identifier.startswith("F-")]


def report(required: Sequence[Requirement], claimed: Mapping[str, Sequence[str]], verdict: Verdict) -> str:
    """The whole page."""
    results = {each.id: _result(each, claimed, verdict) for each in required}
    page = HEAD + _sums(results)
    for prefix, title in CHAPTERS:
        rows = [requirement for requirement in required if requirement.id.startswith(f"{prefix}-")]
        page += f"\n## {title}\n\n| id | who | requirement | result | tests |\n|---|---|---|---|---|\n"
        page += "".join(
            f"| {each.id} | {each.who} | {each.statement} | {results[each.id]} | "
            f"{_tests(claimed.get(each.id, ())) or each.not_applicable} |\n"
            for each in rows
        )
    return page


def _result(requirement: Requirement, claimed: Mapping[str, Sequence[str]], verdict: Verdict) -> str:
    if requirement.id in claimed:
        return verdict(claimed[requirement.id])
    return NOT_APPLICABLE if requirement.not_applicable else "not built yet"


def _sums(results: Mapping[str, str]) -> str:
    """How many requirements of each kind came out how."""
    lines = ""
    for kinds, of in (("RD", "statements of the text and of its RFCs"), ("F", "features")):
        found = [result for identifier, result in results.items() if identifier[0] in kinds]
        counts = [f"{found.count(result)} {result}" for result in dict.fromkeys([PASSED, *sorted(found)])]
        lines += f"- {len(found)} {of}: {', '.join(counts)}.\n"
    return lines


def _tests(names: Sequence[str]) -> str:
    """Folded, and each class named once: a cell of a dozen names would hide the table."""
    if not names:
        return ""
    folded = f"<details><summary>{len(names)} {'test' if len(names) == 1 else 'tests'}</summary>"
    for owner, members in groupby(names, key=_class_of):
        methods = [name.removeprefix(f"{owner}.") for name in members if name != owner]
        folded += "<br>".join([f"`{owner.removeprefix('tests.')}`", *(f"`.{method}`" for method in methods)]) + "<br>"
    return folded.removesuffix("<br>") + "</details>"


def _class_of(name: str) -> str:
    """The class of a test, or the class that is named itself."""
    owner, _, last = name.rpartition(".")
    return owner if last.startswith("test") else name
