"""What is read out of the body of an INVITE, and written into it."""

from __future__ import annotations

import base64

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pushsvc import sdp
from pushsvc.errors import BadMessage, NotAcceptable, ProtocolError
from pushsvc.sessions.offer_body import MAX_ICON, NO_ICONS, Icon, Offer, read_offer, write_offer
from pushsvc.sip.message import Request
from tests.sessions.bodies import (
    CID,
    DESCRIBED,
    NAMED,
    PNG,
    SDP,
    carried,
    invite_of_two_files,
    multipart,
    offering,
    part,
    picture,
)
from tests.tokens import CountedTokens


class Reading(SynchronousTestCase):
    def refused(self, request: Request, status: int) -> ProtocolError:
        error = self.assertRaises(ProtocolError, read_offer, request)
        self.assertEqual(error.status, status, error.reason)
        return error

    def test_the_invite_of_two_files(self) -> None:
        """[R-PSA-EST-8] E.3, as it stands."""
        offer = read_offer(invite_of_two_files())
        self.assertEqual([line.icon for line in sdp.media(offer.description)], [None, "icon1@sender.example.com"])
        (icon,) = offer.icons.values()
        self.assertEqual((icon.type, len(icon.octets), icon.octets[:4]), ("image/svg+xml", 111, b"<svg"))

    def test_a_description_alone(self) -> None:
        """Also where something follows its type that is no parameter, as long as nobody has to read that."""
        for content_type in ("application/sdp", "Application/SDP ; x=y", "application/sdp;"):
            self.assertEqual(read_offer(carried(content_type, sdp.format(NAMED))), Offer(NAMED))

    def test_the_root_is_the_first_part_or_the_one_that_is_named(self) -> None:
        """RFC 2387 §3.2: others are only what the root makes of them, even another description."""
        other = part(sdp.format(offering(None)), SDP, "Content-ID: <other@h>")
        rooted = part(sdp.format(NAMED), SDP, "Content-ID: <root@h>")
        expected = Offer(NAMED, {CID: PNG})
        self.assertEqual(read_offer(multipart(rooted, other, picture())), expected)
        for start in (';start="<root@h>"', ";start=root@h"):
            self.assertEqual(read_offer(multipart(picture(), other, rooted, more=start)), expected)
        self.refused(multipart(rooted, more=';start="<nobody@h>"'), 400)

    def test_the_only_description_among_other_parts(self) -> None:
        """[R-PSA-EST-8] As RCS clients send it: mixed, the icon in base64, its disposition not optional."""
        text = base64.b64encode(PNG.octets)
        coded = picture("Content-Transfer-Encoding: base64", "Content-Disposition: icon", octets=text)
        for parts in ((DESCRIBED, coded), (coded, DESCRIBED)):
            self.assertEqual(read_offer(multipart(*parts, kind="mixed")), Offer(NAMED, {CID: PNG}))
        optional = part(b"Hello", "Content-Disposition: render;handling=Optional")
        self.assertEqual(read_offer(multipart(optional, DESCRIBED, kind="mixed")), Offer(NAMED))

    def test_a_multipart_related_among_other_parts(self) -> None:
        """RFC 5621 §4: nested once; deeper is what nobody understands."""
        inner = (DESCRIBED + picture() + b"--b--").replace(b"--b", b"--inner")
        nested = part(inner, "Content-Type: multipart/related;boundary=inner")
        self.assertEqual(read_offer(multipart(nested, kind="mixed")), Offer(NAMED, {CID: PNG}))
        deeper = part(inner, "Content-Type: multipart/mixed;boundary=inner")
        self.refused(multipart(deeper, kind="mixed"), 415)
        self.refused(multipart(nested, kind="related"), 415)
        self.refused(multipart(nested, DESCRIBED, kind="mixed"), 488)

    def test_parts_that_must_be_understood(self) -> None:
        """[D-SIP-5] RFC 3261 §20.11, RFC 5621 §8: 415, unless handling is optional; what hangs on a root is."""
        for fields, kind, status in (
            (("Content-Disposition: render",), "mixed", 415),
            ((), "mixed", 415),
            (("Content-Disposition: recipient-list;handling=required",), "mixed", 415),
            (("Content-Disposition: recipient-list;handling=required",), "related", 415),
            (("Content-Disposition: icon;handling=required",), "mixed", 415),
            (("Content-Disposition: alert;handling=whatever",), "related", 415),
            (("Content-Disposition: recipient-list;handling=optional",), "mixed", None),
            (("Content-Disposition: recipient-list",), "related", None),
            (("Content-Disposition: icon",), "mixed", None),
            ((), "related", None),
        ):
            request = multipart(DESCRIBED, part(b"x", *fields), kind=kind)
            if status is None:
                self.assertEqual(read_offer(request), Offer(NAMED), fields)
            else:
                self.refused(request, status)
        required = picture("Content-Disposition: icon;handling=required")
        self.assertEqual(read_offer(multipart(DESCRIBED, required, kind="mixed")).icons, {CID: PNG})

    def test_no_description_or_too_many(self) -> None:
        """[D-SIP-5] E.12."""
        optional = part(b"x", "Content-Disposition: render;handling=optional")
        self.refused(multipart(optional, kind="mixed"), 488)
        self.refused(multipart(optional), 488)
        self.refused(multipart(picture(), DESCRIBED), 415)
        self.refused(multipart(part(sdp.format(NAMED), SDP, "Content-Disposition: render"), kind="mixed"), 415)
        self.refused(multipart(DESCRIBED, DESCRIBED, kind="mixed"), 488)
        self.assertRaises(NotAcceptable, read_offer, multipart(DESCRIBED, DESCRIBED, kind="mixed"))
        self.refused(multipart(part(b"v=1\r\n", SDP)), 400)

    def test_bodies_that_cannot_be_read(self) -> None:
        """[D-SIP-5] 400, whichever octets they are."""
        for request in (
            carried("multipart/related", b"--b\r\n\r\n--b--"),
            carried('multipart/related;boundary="', b"--b\r\n\r\n--b--"),
            carried("multipart/mixed;boundary=c", DESCRIBED + b"--b--"),
            multipart(*[DESCRIBED] * 10_000),
            multipart(part(b"x", "no header")),
            multipart(DESCRIBED, picture(kind="image/")),
            multipart(DESCRIBED, part(b"x", "Content-Disposition: icon;=")),
        ):
            self.assertEqual(self.assertRaises(BadMessage, read_offer, request).status, 400)
        self.refused(multipart(part(b"x", SDP, "Content-Transfer-Encoding: quoted-printable")), 415)

    def test_icons_that_are_none(self) -> None:
        """[F-13] The file is offered all the same: a picture only decorates."""
        for parts in (
            [picture(octets=bytes(MAX_ICON + 1))],
            [picture(octets=b"")],
            [picture(kind="text/html", octets=b"<script>")],
            [picture("Content-Transfer-Encoding: base64", octets=b"*")],
            [picture("Content-Transfer-Encoding: x-zip")],
            [part(b"x", "Content-Type: image/png", "Content-ID: <another@h>")],
            [part(b"x", "Content-Type: image/png")],
            [],
        ):
            for disposition in ("related", "mixed"):
                request = multipart(
                    DESCRIBED,
                    *(each.replace(b"\r\n", b"\r\nContent-Disposition: icon\r\n", 1) for each in parts),
                    kind=disposition,
                )
                self.assertEqual(read_offer(request), Offer(NAMED))
        self.assertEqual(
            len(read_offer(multipart(DESCRIBED, picture(octets=bytes(MAX_ICON)))).icons[CID].octets), MAX_ICON
        )

    def test_a_name_is_no_path(self) -> None:
        """A Content-ID is compared and nothing else; the first of two equal ones counts."""
        evil = "../../etc/passwd"
        described = part(sdp.format(offering(evil)), SDP)
        icons = [
            part(octets, "Content-Type: IMAGE/PNG;x=y", f"Content-ID: <{evil}>") for octets in (b"first", b"second")
        ]
        self.assertEqual(read_offer(multipart(described, *icons)).icons, {evil: Icon("image/png", b"first")})

    @settings(derandomize=True, deadline=None, max_examples=150)
    @given(
        st.lists(
            st.sampled_from(
                [
                    DESCRIBED,
                    picture(),
                    part(b"x"),
                    b"--b",
                    b"--b--",
                    b"\r\n",
                    b"Content-Type: multipart/related;boundary=b",
                ]
            ),
            max_size=8,
        ),
        st.sampled_from(["related", "mixed", 'related;start="<1@example.com>"']),
    )
    def test_bodies_that_anybody_may_send(self, pieces: list[bytes], kind: str) -> None:
        """An offer or a ProtocolError."""
        try:
            offer = read_offer(carried(f"multipart/{kind};boundary=b", b"".join(pieces)))
        except ProtocolError as error:
            self.assertIn(error.status, (400, 415, 488))
        else:
            self.assertEqual(offer.description, NAMED)


