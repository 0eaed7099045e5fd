"""A caller who writes its INVITEs by hand, and what a receiver with its policy and inbox answers (E.12)."""

from __future__ import annotations

import ipaddress

from pushsvc import push
from pushsvc.config.receiver import Action, Rule
from tests.conversations.offer_case import HEAD, SELECTOR, OfferCase, line
from tests.pushing import ICSI

TAG = '+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.push"'


class Types(OfferCase):
    """[R-PRA-INV-1] Which offers fit what the receiver takes: text/plain and every image."""

    def test_types_that_fit(self) -> None:
        """Any, in other letters, with parameters, in a container that may hold them, or anything at all."""
        for types, more in (
            ("*", ()),
            ("TEXT/Plain", ()),
            ("text/plain;charset=UTF-8", ()),
            ("application/x-unknown text/plain", ()),
            ("message/cpim", ("accept-wrapped-types:text/plain",)),
            ("message/cpim", ()),
        ):
            self.begin()
            _, (answered,) = self.answered(HEAD + line(*more, types=types))
            self.assertNotEqual(answered.port, 0, types)

    def test_types_that_do_not(self) -> None:
        """488, and a person can read why."""
        incompatible = 'sip resp 488 305 pushsvc "Incompatible media format"'
        declined = "push declined: Not Acceptable Here"
        for types, more, selector, log in (
            ("application/x-unknown", (), SELECTOR, [declined, incompatible]),
            ("message/cpim", ("accept-wrapped-types:application/x-unknown",), SELECTOR, [declined, incompatible]),
            ("*", (), SELECTOR.replace("text/plain", "application/pdf"), [declined, incompatible]),
            (None, (), SELECTOR, ['sip resp 488 305 pushsvc "No a=accept-types"']),
        ):
            self.begin()
            self.refused(HEAD + line(*more, types=types, selector=selector), log=log)

    def test_one_line_of_two(self) -> None:
        """[R-PRA-INV-4a] The other has port 0, in its place."""
        self.begin()
        _, lines = self.answered(HEAD + line(types="application/x-unknown") + line(number=2))
        self.assertEqual([each.port for each in lines], [0, 2855])


