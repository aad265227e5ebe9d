"""The port state machine as a table (IEEE 1588-2019 9.2.5, Figures 30 and 31).

What lives here: the states, the events, and which state follows from which. What does not: how an event
comes about (``state_decision.py``, timers in ``port.py``) and what a port does in a state (``port.py``).

A pair that is not in the table leaves the state as it is. The slave-only machine (Figure 31) is the same
table with every state that only a master knows replaced by LISTENING.
"""

from __future__ import annotations

from enum import IntEnum, auto

from ptpstack.engine.port_state import PortState


class PortEvent(IntEnum):
    """What moves a port (IEEE 1588-2019 9.2.6); the state decision is split by what it recommends."""

    INITIALIZE = auto()
    INITIALIZATION_COMPLETE = auto()
    FAULT_DETECTED = auto()
    FAULT_CLEARED = auto()
    DESIGNATED_ENABLED = auto()
    DESIGNATED_DISABLED = auto()
    ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES = auto()
    QUALIFICATION_TIMEOUT_EXPIRES = auto()
    MASTER_CLOCK_SELECTED = auto()
    SYNCHRONIZATION_FAULT = auto()
    RS_MASTER = auto()
    RS_GRAND_MASTER = auto()
    RS_SLAVE = auto()
    RS_SLAVE_NEW_MASTER = auto()
    RS_PASSIVE = auto()


_S, _E = PortState, PortEvent

_TABLE: dict[tuple[PortState, PortEvent], PortState] = {
    (_S.INITIALIZING, _E.INITIALIZATION_COMPLETE): _S.LISTENING,
    (_S.FAULTY, _E.FAULT_CLEARED): _S.INITIALIZING,
    (_S.DISABLED, _E.DESIGNATED_ENABLED): _S.INITIALIZING,
    (_S.LISTENING, _E.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES): _S.MASTER,
    (_S.LISTENING, _E.RS_MASTER): _S.PRE_MASTER,
    (_S.LISTENING, _E.RS_GRAND_MASTER): _S.PRE_MASTER,
    (_S.LISTENING, _E.RS_SLAVE): _S.UNCALIBRATED,
    (_S.LISTENING, _E.RS_SLAVE_NEW_MASTER): _S.UNCALIBRATED,
    (_S.LISTENING, _E.RS_PASSIVE): _S.PASSIVE,
    (_S.PRE_MASTER, _E.QUALIFICATION_TIMEOUT_EXPIRES): _S.MASTER,
    (_S.PRE_MASTER, _E.RS_SLAVE): _S.UNCALIBRATED,
    (_S.PRE_MASTER, _E.RS_SLAVE_NEW_MASTER): _S.UNCALIBRATED,
    (_S.PRE_MASTER, _E.RS_PASSIVE): _S.PASSIVE,
    (_S.MASTER, _E.RS_SLAVE): _S.UNCALIBRATED,
    (_S.MASTER, _E.RS_SLAVE_NEW_MASTER): _S.UNCALIBRATED,
    (_S.MASTER, _E.RS_PASSIVE): _S.PASSIVE,
    (_S.PASSIVE, _E.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES): _S.MASTER,
    (_S.PASSIVE, _E.RS_MASTER): _S.PRE_MASTER,
    (_S.PASSIVE, _E.RS_GRAND_MASTER): _S.PRE_MASTER,
    (_S.PASSIVE, _E.RS_SLAVE): _S.UNCALIBRATED,
    (_S.PASSIVE, _E.RS_SLAVE_NEW_MASTER): _S.UNCALIBRATED,
    (_S.UNCALIBRATED, _E.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES): _S.MASTER,
    (_S.UNCALIBRATED, _E.MASTER_CLOCK_SELECTED): _S.SLAVE,
    (_S.UNCALIBRATED, _E.RS_MASTER): _S.PRE_MASTER,
    (_S.UNCALIBRATED, _E.RS_GRAND_MASTER): _S.PRE_MASTER,
    (_S.UNCALIBRATED, _E.RS_PASSIVE): _S.PASSIVE,
    (_S.SLAVE, _E.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES): _S.MASTER,
    (_S.SLAVE, _E.SYNCHRONIZATION_FAULT): _S.UNCALIBRATED,
    (_S.SLAVE, _E.RS_SLAVE_NEW_MASTER): _S.UNCALIBRATED,
    (_S.SLAVE, _E.RS_MASTER): _S.PRE_MASTER,
    (_S.SLAVE, _E.RS_GRAND_MASTER): _S.PRE_MASTER,
    (_S.SLAVE, _E.RS_PASSIVE): _S.PASSIVE,
}
for _state in PortState:
    _TABLE[_state, _E.INITIALIZE] = _S.INITIALIZING
    _TABLE[_state, _E.DESIGNATED_DISABLED] = _S.DISABLED
    if _state is not _S.DISABLED:
        _TABLE[_state, _E.FAULT_DETECTED] = _S.FAULTY

_MASTER_STATES = frozenset({_S.PRE_MASTER, _S.MASTER, _S.PASSIVE})

ACTIVE_STATES = frozenset(set(PortState) - {_S.INITIALIZING, _S.FAULTY, _S.DISABLED})
"""The states in which a port sends and receives at all."""


def next_state(state: PortState, event: PortEvent, *, slave_only: bool = False) -> PortState:
    """Return the state that follows *event* in *state* (Figure 30, or Figure 31 for slave-only)."""
    following = _TABLE.get((state, event), state)
    return _S.LISTENING if slave_only and following in _MASTER_STATES else following