class Writing(SynchronousTestCase):
    def test_in_the_form_of_the_cheatsheet(self) -> None:
        """[R-PSA-EST-8] E.3, octet for octet but for the boundary."""
        recorded = invite_of_two_files()
        offer = read_offer(recorded)
        content_type, body = write_offer(offer.description, offer.icons, CountedTokens("b"))
        boundary = "b" + "1".rjust(23, "0")
        self.assertEqual(content_type, f'multipart/related;type="application/sdp";boundary="{boundary}"')
        self.assertEqual(content_type.replace(boundary, "push-b1"), recorded.headers.get("Content-Type"))
        self.assertEqual(body.replace(boundary.encode(), b"push-b1"), recorded.body)

    def test_only_icons_that_are_named_go_along(self) -> None:
        """Nobody could tell what the others are for."""
        for icons in (NO_ICONS, {"other@h": PNG}):
            self.assertEqual(write_offer(NAMED, icons, CountedTokens("b")), ("application/sdp", sdp.format(NAMED)))
        content_type, body = write_offer(offering("a@h", None, "b@h"), {"b@h": PNG, "c@h": PNG}, CountedTokens("b"))
        read = read_offer(carried(content_type, body))
        self.assertEqual(read.icons, {"b@h": PNG})

    def test_what_is_written_is_read(self) -> None:
        """Pictures are octets of any kind."""
        icons = {f"{index}@h": attrs.evolve(PNG, octets=bytes(range(256)) * index) for index in range(1, 9)}
        description = offering(*icons)
        self.assertEqual(
            read_offer(carried(*write_offer(description, icons, CountedTokens("b")))), Offer(description, icons)
        )
