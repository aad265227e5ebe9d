"""Kalman filters over phase, frequency and drift, for an oscillator of a known class.

The noise of the measurements is learnt from the errors of prediction; the noises of the clock are those of the
class, and where that is right this is the best linear filter there is. Two more filters, for a clock ten and a
hundred times as restless, stand by for one that warms up or was misjudged. Where nobody knows, take ``auto``.
"""

from __future__ import annotations

from typing import NamedTuple

from ptpstack.errors import ConfigError
from ptpstack.servo.clock_filter import ClockFilter
from ptpstack.servo.filter_bank import FilterBankServo, FilterBankSettings


class OscillatorClass(NamedTuple):
    """Noises of an oscillator: white FM (ppb at 1 s), the frequency's random walk (ppb in 1 s), the drift's (ppb/s)."""

    white_fm_ppb: float
    random_walk_fm_ppb: float
    drift_walk_ppb: float


OSCILLATOR_CLASSES = {
    "crystal": OscillatorClass(1.0, 3.0, 0.3),
    "tcxo": OscillatorClass(0.1, 0.1, 0.01),
    "ocxo": OscillatorClass(0.01, 1e-3, 1e-5),
    "rubidium": OscillatorClass(0.03, 1e-5, 1e-9),
}


RESTLESSNESS = (100.0, 10.0, 1.0)


class KalmanSettings(FilterBankSettings, frozen=True, kw_only=True):
    """*oscillator* is one of ``OSCILLATOR_CLASSES``."""

    oscillator: str = "tcxo"


class KalmanServo(FilterBankServo):
    """A servo for an oscillator of a known class."""

    def __init__(self, settings: KalmanSettings | None = None, initial_frequency_ppb: float = 0.0) -> None:
        settings = settings or KalmanSettings()
        self._class = _class_named(settings.oscillator)
        super().__init__(settings, initial_frequency_ppb)

    def _make_filters(self, first: ClockFilter) -> list[ClockFilter]:
        return [first.copy() for _ in RESTLESSNESS]

    def _set_noises(self) -> None:
        noise = self.noise.variance
        for restless, one in zip(RESTLESSNESS, self._filters, strict=True):
            one.white_fm = self._class.white_fm_ppb**2 / noise
            one.wander = (restless * self._class.random_walk_fm_ppb) ** 2 / noise
            one.drift_wander = (restless * self._class.drift_walk_ppb) ** 2 / noise
            one.memory_s = (self._interval_s / one.wander) ** 0.25


def _class_named(name: str) -> OscillatorClass:
    try:
        return OSCILLATOR_CLASSES[name]
    except KeyError:
        raise ConfigError(
            f"no oscillator class is called {name!r}", next_step=f"choose one of {', '.join(OSCILLATOR_CLASSES)}"
        ) from None
