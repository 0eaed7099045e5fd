"""How SIPp answers push-sender, and what push-sender must say."""

from __future__ import annotations

from pushsvc.push import SENDER_ALLOW
from tests.processes.sipp.scenario import Check, Scenario, body, header, without
from tests.processes.sipp.ways import Way, answer

SERVICE = r'\*;\+g\.3gpp\.icsi-ref="urn%3Aurn-7%3A3gpp-service\.ims\.icsi\.oma\.push"'
TAG = "sipp[pid]T[call_number]"
TEXT = "Gate 3 is open"
RINGING = 200  # milliseconds until somebody answers


class Callee:
    """Writes scenarios of SIPp as the user who is called. `msrp_port` is one on which nobody listens."""

    def __init__(self, way: Way, msrp_port: int) -> None:
        self._way = way
        self._msrp_port = msrp_port

    def message(self, status: int = 200, *lines: str) -> Scenario:
        """A short push."""
        scenario = Scenario(f"MESSAGE {status}")
        scenario.expect(
            "MESSAGE",
            *self._request_checks(),
            *self._identity(),
            header("Accept-Contact", SERVICE),
            header("Content-Type", "text/plain"),
            header("Date", "GMT"),
            header("Push-ID", "."),
            body(f"{TEXT}"),
            without("Contact"),
            without("Record-Route"),
        )
        return scenario.reply(status, *lines, tag=TAG, again=False)

    def refusing(self, status: int, *lines: str) -> Scenario:
        """An INVITE that is not taken; acknowledged, and nothing follows."""
        scenario = self._invited(f"INVITE {status}").reply(status, *lines, tag=TAG)
        return self._acked(scenario)

    def withdrawn(self) -> Scenario:
        """It rings until the caller gives up."""
        scenario = self._invited("CANCEL", *self._vias()).reply(180, self._contact, tag=TAG, again=False)
        scenario.expect("CANCEL", header("CSeq", "[0-9]+ CANCEL"), without("Contact")).reply(200, tag=TAG, again=False)
        vias = "\n".join(f"Via: [$via{number}]" for number in range(1, self._way.vias + 1))
        scenario.send(
            f"SIP/2.0 487 Request Terminated\n{vias}\n[last_From:]\n[last_To:];tag={TAG}\n[last_Call-ID:]\n"
            "CSeq: [$cseq]\nContent-Length: 0\n\n"
        )
        return self._acked(scenario)

    def not_listening(self) -> Scenario:
        """Taken, but nobody is at the MSRP port: the sender cannot connect, and ends the session."""
        return self._ended(self._taken("nobody listens", "passive"))

    def not_connecting(self) -> Scenario:
        """Taken, and it is SIPp who should connect, and never does: the sender ends the session after a while."""
        return self._ended(self._taken("nobody connects", "active"))

    def hanging_up(self) -> Scenario:
        """Taken, and ended before a connection was made."""
        scenario = self._taken("BYE", "active").pause(RINGING).send(self._in_dialog("BYE", 1))
        return scenario.expect(200, without("Contact"))

    def closing_the_file(self) -> Scenario:
        """Taken, then closed by port 0: the sender has nothing to send any more, and ends the session."""
        scenario = self._taken("port 0", "active").pause(RINGING)
        again = answer("active", port=self._msrp_port, msrp_port=0, version=2)
        scenario.send(self._in_dialog("INVITE", 1, f"Contact: {self._way.contact}", again)).expect(100, optional=True)
        scenario.expect(200, body("m=message 0 TCP/TLS/MSRP"), header("Contact", "<sip:"))
        return self._ended(scenario.send(self._in_dialog("ACK", 1), again=False))

    # -- steps

    def _invited(self, name: str, *checks: Check) -> Scenario:
        """An INVITE with the offer of one file."""
        return Scenario(name).expect(
            "INVITE",
            *self._request_checks(),
            *self._identity(),
            *([header("Record-Route", r"<sip:[^>]*;lr")] if self._way.through_core else [without("Record-Route")]),
            header("Contact", "<sip:[^>]+>"),
            header("From", "(.+)", keep="from"),
            header("To", "(.+)", keep="to"),
            header("Accept-Contact", SERVICE),
            *(header("Allow", rf"(^|[ ,]){method}(,|$)") for method in SENDER_ALLOW),
            header("Supported", "timer"),
            header("Session-Expires", "^ *[0-9]+;refresher=uac"),
            header("Content-Type", "application/sdp"),
            body("m=message [0-9]+ TCP/TLS/MSRP"),
            body("a=sendonly"),
            body("a=setup:actpass"),
            body("a=fingerprint:sha-256 "),
            body("a=path:msrps://"),
            body("a=file-selector:(name:[^[:cntrl:]]* size:[0-9]+ hash:sha-1:[0-9A-F:]{59})", keep="selector"),
            body("a=file-transfer-id:([!-~]+)", keep="transfer_id"),
            body("a=file-disposition:attachment"),
            *checks,
        )

    def _taken(self, name: str, setup: str) -> Scenario:
        scenario = self._invited(name).reply(180, "[last_Record-Route:]", self._contact, tag=TAG, again=False)
        content = answer(setup, port=self._msrp_port)
        scenario.pause(RINGING).reply(200, "[last_Record-Route:]", self._contact, content=content, tag=TAG)
        return scenario.expect("ACK", *self._request_checks(), header("To", ";tag=sipp"), without("Contact"))

    def _ended(self, scenario: Scenario) -> Scenario:
        scenario.expect("BYE", *self._request_checks(), header("To", ";tag=sipp"), without("Contact"))
        return scenario.reply(200, again=False)

    def _acked(self, scenario: Scenario) -> Scenario:
        """A refusal is acknowledged by the hop that it went to: through a core that one is not ours."""
        return scenario.expect("ACK", *(() if self._way.through_core else self._request_checks()), without("Contact"))

    def _in_dialog(self, method: str, cseq: int, lines: str = "", content: str = "") -> str:
        """A request the other way: To and From of the INVITE have changed places."""
        head = [
            f"{method} [next_url] SIP/2.0",
            f"Via: {self._way.via}[branch]",
            "Max-Forwards: 70",
            "[routes]",
            f"From: [$to];tag={TAG}",
            "To: [$from]",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            *([lines] if lines else []),
            *(["Content-Type: application/sdp\nContent-Length: [len]"] if content else ["Content-Length: 0"]),
        ]
        return "\n".join([*head, "", content])

    @property
    def _contact(self) -> str:
        return f"Contact: {self._way.contact}"

    def _request_checks(self) -> tuple[Check, ...]:
        """Of every request of the sender; through a core it must have come that way."""
        return (
            header("Via", "branch=z9hG4bK", occurrence=self._way.vias),
            header("Max-Forwards", "^ *[0-9]+"),
            header("From", "<sip:push@[^>]*>;tag=."),
        )

    def _identity(self) -> tuple[Check, ...]:
        """A core says who calls."""
        return (header("P-Asserted-Identity", "<sip:push@"),) if self._way.through_core else ()

    def _vias(self) -> tuple[Check, ...]:
        """What a 487 of the INVITE carries is not in the CANCEL that comes before it."""
        numbers = range(1, self._way.vias + 1)
        vias = [header("Via", "(SIP.+)", keep=f"via{number}", occurrence=number) for number in numbers]
        return (*vias, header("CSeq", "([0-9]+ INVITE)", keep="cseq"))


def registering(way: Way, expires: int = 600) -> Scenario:
    """SIPp at the core, as its user."""

    def request(cseq: int, line: str = "") -> str:
        head = [
            f"REGISTER sip:{way.domain} SIP/2.0",
            f"Via: {way.via}[branch]",
            "Max-Forwards: 70",
            f"From: <{way.identity}>;tag=[pid]R",
            f"To: <{way.identity}>",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} REGISTER",
            f"Contact: {way.contact}",
            f"Expires: {expires}",
            *([line] if line else []),
            "Content-Length: 0",
        ]
        return "\n".join([*head, "", ""])

    scenario = Scenario("REGISTER").send(request(1)).expect(100, optional=True).expect(401, challenge=True)
    scenario.send(request(2, f"[authentication username={way.user} password={way.password}]"))
    return scenario.expect(100, optional=True).expect(200, header("Service-Route", "<sip:"))
