"""Which types wrap others, and what is said about them in offers and answers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.config.receiver import Accept
from pushsvc.push.wrapping import WRAPPERS, Way, announced, announced_to, is_wrapper, way_for
from pushsvc.sdp.media_types import media_type_matches


class Announcing(SynchronousTestCase):
    def test_wrappers_are_announced_beside_what_they_wrap(self) -> None:
        """[D-MSRP-6] RFC 4975 §8.6 wants the mandatory ones listed, or `*`."""
        self.assertEqual(announced(("text/plain",)), ("text/plain", *WRAPPERS))
        self.assertEqual(announced(("image/png", "Message/CPIM")), ("image/png", "Message/CPIM", *WRAPPERS[1:]))
        self.assertEqual(announced(("text/plain", "multipart/*")), ("text/plain", "multipart/*", "message/cpim"))
        self.assertEqual(announced(("*",)), ("*",))

    def test_the_usual_types_are_announced_by_default(self) -> None:
        """[R-UP-G2] TS 26.141's text, images, audio and video are all in what [accept] takes by default."""
        for type in (
            "text/plain", "text/html", "image/jpeg", "image/gif", "image/png", "image/svg+xml", "image/vnd.wap.wbmp",
            "application/xhtml+xml", "audio/AMR", "audio/3gpp", "audio/mp4", "video/3gpp", "video/mp4",
            "application/smil+xml", "text/x-vcard", "text/calendar",
        ):  # fmt: skip
            self.assertTrue(any(media_type_matches(one, type) for one in announced(Accept().types)), type)

    def test_who_offers_wrappers_alone_is_answered_alike(self) -> None:
        """E.3: the second file of the example. Everybody else hears all that we take."""
        self.assertEqual(
            announced_to(("image/svg+xml", "image/jpeg"), ("message/cpim",)),
            (("message/cpim",), ("image/svg+xml", "image/jpeg")),
        )
        self.assertEqual(announced_to(("*",), ("Message/CPIM",)), (("Message/CPIM",), ("*",)))
        self.assertEqual(announced_to(("text/plain",), ("text/plain", "message/cpim")), (("text/plain", *WRAPPERS), ()))
        self.assertEqual(announced_to(("text/plain",), ()), (("text/plain", *WRAPPERS), ()))

    def test_a_type_is_a_wrapper_whatever_its_case_and_parameters(self) -> None:
        for type in ("Message/CPIM", 'multipart/mixed;boundary="x"', *WRAPPERS):
            self.assertTrue(is_wrapper(type), type)
        for type in ("", "multipart/form-data", "multipart/*", "message/rfc822", "text/plain"):
            self.assertFalse(is_wrapper(type), type)


class Choosing(SynchronousTestCase):
    def test_each_answer_has_its_way(self) -> None:
        """[F-12] E.1: wrapped where cpim is first, or where the type is only accepted inside."""
        bare, wrapped, no = Way.BARE, Way.WRAPPED, Way.NOT
        for accepted, inside, way in (
            ("", "", bare),  # says nothing: it agreed to this file
            ("*", "", bare),
            ("* message/cpim", "", bare),
            ("image/png", "", bare),
            ("IMAGE/PNG message/cpim", "", bare),
            ("image/* multipart/mixed", "", bare),
            ("text/plain image/jpeg message/cpim", "*", wrapped),
            ("message/cpim image/png", "", wrapped),
            ("Message/CPIM;x=y *", "", wrapped),
            ("message/cpim text/* application/im-iscomposing+xml", "*", wrapped),  # FreeSWITCH (PEERS)
            ("text/plain message/cpim", "image/png", wrapped),
            ("message/cpim", "", wrapped),
            ("message/cpim multipart/mixed", "", wrapped),
            ("message/cpim", "image/jpeg", no),
            ("message/cpim text/plain", "", no),
            ("text/plain", "", no),
            ("text/plain", "image/png", no),
            ("text/plain multipart/mixed", "image/png", no),
        ):
            self.assertIs(way_for("image/png", accepted.split(), inside.split()), way, (accepted, inside))

    def test_a_wrapper_that_is_a_file_of_its_own(self) -> None:
        """It is not wrapped once more where it may go as it is."""
        self.assertIs(way_for("message/cpim", ("message/cpim",), ("text/plain",)), Way.BARE)
        self.assertIs(way_for("multipart/mixed;boundary=x", ("multipart/mixed", "text/plain"), ()), Way.BARE)
