"""From the initial to the operational intervals, once the clock is synchronized (AVnu Automotive 6.2.3, 6.2.4).

A link that comes up begins at the initial intervals, to lock soon. When the clock has been synchronized for a
while, the port measures its link less often, and a slave asks its neighbour for fewer Syncs, within the 60 s that the
profile allows.

What lives here: when. What does not: what an interval request does to a port (``interval_settings.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from ptpstack.engine.port_messages import PortMessages
from ptpstack.engine.port_state import PortState
from ptpstack.gptp.events import OperationalIntervalsChanged
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.sync_watch import SyncWatch
from ptpstack.gptp.variables import PortVariables
from ptpstack.time import SECOND, TimeInterval
from ptpstack.wire.tlvs.ieee_802_1as import INITIAL_INTERVAL, NO_CHANGE

SETTLED_AFTER: TimeInterval = 10 * SECOND
"""So long is a clock to stay synchronized before it makes do with less; the profile allows 60 s."""


class State(Enum):
    """What a port's intervals are."""

    DISABLED = auto()
    INITIAL = auto()
    SETTLING = auto()
    OPERATIONAL = auto()


class OperationalIntervals(Machine):
    """One for a port; *request* asks the neighbour for (linkDelay, timeSync, announce) intervals.

    ``synchronized`` is what the clock's servo made of its last sample; it says nothing while no Syncs come.
    """

    def __init__(
        self,
        port: PortVariables,
        messages: PortMessages,
        link: LinkPort | None,
        sync_watch: SyncWatch,
        request: Callable[[int, int, int], None],
    ) -> None:
        super().__init__(State.DISABLED)
        self.synchronized = False
        self._port = port
        self._messages = messages
        self._link = link
        self._sync_watch = sync_watch
        self._request = request

    # -- conditions --------------------------------------------------------------------------------------

    def _is_disabled(self) -> bool:
        return not self._has_any or not self._port.is_active or self._port.selected_state is PortState.DISABLED

    def _is_enabled(self) -> bool:
        return not self._is_disabled()

    def _is_synchronized(self) -> bool:
        return self.synchronized and not self._sync_watch.is_lost

    def _is_not_synchronized(self) -> bool:
        return not self._is_synchronized()

    def _is_settled(self) -> bool:
        return self.expired

    @property
    def _has_any(self) -> bool:
        settings = self._port.settings
        own = settings.link.oper_log_pdelay_req_interval
        return own is not None or settings.oper_log_sync_interval is not None

    # -- what is done in a state ---------------------------------------------------------------------------

    def _disable(self) -> None:
        self.deadline = None
        self.synchronized = False

    def _begin(self) -> None:
        """Ask for the initial interval: a neighbour that was not down with the link goes on as before otherwise."""
        self.deadline = None
        if self._asks:
            self._request(NO_CHANGE, INITIAL_INTERVAL, NO_CHANGE)

    def _settle(self) -> None:
        self.deadline = self.now + SETTLED_AFTER

    def _operate(self) -> None:
        self.deadline = None
        settings = self._port.settings
        own, wanted = settings.link.oper_log_pdelay_req_interval, settings.oper_log_sync_interval
        if self._link is not None:
            self._link.operate(self.now)
        if wanted is not None and self._asks:
            self._request(NO_CHANGE, wanted, NO_CHANGE)
        self._messages.tell(
            OperationalIntervalsChanged,
            operational=True,
            log_pdelay_req_interval=own if self._link is not None else None,
            log_sync_interval=wanted if self._asks else None,
            rule=f"synchronized for {SETTLED_AFTER // SECOND} s",
        )

    @property
    def _asks(self) -> bool:
        settings = self._port.settings
        return self._port.selected_state is PortState.SLAVE and settings.oper_log_sync_interval is not None

    ROWS = (
        (None, _is_disabled, State.DISABLED),
        (State.DISABLED, _is_enabled, State.INITIAL),
        (State.INITIAL, _is_synchronized, State.SETTLING),
        (State.SETTLING, _is_not_synchronized, State.INITIAL),
        (State.SETTLING, _is_settled, State.OPERATIONAL),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.DISABLED: _disable,
        State.INITIAL: _begin,
        State.SETTLING: _settle,
        State.OPERATIONAL: _operate,
    }
