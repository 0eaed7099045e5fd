"""Offers and answers as we write them; those of the recorded flows are in test_wire."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import Misuse
from pushsvc.msrp.uri import parse_path
from pushsvc.sdp import (
    Accepted,
    Change,
    Closed,
    Declined,
    Description,
    FileOffer,
    Fingerprint,
    LocalEnd,
    Repeated,
    again,
    answer,
    answer_again,
    answered,
    capabilities,
    changes,
    closing,
    format,
    media,
    moved,
    offer,
    parse,
    reoffer,
    succeeding,
    without_cema,
)
from tests.sdp.values import FILE, PATH, SESSION, changed, described

PRINT = Fingerprint("sha-256", bytes(range(32)))
END = LocalEnd("h.example", 2855, fingerprints=(PRINT,))
NOTICE = FileOffer("n.txt", "text/plain", 62, bytes(20), "first", parse_path(PATH))
OURS = parse_path("msrps://r.example:2855/UZqMfDViJwkxckxxjcPy;tcp")
TAKE = Accepted(OURS, ("text/plain",))


def lines(description: Description) -> list[str]:
    return format(description).decode().split("\r\n")[:-1]


class Offers(SynchronousTestCase):
    """What we ask the receiver to take."""

    def test_a_file_is_described_in_full(self) -> None:
        """[R-PSA-EST-8, R-PSA-EST-9] Everything that RFC 5547 lets us say, in the order of E.2."""
        file = attrs.evolve(
            NOTICE,
            type="Text/Plain; charset=utf-8",
            disposition="render",
            created_at=1772357400,
            modified_at=1772357401,
            title="Gate\r\n3",
            accept_wrapped_types=("text/html",),
        )
        self.assertEqual(
            lines(offer(attrs.evolve(END, cema=True), [file], (7, 1))),
            [
                "v=0",
                "o=- 7 1 IN IP4 h.example",
                "s=-",
                "c=IN IP4 h.example",
                "t=0 0",
                f"a=fingerprint:{PRINT}",
                "m=message 2855 TCP/TLS/MSRP *",
                "i=Gate 3",
                "a=sendonly",
                "a=accept-types:text/plain message/cpim",
                "a=accept-wrapped-types:text/html",
                "a=setup:actpass",
                f"a=path:{PATH}",
                "a=msrp-cema",
                f'a=file-selector:name:"n.txt" type:Text/Plain;charset="utf-8" size:62 hash:sha-1:00{":00" * 19}',
                "a=file-transfer-id:first",
                "a=file-disposition:render",
                'a=file-date:creation:"Sun, 01 Mar 2026 09:30:00 +0000" modification:"Sun, 01 Mar 2026 09:30:01 +0000"',
            ],
        )

    def test_several_files_have_a_line_each(self) -> None:
        """[R-PSA-EST-10] Own id, own path, own attributes."""
        second = attrs.evolve(NOTICE, name="m.txt", transfer_id="second", path=OURS)
        views = media(offer(END, [NOTICE, second], (7, 1)))
        self.assertEqual([view.problem for view in views], [None, None])
        self.assertEqual([view.transfer_id for view in views], ["first", "second"])
        self.assertEqual([view.path for view in views], [NOTICE.path, OURS])

    def test_plain_msrp_and_ipv6_have_their_own_words(self) -> None:
        """[A-34] The scheme of the path and the protocol of the line always agree."""
        end = LocalEnd("[2001:db8::20]", 9, secure=False, setup="active")
        path = parse_path("msrp://[2001:db8::20]:9/abc;tcp")
        view = media(offer(end, [attrs.evolve(NOTICE, path=path)], (7, 1)))[0]
        self.assertIsNone(view.problem)
        self.assertEqual((view.proto, view.port, view.setup), ("TCP/MSRP", 9, "active"))
        self.assertEqual(
            lines(offer(end, [], (7, 1)))[1:4], ["o=- 7 1 IN IP6 2001:db8::20", "s=-", "c=IN IP6 2001:db8::20"]
        )

    def test_an_icon_is_named_by_a_url(self) -> None:
        """[R-PSA-EST-9] RFC 2392: what a URL cannot hold is escaped, and is the same Content-ID again."""
        for content_id in ("icon1@sender.example.com", "1@[2001:db8::20]", "a%b@c", "a\r\na=recvonly@c"):
            described = format(offer(END, [attrs.evolve(NOTICE, icon=content_id)], (7, 1)))
            self.assertEqual(media(parse(described))[0].icon, content_id)
        self.assertIn(
            b"a=file-icon:cid:1@%5B2001%3Adb8%3A%3A20%5D\r\n",
            format(offer(END, [attrs.evolve(NOTICE, icon="1@[2001:db8::20]")], (7, 1))),
        )

    def test_no_name_or_title_breaks_out_of_its_line(self) -> None:
        """[D-MSRP-5] They come from whoever submits pushes."""
        hostile = 'x"\r\na=recvonly\r\n\0\u2028\ud800'
        octets = format(offer(END, [attrs.evolve(NOTICE, name=hostile, title=hostile)], (7, 1)))
        view = media(parse(octets))[0]
        self.assertEqual(view.direction, "sendonly")
        self.assertIsNone(view.problem)
        assert view.selector is not None
        self.assertEqual(view.selector.name, hostile.replace("\ud800", "?"))
        self.assertEqual(view.title, 'x" a=recvonly ?')


class Answers(SynchronousTestCase):
    """What we take."""

    def test_each_line_is_answered_in_its_place(self) -> None:
        """[R-PRA-INV-4a, R-PRA-INV-4b, R-PRA-INV-6] Same order, media and protocol; nothing that only offers have."""
        theirs = described(
            *SESSION,
            *FILE,
            "a=file-disposition:render",
            'a=file-date:creation:"Sun, 01 Mar 2026 09:30:00 +0000"',
            "a=file-icon:cid:x",
            "a=file-range:1-62",
            "a=msrp-cema",
            "a=x-other:1",
            "m=audio 7 RTP/AVP 0 8",
            "a=rtpmap:0 PCMU/8000",
            *changed(FILE, m="message 2855 TCP/TLS/MSRP *", file_transfer_id="second", direction="recvonly"),
        )
        take = Accepted(OURS, ("image/*", "message/cpim"), 10485760, "passive", ("text/plain",))
        replied = answer(theirs, [take, Declined(), Declined(("image/*",))], attrs.evolve(END, cema=True), (8, 1))
        selector = FILE[5]
        self.assertEqual(
            lines(replied)[6:],
            [
                "m=message 2855 TCP/TLS/MSRP *",
                "a=recvonly",
                "a=accept-types:image/* message/cpim",
                "a=accept-wrapped-types:text/plain",
                "a=max-size:10485760",
                "a=setup:passive",
                f"a=path:{OURS[0]}",
                "a=msrp-cema",
                selector,
                FILE[6],
                "a=file-range:1-62",
                "m=audio 0 RTP/AVP 0 8",
                "m=message 0 TCP/TLS/MSRP *",
                "a=sendonly",
                "a=accept-types:image/*",
                selector,
                "a=file-transfer-id:second",
            ],
        )
        self.assertEqual([line.refused for line in answered(theirs, replied)], [False, True, True])

    def test_only_what_was_offered_is_answered(self) -> None:
        """No set-up where RFC 6135 is not spoken, no CEMA where RFC 6714 is not (E.11)."""
        theirs = described(*SESSION, *changed(FILE, setup=None, file_selector=None, file_transfer_id=None))
        replied = answer(theirs, [attrs.evolve(TAKE, setup="")], attrs.evolve(END, cema=True), (8, 1))
        self.assertEqual(lines(replied)[7:], ["a=recvonly", "a=accept-types:text/plain", f"a=path:{OURS[0]}"])

    def test_the_session_may_say_the_direction(self) -> None:
        """[A-36] Also for a line that is refused."""
        theirs = described(*SESSION, "a=inactive", *changed(FILE, direction=None))
        self.assertIn("a=inactive", lines(answer(theirs, [Declined()], END, (8, 1))))

    def test_an_answer_decides_about_every_line(self) -> None:
        """[R-PRA-INV-6] Forgetting one is our mistake, not the peer's."""
        with self.assertRaises(ValueError):
            answer(described(*SESSION, *FILE), [], END, (8, 1))


