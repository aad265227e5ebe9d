"""Intervals that a neighbour may change by a message interval request.

The figures AnnounceIntervalSetting, SyncIntervalSetting, GptpCapableIntervalSetting and LinkDelayIntervalSetting of
IEEE 802.1AS-2020 10.3.17, 10.3.18, 10.4.3 and 11.2.21, which are one figure four times.

What lives here: what a request does to an interval. What does not: who sends at it, and slows down only after the
neighbour had time to learn of it.
"""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.events import IntervalRequested
from ptpstack.gptp.machine import Machine, always
from ptpstack.time import MonotonicTime
from ptpstack.wire.tlvs.ieee_802_1as import INITIAL_INTERVAL, NO_CHANGE, STOP
from ptpstack.wire.types import PortIdentity

LEAST_LOG_INTERVAL, GREATEST_LOG_INTERVAL = -7, 5
"""Which intervals a neighbour may ask for (ours)."""


class State(Enum):
    """The states that the four figures have in common."""

    NOT_ENABLED = auto()
    INITIALIZE = auto()
    SET_INTERVAL = auto()


class IntervalSetting(Machine):
    """One interval, log2 seconds.

    ``current_log_interval`` is None after a neighbour asked to stop. ``slow_down_after`` more messages, which tell the
    new interval, are sent at ``previous_log_interval``: nobody's timeout runs out before the neighbour knows.
    """

    message: str

    def __init__(self, messages: PortMessages, initial_log_interval: int, *, slow_down_after: int = 0) -> None:
        super().__init__(State.NOT_ENABLED)
        self.port_enabled = False
        self.initial_log_interval = initial_log_interval
        self.current_log_interval: int | None = initial_log_interval
        self.previous_log_interval: int = initial_log_interval
        self.slow_down_after = 0
        self._messages = messages
        self._slow_down = slow_down_after
        self._request: tuple[int, PortIdentity | None] | None = None

    def request(self, log_interval: int, source: PortIdentity | None, now: MonotonicTime) -> None:
        """Take what *source* asks for, None: this system's own settings."""
        self._request = log_interval, source
        self.run(now)

    def next_log_interval(self) -> int | None:
        """Return the interval after which the next message goes, which counts as sent."""
        if self.slow_down_after:
            self.slow_down_after -= 1
            return self.previous_log_interval
        return self.current_log_interval

    def _is_disabled(self) -> bool:
        return not self.port_enabled

    def _is_enabled(self) -> bool:
        return self.port_enabled

    def _has_request(self) -> bool:
        return self._request is not None

    def _initialize(self) -> None:
        self._request = None
        self.current_log_interval = self.previous_log_interval = self.initial_log_interval
        self.slow_down_after = 0

    def _set(self) -> None:
        if self._request is None:
            raise AssertionError("the rows let nothing in without a request")
        (requested, source), self._request = self._request, None
        old = self.current_log_interval
        new: int | None
        match requested:
            case value if value == NO_CHANGE:
                return
            case value if value == INITIAL_INTERVAL:
                new, rule = self.initial_log_interval, f"back to the initial 2^{self.initial_log_interval} s"
            case value if value == STOP:
                new, rule = None, "no more are sent until a neighbour asks for them"
            case value if LEAST_LOG_INTERVAL <= value <= GREATEST_LOG_INTERVAL:
                new, rule = value, f"2^{value} s from now on"
            case _:
                new, rule = old, f"refused: it is not within 2^{LEAST_LOG_INTERVAL} and 2^{GREATEST_LOG_INTERVAL} s"
        if old is not None and new is not None and new > old:
            self.previous_log_interval, self.slow_down_after = old, self._slow_down
        elif new != old:
            self.slow_down_after = 0
        self.current_log_interval = new
        if new != old or rule.startswith("refused"):
            self._messages.tell(
                IntervalRequested,
                message=self.message,
                port_identity=source,
                requested=requested,
                old_log_interval=STOP if old is None else old,
                new_log_interval=new,
                rule=rule,
            )

    ROWS = (
        (None, _is_disabled, State.NOT_ENABLED),
        (State.NOT_ENABLED, _is_enabled, State.INITIALIZE),
        (State.INITIALIZE, _has_request, State.SET_INTERVAL),
        (State.SET_INTERVAL, always, State.INITIALIZE),
    )
    ENTRY = {State.NOT_ENABLED: _initialize, State.SET_INTERVAL: _set}  # noqa: RUF012 (declared in the base)


class AnnounceIntervalSetting(IntervalSetting):
    """The interval of Announce."""

    message = "Announce"


class SyncIntervalSetting(IntervalSetting):
    """The interval of Sync."""

    message = "Sync"


class LinkDelayIntervalSetting(IntervalSetting):
    """The interval of Pdelay_Req."""

    message = "Pdelay_Req"


class GptpCapableIntervalSetting(IntervalSetting):
    """The interval at which a port says that it is gPTP-capable."""

    message = "gPTP-capable Signaling"
