"""The typed view of a media line, and why one cannot be served."""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.errors import NotAcceptable, ProtocolError
from pushsvc.msrp.uri import parse_path
from pushsvc.sdp import (
    FileRange,
    FileSelector,
    Fingerprint,
    MediaOffer,
    Problem,
    acceptable_types,
    answered,
    format,
    media,
    parse,
    warning,
)
from pushsvc.sdp.media import MAX_PATH, MAX_TYPES
from tests.sdp.values import FILE, ID, PATH, SESSION, SHA1, changed, described

PRINT = "sha-256 " + bytes(range(32)).hex(":").upper()
OTHER_PRINT = "sha-256 " + bytes(range(1, 33)).hex(":").upper()


def line_of(*extra: str, session: tuple[str, ...] = (), **attributes: str | None) -> MediaOffer:
    """The one line of an offer."""
    return media(described(*SESSION, *session, *changed(FILE, **attributes), *extra))[0]


class Views(SynchronousTestCase):
    """Everything that the line says, each thing once, in our words."""

    def test_a_file_line_says_all_this(self) -> None:
        """The receiver decides on these facts alone, before an octet was sent."""
        line = line_of(
            "i=Notice",
            "c=IN IP6 2001:db8::20",
            "a=accept-wrapped-types:text/html  image/png",
            "a=max-size:10485760",
            f"a=fingerprint:{PRINT}",
            f"a=fingerprint:{OTHER_PRINT}",
            "a=file-disposition:attachment",
            'a=file-date:creation:"Sun, 01 Mar 2026 09:30:00 +0000" read:"x" modification:"1 Mar 2026 09:30:01 GMT"',
            "a=file-icon:cid:icon1@h.example",
            "a=file-range:1-62",
            "a=msrp-cema",
            "a=connection:new",
            "a=x-file-offset",
            session=("a=fingerprint:sha-1 " + SHA1,),
        )
        self.assertEqual(
            line,
            MediaOffer(
                index=0,
                media="message",
                port=2855,
                proto="TCP/TLS/MSRP",
                secure=True,
                connection_host="2001:db8::20",
                path=parse_path(PATH),
                accept_types=("text/plain", "message/cpim"),
                accept_wrapped_types=("text/html", "image/png"),
                setup="actpass",
                direction="sendonly",
                fingerprints=(Fingerprint.parse(PRINT), Fingerprint.parse(OTHER_PRINT)),
                max_size=10485760,
                selector=FileSelector("n.txt", "text/plain", 62, bytes.fromhex(SHA1.replace(":", ""))),
                transfer_id=ID,
                disposition="attachment",
                created_at=1772357400.0,
                modified_at=1772357401.0,
                file_range=FileRange(1, 62),
                title="Notice",
                icon="icon1@h.example",
                cema=True,
                problem=None,
            ),
        )

    def test_what_the_session_says_holds_where_the_line_is_silent(self) -> None:
        """[A-36] Direction, set-up, fingerprint and address may stand at either level."""
        line = line_of(session=(f"a=fingerprint:{PRINT}", "a=sendonly", "a=setup:Active"), setup=None, direction=None)
        self.assertEqual(line.fingerprints, (Fingerprint.parse(PRINT),))
        self.assertEqual((line.direction, line.setup, line.connection_host), ("sendonly", "active", "h.example"))
        self.assertIsNone(line.problem)
        self.assertEqual(line_of("a=sendrecv ", session=("a=inactive",), direction=None).direction, "sendrecv")

    def test_a_line_that_says_little_can_still_be_served(self) -> None:
        """[A-10] No direction means both; a push without file attributes is a plain MSRP session."""
        line = line_of(direction=None, setup="holdconn", file_selector=None, file_transfer_id=None, accept_types="*")
        self.assertIsNone(line.problem)
        self.assertEqual((line.direction, line.setup, line.selector, line.transfer_id), ("sendrecv", None, None, None))
        self.assertEqual((line.disposition, line.created_at, line.max_size), ("render", None, None))

    def test_numbers_that_cannot_be_are_no_numbers(self) -> None:
        """A limit that nobody can reach, or read, is no limit."""
        for text in ("9" * 19, "-1", "+5", "1_0", "\u0662", ""):
            self.assertIsNone(line_of(f"a=max-size:{text}").max_size, text)

    def test_only_render_is_rendered(self) -> None:
        """[A-28] A word that we do not know must not open a file by itself."""
        for word, expected in (
            ("Render", "render"),
            ("attachment", "attachment"),
            ("icon", "attachment"),
            ("", "attachment"),
        ):
            self.assertEqual(line_of(f"a=file-disposition:{word}").disposition, expected)

    def test_an_icon_that_cannot_be_found_is_none(self) -> None:
        """[R-PSA-EST-9] It only decorates, and is never a reason to refuse a file."""
        for text, expected in (
            ("CID:a%40b@[::1]", "a@b@[::1]"),
            ("cid:../../etc/passwd", "../../etc/passwd"),
            ("cid:", None),
            ("<a@b>", None),
            ("https://h.example/a.png", None),
            ("cid:a b", None),
            ("cid:" + "x" * 257, None),
        ):
            line = line_of(f"a=file-icon:{text}")
            self.assertEqual((line.icon, line.problem), (expected, None))

    def test_a_title_is_fit_to_be_shown(self) -> None:
        """It goes into the inbox and onto a screen; octets that are no text do not."""
        self.assertEqual(line_of("i= Gate\x1b[31m 3\udcff").title, "Gate [31m 3?")
        self.assertIsNone(line_of("i= ").title)

    def test_the_anchor_is_what_c_and_m_say(self) -> None:
        """E.11: an address to connect to where RFC 6714 says so."""
        self.assertEqual(line_of().anchor, ("h.example", 2855))
        self.assertEqual(line_of("c=IN IP6 2001:db8::20").anchor, ("2001:db8::20", 2855))
        self.assertIsNone(line_of("c=nonsense").anchor)

    def test_whether_it_is_another_place_than_the_path(self) -> None:
        """E.11: addresses by value; names only where they are certain; the port of who connects means nothing."""
        for connection, path, setup, expected in (
            ("IN IP4 192.0.2.1", "msrps://192.0.2.1:2855/a;tcp", "actpass", False),
            ("IN IP4 192.0.2.9", "msrps://192.0.2.1:2855/a;tcp", "actpass", True),
            ("IN IP4 192.0.2.1", "msrps://192.0.2.1:2856/a;tcp", "passive", True),
            ("IN IP4 192.0.2.1", "msrps://192.0.2.1:9/a;tcp", "active", False),
            ("IN IP4 192.0.2.9", "msrps://192.0.2.1:9/a;tcp", "active", True),
            ("IN IP4 192.0.2.1", "msrps://192.0.2.1/a;tcp", "passive", False),
            ("IN IP6 2001:DB8:0::1", "msrps://[2001:db8::1]:2855/a;tcp", "passive", False),
            ("IN IP4 192.0.2.1", "msrps://h.example:2855/a;tcp", "passive", False),
            ("IN IP4 other.example", "msrps://h.example:2855/a;tcp", "passive", False),
            ("IN IP4 H.example", "msrps://h.example:2856/a;tcp", "passive", True),
            ("nonsense", "msrps://192.0.2.1:2855/a;tcp", "passive", False),
            ("IN IP4 192.0.2.1", "msrps://192.0.2.1:2855/a;tcp msrps://h.example:1/b;tcp", "passive", False),
        ):
            line = line_of(f"c={connection}", path=path, setup=setup)
            self.assertIs(line.leads_elsewhere, expected, (connection, path, setup))

    def test_an_accept_list_is_looked_at_so_far_and_no_further(self) -> None:
        """Comparing two endless lists would cost the square of their length."""
        types = [f"x/{number}" for number in range(MAX_TYPES + 1)]
        self.assertEqual(line_of(accept_types=" ".join(types)).accept_types, tuple(types[:MAX_TYPES]))


