"""The files in etc/ are the reference: every key, its meaning, its default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

import pushsvc
from pushsvc.config import Config, ReceiverConfig, Rule, SenderConfig, User, load_receiver, load_sender
from pushsvc.config.kinds import kind_of_field
from pushsvc.config.structure import NOT_IN_THE_FILE, keys_of, toml_name

ROOT = Path(pushsvc.__file__).parent.parent
ETC, DOCS = ROOT / "etc", ROOT / "docs"
FILES: tuple[tuple[str, Any, type[Config]], ...] = (
    ("sender.toml", load_sender, SenderConfig),
    ("receiver.toml", load_receiver, ReceiverConfig),
)
# Nothing can be written for "none": an example is.
NO_DEFAULT = ("sip.auth_password", "msrp.relay_password", "rule", "user")


def keys(section: type[Any], prefix: str = "") -> Iterator[str]:
    """Every dotted key of a section and of those in it."""
    for field in attrs.fields(attrs.resolve_types(section)):
        if field.name in NOT_IN_THE_FILE:
            continue
        if isinstance(field.type, type) and attrs.has(field.type) and kind_of_field(field) is None:
            yield from keys(field.type, f"{prefix}{toml_name(field)}.")
        else:
            yield prefix + toml_name(field)


def written(tables: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tables.items():
        if isinstance(value, dict):
            yield from written(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def example(table: str) -> str:
    """The [[table]] that is commented out in etc/receiver.toml, without its comments."""
    _, _, after = (ETC / "receiver.toml").read_text().partition(f"# [[{table}]]\n")
    lines = re.findall(r"(?m)^# ([a-z_]+ = .*)", after.partition("\n\n")[0])
    return "\n".join([f"[[{table}]]", *lines, ""])


class ExampleFiles(SynchronousTestCase):
    """etc/sender.toml and etc/receiver.toml"""

    def test_each_default_is_the_codes(self) -> None:
        """A file that lies about defaults is worse than none."""
        for name, load, kind in FILES:
            loaded, default = load(ETC / name), kind()
            self.assertEqual(attrs.evolve(loaded, origin=default.origin, state_dir=default.state_dir), default)

    def test_every_key_is_there(self) -> None:
        """Nothing can be set that cannot be found here."""
        for name, _, kind in FILES:
            there = set(written(tomllib.loads((ETC / name).read_text())))
            self.assertEqual(there, set(keys(kind)) - set(NO_DEFAULT), name)

    def test_keys_without_a_default_are_there_as_an_example(self) -> None:
        """Passwords and rules, commented out."""
        for name, _, kind in FILES:
            text = (ETC / name).read_text()
            for key in set(keys(kind)) & set(NO_DEFAULT):
                self.assertRegex(text, rf"(?m)^# (\[\[)?{key.rpartition('.')[2]}( = |\]\])")

    def test_the_examples_would_be_accepted(self) -> None:
        """Who takes the comment sign away has a rule, and a user once its password is there."""
        path = Path(self.mktemp())
        path.write_text((example("rule") + example("user")).replace("/etc/pushsvc/secrets/", ""))
        (path.parent / "user-push").touch(0o600)
        (path.parent / "user-push").write_text("secret")
        (user,) = load_receiver(path).user
        self.assertEqual(str(user.identity), "sip:push@example.com")
        for table, kind in (("rule", Rule), ("user", User)):
            self.assertEqual(set(tomllib.loads(example(table))[table][0]), set(keys_of(kind)))

    def test_every_key_has_a_comment_above(self) -> None:
        """t2 and t4 share the one of t1."""
        for name, _, _ in FILES:
            lines = (ETC / name).read_text().splitlines()
            bare = [
                line
                for above, line in pairwise(lines)
                if re.match(r"(# )?[a-z0-9_]+ = ", line) and not above.startswith("# ")
            ]
            self.assertEqual(bare, ['t2 = "4s"', 't4 = "5s"'], name)


class ManualPages(SynchronousTestCase):
    """Configurations that the manual says to write."""

    def test_those_of_a_core_would_be_accepted(self) -> None:
        """[F-05] docs/kamailio.md: whoever copies them has no mistakes to mend."""
        blocks = re.findall(
            r"```toml\n(# (sender|receiver)\.toml\n.*?)```", (DOCS / "kamailio.md").read_text(), re.DOTALL
        )
        self.assertEqual([role for _, role in blocks], ["sender", "receiver", "receiver"])
        load = {"sender": load_sender, "receiver": load_receiver}
        loaded: list[Config] = []
        for block, role in blocks:
            path = Path(self.mktemp())
            path.write_text("allow_inline_secrets = true\n" + re.sub(r"{ file = .*? }", '"x"', block))
            loaded.append(load[role](path))
        receivers = [each for each in loaded if isinstance(each, ReceiverConfig)]
        self.assertEqual([each.says_who_may_send for each in receivers], [True, True])
