"""Feature tags in Contact and Accept-Contact."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.push import Targeting, accept_contact, contact, feature_tags, named_in
from pushsvc.push.targeting import IARI_TAG, SERVICE_TAG
from pushsvc.sip.headers import Address
from pushsvc.sip.uri import SipUri

ICSI = "urn:urn-7:3gpp-service.ims.icsi.oma.push"
ICSI_TAG = '+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.push"'
IARI = "urn:urn-7:3gpp-application.ims.iari.x"


class FeatureTags(SynchronousTestCase):
    """[R-INF-1] The core picks the right one of a user's devices by these."""

    def test_the_service_comes_first_and_carries_the_flags(self) -> None:
        """[R-PSA-EST-2, R-PSA-EST-2m, R-PSA-EST-3] As in flow 1: one value per identifier."""
        self.assertEqual(
            accept_contact(Targeting(ICSI, ("wml.ua", IARI), require=True, explicit=True)),
            [
                f"*;{ICSI_TAG};require;explicit",
                '*;+g.oma.pusheventapp="wml.ua"',
                '*;+g.3gpp.iari-ref="urn%3Aurn-7%3A3gpp-application.ims.iari.x"',
            ],
        )

    def test_without_a_service_the_application_carries_the_flags(self) -> None:
        """[R-PSA-EST-2m] What was asked for is not lost."""
        self.assertEqual(
            accept_contact(Targeting("", ("mms.ua",), explicit=True)), ['*;+g.oma.pusheventapp="mms.ua";explicit']
        )
        self.assertEqual(accept_contact(Targeting()), [])

    def test_a_contact_lists_all_its_applications_outside_of_the_brackets(self) -> None:
        """[R-PRA-INV-5, A-43] E.16 trap 11: inside of them they would be part of the URI."""
        uri = SipUri.parse("sip:device1@r.example:5060;transport=tcp")
        applications = ("x-wap-application:mms.ua", "X-OMA-Application:ulp.ua", IARI)
        value = contact(uri, Targeting(ICSI, applications, require=True))
        self.assertEqual(
            value,
            f"<{uri}>;{ICSI_TAG}"
            ';+g.3gpp.iari-ref="urn%3Aurn-7%3A3gpp-application.ims.iari.x";+g.oma.pusheventapp="mms.ua,ulp.ua"',
        )
        self.assertEqual(Address.parse(value).uri, uri)
        self.assertEqual(contact(uri, Targeting()), f"<{uri}>")

    def test_nothing_breaks_out_of_the_quotes(self) -> None:
        """RFC 3840 §9 knows few letters; an identifier that is encoded already stays as it is."""
        self.assertEqual(feature_tags(Targeting('a"b,<c>\r\n')), ['+g.3gpp.icsi-ref="a%22b%2C%3Cc%3E%0D%0A"'])
        self.assertEqual(feature_tags(Targeting(ICSI.replace(":", "%3A"))), [ICSI_TAG])

    def test_what_was_asked_for_is_found_again(self) -> None:
        """The inbox tells which application a push was for."""
        values = accept_contact(Targeting(ICSI, ("wml.ua", "mms.ua", IARI), require=True))
        self.assertEqual(named_in(values), ("wml.ua", "mms.ua"))
        self.assertEqual(named_in(values, SERVICE_TAG), (ICSI,))
        self.assertEqual(named_in(values, IARI_TAG), (IARI,))
        self.assertEqual(named_in(['*; +G.oma.PushEventApp = "a, b,,a"', "*", '*;+g.oma.pusheventapp="x']), ("a", "b"))
