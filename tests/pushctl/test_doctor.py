"""`pushctl doctor`: one verdict a line, with the next step; of daemons that answer, and of such that do not."""

from __future__ import annotations

import json
import os
import socket
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.pushctl import doctor
from pushsvc.pushctl.doctor_alone import listen_of
from pushsvc.pushctl.doctor_push import PATIENCE
from tests.pushctl.scripted import Ran, Says, a_push, run, scripted

WELL = {"name": "proxy", "verdict": "ok", "text": "tcp:192.0.2.5:5060: connected in 1 ms", "next": ""}
ILL = {
    "name": "credentials",
    "verdict": "failed",
    "text": "the core does not take our password",
    "next": "check sip.auth_password\x1b[2J",
}
ASKED = "POST /v1/doctor"


def says(*checks: dict[str, str], role: str = "receiver") -> list[Says]:
    return [Says(200, {"role": role, "checks": list(checks)})]


class DoctorCase(SynchronousTestCase):
    """Nothing of this machine's own configuration is looked at."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.patch(doctor, "CONFIGURATIONS", (self.folder / "sender.toml", self.folder / "receiver.toml"))

    def file(self, text: str, role: str = "receiver", mode: int = 0o644) -> Path:
        path = self.folder / f"{role}.toml"
        path.write_text(text)
        path.chmod(mode)
        return path

    def asking(self, answers: dict[str, list[Says]], *arguments: str) -> Ran:
        """The daemon that is named."""
        with scripted(answers) as script:
            ran = run("--url", script.url, *arguments)
        self.url, self.asked = script.url, script.asked
        return ran


class Answered(DoctorCase):
    """By a daemon."""

    def test_verdicts_with_their_next_steps(self) -> None:
        """Foreign words do not command the terminal."""
        ran = self.asking({ASKED: says(WELL, ILL)}, "doctor")
        self.assertEqual(
            ran.stdout.splitlines(),
            [
                f"push-receiver at {self.url}",
                "  ok      proxy         tcp:192.0.2.5:5060: connected in 1 ms",
                "  failed  credentials   the core does not take our password",
                "                        next: check sip.auth_password\ufffd[2J",
            ],
        )
        self.assertEqual((ran.code, ran.stderr), (2, ""))

    def test_warnings_are_no_failure(self) -> None:
        for verdict in ("ok", "warning", "skipped"):
            self.assertEqual(self.asking({ASKED: says({**ILL, "verdict": verdict})}, "doctor").code, 0)

    def test_an_object_a_line(self) -> None:
        ran = self.asking({ASKED: says(WELL, ILL)}, "--json", "doctor")
        self.assertEqual(
            [json.loads(line) for line in ran.stdout.splitlines()],
            [{"daemon": "receiver", **check} for check in (WELL, ILL)],
        )

    def test_both_are_asked_where_their_files_say_that_they_are(self) -> None:
        """Whatever else is wrong in the files."""
        with ExitStack() as both:
            for role in ("sender", "receiver"):
                script = both.enter_context(scripted({ASKED: says(WELL, role=role)}))
                self.file(f'[api]\nlisten = "tcp:{script.url.removeprefix("http://")}"\n[sip]\nfoo = 1\n', role)
            ran = run("doctor")
        heads = [line for line in ran.stdout.splitlines() if not line.startswith(" ")]
        self.assertEqual([head.split(" at ")[0] for head in heads], ["push-sender", "push-receiver"])
        self.assertEqual(ran.code, 0)

    def test_a_daemon_that_is_named_is_the_only_one(self) -> None:
        self.file('[api]\nlisten = "tcp:127.0.0.1:1"\n')
        ran = self.asking({ASKED: says(WELL)}, "doctor")
        self.assertEqual((ran.code, len(ran.stdout.splitlines())), (0, 2))

    def test_colours_only_where_they_can_be_seen(self) -> None:
        """NO_COLOR is honoured, and a pipe has none anyway."""
        for environment, coloured in (
            ({"FORCE_COLOR": "1", "TERM": "xterm"}, True),
            ({"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": "1"}, False),
            ({}, False),
        ):
            with mock.patch.dict(os.environ, environment):
                self.assertEqual("\x1b[1;31m" in self.asking({ASKED: says(ILL)}, "doctor").stdout, coloured)

    def test_refusals(self) -> None:
        """What is missing is said with the way to get it."""
        for status, detail, code, step in (
            (401, "a bearer token is needed", 77, "--token-file"),
            (403, "this token does not have the scope write", 77, "scope write"),
            (404, "nothing is here", 2, "update"),
            (429, "the last examination has just ended", 75, "in a few seconds"),
            (503, "the service is stopping", 75, "started again"),
            (500, "this is our mistake", 69, "log"),
        ):
            ran = self.asking({ASKED: [Says(status, {"detail": detail})]}, "doctor")
            self.assertIn(detail, ran.stdout)
            self.assertIn(step, ran.stdout)
            self.assertEqual(ran.code, code, status)


class Pushing(DoctorCase):
    """`--to URI`."""

    EXPLAIN = "GET /v1/pushes/psh_1/explain"

    def pushing(self, state: str, *arguments: str) -> Ran:
        told = {"recipients": [{"why": "The other side knows no such user.", "advice": "Check the address."}]}
        answers = {
            ASKED: says(WELL, role="sender"),
            "POST /v1/pushes": [Says(202, {"id": "psh_1"})],
            "GET /v1/pushes/psh_1": [Says(200, a_push(state))],
            self.EXPLAIN: [Says(200, told)],
            "DELETE /v1/pushes/psh_1": [Says(202, {})],
        }
        return self.asking(answers, "doctor", *arguments)

    def test_without_it_nobody_is_pushed_to(self) -> None:
        ran = self.pushing("delivered")
        self.assertIn("  skipped push          no push was tried", ran.stdout)
        self.assertEqual(len(self.asked), 1)

    def test_one_that_arrives(self) -> None:
        ran = self.pushing("delivered", "--to", "sip:alice@example.com", "--mode", "msrp")
        self.assertEqual(ran.code, 0)
        self.assertIn("  ok      push          sip:alice@example.com: delivered", ran.stdout)
        wanted = json.loads(self.asked[1].body)
        self.assertEqual((wanted["to"], wanted["mode"]), (["sip:alice@example.com"], "msrp"))

    def test_one_that_does_not_is_explained(self) -> None:
        ran = self.pushing("undeliverable", "--to", "sip:alice@example.com")
        self.assertEqual(ran.code, 2)
        self.assertIn("undeliverable. The other side knows no such user.", ran.stdout)
        self.assertIn("next: Check the address. pushctl trace psh_1 --ladder", ran.stdout)

    def test_one_that_waits_is_withdrawn(self) -> None:
        """Nobody wants it in three days."""
        self.assertGreater(PATIENCE, 0)
        with mock.patch("pushsvc.pushctl.doctor_push.PATIENCE", 0.0):
            ran = self.pushing("waiting", "--to", "sip:alice@example.com")
        self.assertEqual((ran.code, self.asked[-1].method), (2, "DELETE"))

    def test_an_address_that_is_none(self) -> None:
        answers = {ASKED: says(role="sender"), "POST /v1/pushes": [Says(422, {"detail": "not a SIP URI"})]}
        ran = self.asking(answers, "doctor", "--to", "alice")
        self.assertEqual((ran.code, "alice: not a SIP URI" in ran.stdout), (2, True))

    def test_a_receiver_pushes_to_itself_only(self) -> None:
        ran = self.asking({ASKED: says(WELL)}, "doctor", "--to", "sip:alice@example.com")
        self.assertEqual((ran.code, len(self.asked)), (69, 1))
        self.assertIn("push-sender", ran.stderr)


class Alone(DoctorCase):
    """Nobody answers."""

    def setUp(self) -> None:
        super().setUp()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.shut = free.getsockname()[1]
        self.listens = '[sip]\nlisten = "tcp:127.0.0.1:0"\n[msrp]\nlisten = "tls:127.0.0.1:0"\n'

    def api(self) -> str:
        return f'[api]\nlisten = "tcp:127.0.0.1:{self.shut}"\n'

    def lines(self, *arguments: str) -> list[str]:
        ran = run(*arguments, "doctor")
        self.assertEqual(ran.code, 69, ran.stdout)
        return [line.strip() for line in ran.stdout.splitlines()]

    def assert_told(self, text: str, step: str, *arguments: str) -> None:
        lines = self.lines(*arguments)
        (place,) = [number for number, line in enumerate(lines) if text in line]
        self.assertIn(step, lines[place + 1])

    def test_a_daemon_that_does_not_run(self) -> None:
        """How to start it; and that its file would let it."""
        self.file(self.listens + self.api())
        lines = self.lines()
        self.assertIn(f"nothing listens at http://127.0.0.1:{self.shut}", lines[1])
        self.assertIn("systemctl start push-receiver", lines[2])
        self.assertIn("has no mistakes", lines[3])
        self.assertIn("are free to listen on", lines[4])

    def test_no_configuration_at_all(self) -> None:
        """Then the place is asked where a daemon is by default."""
        with mock.patch("pushsvc.pushctl.client.Api.post", side_effect=AssertionError("no")):
            self.assertEqual(doctor._patients(doctor.Api(), (), is_named=False)[0].file, None)
        self.assert_told("nothing listens at", "systemctl start", "--url", f"http://127.0.0.1:{self.shut}")
        self.assert_told("nothing listens at", "systemctl start", "--socket", str(self.folder / "none.sock"))

    def test_somebody_else_listens_there(self) -> None:
        for other in (Says(200, b"<html>", "text/html"), Says(200, {"hello": "world"})):
            with scripted({ASKED: [other]}) as script:
                self.assert_told("is no pushsvc daemon", "--url", "--url", script.url)

    def test_mistakes_with_their_hints(self) -> None:
        self.file(self.api() + '[sip]\nt1 = "soon"\n')
        self.assert_told('receiver.toml:4: sip.t1: "soon" is not a duration', "write")

    def test_a_file_that_others_can_change(self) -> None:
        self.file(self.listens + self.api(), mode=0o666)
        self.assert_told("can be changed by anybody", "chmod 644")

    def test_a_secret_that_others_can_read(self) -> None:
        (self.folder / "password").write_text("s3cret")
        (self.folder / "password").chmod(0o644)
        self.file(self.api() + '[sip]\nlisten = "tcp:127.0.0.1:0"\nauth_password = { file = "password" }\n')
        self.assert_told("is open to others", "chmod")

    def test_tokens_that_others_can_read(self) -> None:
        (self.folder / "tokens").write_text("")
        (self.folder / "tokens").chmod(0o644)
        self.file(f'{self.listens}{self.api()}tokens = "tokens"\n')
        self.assert_told("tokens can be read or changed by others", "chmod 600")

    def test_what_only_the_daemon_can_know(self) -> None:
        """systemd hands out credentials to it and to nobody else."""
        self.file(self.api() + '[sip]\nauth_password = { credential = "sip" }\n')
        lines = self.lines()
        self.assertTrue(lines[3].startswith("warning"), lines)
        self.assertIn("as the user that the daemon runs as", lines[4])

    def test_ports_of_somebody_else(self) -> None:
        with socket.socket() as taken, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            udp.bind(("127.0.0.1", 0))
            port, datagrams = taken.getsockname()[1], udp.getsockname()[1]
            sip = f'listen = ["tcp:127.0.0.1:{port}", "udp:127.0.0.1:{datagrams}", "tcp:192.0.2.77:0"]'
            self.file(f'{self.api()}[sip]\n{sip}\n[accept]\nopen = true\n[msrp]\nlisten = "tls:127.0.0.1:0"\n')
            for place, text, step in (
                (f"tcp:127.0.0.1:{port}", "is in use", f"sport = :{port}"),
                (f"udp:127.0.0.1:{datagrams}", "is in use", f"sport = :{datagrams}"),
                ("tcp:192.0.2.77:0", "is not an address of this machine", "ip address"),
            ):
                self.assert_told(f"{place} {text}", step)

    def test_an_api_that_is_switched_off(self) -> None:
        self.file(f'{self.listens}[api]\nlisten = ""\n')
        self.assert_told("switched off", "api.listen")

    def test_a_file_that_is_not_there(self) -> None:
        self.assertEqual(run("doctor", "--config", str(self.folder / "none.toml")).code, 64)


class Where(DoctorCase):
    def test_the_api_of_a_file(self) -> None:
        """Also where it listens on every address, or in the file system; and where the file is broken."""
        for listen, place in (
            ("tcp:127.0.0.1:8481", "http://127.0.0.1:8481"),
            ("tcp:0.0.0.0:8481", "http://127.0.0.1:8481"),
            ("tcp:[::]:8481", "http://[::1]:8481"),
            ("unix:/run/push.sock", "/run/push.sock"),
            ("nonsense", "http://127.0.0.1:8480"),
        ):
            api = listen_of(self.file(f'[api]\nlisten = "{listen}"\n'), "token")
            assert api is not None
            self.assertEqual((api.place, api.token), (place, "token"))
        self.assertEqual(str(getattr(listen_of(self.file("[api"), None), "place", "")), "http://127.0.0.1:8480")
