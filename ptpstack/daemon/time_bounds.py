"""How far off each clock may be, with what its reference says of itself.

What does not live here: the sum (``arbiter.time_bound``), telling applications (``time_publisher``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import UNSET

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.time_bound import CLOCK_ACCURACY_NS, TimeBound
from ptpstack.config.holdover_table import Time as TimeConfig
from ptpstack.config.ntp_rules import NTP
from ptpstack.time import SECOND, MonotonicTime

if TYPE_CHECKING:
    from ptpstack.daemon.clock_driver import ClockDriver
    from ptpstack.daemon.clock_follower import ClockFollower
    from ptpstack.daemon.gptp_driver import GptpDriver
    from ptpstack.daemon.host_clocks import HostClocks
    from ptpstack.daemon.instance_driver import InstanceDriver
    from ptpstack.daemon.port_clocks import PortClocks


ANY_OSCILLATOR_PPB = 1000.0
"""How much any quartz may change its frequency between two looks."""


def _is_kept_by_ntp(driver: ClockDriver) -> bool:
    return driver.discipline.steered_by == NTP


class TimeBounds:
    """Of the clocks *drivers*, by what their instances and the *host*'s sources follow."""

    def __init__(
        self,
        drivers: Mapping[str, ClockDriver],
        instances: Mapping[str, InstanceDriver | GptpDriver],
        host: HostClocks,
        config: TimeConfig,
        port_clocks: Mapping[str, PortClocks] | None = None,
    ) -> None:
        self._drivers = drivers
        self._instances = instances
        self._host = host
        self._config = config
        self._port_clocks = port_clocks or {}
        self._told: dict[str, tuple[float, float | None]] = {}

    def of(self, word: str, now: MonotonicTime, ahead_s: float = 0.0) -> TimeBound | None:
        """Return how far off clock *word* may be *ahead_s* after *now* if nothing measures it; None: nobody knows."""
        driver = self._drivers[word]
        measured_ns = driver.discipline.bound_ns(now + round(ahead_s * SECOND))
        if measured_ns is None and (measured_ns := self._since_ntp_ns(driver, now, ahead_s)) is None:
            return None
        if driver.arbiter.state is ClockState.LOCKED or word not in self._told:
            self._told[word] = self._asymmetry_ns(driver), self._reference_ns(word, driver, now)
        return TimeBound(measured_ns, *self._told[word])

    @staticmethod
    def _since_ntp_ns(driver: ClockDriver, now: MonotonicTime, ahead_s: float) -> float | None:
        """Return how far the clock may be from where NTP found it, its oscillator unknown; None: not NTP's."""
        ago_s, sample = driver.discipline.holdover.sampled_seconds_ago(now), driver.last_sample
        if not _is_kept_by_ntp(driver) or driver.arbiter.state is not ClockState.LOCKED or ago_s is None or not sample:
            return None
        return abs(sample.offset_ns) + (ago_s + ahead_s) * ANY_OSCILLATOR_PPB

    def _asymmetry_ns(self, driver: ClockDriver) -> float:
        if _is_kept_by_ntp(driver) and driver.last_sample:
            return driver.last_sample.mean_delay_ns  # all that the servers say they may be wrong by
        if (learnt_ns := driver.discipline.asymmetry_bound_ns) is not None:
            return learnt_ns
        if self._config.max_asymmetry_ns is not UNSET:
            return self._config.max_asymmetry_ns
        return abs(driver.last_sample.mean_delay_ns) if driver.last_sample else 0.0

    def _reference_ns(self, word: str, driver: ClockDriver, now: MonotonicTime) -> float | None:
        told = self._told_by_reference(word, driver, now)
        if told is None and self._config.reference_accuracy_ns is not UNSET:
            return self._config.reference_accuracy_ns
        return told

    def _follower(self, word: str) -> ClockFollower | None:
        """Return what keeps clock *word* on another one now, if anything does."""
        among = (clocks.follower_of(word) for clocks in self._port_clocks.values())
        return self._host.followers.get(word) or next(filter(None, among), None)

    def _told_by_reference(self, word: str, driver: ClockDriver, now: MonotonicTime) -> float | None:
        if follower := self._follower(word):
            for other, candidate in self._drivers.items():
                if candidate is follower.followed and (bound := self.of(other, now)):
                    return None if bound.reference_ns is None else bound.total_ns
            return None
        writer = driver.discipline.steered_by or ""
        if writer == NTP:
            return 0.0  # what the servers say of themselves is in their bound
        if source := self._host.sources.get(writer.removeprefix("source.")):
            return CLOCK_ACCURACY_NS.get(source.clock_accuracy)
        if instance := self._instances.get(writer):
            return CLOCK_ACCURACY_NS.get(instance.instance.parent_ds.grandmaster_clock_quality.clock_accuracy)
        return None
