"""pushsvc.sip.transaction: what the four transactions share."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from pushsvc.sip.client_transaction import Client, InviteClient
from pushsvc.sip.server_transaction import InviteServer, Server
from pushsvc.sip.transaction import Input, Settings, State, Transaction


class SettingsTests(SynchronousTestCase):
    def test_patience_is_32_seconds_by_default(self) -> None:
        """Every timer of part F is made of T1, T2 and T4; an operator reads 32 s in all documents."""
        settings = Settings()
        self.assertEqual((settings.t1, settings.t2, settings.t4, settings.patience), (0.5, 4.0, 5.0, 32.0))


class TableTests(SynchronousTestCase):
    machines: tuple[type[Transaction], ...] = (InviteClient, Client, InviteServer, Server)

    def test_nothing_leads_out_of_the_end(self) -> None:
        """A transaction that is over must not speak again."""
        for machine in self.machines:
            self.assertEqual([state for state, _ in machine.TABLE if state is State.TERMINATED], [])

    def test_every_state_but_the_first_is_reached(self) -> None:
        """A state in a table that nothing leads to would be dead text."""
        for machine in self.machines:
            left = {state for state, _ in machine.TABLE} - {attrs.fields(machine).state.default}
            entered = {state for _, state in machine.TABLE.values()}
            self.assertEqual(left - entered, set())

    def test_every_input_has_a_row_somewhere(self) -> None:
        """An input that no machine knows is a leftover."""
        known = {heard for machine in self.machines for _, heard in machine.TABLE}
        self.assertEqual(known, set(Input))
