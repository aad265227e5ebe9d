"""Pulses that a hardware clock sends out while the daemon runs, on the second also after the clock was stepped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hw.periodic_output import start_periodic_output, stop_periodic_output
from hw.phc import Phc
from ptpstack.config.model import PulseOutput as PulseOutputConfig
from ptpstack.daemon.events import ClockFailed
from ptpstack.errors import HardwareError
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import LocalTime, TimeInterval, interval_from_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class PulsesSent(Event):
    """A clock sends pulses from now on."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    channel: int
    period_ns: int

    def __str__(self) -> str:
        return f"{self.clock}: sends pulses on channel {self.channel}, one each {self.period_ns} ns"


class PulseOutput:
    """The pulses of *phc* that *config* describes; called *name* in the configuration."""

    def __init__(self, name: str, config: PulseOutputConfig, phc: Phc, recorder: Recorder) -> None:
        self.name = name
        self._config = config
        self._phc = phc
        self._recorder = recorder

    def start(self) -> None:
        """Send pulses. Raises ``HardwareError``."""
        self._send()
        config = self._config
        self._recorder.record(
            PulsesSent(clock=self._phc.name, channel=config.channel, period_ns=config.period_ns), self.name
        )

    def stop(self) -> None:
        """Send no more."""
        self._attempt(lambda: stop_periodic_output(self._phc, self._config.channel))

    def clock_stepped(self, _delta: TimeInterval, _local: LocalTime) -> None:
        """Begin anew on a full second of the clock as it is now."""
        self._attempt(self._send)

    def _send(self) -> None:
        config = self._config
        start_periodic_output(
            self._phc,
            config.channel,
            period=interval_from_ns(config.period_ns),
            width=interval_from_ns(config.width_ns) if config.width_ns else None,
        )

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except HardwareError as error:
            self._recorder.record(ClockFailed(clock=self._phc.name, reason=str(error)), self.name)
