"""Every input in every state of a session's life."""

from __future__ import annotations

from itertools import product

from automat import NoTransition
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sessions.lifecycle import Life, live


class Deeds:
    """Writes down what it is told to do."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def send_bye(self) -> None:
        self.done.append("BYE")

    def release(self) -> None:
        self.done.append("release")

    def tell_ended(self) -> None:
        self.done.append("ended")

    def note_why(self, why: str, ours: bool) -> None:
        self.done.append(f"{why} {ours}")


INPUTS = {
    "opened": lambda life: life.opened(),
    "close": lambda life: life.close("enough"),
    "hung_up": lambda life: life.hung_up("bye"),
    "bye_over": lambda life: life.bye_over(),
}
WAYS = {"Connecting": [], "Open": ["opened"], "Closing": ["close"], "Closed": ["hung_up"]}
CLOSE = ["enough True", "BYE"]
HUNG_UP = ["bye False", "release", "ended"]

EXPECTED: dict[tuple[str, str], list[str] | None] = {
    ("Connecting", "opened"): [],
    ("Connecting", "close"): CLOSE,
    ("Connecting", "hung_up"): HUNG_UP,
    ("Connecting", "bye_over"): None,
    ("Open", "opened"): [],
    ("Open", "close"): CLOSE,
    ("Open", "hung_up"): HUNG_UP,
    ("Open", "bye_over"): None,
    ("Closing", "opened"): [],
    ("Closing", "close"): [],
    ("Closing", "hung_up"): HUNG_UP,
    ("Closing", "bye_over"): ["release", "ended"],
    ("Closed", "opened"): [],
    ("Closed", "close"): [],
    ("Closed", "hung_up"): [],
    ("Closed", "bye_over"): [],
}


class EveryPair(SynchronousTestCase):
    """[R-PSA-REL-5] [A-27]"""

    def test_what_is_done(self) -> None:
        """None: a bug of ours, which must be loud."""
        for state, name in product(WAYS, INPUTS):
            deeds, life = self.in_state(state)
            expected = EXPECTED[state, name]
            if expected is None:
                self.assertRaises(NoTransition, INPUTS[name], life)
            else:
                INPUTS[name](life)
                self.assertEqual(deeds.done, expected, (state, name))

    def test_a_session_that_is_over_stays_over(self) -> None:
        """Whatever comes, its end is told once."""
        for names in product(INPUTS, repeat=3):
            deeds, life = self.in_state("Closed")
            for name in names:
                INPUTS[name](life)
            self.assertEqual(deeds.done, [])

    def in_state(self, state: str) -> tuple[Deeds, Life]:
        deeds = Deeds()
        life = live(deeds)
        for name in WAYS[state]:
            INPUTS[name](life)
        deeds.done.clear()
        return deeds, life
