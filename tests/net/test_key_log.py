from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.net.key_log import KeyLog
from pushsvc.net.tls import Tls
from tests.identities import identity_of
from tests.log_lines import LogLines
from tests.sim import Network
from tests.wires import Wire


class TheFile(SynchronousTestCase):
    """Whoever has it reads everything, so it is its owner's alone."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def test_it_is_made_for_its_owner_alone_and_appended_to(self) -> None:
        """Sender and receiver write into one, and a restart forgets nothing."""
        for _ in range(2):
            file = KeyLog.open(self.path)
            file.write(object(), b"CLIENT_RANDOM 01 02")
            file.close()
        self.assertEqual(self.path.read_bytes(), b"CLIENT_RANDOM 01 02\n" * 2)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_one_that_others_can_read_is_refused(self) -> None:
        """As a private key would be."""
        self.path.touch()
        self.path.chmod(0o640)
        with self.assertRaises(PermissionError) as refused:
            KeyLog.open(self.path)
        self.assertIn("chmod 600", str(refused.exception))

    def test_what_is_no_file_is_refused(self) -> None:
        """A named pipe that nobody reads would hold up the start; a device would be everybody's."""
        os.mkfifo(self.path, 0o600)
        for path in (self.path, self.path.parent, Path("/dev/null"), self.path / "below"):
            self.assertRaises(OSError, KeyLog.open, path)

    def test_hooks_do_not_inherit_it(self) -> None:
        """Programs that the receiver runs get no descriptor of ours."""
        file = KeyLog.open(self.path)
        self.addCleanup(file.close)
        wanted = os.path.realpath(self.path)
        (number,) = [fd for fd in os.listdir("/proc/self/fd") if os.path.realpath(f"/proc/self/fd/{fd}") == wanted]
        self.assertFalse(os.get_inheritable(int(number)))


class Handshakes(SynchronousTestCase):
    """What OpenSSL says of real ones."""

    def meet(self, client: Tls) -> None:
        """Two ends shake hands on a network."""
        network, (here, there) = Network(), (Wire(), Wire())
        factory = Factory.forProtocol(lambda: there)
        network.host("192.0.2.2").listenTCP(2855, Tls(identity_of("bob")).server(factory))
        endpoint = TCP4ClientEndpoint(network.host("192.0.2.1"), "192.0.2.2", 2855)
        endpoint.connect(client.client(Factory.forProtocol(lambda: here), "192.0.2.2"))
        network.settle(2)
        here.transport.write(b"hello")
        network.settle(2)
        self.assertEqual(there.octets, b"hello")

    def test_the_secrets_of_a_connection_are_in_it(self) -> None:
        """One side's keys are enough to read both directions; also those of connections after a reload."""
        path = Path(self.mktemp())
        keys = KeyLog.open(path)
        self.addCleanup(keys.close)
        tls = Tls(identity_of("alice"), key_log=keys)
        for connections in (1, 2):
            self.meet(tls)
            labels = [line.split()[0] for line in path.read_text().splitlines()]
            for label in ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"):
                self.assertEqual(labels.count(label), connections)
            tls.become(Tls(identity_of("carol")))  # which has none of its own

    def test_a_full_disk_costs_no_handshake(self) -> None:
        """Said once, not for every secret of every connection."""
        log = LogLines(self)
        keys = KeyLog(Path("keys"), os.open("/dev/full", os.O_WRONLY))
        self.addCleanup(keys.close)
        self.meet(Tls(identity_of("alice"), key_log=keys))
        self.assertEqual(log.troubles(), ["TLS keys are missing in keys: [Errno 28] No space left on device"])
