"""pushsvc.sip.session_timer: who refreshes a session, when, and when it is given up."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import BadMessage
from pushsvc.sip.codec import parse
from pushsvc.sip.message import Request, Response
from pushsvc.sip.session_timer import SessionTimer, min_se_of, refresh_method, too_small_headers
from tests.sip.values import make_invite, make_request, make_response

WIRE = Path(__file__).parent.parent / "wire"
SUPPORTED = ("Supported", "100rel, Timer")


def recorded(name: str) -> Request | Response:
    message = parse((WIRE / name).read_bytes())
    assert message is not None
    return message


def answered(expires: str | None) -> SessionTimer | None:
    headers = [] if expires is None else [("Session-Expires", expires), ("Require", "timer")]
    return SessionTimer.agreed_by_answer(make_response(make_invite(), headers=headers))


def asked(*headers: tuple[str, str], supports: bool = True, **wishes: object) -> SessionTimer | None:
    request = make_invite(headers=[*headers, *([SUPPORTED] if supports else [])])
    return SessionTimer.agreed_by_us(request, **wishes)


class ScheduleTests(SynchronousTestCase):
    def test_the_refresher_refreshes_at_half_the_interval(self) -> None:
        """[R-PSA-200-1b] An interval of 90 s is refreshed after 45 s."""
        self.assertEqual(SessionTimer(90, we_refresh=True).refresh_at(1000.0), 1045.0)
        self.assertEqual(SessionTimer(1800, we_refresh=True).refresh_at(1000.0), 1900.0)

    def test_the_other_side_does_not(self) -> None:
        self.assertIsNone(SessionTimer(90, we_refresh=False).refresh_at(1000.0))

    def test_a_session_that_nobody_refreshes_is_ended_in_time(self) -> None:
        """[R-PSA-200-1b] Part F: at 60 of 90 s, at 1768 of 1800 s, so that the BYE arrives before the end."""
        self.assertEqual(SessionTimer(90, we_refresh=False).expires_at(0.0), 60.0)
        self.assertEqual(SessionTimer(1800, we_refresh=False).expires_at(0.0), 1768.0)

    def test_the_refresher_gives_up_as_well(self) -> None:
        """RFC 4028 §10: a refresh that never succeeds does not keep the session alive."""
        self.assertEqual(SessionTimer(1800, we_refresh=True).expires_at(0.0), 1768.0)


class AnsweredTests(SynchronousTestCase):
    """We sent the INVITE or UPDATE: we are its uac."""

    def test_uac_means_us(self) -> None:
        """[R-PSA-200-1b] Then the session lives only as long as we refresh it."""
        self.assertEqual(answered("1800;refresher=uac"), SessionTimer(1800, we_refresh=True))
        self.assertEqual(answered("1800 ; Refresher=UAC;x=y"), SessionTimer(1800, we_refresh=True))

    def test_uas_means_the_peer(self) -> None:
        """[R-PSA-200-1b] Then we only watch for the end."""
        self.assertEqual(answered("90;refresher=uas"), SessionTimer(90, we_refresh=False))

    def test_without_a_refresher_we_do_it(self) -> None:
        """The 2xx has to name one; if it does not, two refreshers are better than none."""
        for text in ("1800", "1800;refresher=proxy", "1800;refresher"):
            self.assertEqual(answered(text), SessionTimer(1800, we_refresh=True))

    def test_without_session_expires_there_is_no_timer(self) -> None:
        """[D-SES-1] In any 2xx, the first or a later one."""
        self.assertIsNone(answered(None))

    def test_what_cannot_be_read_is_no_timer(self) -> None:
        """A session must not be lost for a header that is not needed for it."""
        for text in ("", "soon", "+90", "-1", "1_0", "٩٠", "12345678901", "90;=;", "90 x"):
            self.assertIsNone(answered(text), text)

    def test_a_peer_cannot_make_us_refresh_without_pause(self) -> None:
        """RFC 4028 §4: less than 90 s is not allowed; an interval of 0 would be a loop."""
        self.assertEqual(answered("0;refresher=uac"), SessionTimer(90, we_refresh=True))

    def test_the_recorded_answers_are_understood(self) -> None:
        """Flows 1, 8a and 8e of the specification."""
        for name, interval in (
            ("flow1/02-sip-200-OK-answer-recvonly.bin", 1800),
            ("flow8a/02-sip-200-OK.bin", 1800),
            ("flow8e/05-sip-200-OK.bin", 300),
        ):
            response = recorded(name)
            assert isinstance(response, Response)
            self.assertEqual(SessionTimer.agreed_by_answer(response), SessionTimer(interval, we_refresh=True))


class AskedTests(SynchronousTestCase):
    """The peer sent the INVITE or UPDATE: we are its uas."""

    def test_the_choice_of_the_caller_is_kept(self) -> None:
        """[D-SES-2] refresher=uac: the caller refreshes; refresher=uas: we do."""
        self.assertEqual(asked(("Session-Expires", "1800;refresher=uac")), SessionTimer(1800, we_refresh=False))
        self.assertEqual(asked(("Session-Expires", "1800;refresher=uas")), SessionTimer(1800, we_refresh=True))

    def test_without_a_choice_the_caller_refreshes(self) -> None:
        """RFC 4028 §9 table 2 leaves it to us; the one that pushes has the greater interest."""
        self.assertEqual(asked(("x", "1800")), SessionTimer(1800, we_refresh=False))

    def test_a_caller_that_does_not_know_timers_is_refreshed_by_us(self) -> None:
        """RFC 4028 §9: a proxy asked for the timer; nobody else can keep it, and nothing may be required."""
        timer = asked(("Session-Expires", "1800"), supports=False)
        self.assertEqual(timer, SessionTimer(1800, we_refresh=True, peer_supports=False))
        assert timer is not None
        self.assertEqual(timer.response_headers(), [("Session-Expires", "1800;refresher=uas")])

    def test_too_small_an_interval_is_refused(self) -> None:
        """[D-SES-2] 422 with Min-SE of at least 90."""
        for seconds, ours in (("89", 90), ("299", 300), ("0", 90)):
            with self.assertRaises(BadMessage) as caught:
                asked(("Session-Expires", seconds), min_se=ours)
            self.assertEqual(caught.exception.status, 422)
            self.assertEqual(too_small_headers(ours), [("Min-SE", str(ours))])
        self.assertEqual(too_small_headers(10), [("Min-SE", "90")])

    def test_who_does_not_know_timers_is_not_refused(self) -> None:
        """It could not make sense of a 422."""
        self.assertEqual(
            asked(("Session-Expires", "100"), supports=False, min_se=300),
            SessionTimer(100, we_refresh=True, peer_supports=False),
        )
        self.assertIsNone(asked(("Session-Expires", "5"), supports=False))

    def test_an_interval_is_lowered_but_never_raised(self) -> None:
        """[D-SES-2] To our own wish, but not below the caller's Min-SE or 90."""
        for seconds, wish, min_se, agreed in (
            ("1800", 600, None, 600),
            ("300", 600, None, 300),
            ("1800", 600, "900", 900),
            ("1800", 10, None, 90),
            ("1800", 600, "what", 600),
        ):
            headers = [("Session-Expires", seconds), *([("Min-SE", min_se)] if min_se else [])]
            timer = asked(*headers, interval=wish)
            assert timer is not None
            self.assertEqual(timer.interval, agreed, (seconds, wish, min_se))

    def test_who_asks_for_nothing_gets_nothing(self) -> None:
        self.assertIsNone(asked())

    def test_a_later_request_that_asks_for_nothing_keeps_the_timer(self) -> None:
        """[D-SES-1] A 2xx without Session-Expires would end it, and a dead session would never be noticed."""
        for we_refresh in (True, False):
            running = SessionTimer(600, we_refresh)
            self.assertEqual(asked(running=running), running)
        self.assertEqual(
            asked(running=SessionTimer(600, we_refresh=False), supports=False),
            SessionTimer(600, we_refresh=True, peer_supports=False),
        )

    def test_a_later_request_without_a_choice_keeps_the_roles(self) -> None:
        """Who refreshed so far goes on, whoever sent this request."""
        for we_refresh in (True, False):
            timer = asked(("Session-Expires", "600"), running=SessionTimer(600, we_refresh))
            self.assertEqual(timer, SessionTimer(600, we_refresh))

    def test_what_cannot_be_read_is_refused(self) -> None:
        with self.assertRaises(BadMessage) as caught:
            asked(("Session-Expires", "soon"))
        self.assertEqual(caught.exception.status, 400)


