"""portDS.portState, which every engine's ports have (IEEE 1588-2019 Table 20)."""

from __future__ import annotations

from enum import IntEnum


class PortState(IntEnum):
    """portDS.portState (IEEE 1588-2019 Table 20)."""

    INITIALIZING = 1
    FAULTY = 2
    DISABLED = 3
    LISTENING = 4
    PRE_MASTER = 5
    MASTER = 6
    PASSIVE = 7
    UNCALIBRATED = 8
    SLAVE = 9


RECEIVING_STATES = frozenset({PortState.UNCALIBRATED, PortState.SLAVE})
"""The states in which a port follows a parent."""
