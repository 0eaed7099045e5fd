"""docs/licences.md: every pinned package and its licence. Packages' metadata are dicts as PEP 566 writes them in JSON.

`python -m tests.supply.licences` writes it, where all of `constraints.txt` is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "licences.md"
OURS = "pushsvc"

HEAD = """\
# Licences

pushsvc itself is under the MIT licence. A wheel of it contains nothing of others; these are the packages that it needs,
with all that they need in turn, as they say it themselves. The versions are those of `constraints.txt`. Written by
`make pins`; `make test` fails where an installed package says something else, or is not here.
"""

Metadata = Mapping[str, Any]

_ROW = re.compile(r"^\| (\S+) \| (.+) \|$", re.MULTILINE)


CONSTRAINTS = ROOT / "constraints.txt"


def pins() -> dict[str, str]:
    """Name and version of everything in constraints.txt."""
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    return {line.partition("==")[0]: line.partition("==")[2] for line in lines if not line.startswith("#")}


def canonical(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, Metadata]:
    """What is in this environment."""
    return {canonical(each.metadata["Name"]): each.metadata.json for each in distributions()}


def licence(package: Metadata) -> str:
    """An SPDX expression, else what the classifiers say, else the first line of the licence's text."""
    if said := package.get("license_expression"):
        return str(said)
    licences = [each for each in package.get("classifier", ()) if each.startswith("License :: ")]
    if licences:
        return ", ".join(sorted(each.rpartition(" :: ")[2] for each in licences))
    return (package.get("license") or "not said").strip().splitlines()[0][:80]


def needed(packages: Mapping[str, Metadata]) -> set[str]:
    """The names of those of the packages that an installation without extras has."""
    found: set[tuple[str, str]] = set()
    ahead = [(OURS, "")]
    while ahead:
        one = ahead.pop()
        if one[0] in packages and one not in found:
            found.add(one)
            ahead += _needs(packages[one[0]], one[1])
    return {name for name, _ in found} - {OURS}


def _needs(package: Metadata, extra: str) -> Iterator[tuple[str, str]]:
    for need in map(Requirement, package.get("requires_dist", ())):
        if need.marker is None or need.marker.evaluate({"extra": extra}):
            yield from ((canonical(need.name), each) for each in ("", *need.extras))


def page(packages: Mapping[str, Metadata]) -> str:
    """The whole page."""
    run = needed(packages)
    text = HEAD
    for title, names in (
        ("To run", run),
        ("To test, check, audit, document and fuzz", packages.keys() - run - {OURS}),
    ):
        text += f"\n## {title}\n\n| package | licence |\n|---|---|\n"
        text += "".join(f"| {name} | {licence(packages[name])} |\n" for name in sorted(names))
    return text


def told(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Package and licence in both tables of a page."""
    run, _, rest = text.partition("\n## To test")
    one, other = (dict(_ROW.findall(part)) for part in (run, rest))
    one.pop("package"), other.pop("package")
    return one, other


if __name__ == "__main__":
    PAGE.write_text(page({OURS: installed()[OURS], **{name: installed()[name] for name in pins()}}), "utf-8")