class Later(SynchronousTestCase):
    """Offers and answers that follow others."""

    def setUp(self) -> None:
        self.first = offer(END, [NOTICE], (7, 1))
        self.second = attrs.evolve(NOTICE, transfer_id="second", path=OURS)

    def test_the_version_goes_up_exactly_when_something_changed(self) -> None:
        """[D-SDP-1] A peer takes an unchanged version for an unchanged description."""
        self.assertIs(succeeding(self.first, offer(END, [NOTICE], (99, 5))), self.first)
        changed_once = succeeding(self.first, offer(END, [self.second], (99, 5)))
        self.assertEqual((changed_once.origin.session_id, changed_once.origin.version), (7, 2))
        self.assertEqual(closing(changed_once, [0]).origin.version, 3)
        self.assertIs(closing(changed_once, []), changed_once)
        self.assertIs(again(changed_once), changed_once)

    def test_a_later_offer_names_no_icon_of_an_earlier_one(self) -> None:
        """[D-SDP-1] Its octets came with the first offer; the rest of the line stays."""
        drawn = attrs.evolve(NOTICE, icon="1@h")
        first = offer(END, [drawn, attrs.evolve(NOTICE, transfer_id="second")], (7, 1))
        plain = offer(END, [NOTICE, attrs.evolve(NOTICE, transfer_id="second")], (7, 2))
        self.assertEqual(again(first), plain)
        self.assertEqual(closing(first, [1]), attrs.evolve(closing(plain, [1]), session=plain.session))
        more = reoffer(first, END, {1: attrs.evolve(drawn, transfer_id="third", icon="2@h")})
        self.assertEqual([line.icon for line in media(more)], [None, "2@h"])
        self.assertEqual(changes(first, more), [Change.KEPT, Change.REPLACED])

    def test_an_offer_without_rfc_6714_follows_one_with_it(self) -> None:
        """[D-SDP-1] E.11: nothing else changes. The answer to it has the attribute as little, whoever took it out."""
        end = attrs.evolve(END, cema=True)
        first = offer(end, [NOTICE, self.second], (7, 1))
        plain = without_cema(first)
        self.assertEqual(plain, offer(END, [NOTICE, self.second], (7, 2)))
        self.assertIs(without_cema(plain), plain)
        answered = answer(first, [TAKE, Declined()], end, (8, 1))
        again = answer_again(plain, answered, [Repeated(), Repeated()], end)
        self.assertEqual(again, answer(plain, [TAKE, Declined()], end, (8, 2)))
        self.assertIs(answer_again(first, answered, [Repeated(), Repeated()], end), answered)

    def test_an_active_side_names_no_port(self) -> None:
        """E.11: nobody shall try to connect to it."""
        active = answer(self.first, [attrs.evolve(TAKE, setup="active")], END, (8, 1))
        self.assertEqual([view.port for view in media(active)], [9])

    def test_a_line_that_another_relay_leads_to(self) -> None:
        """[D-SDP-1] E.13: the path alone is another one, and nothing is said where nothing has changed."""
        both = offer(END, [NOTICE, self.second], (7, 1))
        path = parse_path("msrps://relay.example.com:2855/r2;tcp msrps://s.example.com:2855/sss;tcp")
        again = moved(both, {1: path})
        self.assertEqual(again, offer(END, [NOTICE, attrs.evolve(self.second, path=path)], (7, 2)))
        self.assertIs(moved(again, {0: NOTICE.path, 1: path}), again)

    def test_a_line_that_is_closed_already_stays_as_it_is(self) -> None:
        """[D-SDP-1] Saying it twice is not a change."""
        closed = closing(self.first, {0})
        self.assertIs(closing(closed, {0}), closed)

    def test_several_lines_are_closed_at_once(self) -> None:
        """[R-PSA-REL-T1, R-PSA-REL-T2] The line in between is not touched."""
        three = offer(END, [NOTICE, self.second, attrs.evolve(NOTICE, transfer_id="third")], (7, 1))
        closed = closing(three, [0, 2])
        self.assertEqual([view.port for view in media(closed)], [0, 2855, 0])
        self.assertEqual(closed.sections[1], three.sections[1])

    def test_further_files_take_over_lines_or_follow_the_last(self) -> None:
        """[R-PSA-REL-0, D-SDP-1] Nobody's line moves."""
        both = reoffer(self.first, END, {1: self.second})
        self.assertEqual(both.sections[0], self.first.sections[0])
        self.assertEqual([view.transfer_id for view in media(both)], ["first", "second"])
        again = reoffer(closing(both, [0]), END, {0: attrs.evolve(NOTICE, transfer_id="third")})
        self.assertEqual([view.transfer_id for view in media(again)], ["third", "second"])
        self.assertEqual(again.origin.version, 4)
        with self.assertRaises(Misuse):
            reoffer(self.first, END, {2: self.second})

    def test_each_line_of_a_later_offer_has_its_answer(self) -> None:
        """[D-SDP-2] As before, closed, or decided anew; a new line with port 0 gets port 0."""
        before = answer(self.first, [TAKE], END, (8, 1))
        theirs = reoffer(self.first, END, {1: self.second, 2: attrs.evolve(NOTICE, transfer_id="third")})
        after = answer_again(theirs, before, [Repeated(), TAKE, Closed()], END)
        self.assertEqual(after.sections[0], before.sections[0])
        self.assertEqual([view.port for view in answered(theirs, after)], [2855, 2855, 0])
        self.assertEqual(after.origin, attrs.evolve(before.origin, version=2))
        done = answer_again(theirs, after, [Closed(), Repeated(), Declined()], END)
        self.assertEqual([view.port for view in answered(theirs, done)], [0, 2855, 0])
        with self.assertRaises(Misuse):
            answer_again(theirs, before, [Repeated(), Repeated(), TAKE], END)

    def test_a_line_that_is_closed_names_the_file_as_it_is_offered_now(self) -> None:
        """[D-SDP-2] Trap 2 of E.16: a peer finds the transfer that it means by these two."""
        before = answer(self.first, [TAKE], END, (8, 1))
        other = attrs.evolve(NOTICE, name="other.txt", transfer_id="fourth", size=7)
        theirs = closing(reoffer(self.first, END, {0: other}), [0])
        (closed,) = answered(theirs, answer_again(theirs, before, [Closed()], END))
        (asked,) = media(theirs)
        self.assertEqual((closed.port, closed.transfer_id, closed.selector), (0, "fourth", asked.selector))
        self.assertEqual((closed.problem, closed.path), (None, OURS))

    def test_capabilities_carry_no_secrets_of_a_session(self) -> None:
        """[D-SIP-15] Port 0, no path, no fingerprint."""
        told = capabilities(END, (9, 1), ["text/plain"])
        self.assertEqual(
            lines(told)[4:],
            ["t=0 0", "m=message 0 TCP/TLS/MSRP *", "a=accept-types:text/plain", "a=file-selector"],
        )
