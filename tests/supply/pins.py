"""constraints.txt: the version of everything that is installed to run, test, check and document pushsvc.

`python -m tests.supply.pins` writes it anew, with the newest versions that the registry has for this Python.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.supply.licences import CONSTRAINTS, OURS, ROOT, canonical

EXTRAS = ("test", "check", "audit", "docs", "fuzz")
INSTALLER = "pip"  # which is there already

HEAD = """\
# The versions that everything here is tested, checked and documented with: `make` installs by it, and `make check` asks
# what is known against them. A user may do so too: pip install --constraint constraints.txt .
# Written anew by `make pins`.
"""


def resolved() -> dict[str, str]:
    """What pip would install now into an empty environment: name and version."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-"]
    done = subprocess.run([*command, f".[{','.join(EXTRAS)}]"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found = [each["metadata"] for each in json.loads(done.stdout)["install"]]
    versions = {canonical(each["name"]): each["version"] for each in found}
    return {name: versions[name] for name in sorted(versions) if name not in (INSTALLER, OURS)}


if __name__ == "__main__":
    CONSTRAINTS.write_text(HEAD + "".join(f"{name}=={version}\n" for name, version in resolved().items()), "utf-8")