class Answers(OfferCase):
    """What stands in a 200."""

    def test_every_line_is_answered_in_its_place(self) -> None:
        """[R-PRA-INV-4a] [R-PRA-INV-4b] [R-PRA-INV-6] [R-PRA-INV-6a] [R-PRA-INV-6b] Own path, setup, types and limit;
        the offer's selector and id; never its icon, disposition or date."""
        self.begin()
        extra = (
            "file-disposition:attachment",
            'file-date:creation:"Sun, 01 Mar 2026 09:30:00 +0000"',
            "file-icon:cid:icon@example.com",
        )
        too_large = SELECTOR.replace("size:62", "size:100001")
        answer, lines = self.answered(
            HEAD + line(*extra) + line(number=2, selector=too_large) + line(*extra, number=3, direction="sendrecv")
        )
        self.assertEqual([each.port for each in lines], [2855, 0, 2855])
        self.assertEqual([each.transfer_id for each in lines], ["transfer1", "transfer2", "transfer3"])
        for each, selector in zip(lines, (SELECTOR, too_large, SELECTOR), strict=True):
            self.assertIn(f"a=file-selector:{selector}", answer.body.decode().split("\r\n"))
            self.assertEqual((each.media, each.proto), ("message", "TCP/TLS/MSRP"))
        for each in (lines[0], lines[2]):
            (path,) = each.path
            self.assertEqual((path.host, path.port), ("192.0.2.20", each.port))
            self.assertEqual((each.setup, each.direction, each.max_size), ("passive", "recvonly", 100_000))
            self.assertEqual(each.accept_types[:2], ("text/plain", "image/*"))
            self.assertEqual(each.fingerprints[0].algorithm, "sha-256")
        self.assertNotEqual(lines[0].path, lines[2].path)
        for forbidden in ("file-icon", "file-disposition", "file-date"):
            self.assertNotIn(forbidden, answer.body.decode())
        sections = answer.body.decode().split("m=")
        self.assertEqual([section.count("a=recvonly") for section in sections], [0, 1, 1, 1])
        self.assertEqual(answer.headers.get("content-type"), "application/sdp")
        self.assertEqual([text[:2] for text in sections[0].split("\r\n")[:3]], ["v=", "o=", "s="])

    def test_the_enabling_service_is_named(self) -> None:
        """[R-PRA-INV-5] [R-PRA-INV-5m] [R-PRA-INV-9] In Accept-Contact and as a parameter of Contact; each can be had
        with require and explicit, or without."""
        for targeting, flags in (
            (push.Targeting(ICSI), ""),
            (push.Targeting(ICSI, (), require=True, explicit=True), ";require;explicit"),
        ):
            self.begin(host={"targeting": targeting})
            answer, _ = self.answered(HEAD + line())
            self.assertEqual(answer.headers.all("accept-contact"), [f"*;{TAG}{flags}"])
            self.assertEqual(answer.headers.get("contact"), f"<sip:alice@192.0.2.20:5060>;{TAG}")
        self.begin(host={"targeting": push.Targeting(ICSI), "accept_contact_in_response": False})
        answer, _ = self.answered(HEAD + line())
        self.assertEqual(answer.headers.all("accept-contact"), [])

    def test_foreign_media_are_left_out(self) -> None:
        """[D-SDP-4] Port 0, proto and formats as they came."""
        self.begin()
        answer, lines = self.answered(HEAD + "m=audio 4000 RTP/AVP 0 8\na=sendonly\n" + line())
        self.assertEqual([each.port for each in lines], [0, 2855])
        self.assertIn("m=audio 0 RTP/AVP 0 8", answer.body.decode())

    def test_who_is_believed_to_be_the_caller(self) -> None:
        """[R-PRA-INV-9] [D-SIP-12] P-Asserted-Identity counts from trusted peers only."""
        asserted = "P-Asserted-Identity: <sip:push@example.com>"
        allow = {"allow": ("sip:push@example.com",)}
        self.begin(**allow)
        self.assertEqual(self.refused(HEAD + line(), asserted).status, 403)
        self.begin(**allow, trusted=(ipaddress.ip_network("192.0.2.66/32"),))
        self.answered(HEAD + line(), asserted)


