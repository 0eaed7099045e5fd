"""A configuration is read as a whole: all of its mistakes at once, each with its place, or a value that is right."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from pushsvc.config import (
    Action,
    Level,
    Listen,
    NotPermitted,
    Override,
    ReceiverConfig,
    Rule,
    SenderConfig,
    load_sender,
    parse_override,
    reloaded,
)
from pushsvc.errors import ConfigError, ConfigErrors
from pushsvc.sip.uri import SipUri
from tests.config.case import ConfigCase

FIVE_MISTAKES = """
[sip]
identty = "sip:a@example.com"
listen = [
    "udp:127.0.0.1:5060",
    "tpc:127.0.0.1:5060",
]
[msrp]
relay_user = "alice"
[tls]
certificate = "cert.pem"
[delivery]
retry = { first = "5 sec" }
"""


class Loading(ConfigCase):
    """What comes out of a file that has no mistakes."""

    def test_an_empty_file_gives_the_defaults(self) -> None:
        """Everything has a default."""
        config = self.sender()
        self.assertEqual(attrs.evolve(config, origin=SenderConfig().origin, state_dir=Path("state")), SenderConfig())

    def test_each_kind_of_value_arrives(self) -> None:
        """One of each, in the types that the code works with."""
        config = self.receiver(
            """
            [sip]
            identity = "sip:alice@example.org"
            outbound_proxy = "sip:core.example.org;transport=tcp"
            trusted_peers = ["192.0.2.0/24", "2001:db8::1"]
            [msrp]
            listen = "tls:[::1]:0"
            chunk = "32KiB"
            [accept]
            max_size = 1300
            [log]
            level = "debug"
            [[rule]]
            from = "sip:*@example.com"
            types = ["image/*"]
            max_size = "10MiB"
            action = "ask"
            timeout = "1m"
            [[rule]]
            action = "decline"
            """
        )
        self.assertEqual(config.sip.identity, SipUri(user="alice", host="example.org"))
        self.assertEqual(config.sip.outbound_proxy, SipUri.parse("sip:core.example.org;transport=tcp"))
        self.assertEqual(list(map(str, config.sip.trusted_peers)), ["192.0.2.0/24", "2001:db8::1/128"])
        self.assertEqual(config.msrp.listen, (Listen("tls", "::1", 0),))
        self.assertEqual((config.msrp.chunk, config.accept.max_size), (32768, 1300))
        self.assertIs(config.log.level, Level.DEBUG)
        self.assertEqual(
            config.rule,
            (
                Rule(
                    action=Action.ASK,
                    from_="sip:*@example.com",
                    types=("image/*",),
                    max_size=10 << 20,
                    timeout=60.0,
                ),
                Rule(action=Action.DECLINE),
            ),
        )

    def test_names_of_files_start_at_the_configuration(self) -> None:
        """A daemon changes its directory; its configuration does not move."""
        self.file("tokens", "")
        self.assertEqual(self.sender('[api]\ntokens = "tokens"').api.tokens, self.directory / "tokens")

    def test_state_is_where_it_was_asked_for_then_where_systemd_says_then_here(self) -> None:
        """--state-dir, $STATE_DIRECTORY (the first of several), ./state; always absolute."""
        file = self.file("s.toml", "")
        under_systemd = {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}
        self.assertEqual(load_sender(file, (), Path("/x"), under_systemd).state_dir, Path("/x"))
        self.assertEqual(load_sender(file, (), None, under_systemd).state_dir, Path("/var/lib/a"))
        self.assertEqual(load_sender(file, (), None, {}).state_dir, Path("state").absolute())

    def test_directories_are_below_the_state(self) -> None:
        """One place for everything that changes."""
        config = load_sender(self.file("s.toml", ""), (), Path("/x"), {})
        self.assertEqual((config.content_dir, config.database_path), (Path("/x/content"), Path("/x/queue.db")))
        self.assertEqual(ReceiverConfig(state_dir=Path("/x")).inbox_dir, Path("/x/inbox"))

    def test_digest_uses_the_identity_unless_told_otherwise(self) -> None:
        """Most accounts have one name."""
        self.assertEqual(self.sender('[sip]\nidentity = "sip:bob@x.org"').sip.credentials_user, "bob")
        self.assertEqual(self.sender('[sip]\nauth_user = "b"').sip.credentials_user, "b")


class Mistakes(ConfigCase):
    """What is said about a file that has some."""

    def test_five_mistakes_are_five_lines(self) -> None:
        """One run of --check is enough to mend a file."""
        self.assertEqual(
            self.sender_mistakes(FIVE_MISTAKES),
            [
                's.toml:3: sip.identty: unknown key; did you mean "identity"?',
                's.toml:6: sip.listen[1]: "tpc:127.0.0.1:5060" is not an address to listen on; '
                'write "udp:127.0.0.1:5060" or "tls:[::1]:5061"',
                "s.toml:9: msrp.relay_user: there is no relay for this user; set relay",
                "s.toml:11: tls.private_key: is missing beside certificate; give both or neither",
                's.toml:13: delivery.retry.first: "5 sec" is not a duration; '
                'write "500ms", "30s", "5m", "3d", or a number of seconds',
            ],
        )

    def test_an_unknown_key_is_told_where_it_belongs(self) -> None:
        """The same word in the wrong section, or in the other daemon's file."""
        self.assertEqual(
            self.sender_mistakes('linger = "1s"\n[sip]\nchunk = 1\n[inbox]\n[frobnicate]\n'),
            [
                "s.toml:1: linger: unknown key; it belongs in [delivery]",
                "s.toml:3: sip.chunk: unknown key; it belongs in [msrp]",
                "s.toml:4: inbox: unknown key; it belongs in the file of push-receiver",
                "s.toml:5: frobnicate: unknown key; known here: allow_inline_secrets, sip, tls, msrp, api, log, "
                "shutdown, queue, delivery",
            ],
        )

    def test_types_are_strict(self) -> None:
        """`"false"` would be true elsewhere."""
        self.assert_named(
            self.receiver_mistakes(
                'sip = 1\nrule = 2\n[accept]\nopen = "false"\nmax_sessions = 1.5\ntypes = "image/*"\nallow = [1]\n'
            ),
            "r.toml:1: sip: 1 is not a table",
            "r.toml:2: rule: not a list of tables",
            'r.toml:4: accept.open: "false" is neither true nor false; without quotes',
            "r.toml:5: accept.max_sessions: 1.5 is not a whole number",
            'r.toml:6: accept.types: "image/*" is not a list; write ["image/*"]',
            'r.toml:7: accept.allow[0]: 1 is not a string; write "1"',
        )

    def test_what_is_no_uri_network_or_number_is_refused(self) -> None:
        """With an example of what would be one."""
        self.assertEqual(
            self.sender_mistakes(
                '[sip]\nidentity = "alice"\ntrusted_peers = ["10.0.0.1/8"]\n'
                '[msrp]\nrelay = "relay"\n[delivery]\nretry = { factor = "3" }\n'
            ),
            [
                's.toml:2: sip.identity: "alice" is not a SIP URI; write "sip:user@example.com"',
                's.toml:3: sip.trusted_peers[0]: "10.0.0.1/8" is not a network: 10.0.0.1/8 has host bits set; '
                'write "192.0.2.0/24"',
                's.toml:5: msrp.relay: "relay" is not an MSRP URI; write "msrps://host:2855;tcp"',
                's.toml:7: delivery.retry.factor: "3" is not a number',
            ],
        )

    def test_numbers_have_bounds(self) -> None:
        """No limit may be off by a unit without being noticed."""
        self.assert_named(
            self.sender_mistakes(
                "[sip]\nsession_expires = 60\n[delivery]\nconcurrency = 0\n"
                "[delivery.retry]\njitter = 1.5\nfactor = nan\nattempts = 0\n"
            ),
            "s.toml:2: sip.session_expires: 60s is out of range; allowed: 90s to",
            "s.toml:4: delivery.concurrency: 0 is out of range; allowed: 1 to",
            "s.toml:6: delivery.retry.jitter: 1.5 is out of range; allowed: 0.0 to 1.0",
            "s.toml:7: delivery.retry.factor: nan is out of range",
            "s.toml:8: delivery.retry.attempts: 0 is out of range",
        )

    def test_control_characters_are_refused(self) -> None:
        """A display name must not be able to add a header."""
        self.assert_named(
            self.sender_mistakes('[sip]\ndisplay_name = "a\\r\\nEvil: yes"'),
            's.toml:2: sip.display_name: "a??Evil: yes" has a control character in it',
        )

    def test_a_rule_says_what_it_does(self) -> None:
        """The only key without a default; and a wrong rule is no reason to ask for one."""
        self.assertEqual(
            self.receiver_mistakes('[msrp]\nlisten = "tls:0.0.0.0:0"\n\n[[rule]]\nfrom = ""\n'),
            [
                "r.toml:4: rule[0].action: is missing",
                "r.toml:5: rule[0].from: an empty pattern matches nothing; leave the key out to match anything",
            ],
        )

    def test_a_default_that_stands_in_for_a_mistake_makes_no_other(self) -> None:
        """A misspelt `open` is one mistake and not two."""
        self.assertEqual(
            self.receiver_mistakes('[sip]\nlisten = "udp:0.0.0.0:5060"\n[accept]\nopne = true\n'),
            ['r.toml:4: accept.opne: unknown key; did you mean "open"?'],
        )

    def test_what_is_not_toml_is_told_with_its_line(self) -> None:
        """TOML's own reader finds one mistake; the overrides are still checked."""
        self.assertEqual(
            self.sender_mistakes("\n[sip]\nlisten = udp\n", "log.level=loud"),
            [
                "s.toml:3: TOML: invalid value",
                '--set: log.level: "loud" is not one of the choices; debug, info, warn, error',
            ],
        )
        self.assert_named(self.sender_mistakes("[sip\n"), "s.toml:1: TOML: ")
        self.assert_named(self.sender_mistakes(f"a = {'9' * 5000}"), "s.toml:1: TOML: exceeds the limit")
        self.assert_named(self.sender_mistakes("a = 1\na = 2\n"), "s.toml:2: TOML: cannot overwrite a value")
        for opening in ("[", "{a = "):
            mistakes = self.sender_mistakes(f"a = {opening * 5000}")
            self.assert_named(mistakes, "s.toml:1: TOML: lists and tables are nested too deeply")

    def test_a_file_that_cannot_be_read_is_a_mistake_too(self) -> None:
        """Each with a reason, and not with a traceback."""
        missing = self.directory / "none.toml"
        for path, reason in ((missing, "No such file or directory"), (self.directory, "Is a directory")):
            found = self.assertRaises(ConfigErrors, load_sender, path, (), None, {})
            self.assertEqual(str(found), f"{path}:1: file: cannot be read: {reason}; name one with --config=")
        self.assertEqual(
            self._mistakes(lambda: load_sender(self.file("s.toml", b"\xff"), (), None, {})),
            ["s.toml:1: file: is not UTF-8 text: octet 0 is not"],
        )

    def test_a_file_that_may_not_be_read_is_a_matter_of_permissions(self) -> None:
        """It has an exit code of its own."""
        self.patch(Path, "read_bytes", lambda path: os.fdopen(_raise(PermissionError(13, "Permission denied"))))
        found = self.assertRaises(ConfigErrors, load_sender, self.directory / "s.toml", (), None, {})
        self.assertIsInstance(found.errors[0], NotPermitted)


