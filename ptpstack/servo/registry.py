"""Servos and delay filters by the names that configurations use."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ptpstack.errors import ConfigError
from ptpstack.servo.auto import AutoServo
from ptpstack.servo.bandwidth import BandwidthServo, BandwidthSettings
from ptpstack.servo.discipline import Discipline, ServoSettings
from ptpstack.servo.filter_bank import FilterBankSettings
from ptpstack.servo.filters import AutoDelay, Filter, LuckyDelay, MovingMean, MovingMedian, NoFilter
from ptpstack.servo.interface import Servo
from ptpstack.servo.kalman import KalmanServo, KalmanSettings
from ptpstack.servo.linreg import LinregServo
from ptpstack.servo.pi import PiServo, PiSettings
from ptpstack.servo.selection import PacketSelection

_T = TypeVar("_T")


class Kind(NamedTuple):
    """A servo and the settings it takes."""

    servo: type[Discipline]
    settings: type[ServoSettings]


SERVOS = {
    "pi": Kind(PiServo, PiSettings),
    "linreg": Kind(LinregServo, ServoSettings),
    "kalman": Kind(KalmanServo, KalmanSettings),
    "auto": Kind(AutoServo, FilterBankSettings),
    "bandwidth": Kind(BandwidthServo, BandwidthSettings),
}
FILTERS: dict[str, Callable[[int], Filter]] = {
    "median": MovingMedian,
    "mean": MovingMean,
    "none": lambda _length: NoFilter(),
    "lucky": LuckyDelay,
    "auto": AutoDelay,
}


def make_servo(
    name: str,
    settings: ServoSettings | None = None,
    initial_frequency_ppb: float = 0.0,
    *,
    packet_selection: bool = False,
) -> Servo:
    """Return a new servo for a clock that now runs at *initial_frequency_ppb*; raise ConfigError for no such name.

    Of the *settings* of another servo, those common to all count. *packet_selection* puts that stage before it.
    """
    kind = _named(SERVOS, "servo", name)
    if not isinstance(settings, kind.settings):
        common = {name: getattr(settings, name) for name in ServoSettings.__struct_fields__} if settings else {}
        settings = kind.settings(**common)
    servo = kind.servo(settings, initial_frequency_ppb)
    return PacketSelection(servo) if packet_selection else servo


def make_filter(name: str, length: int = 10) -> Filter:
    """Return a new filter over *length* values; raise ConfigError for no such name."""
    return _named(FILTERS, "delay filter", name)(length)


def _named(table: dict[str, _T], kind: str, name: str) -> _T:
    try:
        return table[name]
    except KeyError:
        raise ConfigError(f"no {kind} is called {name!r}", next_step=f"choose one of {', '.join(table)}") from None
