"""Pulses that a hardware clock sends out while the daemon runs, on the second also after the clock was stepped."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from hw.periodic_output import start_periodic_output, stop_periodic_output
from hw.phc import Phc
from hw.pins import PinFunction, assign_pin, find_pin
from ptpstack.config.pulse_tables import PulseOutput as PulseOutputConfig
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.errors import HardwareError
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, LocalTime, TimeInterval, interval_from_ns

CHECK_INTERVAL: TimeInterval = SECOND


class PulsesSent(Event, frozen=True, kw_only=True):
    """A clock sends pulses from now on."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    channel: int
    period_ns: int

    def __str__(self) -> str:
        return f"{self.clock}: sends pulses on channel {self.channel}, one each {self.period_ns} ns"


class PulseOutput:
    """The pulses of *driver*'s clock, a PHC, that *config* describes; called *name* in the configuration."""

    def __init__(
        self, name: str, config: PulseOutputConfig, driver: ClockDriver, loop: Loop, recorder: Recorder
    ) -> None:
        self.name = name
        self._config = config
        self._driver = driver
        self._clock = driver.clock
        self._recorder = recorder
        self._check_timer = loop.timer(self._on_check)

    def start(self) -> None:
        """Send pulses. Raises ``HardwareError``."""
        self._send()
        self._check_timer.set(monotonic_now() + CHECK_INTERVAL)
        sent = PulsesSent(clock=self._clock.name, channel=self._config.channel, period_ns=self._config.period_ns)
        self._recorder.record(sent, self.name)

    def stop(self) -> None:
        """Send no more."""
        self._check_timer.close()
        self._attempt(lambda: stop_periodic_output(self._phc(), self._config.channel))

    def clock_stepped(self, _delta: TimeInterval, _local: LocalTime) -> None:
        """Begin anew on a full second of the clock as it is now."""
        self._attempt(self._send)

    def _on_check(self) -> None:
        """Send again from a clock that went away with its driver, and is back."""
        self._check_timer.set(monotonic_now() + CHECK_INTERVAL)
        if self._clock is not self._driver.clock:
            self._attempt(self._send)

    def _phc(self) -> Phc:
        assert isinstance(self._driver.clock, Phc)  # the rules of the configuration saw to it
        return self._driver.clock

    def _send(self) -> None:
        config, phc = self._config, self._phc()
        self._clock = phc
        put_on_pin(phc, config.pin, PinFunction.PEROUT, config.channel)
        start_periodic_output(
            phc,
            config.channel,
            period=interval_from_ns(config.period_ns),
            width=interval_from_ns(config.width_ns) if config.width_ns else None,
        )

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except HardwareError as error:
            self._recorder.record(ClockFailed(clock=self._clock.name, reason=str(error)), self.name)


def put_on_pin(phc: Phc, pin: str, function: PinFunction, channel: int) -> None:
    """Give the pin called *pin* (empty: none) its function. Raises ``HardwareError``."""
    if pin:
        assign_pin(phc, find_pin(phc, pin), function, channel)
