"""What would fail later, or be a door left open, is found before anything is started."""

from __future__ import annotations

from tests.config.case import ConfigCase

OUTSIDE = '[sip]\nlisten = "udp:0.0.0.0:5060"\n'


class Identity(ConfigCase):
    """[sip]"""

    def test_the_identity_is_an_address_of_record(self) -> None:
        """It goes into From, where nothing more may be."""
        for uri in ("sip:example.com", "sip:a@example.com;transport=tcp", "sip:a:secret@example.com", "sip:a@b?x=1"):
            self.assert_named(
                self.sender_mistakes(f'[sip]\nidentity = "{uri}"'),
                f's.toml:2: sip.identity: "{uri}" is not an address of record',
            )
        self.assert_named(self.sender_mistakes('[sip]\nidentity = "tel:+1"'), 's.toml:2: sip.identity: "tel:+1" is not')

    def test_advertise_is_a_host(self) -> None:
        """With a port in it, every Contact would be wrong."""
        for host in ("push.example.com", "192.0.2.1", "2001:db8::1", "[2001:db8::1]"):
            self.assertEqual(self.sender_mistakes(f'[sip]\nadvertise = "{host}"'), [])
        for host in ("push.example.com:5060", "a b", "-x", "sip:x", "x..y"):
            self.assert_named(self.sender_mistakes(f'[sip]\nadvertise = "{host}"'), "s.toml:2: sip.advertise: ")

    def test_the_proxy_is_reached_over_a_transport_we_have(self) -> None:
        """Else nothing would ever be sent."""
        self.assertEqual(self.sender_mistakes('[sip]\noutbound_proxy = "sip:core:5060;transport=TCP;lr"'), [])
        self.assert_named(
            self.sender_mistakes('[sip]\noutbound_proxy = "sip:core;transport=sctp"'),
            's.toml:2: sip.outbound_proxy: transport "sctp" is not known; udp, tcp or tls',
        )

    def test_the_user_can_stand_in_a_header(self) -> None:
        """Found at the start, not by the first challenge."""
        self.assertEqual(self.sender_mistakes('[sip]\nauth_user = "j\u00f8n \\"x\\""'), [])
        self.assert_named(self.sender_mistakes('[sip]\nauth_user = "a\\nb"'), "s.toml:2: sip.auth_user: ")

    def test_the_service_is_a_urn_or_nothing(self) -> None:
        """It is put between quotes in a header."""
        self.assertEqual(self.sender_mistakes('[sip]\nservice = ""'), [])
        self.assert_named(self.sender_mistakes('[sip]\nservice = "urn:a\\""'), "s.toml:2: sip.service: ")

    def test_timers_are_in_order(self) -> None:
        """RFC 3261 §17.1.2.2: T2 is the longest interval, T1 the first."""
        self.assert_named(self.sender_mistakes('[sip]\nt1 = "5s"'), "s.toml:2: sip.t2: t2 is shorter than t1")


