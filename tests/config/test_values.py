"""Sizes, durations and addresses, as people write them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.values import (
    Listen,
    Octets,
    Secret,
    UnixListen,
    Wrong,
    read_api_listen,
    read_duration,
    read_listen,
    read_size,
    show,
    write_duration,
    write_size,
)


class Sizes(SynchronousTestCase):
    """`"64MiB"` or a number of octets."""

    def test_units_are_binary_or_decimal_as_they_say(self) -> None:
        """A mebibyte is not a megabyte."""
        for text, size in (
            ("64KiB", 65536),
            ("1 GiB", 1 << 30),
            ("2TiB", 2 << 40),
            ("1MB", 10**6),
            ("10kB", 10_000),
            ("5B", 5),
            ("7", 7),
        ):
            self.assertEqual(read_size(text), size)
        self.assertEqual(read_size(1300), 1300)
        self.assertEqual(read_size(0), 0)

    def test_anything_else_is_refused(self) -> None:
        """Guessing what "64M" means would be wrong for half of the people."""
        for value in ("64M", "", "-1", "1.5GiB", "1_000", "\u0661KiB", "KiB", "9" * 16, -1, True, 1.5, None, [1]):
            self.assertRaises(Wrong, read_size, value)

    def test_what_is_written_reads_back_equal(self) -> None:
        """--print-config must not round."""

        @settings(derandomize=True, deadline=None, max_examples=100)
        @given(st.integers(0, 1 << 45) | st.integers(0, 1 << 15).map(lambda number: number << 30))
        def check(size: int) -> None:
            self.assertEqual(read_size(write_size(Octets(size))), size)

        check()
        self.assertEqual(write_size(Octets(64 << 20)), "64MiB")


class Durations(SynchronousTestCase):
    """`"30s"` or a number of seconds."""

    def test_units_may_be_put_together(self) -> None:
        """An hour and a half is written as one."""
        for text, seconds in (("500ms", 0.5), ("30s", 30), ("1h30m", 5400), ("3d", 259200), ("2w", 1209600)):
            self.assertEqual(read_duration(text), seconds)
        self.assertEqual(read_duration("1.5s"), 1.5)
        self.assertEqual(read_duration(90), 90.0)
        self.assertEqual(read_duration(0.25), 0.25)

    def test_anything_else_is_refused(self) -> None:
        """A number in quotes has lost its unit."""
        for value in ("30", "", "s", "-1s", "1 s", "1S", "1e3s", -1, True, float("nan"), float("inf"), None):
            self.assertRaises(Wrong, read_duration, value)

    def test_what_is_written_reads_back_equal(self) -> None:
        """--print-config must not round."""
        for seconds in (0.0, 0.5, 0.001, 0.25, 1.0, 1.5, 12.125, 30.0, 1800.0, 259200.0):
            self.assertEqual(read_duration(write_duration(seconds)), seconds)
        self.assertEqual(write_duration(0.5), "500ms")


class Addresses(SynchronousTestCase):
    """Where to listen."""

    def test_an_address_is_transport_host_and_port(self) -> None:
        """IPv6 in brackets, and written back as it was."""
        for text, listen in (
            ("udp:127.0.0.1:5060", Listen("udp", "127.0.0.1", 5060)),
            ("tcp:[::1]:5060", Listen("tcp", "::1", 5060)),
            ("tls:0.0.0.0:0", Listen("tls", "0.0.0.0", 0)),
        ):
            self.assertEqual(read_listen(text), listen)
            self.assertEqual(str(listen), text)

    def test_loopback_and_wildcard_are_told(self) -> None:
        """What is reachable from outside needs rules."""
        found = [
            (listen.loopback, listen.wildcard)
            for listen in map(
                read_listen, ("udp:127.0.0.9:1", "udp:[::1]:1", "udp:0.0.0.0:1", "udp:[::]:1", "udp:192.0.2.1:1")
            )
        ]
        self.assertEqual(found, [(True, False), (True, False), (False, True), (False, True), (False, False)])

    def test_anything_else_is_refused(self) -> None:
        """Names too: which of a name's addresses would it be?"""
        for value in (
            "",
            "5060",
            "127.0.0.1:5060",
            "sctp:127.0.0.1:5060",
            "udp:localhost:5060",
            "udp::5060",
            "udp:::1:5060",
            "udp:[127.0.0.1:5060",
            "udp:127.0.0.1:65536",
            "udp:127.0.0.1:-1",
            "udp:127.0.0.1:5060 ",
            5060,
            None,
        ):
            self.assertRaises(Wrong, read_listen, value)

    def test_the_api_may_listen_on_a_unix_socket_or_nowhere(self) -> None:
        """A socket in the file system needs no tokens."""
        self.assertEqual(read_api_listen("unix:/run/x.sock"), UnixListen(Path("/run/x.sock")))
        self.assertEqual(str(UnixListen(Path("/run/x.sock"))), "unix:/run/x.sock")
        self.assertEqual(read_api_listen("tcp:[::1]:8480"), Listen("tcp", "::1", 8480))
        self.assertIsNone(read_api_listen(""))
        for value in ("unix:x.sock", "udp:127.0.0.1:1", "tls:127.0.0.1:1", 8480):
            self.assertRaises(Wrong, read_api_listen, value)


class Shown(SynchronousTestCase):
    """Values in error lines, and values that must not be in them."""

    def test_a_value_is_shown_short_and_on_one_line(self) -> None:
        """An error is one line, whatever the file holds."""
        self.assertEqual(show("a\nb\x1b"), '"a?b?"')
        self.assertEqual(show(True), "true")
        self.assertEqual(len(show("x" * 1000)), 80)

    def test_a_secret_tells_itself_only_when_asked(self) -> None:
        """It must not get into a log by way of a dump."""
        secret = Secret("hunter2", "file", "/x")
        for text in (repr(secret), str(secret), f"{secret}", repr([secret])):
            self.assertNotIn("hunter2", text)
        self.assertEqual(secret.value(), "hunter2")
