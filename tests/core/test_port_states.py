"""The port state machine: every state times every event (IEEE 1588-2019 Figures 30 and 31)."""

from itertools import product

import pytest

from ptpstack.core.port_states import PortEvent, next_state
from ptpstack.engine.port_state import PortState

S, E = PortState, PortEvent

# Columns: what follows from each state, in the order of STATES; "." stays.
STATES = [S.INITIALIZING, S.FAULTY, S.DISABLED, S.LISTENING, S.PRE_MASTER, S.MASTER, S.PASSIVE, S.UNCALIBRATED, S.SLAVE]
LETTER = {"I": S.INITIALIZING, "F": S.FAULTY, "D": S.DISABLED, "L": S.LISTENING, "R": S.PRE_MASTER}
LETTER |= {"M": S.MASTER, "P": S.PASSIVE, "U": S.UNCALIBRATED, "S": S.SLAVE}
FIGURE_30 = {
    #                                    I F D L R M P U S
    E.INITIALIZE:                       "I I I I I I I I I",
    E.INITIALIZATION_COMPLETE:          "L . . . . . . . .",
    E.FAULT_DETECTED:                   "F F . F F F F F F",
    E.FAULT_CLEARED:                    ". I . . . . . . .",
    E.DESIGNATED_ENABLED:               ". . I . . . . . .",
    E.DESIGNATED_DISABLED:              "D D D D D D D D D",
    E.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES: ". . . M . . M M M",
    E.QUALIFICATION_TIMEOUT_EXPIRES:    ". . . . M . . . .",
    E.MASTER_CLOCK_SELECTED:            ". . . . . . . S .",
    E.SYNCHRONIZATION_FAULT:            ". . . . . . . . U",
    E.RS_MASTER:                        ". . . R . . R R R",
    E.RS_GRAND_MASTER:                  ". . . R . . R R R",
    E.RS_SLAVE:                         ". . . U U U U . .",
    E.RS_SLAVE_NEW_MASTER:              ". . . U U U U . U",
    E.RS_PASSIVE:                       ". . . P P P . P P",
}  # fmt: skip


@pytest.mark.parametrize("event", PortEvent, ids=lambda e: e.name)
def test_every_state_moves_as_figure_30_says(event: PortEvent) -> None:
    expected = [LETTER.get(letter, state) for state, letter in zip(STATES, FIGURE_30[event].split(), strict=True)]
    assert [next_state(state, event) for state in STATES] == expected


@pytest.mark.parametrize(("state", "event"), list(product(PortState, PortEvent)))
def test_a_slave_only_port_never_enters_a_state_of_a_master(state: PortState, event: PortEvent) -> None:
    following = next_state(state, event, slave_only=True)
    usual = next_state(state, event)
    if usual in (S.PRE_MASTER, S.MASTER, S.PASSIVE):
        assert following is S.LISTENING
    else:
        assert following is usual