class Listening(ConfigCase):
    """Addresses."""

    def test_two_listeners_cannot_share_a_port(self) -> None:
        """The second would fail at start, after the first has told the world that it is there."""
        self.assert_named(
            self.sender_mistakes(
                """
[sip]
listen = ["tcp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "udp:127.0.0.1:5060", "tls:0.0.0.0:5060"]
[msrp]
listen = "tls:127.0.0.1:8480"
"""
            ),
            "s.toml:3: sip.listen[1]: tcp:127.0.0.1:5060 is taken by sip.listen, tcp:127.0.0.1:5060",
            "s.toml:3: sip.listen[3]: tls:0.0.0.0:5060 is taken by sip.listen, tcp:127.0.0.1:5060",
            "s.toml:5: api.listen: tcp:127.0.0.1:8480 is taken by msrp.listen, tls:127.0.0.1:8480",
        )

    def test_free_ports_other_addresses_and_other_families_do_not_collide(self) -> None:
        """0 is a different port each time."""
        self.assertEqual(
            self.sender_mistakes(
                """
                [sip]
                listen = ["tcp:127.0.0.1:0", "tcp:127.0.0.1:0", "tcp:127.0.0.1:7", "tcp:127.0.0.2:7", "tcp:[::]:7"]
                """
            ),
            [],
        )

    def test_somewhere_must_be_listened(self) -> None:
        """A daemon that hears nothing is a mistake."""
        self.assert_named(
            self.sender_mistakes("[sip]\nlisten = []\n[msrp]\nlisten = []\n"),
            "s.toml:2: sip.listen: there is no address",
            "s.toml:4: msrp.listen: there is no address",
        )

    def test_content_in_clear_text_needs_a_word(self) -> None:
        """Plain MSRP is never an accident."""
        self.assert_named(
            self.sender_mistakes('[msrp]\nlisten = ["tls:127.0.0.1:0", "tcp:127.0.0.1:0", "udp:127.0.0.1:0"]'),
            "s.toml:2: msrp.listen[1]: tcp:127.0.0.1:0 would carry content in clear text",
            "s.toml:2: msrp.listen[2]: MSRP cannot listen on udp:127.0.0.1:0",
        )
        self.assertEqual(self.sender_mistakes('[msrp]\nlisten = "tcp:127.0.0.1:0"\nallow_plain = true'), [])

    def test_the_api_is_not_open_to_the_network(self) -> None:
        """Without tokens, who reaches it may push to anybody."""
        self.assert_named(
            self.sender_mistakes('[api]\nlisten = "tcp:0.0.0.0:8480"'),
            "s.toml:2: api.listen: tcp:0.0.0.0:8480 is open to the network without tokens",
        )
        self.file("tokens", "x:push:00\n")
        self.assertEqual(self.sender_mistakes('[api]\nlisten = "tcp:0.0.0.0:8480"\ntokens = "tokens"'), [])
        self.assert_named(
            self.sender_mistakes('[api]\nlisten = "unix:/run/x"\ntokens = "absent"'),
            f"s.toml:3: api.tokens: {'absent'} cannot be read: No such file or directory",
        )

    def test_a_relay_is_spoken_to_over_tls(self) -> None:
        """RFC 4976 §4."""
        self.file("pw", "secret")
        password = 'relay_password = { file = "pw" }'
        self.assertEqual(
            self.sender_mistakes(f'[msrp]\nrelay = "msrps://relay.example.com:2855;tcp"\nrelay_user = "a"\n{password}'),
            [],
        )
        self.assert_named(
            self.sender_mistakes(f'[msrp]\nrelay = "msrp://relay.example.com;tcp"\n{password}'),
            's.toml:2: msrp.relay: "msrp://relay.example.com;tcp" is not over TLS',
        )

    def test_a_relay_needs_to_know_who_we_are(self) -> None:
        """Found at the start, not by the first push."""
        self.assert_named(
            self.sender_mistakes('[msrp]\nrelay = "msrps://relay.example.com;tcp"\nrelay_user = "a\\nb"'),
            "s.toml:2: msrp.relay: a relay asks for a password; set relay_password",
            "s.toml:3: msrp.relay_user: ",
        )
        self.assert_named(self.sender_mistakes('[msrp]\nrelay_user = "a"'), "s.toml:2: msrp.relay_user: there is no")


class OfTheSender(ConfigCase):
    """[queue] and [delivery]"""

    def test_everything_is_kept_below_the_state_directory(self) -> None:
        """A unit lets it write nowhere else."""
        for name in ("/var/queue", "../queue", "a/../../b", ""):
            self.assert_named(self.sender_mistakes(f'[queue]\ncontent = "{name}"'), "s.toml:2: queue.content: not a")
            self.assert_named(
                self.sender_mistakes(f'[queue]\ndatabase = "sqlite:{name}"'), "s.toml:2: queue.database: not a"
            )
        self.assertEqual(self.sender_mistakes('[queue]\ncontent = "a/b"\ndatabase = "sqlite:a/q.db"'), [])

    def test_a_database_that_is_not_there_is_named(self) -> None:
        """It would be a traceback at start."""
        self.assert_named(
            self.sender_mistakes('[queue]\ndatabase = "postgresql://x/y"'),
            's.toml:2: queue.database: "postgresql://x/y" is not supported; write "sqlite:queue.db"',
        )

    def test_retries_grow_up_to_their_maximum(self) -> None:
        """A maximum below the first wait is a mistyped unit."""
        self.assert_named(
            self.sender_mistakes('[delivery.retry]\nfirst = "5m"\nmax = "30s"'),
            "s.toml:3: delivery.retry.max: max is shorter than first",
        )


