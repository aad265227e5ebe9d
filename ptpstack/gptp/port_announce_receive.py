"""PortAnnounceReceive: which Announces count at all (IEEE 802.1AS-2020 10.3.11, Figure 10-13)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.variables import InstanceVariables, PortVariables
from ptpstack.time import MonotonicTime
from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.tlvs.path_trace import PathTrace
from ptpstack.wire.types import ClockIdentity

STEPS_REMOVED_MAX = 255


class State(Enum):
    """The states of the figure."""

    DISCARD = auto()
    RECEIVE = auto()


class PortAnnounceReceive(Machine):
    """Gives qualified Announces to *deliver*."""

    def __init__(
        self,
        instance: InstanceVariables,
        port: PortVariables,
        messages: PortMessages,
        deliver: Callable[[Announce, MonotonicTime], None],
    ) -> None:
        super().__init__(State.DISCARD)
        self._instance = instance
        self._port = port
        self._messages = messages
        self._deliver = deliver
        self._received: Announce | None = None

    def receive(self, announce: Announce, now: MonotonicTime) -> None:
        """Take an Announce."""
        self._received = announce
        self.run(now)
        if self._received is not None:
            self._messages.discard(announce, "the port is not asCapable")
            self._received = None

    def _is_disabled(self) -> bool:
        return not self._port.is_active

    def _has_received(self) -> bool:
        return self._received is not None and self._port.is_active

    def _qualify(self) -> None:
        """Drop what came from, or through, this system, or from too far (qualifyAnnounce)."""
        assert self._received is not None
        announce, self._received = self._received, None
        this = self._instance.this_clock
        if announce.source_port_identity.clock_identity == this:
            self._messages.discard(announce, "sent by this system")
        elif announce.steps_removed >= STEPS_REMOVED_MAX:
            self._messages.discard(announce, f"stepsRemoved is {STEPS_REMOVED_MAX} or more")
        elif this in path_of(announce):
            self._messages.discard(announce, "this system is in its path trace: a loop")
        else:
            self._deliver(announce, self.now)

    ROWS = (
        (None, _is_disabled, State.DISCARD),
        (State.DISCARD, _has_received, State.RECEIVE),
        (State.RECEIVE, _has_received, State.RECEIVE),
    )
    ENTRY = {State.RECEIVE: _qualify}  # noqa: RUF012 (declared in the base)


def path_of(announce: Announce) -> tuple[ClockIdentity, ...]:
    """Return the clocks that *announce* names in its path trace."""
    return next((tlv.path_sequence for tlv in announce.tlvs if isinstance(tlv, PathTrace)), ())
