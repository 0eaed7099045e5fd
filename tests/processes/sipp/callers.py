"""What SIPp says to push-receiver, and what must come back."""

from __future__ import annotations

from pushsvc.push import RECEIVER_ALLOW
from tests.processes.sipp.scenario import Check, Scenario, body, header, without
from tests.processes.sipp.ways import SELECTOR, TRANSFER_ID, Way, offer

TEXT = "Gate 3 is open"
AUDIO = "v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\nm=audio 40000 RTP/AVP 0\n"
SERVICE = r'\+g\.3gpp\.icsi-ref="urn%3Aurn-7%3A3gpp-service\.ims\.icsi\.oma\.push"'
# No body and no dialog: what every refusal of an INVITE has to be.
REFUSAL = (header("To", ";tag=."), without("Contact"))
PAUSE = 300  # milliseconds between two steps of a caller, which is more than a quick person needs


class Caller:
    """Writes scenarios of SIPp as the caller of `user`."""

    def __init__(self, way: Way, user: str) -> None:
        self._way = way
        self._uri = f"sip:{user}@{way.domain}"

    # -- outside of dialogs

    def options(self) -> Scenario:
        """What can you take?"""
        return self._asked(
            "OPTIONS",
            200,
            *(header("Allow", rf"(^|[ ,]){method}(,|$)") for method in RECEIVER_ALLOW),
            header("Accept", "application/sdp"),
            header("Contact", f"<sip:.*>;{SERVICE}"),
            body("m=message [0-9]+ TCP/TLS/MSRP"),
            body("a=accept-types:"),
            body("a=file-selector"),
        )

    def message(self, status: int = 200, *checks: Check) -> Scenario:
        """A short push."""
        return self._asked("MESSAGE", status, *checks, text="Content-Type: text/plain", content=TEXT)

    def refused(self, status: int, *checks: Check, name: str = "refused.png", content: str = "") -> Scenario:
        """An INVITE that is not taken: for an offer of a file, or for other content."""
        scenario = self._invite(f"INVITE {status}", content or offer(name))
        return self._acked(scenario.ringing().expect(status, *REFUSAL, *checks))

    # -- calls

    def hanging_up(self) -> Scenario:
        """A file is offered and taken, and taken back by BYE before a connection is made."""
        return self._bye(self._taken("hangup.png").pause(PAUSE), 1).expect(200)

    def hung_up(self) -> Scenario:
        """Nobody connects, so the receiver ends the session."""
        scenario = self._taken("silent.png").expect("BYE", *self._via_checks(), without("Contact"))
        return scenario.reply(200, again=False)

    def withdrawn(self) -> Scenario:
        """A person is being asked, and the caller does not wait for that."""
        scenario = self._invite("CANCEL", offer("ask.png")).expect(100, optional=True).expect(180, *self._contact())
        scenario.pause(PAUSE)
        scenario.send(self._request("CANCEL", self._uri, "{invite}", self._cseq))
        return self._acked(scenario.expect(200, without("Contact")).expect(487, *REFUSAL))

    def closing_the_file(self) -> Scenario:
        """The file is withdrawn by port 0: the session is empty then, and its caller ends it."""
        scenario = self._taken("closed.png").pause(PAUSE)
        again = offer("closed.png", port=0, version=2)
        cseq = self._cseq + 1
        scenario.send(self._in_dialog("INVITE", cseq, f"Contact: {self._way.contact}", again), is_invite=True)
        mirrored = (body("m=message 0 TCP/TLS/MSRP"), body(f"a=file-transfer-id:{TRANSFER_ID}"))
        scenario.ringing((100,)).expect(200, *mirrored, *self._contact())
        scenario.send(self._in_dialog("ACK", cseq), again=False).pause(PAUSE)
        return self._bye(scenario, 2).expect(200)

    # -- steps

    def _asked(self, method: str, status: int, *checks: Check, text: str = "", content: str = "") -> Scenario:
        scenario = Scenario(f"{method} {status}")
        self._dressed(scenario, method, text, content)
        return scenario.expect(status, header("To", ";tag=."), *checks)

    def _invite(self, name: str, content: str) -> Scenario:
        scenario = Scenario(name)
        lines = f"Contact: {self._way.contact}\nAllow: INVITE, ACK, CANCEL, BYE\nContent-Type: application/sdp"
        self._dressed(scenario, "INVITE", lines, content)
        return scenario

    def _dressed(self, scenario: Scenario, method: str, lines: str, content: str) -> None:
        """The request; a core challenges it, and gets it with credentials."""
        is_invite = method == "INVITE"
        scenario.send(self._request(method, self._uri, "[branch]", 1, lines, content), is_invite=is_invite)
        self._cseq = 1
        if self._way.password:
            scenario.expect(100, optional=True).expect(407, challenge=True)
            if is_invite:
                scenario.send(self._request("ACK", self._uri, "{invite}", 1, tagged=True), again=False)
            way = self._way
            credentials = f"[authentication username={way.user} password={way.password}]"
            lines = "\n".join(filter(None, [credentials, lines]))
            scenario.send(self._request(method, self._uri, "[branch]", 2, lines, content), is_invite=is_invite)
            self._cseq = 2

    def _taken(self, name: str) -> Scenario:
        """An INVITE with its 200 and ACK."""
        scenario = self._invite(name, offer(name)).ringing()
        checks = (
            body("a=recvonly"),
            body("m=message [0-9]+ TCP/TLS/MSRP"),
            body("a=setup:passive"),
            body("a=fingerprint:sha-256"),
            body(SELECTOR),
            body(f"a=file-transfer-id:{TRANSFER_ID}"),
            header("Accept-Contact", rf"\*;{SERVICE}"),
            header("Allow", "INVITE.*BYE.*MESSAGE"),
            header("Content-Type", "application/sdp"),
            *([header("Record-Route", r"<sip:[^>]*;lr")] if self._way.through_core else [without("Record-Route")]),
        )
        scenario.expect(200, *checks, *self._contact())
        return scenario.send(self._in_dialog("ACK", self._cseq), again=False)

    def _contact(self) -> tuple[Check]:
        return (header("Contact", f"<sip:.*>;{SERVICE}"),)

    def _via_checks(self) -> tuple[Check, ...]:
        """A request of the receiver comes by the core, which has put its Via there."""
        return (header("Via", "SIP/2.0/", occurrence=2),) if self._way.through_core else ()

    def _acked(self, scenario: Scenario) -> Scenario:
        """The ACK of a refusal belongs to the INVITE's transaction (RFC 3261 §17.1.1.3)."""
        return scenario.send(self._request("ACK", self._uri, "{invite}", self._cseq, tagged=True), again=False)

    def _bye(self, scenario: Scenario, later: int) -> Scenario:
        return scenario.send(self._in_dialog("BYE", self._cseq + later))

    def _in_dialog(self, method: str, cseq: int, lines: str = "", content: str = "") -> str:
        lines = "\n".join(filter(None, ["[routes]", lines, "Content-Type: application/sdp" if content else ""]))
        return self._request(method, "[next_url]", "[branch]", cseq, lines, content, tagged=True)

    def _request(
        self, method: str, uri: str, branch: str, cseq: int, lines: str = "", content: str = "", *, tagged: bool = False
    ) -> str:
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: {self._way.via}{branch}",
            "Max-Forwards: 70",
            f"From: <{self._way.identity}>;tag=[pid]F[call_number]",
            f"To: <{self._uri}>" + "[peer_tag_param]" * tagged,
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            *([lines] if lines else []),
            "Content-Length: [len]" if content else "Content-Length: 0",
        ]
        return "\n".join([*head, "", content])
