"""Retry-After, read."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.message import reply_to
from pushsvc.sip.retry_after import retry_after_of
from tests.sip.values import make_request


class RetryAfter(SynchronousTestCase):
    """[D-SIP-10] RFC 3261 §20.33."""

    def test_table(self) -> None:
        """Comments and parameters do not count; what is no number of seconds asks for nothing."""
        rows = {"120": 120.0, " 5 (maintenance)": 5.0, "18;duration=3600": 18.0, "soon": None, "-1": None, "": None}
        for text, seconds in rows.items():
            answer = reply_to(make_request(), 503, headers=[("Retry-After", text)])
            self.assertEqual(retry_after_of(answer), seconds, text)
        self.assertIsNone(retry_after_of(reply_to(make_request(), 503)))
