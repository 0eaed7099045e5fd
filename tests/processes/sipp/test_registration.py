"""push-receiver registers at SIPp, which lets nobody in without a password, and takes its leave when it stops."""

from __future__ import annotations

import json

from tests.processes.sipp.callers import SERVICE
from tests.processes.sipp.case import SippCase
from tests.processes.sipp.program import HOST, free_port
from tests.processes.sipp.scenario import Check, Scenario, header

DOMAIN = "sipp.invalid"
CHALLENGE = f'WWW-Authenticate: Digest realm="{DOMAIN}", nonce="n0nce[call_number]", qop="auth", algorithm=SHA-256'
ROUTE = "sip:orig@[local_ip]:[local_port];lr"


def registrar() -> Scenario:
    """Challenges, takes, and is told that it is over: three requests of one Call-ID."""
    contact = header(
        "Contact", rf'(<sip:alice@[^>]+>);{SERVICE};\+sip\.instance="<urn:uuid:[0-9a-f-]+>"', keep="contact"
    )
    common: tuple[Check, ...] = (
        header("To", f"<sip:alice@{DOMAIN}> *$"),
        header("From", f"<sip:alice@{DOMAIN}>;tag=."),
        header("Route", r"<sip:[^>]*;lr>"),
        header("Supported", "path"),
    )
    proof = header("Authorization", 'Digest .*username="alice".*algorithm=SHA-256.*qop=auth')
    scenario = Scenario("registrar").expect("REGISTER", *common, contact, header("Contact", ";expires=3600 *$"))
    scenario.reply(401, CHALLENGE, tag="r[call_number]", again=False)
    scenario.expect("REGISTER", *common, proof, header("CSeq", "2 REGISTER"))
    taken = ("Contact: [$contact];expires=3600", f"Service-Route: <{ROUTE}>", f"P-Associated-URI: <sip:alice@{DOMAIN}>")
    scenario.reply(200, *taken, tag="r[call_number]", again=False)
    scenario.expect("REGISTER", *common, header("Contact", ";expires=0 *$"), header("CSeq", "3 REGISTER"), proof)
    return scenario.reply(200, tag="r[call_number]", again=False)


class Registered(SippCase):
    """What a registrar of another make hears."""

    def over_transport(self, transport: str) -> None:
        port = free_port()
        call = self.started(registrar(), transport, port)
        lab = self.lab(
            {
                "receiver": {
                    "allow_inline_secrets": "true",
                    "sip.identity": json.dumps(f"sip:alice@{DOMAIN}"),
                    "sip.auth_password": '"word"',
                    "sip.outbound_proxy": json.dumps(f"sip:{HOST}:{port};transport={transport}"),
                    "registration.registrar": json.dumps(f"sip:{DOMAIN}"),
                }
            }
        )
        lab.wait_until_registered()
        account = lab.receiver.api.get("v1", "account")
        self.assertEqual(account["service_route"], [f"<{ROUTE}>".replace("[local_ip]:[local_port]", f"{HOST}:{port}")])
        self.assertEqual(account["identities"], [f"<sip:alice@{DOMAIN}>"])
        lab.receiver.stop()
        self.over(call)
        self.assert_content()

    def test_over_udp(self) -> None:
        self.over_transport("udp")

    def test_over_tcp(self) -> None:
        self.over_transport("tcp")
