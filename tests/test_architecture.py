"""One-way imports, checked by reading the source: this file is the picture of the architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import pushsvc

PURE = frozenset({"errors", "machine", "quoting", "digest", "sip", "msrp", "sdp", "push"})
PURE_FOLDERS = ("doctor/judgement/",)  # pure ones inside of parts that are not; of ours they import nothing else
WORLD = frozenset({"twisted", "zope", "socket", "time", "random", "secrets", "os"})
ROLES = frozenset({"sender", "receiver"})
ROLE_FLOORS = frozenset(
    {"errors", "machine", "digest", "sip", "sdp", "push", "net", "sessions", "config", "ops", "api", "wiring"}
)
FOR_SERVICES = frozenset({"net", "wiring", "doctor"})  # inside a role only its service.py builds things of these

# A part of pushsvc, and the other parts that it may import. Strictly downward.
ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "machine": frozenset(),
    "quoting": frozenset(),
    "digest": frozenset({"quoting"}),
    "sip": frozenset({"errors", "machine", "quoting", "digest"}),
    "msrp": frozenset({"errors", "machine", "quoting", "digest"}),
    "sdp": frozenset({"errors", "msrp"}),
    "push": frozenset({"errors", "machine", "sip", "msrp", "sdp"}),
    "net": frozenset({"errors", "machine", "digest", "sip", "msrp"}),
    "sessions": frozenset({"errors", "machine", "quoting", "sip", "msrp", "sdp", "net"}),
    "config": frozenset({"errors", "sip", "msrp"}),
    "ops": frozenset({"errors", "config"}),
    "api": frozenset({"errors", "ops"}),
    "wiring": ROLE_FLOORS - {"sdp", "push", "wiring"},
    "doctor": ROLE_FLOORS - {"ops", "api"},
    "sender": ROLE_FLOORS | {"doctor"},
    "receiver": ROLE_FLOORS | {"doctor"},
    "pushctl": frozenset({"errors", "config"}),
}
# The two parts of the command line that may run daemons inside themselves.
ALLOWED_FILES = {"pushctl/lab.py": ROLES, "pushctl/direct.py": ROLES}


def part(module: str) -> str:
    """`sip` for `pushsvc.sip.codec`; empty for the package itself and for what is not ours."""
    names = module.split(".")
    return names[1] if names[0] == "pushsvc" and len(names) > 1 else ""


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Every name that a module imports, wherever in it, as absolute dotted names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: 1 - node.level or None] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def breaches(root: Path) -> Iterator[str]:
    """`file: imported name`, for every import below `root` (a folder named pushsvc) that breaks a rule."""
    for path in sorted(root.rglob("*.py")):
        file = path.relative_to(root).as_posix()
        package = ".".join(path.relative_to(root.parent).parent.parts)
        for name in imported(ast.parse(path.read_bytes()), package):
            if not _permitted(file, name):
                yield f"{file}: {name}"


def _permitted(file: str, name: str) -> bool:
    me = file.partition("/")[0].removesuffix(".py")
    top, other = name.partition(".")[0], part(name)
    if name.startswith("twisted.internet.reactor"):
        return file.endswith("/tap.py")
    if top in WORLD:
        return me not in PURE and not file.startswith(PURE_FOLDERS)
    if top == "pushsvc" and file.startswith(PURE_FOLDERS):
        return name.startswith(f"pushsvc.{file.rpartition('/')[0].replace('/', '.')}.")
    if other in FOR_SERVICES and me in ROLES:
        return file.endswith("/service.py")
    if top != "pushsvc" or other in (me, "") or name == "pushsvc.__version__":
        return True
    return other in ALLOWED.get(me, frozenset()) | ALLOWED_FILES.get(file, frozenset())


class ImportsGoOneWay(SynchronousTestCase):
    """Whoever changes a floor must know that nothing below it can notice."""

    def test_nothing_in_pushsvc_breaks_the_table(self) -> None:
        """A floor that reaches upward can no longer be read, tested or replaced alone."""
        self.assertEqual(list(breaches(Path(pushsvc.__file__).parent)), [])

    def test_every_part_has_its_row(self) -> None:
        """A part that nobody placed may import nothing, and its author should hear why."""
        root = Path(pushsvc.__file__).parent
        parts = {path.stem for path in root.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()} - {
            "__init__"
        }
        self.assertEqual(parts - set(ALLOWED), set())

    def test_the_table_has_no_circle(self) -> None:
        """Strictly downward: a part can be placed once all that it may import are placed."""
        placed: set[str] = set()
        while len(placed) < len(ALLOWED):
            ready = {me for me, below in ALLOWED.items() if me not in placed and below <= placed}
            self.assertTrue(ready, f"a circle among {set(ALLOWED) - placed}")
            placed |= ready


class PlantedBreaches(SynchronousTestCase):
    """A check that finds nothing must be shown to find something."""

    def found(self, file: str, source: str) -> list[str]:
        path = Path(self.mktemp()) / "pushsvc" / file
        path.parent.mkdir(parents=True)
        path.write_text(source)
        root = path.parents[len(Path(file).parts) - 1]
        return list(breaches(root))

    def test_each_forbidden_import_is_named(self) -> None:
        """Every rule of the table, and every way to write an import."""
        planted = {
            ("sip/codec.py", "from pushsvc.net import driver"): "pushsvc.net.driver",
            ("msrp/framer.py", "import pushsvc.sip.uri"): "pushsvc.sip.uri",
            ("sip/uri.py", "from ..push import safe_name"): "pushsvc.push.safe_name",
            ("sip/deep/uri.py", "from ...net import driver"): "pushsvc.net.driver",
            ("errors.py", "from . import machine"): "pushsvc.machine",
            ("push.py", "def f():\n    import time"): "time",
            ("sdp.py", "from twisted.logger import Logger"): "twisted.logger.Logger",
            ("sdp/media.py", "import os.path"): "os.path",
            ("machine.py", "from secrets import token_hex"): "secrets.token_hex",
            ("net/driver.py", "from twisted.internet import reactor"): "twisted.internet.reactor",
            ("sender/service.py", "import twisted.internet.reactor"): "twisted.internet.reactor",
            ("net/tls.py", "from pushsvc.sdp import Fingerprint"): "pushsvc.sdp.Fingerprint",
            ("sender/outbox.py", "from pushsvc.receiver import inbox"): "pushsvc.receiver.inbox",
            ("sender/delivery.py", "from pushsvc.net.tls import context"): "pushsvc.net.tls.context",
            ("receiver/inbox.py", "from pushsvc.wiring import network"): "pushsvc.wiring.network",
            ("wiring/network.py", "from pushsvc.sender import outbox"): "pushsvc.sender.outbox",
            ("pushctl/cli.py", "from pushsvc.sender import outbox"): "pushsvc.sender.outbox",
            ("api/site.py", "from pushsvc import config"): "pushsvc.config",
            ("doctor/judgement/way.py", "import time"): "time",
            ("doctor/judgement/way.py", "from pushsvc.doctor import asking"): "pushsvc.doctor.asking",
            ("receiver/reception.py", "from pushsvc.doctor import own_push"): "pushsvc.doctor.own_push",
            ("novelty.py", "from pushsvc import errors"): "pushsvc.errors",
        }
        for (file, source), name in planted.items():
            self.assertEqual(self.found(file, source), [f"{file}: {name}"])

    def test_what_is_allowed_stays_silent(self) -> None:
        """The exceptions of the table are exceptions, not holes."""
        for file, source in (
            ("sender/tap.py", "def makeService():\n    from twisted.internet import reactor"),
            ("receiver/service.py", "from pushsvc.net.tls import context\nfrom pushsvc.wiring import daemon"),
            ("pushctl/lab.py", "from pushsvc.sender import service"),
            ("sip/codec.py", "from pushsvc.sip.message import Request\nfrom . import headers"),
            ("pushctl/cli.py", "from pushsvc import __version__"),
            ("net/tls.py", "import socket, time"),
        ):
            self.assertEqual(self.found(file, source), [])