class Problems(SynchronousTestCase):
    """A line that cannot be served is answered with port 0; the others go on."""

    def test_each_thing_that_can_be_wrong_has_its_name(self) -> None:
        """[D-SDP-4, R-PRA-INV-1] The sender's operator reads it in the Warning."""
        for problem, line in (
            (None, line_of()),
            (None, line_of(m="message 2855 tcp/tls/msrp *")),
            (Problem.FOREIGN_MEDIA, line_of(m="audio 2855 TCP/TLS/MSRP *")),
            (Problem.FOREIGN_TRANSPORT, line_of(m="message 2855 SCTP/MSRP *")),
            (Problem.FOREIGN_TRANSPORT, line_of(m="message 2855 TCP/\u00c4/MSRP *")),
            (Problem.NO_PATH, line_of(path=None)),
            (Problem.BAD_PATH, line_of(path="")),
            (Problem.BAD_PATH, line_of(path="sip:h.example")),
            (Problem.BAD_PATH, line_of(path="msrps://h.example:2855;tcp")),
            (Problem.BAD_PATH, line_of(path=f"{PATH} msrps://h.example:2855/;tcp")),
            (None, line_of(path=f"msrps://relay.example:2855;tcp {PATH}")),
            (Problem.BAD_PATH, line_of(path=" ".join([PATH] * (MAX_PATH + 1)))),
            (None, line_of(path=" ".join([PATH] * MAX_PATH))),
            (Problem.MIXED_SCHEME, line_of(path=PATH.replace("msrps", "msrp"))),
            (Problem.MIXED_SCHEME, line_of(m="message 2855 TCP/MSRP *")),
            (None, line_of(m="message 2855 TCP/MSRP *", path=PATH.replace("msrps", "msrp"))),
            (Problem.NO_TYPES, line_of(accept_types=None)),
            (Problem.NO_TYPES, line_of(accept_types=" ")),
            (Problem.WRONG_DIRECTION, line_of(direction="recvonly")),
            (Problem.WRONG_DIRECTION, line_of(direction="inactive")),
            (None, line_of(direction="sendrecv")),
            (Problem.NO_TRANSFER_ID, line_of(file_transfer_id=None)),
            (Problem.NO_TRANSFER_ID, line_of(file_transfer_id="a b")),
            (Problem.NO_TRANSFER_ID, line_of(file_transfer_id="x" * 257)),
            (Problem.BAD_SELECTOR, line_of(file_selector="size:-1")),
            (Problem.BAD_RANGE, line_of("a=file-range:0-5")),
            (Problem.BAD_FINGERPRINT, line_of("a=fingerprint:sha-256 AA")),
        ):
            self.assertEqual(line.problem, problem, line)

    def test_an_anchor_that_is_not_offered_as_one(self) -> None:
        """E.11: with RFC 6714 it is known that no connection can be had by such a line; without, nobody looks."""
        moved = changed(FILE, m="message 2899 TCP/TLS/MSRP *")
        for lines, cema, problem in (
            (moved, True, Problem.ANCHORED),
            (moved, False, None),
            ([*moved, "a=msrp-cema"], True, None),
            (FILE, True, None),
            (changed(moved, path=None), True, Problem.NO_PATH),
        ):
            self.assertEqual(media(described(*SESSION, *lines), cema=cema)[0].problem, problem)

    def test_a_refused_line_has_no_problem(self) -> None:
        """[D-SDP-2] Nobody wants to use it, so nothing about it can be wrong."""
        line = line_of(m="audio 0 RTP/AVP 0", path="sip:x")
        self.assertTrue(line.refused)
        self.assertIsNone(line.problem)

    def test_one_transfer_id_names_one_line(self) -> None:
        """Two files under one id would be stored as one."""
        lines = media(described(*SESSION, *FILE, *FILE, *changed(FILE, m="message 0 TCP/TLS/MSRP *")))
        self.assertEqual([line.problem for line in lines], [None, Problem.SAME_TRANSFER_ID, None])
        plain = changed(FILE, file_selector=None, file_transfer_id=None)
        self.assertEqual([line.problem for line in media(described(*SESSION, *plain, *plain))], [None, None])

    def test_warnings_tell_the_first_problem(self) -> None:
        """RFC 3261 §20.43; without a problem it was the types."""
        audio = line_of(m="audio 9 RTP/AVP 0")
        self.assertEqual(warning("r.example", [line_of(), audio]), '304 r.example "Media type not available"')
        self.assertEqual(warning("r.example", [line_of(path=None), audio]), '399 r.example "No a=path"')
        self.assertEqual(warning("r.example", [line_of(accept_types=None)]), '305 r.example "No a=accept-types"')
        self.assertEqual(warning("r.example", [line_of()]), '305 r.example "Incompatible media format"')
        self.assertEqual(warning("r.example", [attrs.evolve(line_of(), port=0)]), '399 r.example "No media is offered"')
        self.assertEqual(warning("r.example"), '399 r.example "No media is offered"')

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(
        st.integers(0, 700),
        st.integers(0, 40),
        st.one_of(st.binary(max_size=20), st.text(st.sampled_from('a=:;"*-0 m/'), max_size=20).map(str.encode)),
    )
    def test_any_damage_is_a_problem_or_a_refusal(self, at: int, dropped: int, octets: bytes) -> None:
        """What a peer sends never raises anything but a ProtocolError out of the parser."""
        body = format(described(*SESSION, *FILE, "a=file-range:1-62", f"a=fingerprint:{PRINT}"))
        try:
            description = parse(body[:at] + octets + body[at + dropped :])
        except ProtocolError:
            return
        for line in media(description):
            acceptable_types(line, ["text/*"])
            self.assertIsNotNone(warning("h", [line]))