class OfTheReceiver(ConfigCase):
    """Who may send, and what happens then."""

    def test_beyond_loopback_somebody_must_say_who_may_send(self) -> None:
        """An inbox that the internet can fill is never an accident."""
        self.assert_named(
            self.receiver_mistakes(OUTSIDE),
            "r.toml:2: accept.open: udp:0.0.0.0:5060 is reachable from outside, and nothing says who may send",
        )
        self.assert_named(self.receiver_mistakes('[msrp]\nlisten = "tls:[::]:2855"'), "r.toml:2: accept.open: ")
        for answer in ("[accept]\nopen = true", '[accept]\nallow = ["sip:*@a"]', '[[rule]]\naction = "ask"'):
            self.assertEqual(self.receiver_mistakes(OUTSIDE + answer), [])

    def test_on_loopback_nothing_needs_to_be_said(self) -> None:
        """The defaults are a receiver that works."""
        self.assertEqual(self.receiver_mistakes('[sip]\nlisten = "udp:127.0.0.5:0"'), [])

    def test_types_are_media_ranges(self) -> None:
        """They go into the session description."""
        self.assertEqual(self.receiver_mistakes('[accept]\ntypes = ["*", "text/*", "image/svg+xml"]'), [])
        self.assert_named(
            self.receiver_mistakes(
                '[accept]\ntypes = ["text/plain", "image"]\n[[rule]]\naction = "ask"\ntypes = ["*/*x y"]'
            ),
            'r.toml:2: accept.types[1]: "image" is not a type like "image/*"',
            'r.toml:5: rule[0].types[0]: "*/*x y" is not a type like',
        )
        self.assert_named(self.receiver_mistakes("[accept]\ntypes = []"), "r.toml:2: accept.types: no content would")

    def test_registration_names_a_domain_and_applications(self) -> None:
        """A REGISTER's Request-URI has no user (RFC 3261 §10.2)."""
        self.assertEqual(self.receiver_mistakes('[registration]\nregistrar = "sip:example.com:5060"'), [])
        self.assert_named(
            self.receiver_mistakes('[registration]\nregistrar = "sip:a@example.com"\napplications = ["mms.ua", "x y"]'),
            "r.toml:2: registration.registrar: a registrar has no user part",
            'r.toml:3: registration.applications[1]: "x y" is not an application id',
        )

    def test_hooks_can_be_run(self) -> None:
        """A placeholder that nobody fills would be handed to the command as it is."""
        self.assertEqual(
            self.receiver_mistakes(
                '[hooks]\ncommand = ["/bin/x", "{path}", "--from={sender}"]\nwebhook = "http://h/x"'
            ),
            [],
        )
        self.assert_named(
            self.receiver_mistakes('[hooks]\ncommand = ["x", "{file}"]\nwebhook = "ftp://h"'),
            'r.toml:2: hooks.command: "x" is not an absolute path',
            "r.toml:2: hooks.command[1]: {file} is not known; known: {path} {id} {type} {sender}",
            'r.toml:3: hooks.webhook: "ftp://h" is not an http or https URL',
        )

    def test_a_password_in_a_webhook_is_not_printed(self) -> None:
        """Neither by the mistake nor by --print-config; it would not be sent either."""
        for url in ("https://user:opensesame@h/x", "http://opensesame@h", "opensesame@h"):
            mistakes = self.receiver_mistakes(f'[hooks]\nwebhook = "{url}"')
            self.assert_named(
                mistakes, "r.toml:2: hooks.webhook: a user or a password in a URL is not sent, and would be printed"
            )
            self.assertNotIn("opensesame", str(mistakes))
        self.assertEqual(self.receiver_mistakes('[hooks]\nwebhook = "http://h/x?to=a@b"'), [])

    def test_the_inbox_is_below_the_state_directory(self) -> None:
        """A unit lets it write nowhere else."""
        self.assert_named(self.receiver_mistakes('[inbox]\ndirectory = "/srv"'), "r.toml:2: inbox.directory: not a")


