"""Servos and delay filters by the names that configurations use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ptpstack.errors import ConfigError
from ptpstack.servo.filters import Filter, MovingMean, MovingMedian, NoFilter
from ptpstack.servo.interface import Servo
from ptpstack.servo.pi import PiServo, PiSettings

_T = TypeVar("_T")

SERVOS: dict[str, Callable[[PiSettings, float], Servo]] = {"pi": PiServo}
FILTERS: dict[str, Callable[[int], Filter]] = {
    "moving_median": MovingMedian,
    "moving_average": MovingMean,
    "none": lambda _length: NoFilter(),
}


def make_servo(name: str, settings: PiSettings | None = None, initial_frequency_ppb: float = 0.0) -> Servo:
    """Return a new servo for a clock that now runs at *initial_frequency_ppb*; raise ConfigError for no such name."""
    return _named(SERVOS, "servo", name)(settings or PiSettings(), initial_frequency_ppb)


def make_filter(name: str, length: int = 10) -> Filter:
    """Return a new filter over *length* values; raise ConfigError for no such name."""
    return _named(FILTERS, "delay filter", name)(length)


def _named(table: dict[str, _T], kind: str, name: str) -> _T:
    try:
        return table[name]
    except KeyError:
        raise ConfigError(f"no {kind} is called {name!r}", next_step=f"choose one of {', '.join(table)}") from None
