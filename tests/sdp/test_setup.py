"""Who opens the connection."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sdp import answer_setup, offerer_connects


class WhoConnects(SynchronousTestCase):
    """Two ends that both wait never meet."""

    def test_table_of_offers_and_answers(self) -> None:
        """E.11, RFC 6135 §4.2.2: the offerer, unless the answer says active."""
        for offered, answered, expected in (
            ("actpass", "passive", True),
            ("actpass", "active", False),
            ("actpass", None, True),
            ("active", "passive", True),
            (None, None, True),
            ("passive", None, False),
            ("passive", "active", False),
            (None, "active", False),
        ):
            self.assertEqual(offerer_connects(offered, answered), expected, (offered, answered))

    def test_our_answer_always_lets_exactly_one_connect(self) -> None:
        """We wait by default; an end that cannot be reached connects when the offer lets it."""
        for offered, reachable, hidden in (
            ("actpass", "passive", "active"),
            ("active", "passive", "passive"),
            ("passive", "active", "active"),
            (None, "", ""),
        ):
            self.assertEqual(answer_setup(offered), reachable)
            self.assertEqual(answer_setup(offered, prefer_active=True), hidden)
            for ours in (reachable, hidden):
                self.assertEqual(offerer_connects(offered, ours or None), ours != "active")