class Users(ConfigCase):
    """[digest] and [[user]]"""

    def users(self, *users: str, before: str = "") -> str:
        """A file with these tables, each with a password."""
        self.file("pw", "hunter2")
        return before + "".join(f'[[user]]\npassword = {{ file = "pw" }}\n{user}\n' for user in users)

    def test_whom_a_user_pushes_as(self) -> None:
        """Its name at the realm, which is the host of our identity where nothing else is said."""
        identity = '[sip]\nidentity = "sip:alice@example.com"\n'
        text = self.users('name = "d\u00f8or 1"', 'name = "x"\nidentity = "sip:y@z"', before=identity)
        config = self.receiver(text)
        self.assertEqual(
            [str(config.identity_of(user)) for user in config.user], ["sip:d%C3%B8or%201@example.com", "sip:y@z"]
        )
        self.assertEqual(config.realm, "example.com")
        config = self.receiver(self.users('name = "x"', before='[digest]\nrealm = "push.example"\n'))
        self.assertEqual(
            (config.realm, str(config.identity_of(config.user[0]))), ("push.example", "sip:x@push.example")
        )

    def test_nobody_is_there_twice_or_has_no_name(self) -> None:
        """The second password would never be asked for."""
        self.assert_named(
            self.receiver_mistakes(self.users('name = "x"', 'name = "x"', 'name = ""', f'name = "{"x" * 256}"')),
            'r.toml:6: user[1].name: "x" is there already',
            'r.toml:9: user[2].name: "" has not 1 to 255 characters',
            'r.toml:12: user[3].name: "xxx',
        )

    def test_an_identity_is_an_address_of_record(self) -> None:
        """It is compared with From."""
        self.assert_named(
            self.receiver_mistakes(self.users('name = "x"\nidentity = "sip:y@z;a=b"')),
            'r.toml:4: user[0].identity: "sip:y@z;a=b" is not an address of record',
        )
        for before, name in (('[digest]\nrealm = "Door camera"\n', "x"), ("", "x@example.com")):
            (mistake,) = self.receiver_mistakes(self.users(f'name = "{name}"', before=before))
            self.assertRegex(mistake, r"user\[0\]\.name: .* makes no address in the realm .*; set identity")

    def test_a_password_is_needed_and_not_in_the_file(self) -> None:
        """As everywhere."""
        self.assert_named(
            self.receiver_mistakes('[[user]]\nname = "x"\n[[user]]\nname = "y"\npassword = "hunter2"\n'),
            "r.toml:1: user[0].password: is missing",
            "r.toml:5: user[1].password: a secret stands in the file",
        )

    def test_digests_in_the_order_of_their_strength(self) -> None:
        """RFC 8760 §2.3, §2.4: callers take the first that they know."""
        for wrong, words in (
            ('["MD5", "SHA-256"]', "MD5 is the weakest"),
            ("[]", "no digest is offered"),
            ('["SHA-256", "SHA-256"]', "one of them is there twice"),
        ):
            mistakes = self.receiver_mistakes(f"[digest]\nalgorithms = {wrong}\n")
            self.assert_named(mistakes, f"r.toml:2: digest.algorithms: {words}")
        (mistake,) = self.receiver_mistakes('[digest]\nalgorithms = ["SHA-1"]\n')
        self.assertIn("SHA-256, SHA-512-256, MD5", mistake)
        self.assertEqual(self.receiver_mistakes('[digest]\nalgorithms = ["SHA-512-256", "SHA-256", "MD5"]\n'), [])

    def test_users_say_who_may_send(self) -> None:
        """But not whom trusted peers bring."""
        self.assertEqual(self.receiver_mistakes(self.users('name = "x"', before=OUTSIDE)), [])
        trusting = OUTSIDE + 'trusted_peers = ["192.0.2.0/24"]\n'
        self.assert_named(
            self.receiver_mistakes(self.users('name = "x"', before=trusting)), "r.toml:2: accept.open: udp:0.0.0.0:5060"
        )
