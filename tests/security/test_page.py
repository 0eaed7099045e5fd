"""docs/security.md: every test, setting and constant that it names is there, and no promise is without a test."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.receiver import ReceiverConfig
from pushsvc.config.sender import SenderConfig

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "security.md"
TEST = re.compile(r"\btests(?:\.\w+)+")
OURS = re.compile(r"`(pushsvc(?:\.\w+)+)`")
KEY = re.compile(r"`(\w+\.\w+)`")


def is_test(name: str) -> bool:
    """Whether there is a module, a class or a method of tests of this name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        file = ROOT.joinpath(*parts[:length]).with_suffix(".py")
        if file.is_file():
            return parts[length - 1].startswith("test_") and _has(ast.parse(file.read_bytes()), parts[length:])
    return False


def _has(node: ast.Module | ast.ClassDef, names: list[str]) -> bool:
    if not names:
        return True
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef) if isinstance(node, ast.ClassDef) else (ast.ClassDef,)
    found = [each for each in node.body if isinstance(each, kinds) and each.name == names[0]]
    if isinstance(node, ast.ClassDef):
        return len(names) == 1 and names[0].startswith("test_") and bool(found)
    return any(isinstance(each, ast.ClassDef) and _has(each, names[1:]) for each in found)


def is_ours(name: str) -> bool:
    """Whether there is a module of ours, or something in one, of this name."""
    parts = name.split(".")
    length = max(length for length in range(len(parts) + 1) if _is_module(ROOT.joinpath(*parts[:length])))
    try:
        functools.reduce(getattr, parts[length:], importlib.import_module(".".join(parts[:length])))
    except AttributeError:
        return False
    return True


def _is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def settings() -> set[str]:
    """Every `section.key` of both configurations."""
    sections = {field.name: field.type for each in (SenderConfig, ReceiverConfig) for field in _fields(each)}
    return {
        f"{name}.{key.name}" for name, section in sections.items() if attrs.has(section) for key in _fields(section)
    }


def _fields(some: type) -> tuple[attrs.Attribute, ...]:  # type: ignore[type-arg]
    return attrs.fields(attrs.resolve_types(some))


def rows(page: str) -> Iterator[tuple[str, list[str]]]:
    """The rows of every table, each with the title above it."""
    title = ""
    for line in page.splitlines():
        title = line if line.startswith("#") else title
        if line.startswith("| ") and not line.startswith(("| asset", "| promise", "| | goal", "| limit")):
            yield title, line.strip("| ").split(" | ")


class ThePage(SynchronousTestCase):
    """Whoever relies on a promise can run what holds it."""

    def setUp(self) -> None:
        self.page = PAGE.read_text("utf-8")

    def assert_there(self, found: list[str], is_there: Callable[[str], bool], least: int) -> None:
        self.assertGreater(len(found), least)
        self.assertEqual([name for name in found if not is_there(name)], [])

    def test_its_tests_are_there(self) -> None:
        """A test that was renamed leaves a promise without its proof."""
        self.assert_there(TEST.findall(self.page), is_test, 120)

    def test_its_constants_and_settings_are_there(self) -> None:
        """Where a limit can be looked up, or set."""
        self.assert_there(OURS.findall(self.page), is_ours, 20)
        _, _, limits = self.page.partition("## Limits")
        self.assert_there(KEY.findall(limits), settings().__contains__, 6)

    def test_no_promise_goal_or_limit_is_without_a_test(self) -> None:
        """Or it would be a hope."""
        judged = [row for title, row in rows(self.page) if title != "## What there is to lose"]
        self.assertGreater(len(judged), 60)
        self.assertEqual([row[0] for row in judged if not TEST.search(row[-1])], [])

    def test_its_links_lead_there(self) -> None:
        """From the manual's contents, from the README, and from where limits are described."""
        self.assertIn("\nsecurity\n", (ROOT / "docs" / "index.md").read_text("utf-8"))
        self.assertIn("\nlicences\n", (ROOT / "docs" / "index.md").read_text("utf-8"))
        self.assertIn("(docs/security.md)", (ROOT / "README.md").read_text("utf-8"))
        self.assertIn("(security.md)", (ROOT / "docs" / "operating.md").read_text("utf-8"))


class Finding(SynchronousTestCase):
    """What these tests take for a test."""

    def test_names(self) -> None:
        here = f"{__name__}.{type(self).__name__}"
        for name, there in (
            (f"{here}.test_names", True),
            (here, True),
            (__name__, True),
            (f"{here}.test_name", False),
            (f"{here}.test_names.test_names", False),
            (f"{__name__}.test_names", False),
            (f"{__name__}.is_test", False),
            ("tests.security.hostile_names", False),
            ("tests.security.test_nothing", False),
            ("tests", False),
        ):
            self.assertEqual(is_test(name), there, name)
        for name, there in (
            ("pushsvc.sip.codec.Limits", True),
            ("pushsvc.sip.codec.Limit", False),
            ("pushsvc.sip.codex", False),
        ):
            self.assertEqual(is_ours(name), there, name)
