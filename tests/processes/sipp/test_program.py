"""SIPp against itself: a check that does not hold is told."""

from __future__ import annotations

from tests.processes.sipp.case import SippCase
from tests.processes.sipp.program import HOST, free_port
from tests.processes.sipp.scenario import Scenario, body, header, without

DESCRIPTION = "v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nt=0 0\na=one\n"
OPTIONS = """
OPTIONS sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:one@sipp.invalid>;tag=1
To: <sip:other@sipp.invalid>
Call-ID: [call_id]
CSeq: 1 OPTIONS
Content-Length: 0

"""


class Judged(SippCase):
    """A judge that never complains has to be shown to."""

    def test_every_kind_of_check(self) -> None:
        """True ones pass; each false one is a complaint."""
        answer = (
            Scenario("answer").expect("OPTIONS").reply(200, "Allow: OPTIONS", content=DESCRIPTION, tag="2", again=False)
        )
        true = (header("Allow", "^ *OPTIONS"), body("a=one"), without("Contact"))
        false = (header("Allow", "INVITE"), header("Contact", "."), body("a=two"), without("Allow"))
        pairs = []
        for checks in (true, *((check,) for check in false)):
            port = free_port()
            called = self.started(answer, "udp", port)
            asking = Scenario("ask").send(OPTIONS).expect(200, *checks)
            pairs.append((called, self.started(asking, "udp", remote=f"{HOST}:{port}")))
        verdicts = [asking.complaint() for _, asking in pairs]
        self.assertEqual([called.complaint() for called, _ in pairs], [""] * len(pairs))
        self.assertEqual([bool(verdict) for verdict in verdicts], [False, True, True, True, True], verdicts)