def _raise(error: Exception) -> int:
    raise error


class Overrides(ConfigCase):
    """--set KEY=VALUE."""

    def test_a_value_is_toml_or_a_bare_word(self) -> None:
        """A shell eats quotes, so none are needed."""
        for text, key, value in (
            ("log.level=debug", ("log", "level"), "debug"),
            ("sip.identity=sip:a@b", ("sip", "identity"), "sip:a@b"),
            ("msrp.chunk=64KiB", ("msrp", "chunk"), "64KiB"),
            ('sip.listen=["udp:127.0.0.1:0"]', ("sip", "listen"), ["udp:127.0.0.1:0"]),
            ("delivery.concurrency = 5", ("delivery", "concurrency"), 5),
            ("accept.open=true", ("accept", "open"), True),
            ("sip.realm=", ("sip", "realm"), ""),
            ("allow_inline_secrets=true", ("allow_inline_secrets",), True),
        ):
            self.assertEqual(parse_override(text), Override(key, value))

    def test_what_is_no_key_and_value_is_refused(self) -> None:
        """Half a list is not a word."""
        for text in ("", "x", "=x", "a..b=1", "a b=1", "sip.listen=[1", 'sip.realm="x', "sip.realm=a\nx = 1"):
            self.assertRaises(ConfigError, parse_override, text)
        for text in ("a=" + "[" * 5000, "a=" + "{b=" * 5000, "a=[" + "9" * 5000 + "]"):
            self.assertRaises(ConfigError, parse_override, text)

    def test_an_override_wins_over_the_file_and_the_last_one_over_others(self) -> None:
        """As with every command line."""
        config = self.sender('[log]\nlevel = "warn"\n', "log.level=error", "log.level=debug", "sip.realm=r")
        self.assertEqual((config.log.level, config.sip.realm), (Level.DEBUG, "r"))

    def test_mistakes_in_overrides_say_so_and_come_last(self) -> None:
        """There is no line to look at."""
        self.assert_named(
            self.sender_mistakes(
                "foo = 1\n[sip]\nt1 = 1\n",
                "bar.x=1",
                "log.level=loud",
                "nonsense",
                "sip.t1.x=1",
                Override(("log", "format"), 5, "-f"),
            ),
            "s.toml:1: foo: unknown key",
            '--set: log.level: "loud" is not one of the choices',
            "--set: bar: unknown key",
            "-f: log.format: 5 is not one of the choices",
            '--set: "nonsense": is not KEY=VALUE',
            "--set: sip.t1.x: does not name a key of a table",
        )


class Reloading(ConfigCase):
    """The same configuration again."""

    def test_file_overrides_and_state_directory_are_used_again(self) -> None:
        """What was said on the command line stays said."""
        config = load_sender(self.file("s.toml", "[sip]\nt1 = 1\n"), ["log.level=debug"], Path("/x"), {})
        self.assertEqual(reloaded(config, {}), config)
        self.file("s.toml", "[sip]\nt1 = 2\n")
        again = reloaded(config, {})
        self.assertEqual((again.sip.t1, again.log.level, again.state_dir), (2.0, Level.DEBUG, Path("/x")))

    def test_a_bad_file_raises_and_the_old_configuration_is_as_it_was(self) -> None:
        """Validate first, then swap."""
        config = self.sender()
        self.file("s.toml", "foo = 1")
        self.assertRaises(ConfigErrors, reloaded, config, {})

    def test_a_configuration_made_in_code_is_its_own_reload(self) -> None:
        """It came from nowhere."""
        self.assertEqual(reloaded(SenderConfig()), SenderConfig())
