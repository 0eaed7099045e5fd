"""--print-config: what is in force, as a file that could be used."""

from __future__ import annotations

import tomllib

import attrs

from pushsvc.config import Config, load_receiver, load_sender, to_toml
from tests.config.case import ConfigCase


class Printed(ConfigCase):
    """TOML that reads back equal."""

    def assert_reads_back(self, config: Config) -> None:
        load = load_sender if hasattr(config, "queue") else load_receiver
        again: Config = load(self.file("again.toml", to_toml(config)), (), config.state_dir, self.environ)
        self.assertEqual(attrs.evolve(again, origin=config.origin), config)

    def test_defaults_read_back_equal(self) -> None:
        """Every key of both daemons is written in a form that is read."""
        self.assert_reads_back(self.sender())
        self.assert_reads_back(self.receiver())

    def test_settings_read_back_equal(self) -> None:
        """Every kind of value, with all that needs escapes."""
        self.file("pw", "hunter2")
        self.assert_reads_back(
            self.receiver(
                r"""
                [sip]
                display_name = "\"Zoë\" \\ 'x'"
                auth_password = { file = "pw" }
                trusted_peers = ["2001:db8::/32"]
                outbound_proxy = "sip:[2001:db8::1]:5060;transport=tls;lr"
                t1 = 0.25
                [api]
                listen = "unix:/run/x y.sock"
                [msrp]
                relay = "msrps://relay.example.com:2855;tcp"
                relay_password = { file = "pw" }
                chunk = 1000
                [[rule]]
                from = "*"
                action = "accept"
                [[rule]]
                types = []
                action = "ask"
                [digest]
                algorithms = ["SHA-512-256", "MD5"]
                [[user]]
                name = "d\u00f8or"
                password = { file = "pw" }
                identity = "sip:door@example.com"
                """
            )
        )

    def test_inline_secrets_are_masked(self) -> None:
        """The output goes into tickets."""
        config = self.sender('allow_inline_secrets = true\n[sip]\nauth_password = "hunter2"')
        printed = to_toml(config)
        self.assertEqual(tomllib.loads(printed)["sip"]["auth_password"], "********")
        self.assertNotIn("hunter2", printed)
        user = '[[user]]\nname = "x"\npassword = "hunter2"'
        printed = to_toml(self.receiver(f"allow_inline_secrets = true\n{user}"))
        self.assertEqual(tomllib.loads(printed)["user"], [{"name": "x", "password": "********", "identity": ""}])

    def test_the_state_directory_is_told(self) -> None:
        """It is not in the file, and people look for it."""
        self.assertTrue(to_toml(load_sender(self.file("x.toml", ""), (), self.directory, {})).startswith("# state dir"))
