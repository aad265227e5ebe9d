"""One side of unicast negotiation as a table: a contract that a client asks a master for (IEEE 1588-2019 16.1).

What lives here: the states of one contract (one master, one type of message), the events, which state follows from
which, and how long is waited. What does not: which contracts are wanted (``unicast_client``), what a master grants
(``unicast_service``).

A pair that is not in the table leaves the state as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

from ptpstack.time import SECOND, MonotonicTime, TimeInterval, interval_from_log2_seconds
from ptpstack.wire.types import MessageType


class ContractState(Enum):
    """How far a contract is."""

    IDLE = "idle"
    REQUESTED = "requested"
    GRANTED = "granted"
    RENEWING = "renewing"
    WAITING = "waiting"
    CANCELLING = "cancelling"


class ContractEvent(Enum):
    """What moves a contract; END: it expired, the master cancelled it, or fell silent."""

    WANTED = "wanted"
    UNWANTED = "unwanted"
    GRANT = "grant"
    REFUSAL = "refusal"
    END = "end"
    ACKNOWLEDGED = "acknowledged"
    GIVEN_UP = "given up"
    TIMER = "timer"


_S, _E = ContractState, ContractEvent

_TABLE: dict[tuple[ContractState, ContractEvent], ContractState] = {
    (_S.IDLE, _E.WANTED): _S.REQUESTED,
    (_S.IDLE, _E.GRANT): _S.CANCELLING,  # it comes late, for what is not wanted any more
    (_S.REQUESTED, _E.GRANT): _S.GRANTED,
    (_S.REQUESTED, _E.REFUSAL): _S.WAITING,
    (_S.REQUESTED, _E.TIMER): _S.REQUESTED,
    (_S.REQUESTED, _E.UNWANTED): _S.IDLE,
    (_S.WAITING, _E.TIMER): _S.REQUESTED,
    (_S.WAITING, _E.GRANT): _S.GRANTED,
    (_S.WAITING, _E.UNWANTED): _S.IDLE,
    (_S.GRANTED, _E.TIMER): _S.RENEWING,
    (_S.GRANTED, _E.GRANT): _S.GRANTED,
    (_S.GRANTED, _E.END): _S.WAITING,
    (_S.GRANTED, _E.UNWANTED): _S.CANCELLING,
    (_S.RENEWING, _E.TIMER): _S.RENEWING,
    (_S.RENEWING, _E.GRANT): _S.GRANTED,
    (_S.RENEWING, _E.REFUSAL): _S.RENEWING,
    (_S.RENEWING, _E.END): _S.WAITING,
    (_S.RENEWING, _E.UNWANTED): _S.CANCELLING,
    (_S.CANCELLING, _E.ACKNOWLEDGED): _S.IDLE,
    (_S.CANCELLING, _E.GIVEN_UP): _S.IDLE,
    (_S.CANCELLING, _E.TIMER): _S.CANCELLING,
    (_S.CANCELLING, _E.GRANT): _S.CANCELLING,
    (_S.CANCELLING, _E.WANTED): _S.REQUESTED,
}

SERVED_STATES = frozenset({_S.GRANTED, _S.RENEWING})
"""The states in which the master is bound to send."""

RENEWED_AFTER = 0.75
"""The part of the granted duration after which a client asks again, less up to a tenth of it by chance."""

RENEWAL_SPREAD = 0.1
CANCELS_SENT = 3
LONGEST_WAIT: TimeInterval = 16 * SECOND


def next_state(state: ContractState, event: ContractEvent) -> ContractState | None:
    """Return the state that follows *event* in *state*, None where nothing follows."""
    return _TABLE.get((state, event))


class Contract(msgspec.Struct):
    """What one master owes for one type of message. ``timer`` is what the state waits for, if anything."""

    message_type: MessageType
    state: ContractState = ContractState.IDLE
    timer: MonotonicTime | None = None
    expires: MonotonicTime | None = None
    log_interval: int = 0
    attempts: int = 0
    """Requests, or cancellations, in a row without the wished answer."""
    granted: MonotonicTime | None = None
    """Since when the master is bound."""
    heard: MonotonicTime | None = None
    """When a message under this contract came last, since it was granted."""
    why: str = ""
    lacking: str = ""
    """Why nothing is granted any more, or was not at the last try."""
    unanswered: int = 0
    """Requests in a row that were neither granted nor refused."""

    @property
    def served(self) -> bool:
        """Whether the master is bound and has begun."""
        return self.state in SERVED_STATES and (self.heard is not None or self.message_type is MessageType.DELAY_RESP)

    def apply(self, event: ContractEvent) -> bool:
        """Move as the table says; return whether anything follows, be it the same state anew."""
        following = next_state(self.state, event)
        if following is None:
            return False
        begins = following is not self.state
        if begins and following in (ContractState.REQUESTED, ContractState.CANCELLING):
            if self.state is not ContractState.WAITING:
                self.attempts = 0
        elif following is ContractState.GRANTED:
            self.attempts = 0
        if following not in SERVED_STATES:
            self.expires = self.granted = self.heard = None
        self.state = following
        return True

    def wait(self, now: MonotonicTime, log_query_interval: int, random: Callable[[], float]) -> None:
        """Set the timer for another try: twice as long after each, up to 16 s, spread by a quarter."""
        if self.state is not ContractState.WAITING:
            self.attempts += 1
        interval = interval_from_log2_seconds(log_query_interval) << min(max(self.attempts - 1, 0), 10)
        self.timer = now + round(min(interval, LONGEST_WAIT) * (0.75 + random() / 2))

    def hold(self, duration: TimeInterval, now: MonotonicTime, random: Callable[[], float]) -> None:
        """Set the timer for the renewal of what was granted for *duration*."""
        self.expires = now + duration
        self.timer = now + round(duration * (RENEWED_AFTER - RENEWAL_SPREAD * random()))
