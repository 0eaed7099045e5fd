"""Icons of files: from the job of a sender to the entry of an inbox, and INVITEs in many parts on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from pushsvc import errors, sdp
from pushsvc.config.receiver import Action, Rule
from pushsvc.msrp.chunk import Send
from pushsvc.receiver.partials import Limits
from pushsvc.sender.job import FileState, Job
from pushsvc.sender.submission_contents import MAX_ICON
from pushsvc.sessions import Icon
from pushsvc.sip.codec import encode
from pushsvc.sip.message import Request, Response, ack_of, reply_to
from tests.conversations import push_case
from tests.conversations.case import intercept
from tests.conversations.stranger import Stranger
from tests.sessions.bodies import DESCRIBED, PNG, invite_of_two_files, part, picture
from tests.sip.samples import TWO_FILES

GIF = Icon("image/gif", b"GIF89a")
CLOSER = b"--b--"


class IconCase(push_case.PushCase):
    """A push whose files have icons."""

    def begin(self, *args: Any, **facts: Any) -> None:
        super().begin(*args, **facts)
        self.invites: list[Request] = []

    def job(self, *icons: Icon | None, octets: bytes = b"text" * 1000, **facts: Any) -> Job:
        """One file an icon; each has content of its own."""
        job = self.sender.job(*(octets + bytes([index]) for index in range(len(icons))), **facts)
        contents = zip(job.contents, icons, strict=True)
        return attrs.evolve(job, contents=tuple(attrs.evolve(content, icon=icon) for content, icon in contents))

    def listen(self, refuse: Callable[[Request], int | None] = lambda request: None) -> None:
        """Note every INVITE that comes to the receiver; those that `refuse` has a status for are refused by it."""

        def answer(request: Request) -> Response | None:
            if request.method != "INVITE":
                return None
            self.invites.append(request)
            status = refuse(request)
            return None if status is None else reply_to(request, status, to_tag="bob")

        intercept(self.receiver.stack, answer)

    def delivered(self, job: Job) -> None:
        result = self.push(job)
        self.assertEqual([file.result for file in result.files], [FileState.DELIVERED] * len(job.contents), result)
        self.assertEqual(result.sip_status, 200)

    def icons(self) -> list[Icon | None]:
        """What the entries have, in the order of their names."""
        return [entry.about.icon for entry in sorted(self.receiver.arrived, key=lambda entry: entry.about.name)]

    def types(self) -> list[str]:
        """How each INVITE carried its offer."""
        return [(invite.headers.get("Content-Type") or "").partition(";")[0] for invite in self.invites]


class Pushed(IconCase):
    def test_icons_arrive_with_their_files(self) -> None:
        """[R-PSA-EST-8] [R-PSA-EST-9] [F-13] E.3: the description is the root; every file has its own."""
        self.begin()
        self.listen()
        self.delivered(self.job(PNG, None, GIF))
        self.assertEqual(self.icons(), [PNG, None, GIF])
        invite = self.invites[0]
        self.assertRegex(
            invite.headers.get("Content-Type") or "", '^multipart/related;type="application/sdp";boundary="[a-z0-9]+"$'
        )
        self.assertEqual(invite.headers.get("Content-Length"), str(len(invite.body)))
        self.assert_nothing_left()

    def test_the_answer_names_no_icon(self) -> None:
        """[R-PRA-INV-4b] Nor anything else that only offers have."""
        self.begin()
        self.delivered(self.job(PNG))
        answer = self.receiver_said.responses("INVITE")[0].body
        self.assertIn(b"a=file-selector:", answer)
        for name in (b"file-icon", b"file-disposition", b"file-date"):
            self.assertNotIn(name, answer)

    def test_who_is_asked_about_a_file_sees_its_icon(self) -> None:
        """[F-13] [D-SIP-13]"""
        self.begin(rules=(Rule(action=Action.ASK),))
        pushed = self.sender.deliver(self.job(PNG, None))
        self.network.settle(3.0)
        (pending,) = self.receiver.decisions.pending()
        self.assertEqual([file.icon for file in pending.files], [PNG, None])
        self.receiver.decisions.answer(pending.id, True)
        self.assertIsNone(self.network.run(pushed).failure)
        self.assertEqual(self.icons(), [PNG, None])
        self.assert_nothing_left()

    def test_a_file_with_an_icon_goes_in_no_message(self) -> None:
        """[R-GEN-1] A MESSAGE has no place for it."""
        self.begin()
        result = self.push(self.job(PNG, octets=b"Gate 3 is open", mode="auto"))
        self.assertEqual((result.mode, result.why_mode), ("msrp", "a MESSAGE carries no icon"))
        self.assertEqual(self.icons(), [PNG])

    def test_a_file_that_is_cut_and_gone_on_with_keeps_its_icon(self) -> None:
        """What is offered last is what its receiver keeps."""
        self.limits = Limits(keep_for=10.0)
        self.begin(limits=self.limits)
        delivering = self.sender.deliver(self.job(PNG, octets=bytes(1_000_000)))
        while not self.sender.progress or self.sender.progress[-1][1] < 300_000:
            self.network.step()
        (stream,) = (each for each in self.network.streams if each.local == ("192.0.2.20", 2855) and each.connected)
        stream.abortConnection()
        self.assertIn("resumed", self.network.run(delivering).why_mode)
        self.assertEqual(self.icons(), [PNG])

    def test_icons_that_do_not_fit_are_left_out_and_the_files_arrive(self) -> None:
        """[F-13] The whole INVITE stays below what a careful peer reads of one."""
        self.begin()
        self.listen()
        large = Icon("image/png", bytes(MAX_ICON))
        job = self.job(*[large] * 8, title="x" * 255)
        long = (
            attrs.evolve(each, name=f"{i}{'n' * 250}.txt", transfer_id=f"{i}" * 32)
            for i, each in enumerate(job.contents)
        )
        self.delivered(attrs.evolve(job, contents=tuple(long)))
        self.assertEqual(self.icons(), [large] * 3 + [None] * 5)
        self.assertLess(len(encode(self.invites[0])), 65_536)
        self.assert_nothing_left()


class Refused(IconCase):
    def test_a_peer_without_multipart_gets_the_files_without_icons(self) -> None:
        """[D-SIP-10] [R-PSA-EST-8] 415, or 488 of one that does not know why: the same attempt offers them plainly."""
        for status in (415, 488):
            self.begin()
            self.listen(lambda request, status=status: status if b"file-icon" in request.body else None)  # type: ignore[misc]
            self.delivered(self.job(PNG, GIF))
            self.assertEqual((self.types()[:2], self.icons()), (["multipart/related", "application/sdp"], [None, None]))
            first, second = self.invites[:2]
            self.assertNotIn(b"file-icon", second.body)
            self.assertEqual((first.call_id, first.from_, second.to.tag), (second.call_id, second.from_, None))
            self.assertEqual((first.cseq.number, second.cseq.number), (1, 2))
            self.assertEqual(second.headers.get("Content-Length"), str(len(second.body)))
            self.assert_nothing_left()

    def test_no_is_final_when_it_is_said_to_the_plain_one(self) -> None:
        """[D-SIP-10] Two INVITEs, not a loop; and nothing of them stays."""
        for status in (415, 488):
            self.begin()
            self.listen(lambda request, status=status: status)  # type: ignore[misc]
            result = self.push(self.job(PNG))
            self.assertEqual((result.sip_status, len(self.invites), result.files), (status, 2, ()))
            self.assert_nothing_left()

    def test_what_has_no_icon_is_not_offered_twice(self) -> None:
        """[D-SIP-10]"""
        self.begin()
        self.listen(lambda request: 415)
        self.assertEqual((self.push(self.job(None)).sip_status, len(self.invites)), (415, 1))

    def test_another_no_is_no_matter_of_icons(self) -> None:
        self.begin()
        self.listen(lambda request: 603)
        self.assertEqual((self.push(self.job(PNG)).sip_status, len(self.invites)), (603, 1))


class Lingering(IconCase):
    """Further files in the session that is there."""

    def test_further_files_bring_their_icons(self) -> None:
        """[R-PSA-REL-0] [F-13] In the form of the first; an icon that came is not named again."""
        self.begin(linger=30.0)
        self.listen()
        for octets, icon in ((b"a" * 2000, PNG), (b"b" * 2000, GIF), (b"c" * 2000, None)):
            self.delivered(self.job(icon, octets=octets))
        self.assertEqual([entry.about.icon for entry in self.receiver.arrived], [PNG, GIF, None])
        self.assertEqual(self.types(), ["multipart/related", "multipart/related", "application/sdp"])
        self.assertEqual(len({invite.call_id for invite in self.invites}), 1)
        self.assertNotIn(b"file-icon", self.invites[2].body)
        self.assert_nothing_left()

    def test_a_peer_that_takes_no_icons_later_gets_the_file_all_the_same(self) -> None:
        """[D-SIP-10] In the same session: a refused re-INVITE has changed nothing."""
        self.begin(linger=30.0)
        self.listen(lambda request: 415 if request.to.tag is not None and b"file-icon" in request.body else None)
        for octets, icon in ((b"a" * 2000, PNG), (b"b" * 2000, GIF)):
            self.delivered(self.job(icon, octets=octets))
        self.assertEqual([entry.about.icon for entry in self.receiver.arrived], [PNG, None])
        self.assertEqual([invite.cseq.number for invite in self.invites], [1, 2, 3])
        self.assertEqual(len({invite.call_id for invite in self.invites}), 1)
        self.assert_nothing_left()

    def test_a_line_that_is_closed_while_others_run_names_no_icon_again(self) -> None:
        """[R-PSA-200-4] Only an offer whose parts are there may name them."""
        self.begin()
        self.listen()
        job = self.job(PNG, GIF)
        large = self.sender.content(bytes(2_000_000), "large.bin")
        self.delivered(attrs.evolve(job, contents=(job.contents[0], attrs.evolve(large, icon=GIF))))
        self.assertEqual(self.types(), ["multipart/related", "application/sdp"])
        second = self.invites[1]
        self.assertNotIn(b"file-icon", second.body)
        self.assertEqual([line.port for line in sdp.media(sdp.parse(second.body))], [0, 2855])
        self.assertCountEqual(self.icons(), [PNG, GIF])
        self.assert_nothing_left()


class Scripted(IconCase):
    """A peer that says exactly what the test says."""

    def setUp(self) -> None:
        self.begin()
        self.receiver.reception.host = attrs.evolve(self.receiver.reception.host, user="device1")
        self.stranger = Stranger(self.network)

    def answer(self, request: Request) -> Response:
        self.stranger.heard.clear()
        self.stranger.say(request, settle=0.1)
        response = self.stranger.heard[-1]
        assert isinstance(response, Response)
        if response.status >= 300:
            self.stranger.say(ack_of(request, response))
        return response

    def invite(self, content_type: str, body: bytes) -> Request:
        """E.3's INVITE with another body, as a new call."""
        request = invite_of_two_files()
        via = self.stranger.via()
        headers = request.headers.replaced("Content-Type", content_type).replaced("Via", str(via))
        return request.evolve(headers=headers.replaced("Call-ID", f"{via.branch}@h"), body=body)

    def test_the_cheatsheet_to_the_letter(self) -> None:
        """[R-PSA-EST-8] [R-PRA-INV-4b] E.3: both files are accepted, the second comes with its icon."""
        recorded = invite_of_two_files()
        self.assertEqual(encode(recorded), TWO_FILES)
        response = self.answer(recorded)
        self.assertEqual(response.status, 200)
        self.assertEqual([line.port for line in sdp.media(sdp.parse(response.body))], [2855, 2855])
        self.assertNotIn(b"file-icon", response.body)
        (session,) = self.receiver.stack.sessions._sessions.values()
        sinks = []
        for line in session.lines:
            assert line.msrp is not None
            send = Send("t", (), (), "m", None, content_type="message/cpim")
            sinks.append(line.msrp._receiving._wanted.make_sink(send))
        icons = [sink.about.icon for sink in sinks]  # type: ignore[attr-defined]
        self.assertEqual([icon and (icon.type, len(icon.octets)) for icon in icons], [None, ("image/svg+xml", 111)])
        for sink in sinks:
            sink.discard("")
        self.assert_nothing_left()

    def test_bodies_that_are_refused(self) -> None:
        """[D-SIP-5] E.12: a status that says what is wrong, words for people, and no trace."""
        related = "multipart/related;boundary=b"
        whole = DESCRIBED + picture() + CLOSER
        accept = "application/sdp, multipart/related, multipart/mixed"
        for content_type, body, status in (
            ("multipart/related", whole, 400),
            ("multipart/related;boundary=c", whole, 400),
            (related, DESCRIBED, 400),
            (related, DESCRIBED + b"--b\r\n\r\n\r\n" * 5_000 + CLOSER, 400),
            (related, b"--b\r\nno header\r\n\r\n" + CLOSER, 400),
            (related + ';start="<nobody@h>"', whole, 400),
            (related, part(b"v=1\r\n", "Content-Type: application/sdp") + CLOSER, 400),
            (related, picture() + DESCRIBED + CLOSER, 415),
            ("multipart/mixed;boundary=b", DESCRIBED + part(b"x", "Content-Disposition: alert") + CLOSER, 415),
            ("multipart/alternative;boundary=b", whole, 415),
            ("text/plain", b"x", 415),
            ("multipart/mixed;boundary=b", part(b"", "Content-Disposition: x;handling=optional") + CLOSER, 488),
            ("multipart/mixed;boundary=b", DESCRIBED + DESCRIBED + CLOSER, 488),
        ):
            self.log.events.clear()
            response = self.answer(self.invite(content_type, body))
            self.assertEqual(response.status, status, (content_type, body[:100]))
            told = self.log.troubles()
            self.assertEqual([line[: len("sip resp 400")] for line in told], [f"sip resp {status}"], told)
            self.assertIsNotNone(response.to.tag)
            self.assertEqual(response.headers.get("Accept"), accept if status == 415 else None)
            if content_type != "text/plain" and "alternative" not in content_type:
                self.assertRegex(response.headers.get("Warning") or "", '^399 pushsvc "[a-z ]')
        self.assertEqual((self.receiver.arrived, self.receiver.declined), ([], []))
        self.assert_nothing_left()

    def test_icons_that_are_none_cost_no_file(self) -> None:
        """[F-13] A picture decorates; what is wrong with it is the log's business."""
        for icon in (
            picture(octets=bytes(40_000)),
            picture(kind="text/html", octets=b"<script>alert(1)</script>"),
            part(b"x", "Content-Type: image/png", "Content-ID: <../../../etc/passwd>"),
            b"",
        ):
            response = self.answer(self.invite("multipart/related;boundary=b", DESCRIBED + icon + CLOSER))
            self.assertEqual(response.status, 200)
            (session,) = self.receiver.stack.sessions._sessions.values()
            self.assertEqual(session.lines[0].view.icon, "1@example.com")
            self.network.settle(400.0)
        self.assert_nothing_left()

    def test_a_reinvite_with_such_a_body_changes_nothing(self) -> None:
        """[D-SIP-5] The session that is there goes on."""
        self.begin(linger=30.0)
        self.delivered(self.job(PNG))
        (ours,) = self.sender.stack.sessions._sessions.values()
        for content_type, body, status in (
            ("multipart/related;boundary=c", DESCRIBED + CLOSER, 400),
            ("multipart/related;boundary=b", picture() + CLOSER, 415),
        ):
            with self.assertRaises(errors.Refused) as caught:
                self.network.run(Deferred.fromCoroutine(ours._requests.refresh("INVITE", body, content_type)))
            self.assertEqual(caught.exception.status, status)
        self.delivered(self.job(GIF, octets=b"more" * 1000))
        self.assertEqual([entry.about.icon for entry in self.receiver.arrived], [PNG, GIF])
        self.assertEqual(len({entry.about.call_id for entry in self.receiver.arrived}), 1)
        self.assert_nothing_left()
