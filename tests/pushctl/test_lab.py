"""What a lab prepares. That both daemons really run with it is shown in tests/processes."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.load import load_receiver, load_sender
from pushsvc.pushctl.demo import made_up, sha256_of
from pushsvc.pushctl.exits import CommandFailed, Exit
from pushsvc.pushctl.lab import Lab
from tests.pushctl.scripted import run


class Preparation(SynchronousTestCase):
    """Everything below one folder."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()

    def test_configurations_have_no_mistake(self) -> None:
        """Ports are the system's choice, and both limits let the content through."""
        system = Lab(self.folder, max_size=5 << 30)
        sender = load_sender(system.sender.config)
        receiver = load_receiver(system.receiver.config)
        for config in (sender, receiver):
            self.assertEqual([listen.port for listen in (*config.sip.listen, *config.msrp.listen)], [0, 0, 0])
            self.assertEqual(config.tls.ca, system.ca)
        self.assertEqual((sender.queue.max_content, receiver.accept.max_size), (5 << 30, 5 << 30))

    def test_behind_a_core_both_speak_to_it(self) -> None:
        """With passwords in files that nobody else reads, and the core's word for who calls."""
        system = Lab(self.folder, core="tls")
        sender = load_sender(system.sender.config, [f"{key}={value}" for key, value in system.sender.settings.items()])
        receiver = load_receiver(
            system.receiver.config, [f"{key}={value}" for key, value in system.receiver.settings.items()]
        )
        assert system.core is not None
        for config in (sender, receiver):
            self.assertEqual(str(config.sip.outbound_proxy), system.core.uri("tls"))
            self.assertTrue(config.sip.auth_password)
        self.assertEqual(str(receiver.registration.registrar), "sip:push.test")
        self.assertEqual(system.target, str(receiver.sip.identity))
        self.assertEqual((system.directory / "sender" / "password").stat().st_mode & 0o777, 0o600)

    def test_former_lab_is_cleared(self) -> None:
        """The second demo starts as clean as the first."""
        Lab(self.folder)
        (self.folder / "receiver" / "state" / "old").write_text("x")
        Lab(self.folder)
        self.assertEqual(list((self.folder / "receiver" / "state").iterdir()), [])

    def test_folder_of_somebody_else_is_never_touched(self) -> None:
        """`--directory ~` must not cost anybody their home."""
        self.folder.mkdir()
        (self.folder / "thesis.txt").write_text("x")
        failure = self.assertRaises(CommandFailed, Lab, self.folder)
        self.assertEqual(failure.code, Exit.CANNOT_CREATE)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["thesis.txt"])

    def test_folder_name_may_need_quoting(self) -> None:
        """People have folders with blanks, quotes and umlauts."""
        system = Lab(self.folder / 'my "lab" ä')
        self.assertEqual(load_sender(system.sender.config).tls.ca, system.ca)


class Subject(SynchronousTestCase):
    """What a demo pushes."""

    def test_made_up_file_is_the_same_every_time(self) -> None:
        """A figure can be compared with last week's; and no block is like another, so nothing is won by cheating."""
        one, two = Path(self.mktemp()), Path(self.mktemp())
        made_up(one, 600_001)
        made_up(two, 600_001)
        self.assertEqual((one.stat().st_size, sha256_of(one)), (600_001, sha256_of(two)))
        content = one.read_bytes()
        self.assertNotEqual(content[: 1 << 18], content[1 << 18 : 2 << 18])

    def test_wrong_use_is_64(self) -> None:
        """Before anything is started."""
        for arguments in (
            ["picture.png"],
            ["--size", "1M"],
            ["--demo", "--size", "1M", "a.png"],
            ["--demo", "--size", "x"],
        ):
            self.assertEqual(run("lab", *arguments).code, 64, arguments)