class HeaderTests(SynchronousTestCase):
    def test_our_2xx_requires_timer_of_who_has_to_refresh(self) -> None:
        """[D-SES-1] In a 2xx the uac is the peer."""
        self.assertEqual(
            SessionTimer(1800, we_refresh=False).response_headers(),
            [("Require", "timer"), ("Session-Expires", "1800;refresher=uac")],
        )
        self.assertEqual(
            SessionTimer(1800, we_refresh=True).response_headers(),
            [("Require", "timer"), ("Session-Expires", "1800;refresher=uas")],
        )

    def test_in_our_requests_the_uac_is_us(self) -> None:
        """The words turn round with the direction of the request; the roles do not."""
        self.assertEqual(
            SessionTimer(1800, we_refresh=True).request_headers(), [("Session-Expires", "1800;refresher=uac")]
        )
        self.assertEqual(
            SessionTimer(1800, we_refresh=False).request_headers(), [("Session-Expires", "1800;refresher=uas")]
        )

    def test_both_sides_agree_whoever_asks(self) -> None:
        """[R-PSA-200-1b] Through any number of refreshes from either side exactly one of the two refreshes."""
        near = SessionTimer(600, we_refresh=True)
        far = SessionTimer(600, we_refresh=False)
        for asking, answering in ((near, far), (far, near)):
            request = make_request("UPDATE", headers=[SUPPORTED, *asking.request_headers()])
            agreed = SessionTimer.agreed_by_us(request, running=answering)
            self.assertEqual(agreed, answering)
            assert agreed is not None
            response = make_response(request, headers=agreed.response_headers())
            self.assertEqual(SessionTimer.agreed_by_answer(response), asking)

    def test_a_422_tells_the_interval_to_try_again_with(self) -> None:
        """[R-PSA-EST-6] Flow 8e: 90 is refused, 300 is asked for."""
        self.assertEqual(min_se_of(recorded("flow8e/02-sip-422-Session-Interval-Too-Small.bin")), 300)
        self.assertIsNone(min_se_of(make_response(make_invite(), 422)))
        self.assertIsNone(min_se_of(make_response(make_invite(), 422, headers=[("Min-SE", "much")])))

    def test_update_refreshes_where_the_peer_allows_it(self) -> None:
        """[D-SIP-14] UPDATE touches no SDP, so it cannot disturb a transfer."""
        allow = make_response(make_invite(), headers=[("Allow", "INVITE, ACK,UPDATE")]).headers.values("allow")
        self.assertEqual(refresh_method(allow), "UPDATE")
        self.assertEqual(refresh_method(["INVITE", "BYE"]), "INVITE")