class Answers(SynchronousTestCase):
    """What came back for our offer."""

    def replied(self, *lines: str, **attributes: str | None) -> MediaOffer:
        attributes = {"direction": "recvonly", "setup": "passive", **attributes}
        return answered(described(*SESSION, *FILE), described(*SESSION, *changed(FILE, **attributes), *lines))[0]

    def test_each_line_is_usable_refused_or_wrong(self) -> None:
        """[R-PSA-200-2, A-42] A file's fate is known before the connection is made."""
        for problem, line in (
            (None, self.replied()),
            (None, self.replied(direction=None, accept_types=None, file_selector=None, file_transfer_id=None)),
            (None, self.replied(m="message 0 TCP/TLS/MSRP *", path=None)),
            (Problem.WRONG_DIRECTION, self.replied(direction="sendonly")),
            (Problem.WRONG_DIRECTION, self.replied(direction="inactive")),
            (Problem.NO_PATH, self.replied(path=None)),
            (Problem.FOREIGN_TRANSPORT, self.replied(m="message 9 TCP/MSRP *", path=PATH.replace("msrps", "msrp"))),
            (Problem.FOREIGN_MEDIA, self.replied(m="text 9 TCP/TLS/MSRP *")),
            (Problem.OTHER_TRANSFER, self.replied(file_transfer_id="other")),
        ):
            self.assertEqual(line.problem, problem, line)

    def test_an_answer_has_exactly_our_lines(self) -> None:
        """[R-PRA-INV-6] Otherwise nobody knows which file is meant."""
        for lines in ([], FILE + FILE):
            with self.assertRaises(NotAcceptable):
                answered(described(*SESSION, *FILE), described(*SESSION, *lines))