class Refusals(OfferCase):
    """The codes of E.12, each with its reason."""

    def test_what_nobody_could_serve(self) -> None:
        """[D-SDP-4] 488 tells what is wrong with the first line that cannot be served."""
        for body, warning in (
            ("", "399"),
            (HEAD, "399"),
            (HEAD + "m=audio 4000 RTP/AVP 0\n", "304"),
            (HEAD + line(direction="recvonly"), "399"),
            (HEAD + line(direction="inactive"), "399"),
            (HEAD + line(port=0), "399"),
            (HEAD + line(port=0) + line(port=0, number=2), "399"),
            (HEAD + line(path="msrp://192.0.2.66:2855/s1;tcp"), "399"),
            (HEAD + line(path="nonsense"), "399"),
            (HEAD + line().replace("a=path", "a=route"), "399"),
            (HEAD + line().replace("TCP/TLS/MSRP", "TCP/MSRP").replace("msrps:", "msrp:"), "305"),
        ):
            self.begin()
            answer = self.refused(body)
            self.assertEqual((answer.status, (answer.headers.get("warning") or "")[:3]), (488, warning), body)

    def test_what_the_receiver_does_not_want(self) -> None:
        """[R-PRA-INV-2] [R-PRA-INV-2a] [R-PRA-INV-2b] [R-PRA-INV-4a] Type and size are 488, a word of its own 603, a
        stranger 403, no room 480."""
        too_large = SELECTOR.replace("size:62", "size:100001")
        large = line(selector=too_large)
        for body, accept, status, declined in (
            (HEAD + large + line(number=2, selector=too_large), {}, 488, ["size"]),
            (HEAD + large + line(number=2, types="video/mp4"), {}, 488, ["type"]),  # one word for the whole push
            (HEAD + line(), {"rules": (Rule(action=Action.DECLINE),)}, 603, ["policy"]),
            (HEAD + line(), {"allow": ("sip:*@elsewhere.example",)}, 403, ["sender"]),
            (HEAD + line(), {"free_min": 1 << 41}, 480, ["space"]),
        ):
            self.begin(**accept)
            self.assertEqual(self.refused(body).status, status)
            self.assertEqual(self.receiver.declined, declined)
        self.assertEqual(self.caller.last().headers.get("retry-after"), "300")

    def test_a_question_that_nobody_answers(self) -> None:
        """[R-PRA-INV-2b] [D-SIP-13] 180 while somebody is asked, then 603."""
        self.begin(rules=(Rule(action=Action.ASK, timeout=20.0),))
        self.caller.say(self.caller.request("INVITE", body=HEAD + line()))
        self.network.settle(30.0)
        self.assertEqual(sorted(set(self.caller.statuses())), [180, 603])
        self.assert_nothing_left()

    def test_a_user_that_does_not_live_here(self) -> None:
        """404, and no question is asked."""
        self.begin(rules=(Rule(action=Action.ASK),))
        self.assertEqual(self.refused(HEAD + line(), "start:INVITE sip:bob@192.0.2.20 SIP/2.0").status, 404)

    def test_one_session_more_than_there_may_be(self) -> None:
        """[R-PRA-INV-2a] 486, and the first goes on."""
        self.begin(agent={"max_sessions": 1})
        self.caller.say(self.caller.request("INVITE", body=HEAD + line()))
        first = self.caller.last()
        self.caller.say(self.caller.request("ACK", to_tag=first.to.tag or ""))
        second = self.caller.call("Call-ID: another", body=HEAD + line())
        self.assertEqual((first.status, second.status), (200, 486))
        self.caller.say(self.caller.request("BYE", number=2, to_tag=first.to.tag or ""))
        self.assertEqual(self.caller.last().status, 200)
        self.assert_nothing_left()

    def test_headers_that_are_missing_or_wrong(self) -> None:
        """[R-PRA-INV-3] [D-SIP-5] [D-SES-2] Whatever is answered, nothing is begun."""
        for changed, status in (
            ("Contact:", 400),
            ("Contact: <tel:+123>", 400),
            ("Contact: *", 400),
            ("CSeq: 1 BYE", 400),
            ("CSeq: many INVITE", 400),
            ("Max-Forwards: many", 400),
            ("From: nonsense <", 400),
            ("Record-Route: nonsense <", 400),
            ("Content-Length: many", 400),
            ("start:INVITE sip:alice@192.0.2.20 SIP/3.0", 505),
            ("start:INVITE tel:+123 SIP/2.0", 416),
            ("Content-Type: application/xml", 415),
            ("Content-Type:", 415),
            ("Content-Length: 4", 400),
            ("Content-Encoding: gzip", 415),
            ("Require: 100rel", 420),
            ("Session-Expires: 30", 422),
            ("Session-Expires: soon", 400),
        ):
            self.begin()
            self.caller.say(self.caller.request("INVITE", changed, body=HEAD + line()))
            self.assertEqual(self.caller.came[0][:12], f"SIP/2.0 {status} ".encode(), changed)
            self.assertIn(len(self.log.troubles()), (1, 2), self.log.troubles())
            self.assertEqual(self.receiver.stack.sessions.alive, 0)
            self.assert_nothing_left()

    def test_nobody_to_answer_to(self) -> None:
        """Without the way back, or the names of the call, silence is all there is."""
        for missing in ("Via:", "From:", "To:", "Call-ID:", "CSeq:"):
            self.begin()
            self.caller.say(self.caller.request("INVITE", missing, body=HEAD + line()))
            self.assertEqual(self.caller.heard, [], missing)
            self.assertEqual(len(self.log.troubles()), 1, self.log.troubles())
            self.assert_nothing_left()

    def test_a_refusal_that_nobody_acknowledges_is_given_up(self) -> None:
        """Timer H: repeated for 32 s, and then nothing is left."""
        self.begin()
        self.caller.say(self.caller.request("INVITE", body=HEAD + line(types="video/mp4")))
        self.assert_nothing_left()
        self.assertEqual(set(self.caller.statuses()), {488})
        self.assertEqual(len(self.caller.statuses()), 11)