class AcceptableTypes(SynchronousTestCase):
    """Nothing is sent that the receiver cannot show."""

    def acceptable(self, accept: str, wrapped: str | None, file: str | None, *wanted: str) -> bool:
        selector = None if file is None else f"type:{file} size:1"
        extra = [] if wrapped is None else [f"a=accept-wrapped-types:{wrapped}"]
        line = line_of(*extra, accept_types=accept, file_selector=selector)
        return acceptable_types(line, wanted)

    def test_table_of_announcements(self) -> None:
        """[R-PRA-INV-1] The cases of the requirement, then its rule about containers (A-02)."""
        for accept, wrapped, file, wanted, expected in (
            ("application/x-unknown", None, None, "text/plain", False),
            ("*", None, "text/plain", "text/plain", True),
            ("*", None, "image/png", "text/plain", False),
            ("TEXT/Plain", None, "text/plain", "text/plain", True),
            ("text/plain", None, "Text/PLAIN", "text/*", True),
            ("message/cpim", "application/x-unknown", None, "text/plain", False),
            ("message/cpim", "application/x-unknown text/plain", None, "text/plain", True),
            ("message/cpim", None, None, "text/plain", True),
            ("message/cpim", None, "image/png", "text/plain", False),
            ("multipart/mixed Message/CPIM", "text/html", "text/html", "text/html", True),
            ("text/plain;charset=UTF-8", None, None, "text/plain", True),
            ("image/png", None, 'text/plain;charset="UTF-8"', "text/plain", False),
            ("image/*", None, "image/png", "image/png", True),
            ("application/x-unknown", None, "application/x-unknown", "*", True),
        ):
            case = (accept, wrapped, file, wanted)
            self.assertEqual(self.acceptable(accept, wrapped, file, wanted), expected, case)

    def test_nothing_wanted_is_nothing_acceptable(self) -> None:
        """An empty list in the configuration means what it says."""
        self.assertFalse(acceptable_types(line_of(), []))
