"""What an NTP server says of a clock, by what keeps it and how well; and the process that serves it, kept alive."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest

from hw.clock import Clock
from hw.realtime import RealtimeClock
from hw.soft_clock import SoftClock
from ntp.orphans import Orphans
from ntp.reference_identifier import reference_id_of
from ntp.server.time_state import Line, TimeState
from ntp.wire.packet import Leap
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.time_bound import TimeBound
from ptpstack.daemon.child_process import ChildProcess, ProcessEnded
from ptpstack.daemon.host_clocks import HostClocks
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.served_time import ServedTime
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import SECOND
from ptpstack.wire.types import ClockIdentity, ClockQuality

from .fakes import Workshop

TAI_S = 37


class Plant:
    """One clock, *clock*, that somebody keeps, and how far off it may be."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.bound: TimeBound | None = TimeBound(2_000.0, 500.0, 100.0)
        self.driver = SimpleNamespace(
            clock=clock or RealtimeClock(tai_offset_s=TAI_S),
            samples=5,
            last_sample=SimpleNamespace(mean_delay_ns=500.0, offset_ns=-30.0),
            arbiter=SimpleNamespace(state=ClockState.LOCKED),
            discipline=SimpleNamespace(steered_by="main"),
            time_properties=None,
            leap_seconds=SimpleNamespace(change_s=lambda _utc_s: self.leap_s),
            utc_offset_s=lambda: TAI_S,
        )
        self.leap_s = 0
        self.host = HostClocks()
        self.instances: dict[str, Any] = {"main": grandmaster(6)}

    def served(self, **settings: Any) -> ServedTime:
        bounds: Any = SimpleNamespace(of=lambda _word, _now, ahead_s=0.0: self._later(ahead_s))
        drivers: Any = {"system": self.driver}
        return ServedTime("system", drivers, self.instances, self.host, bounds, **settings)

    def _later(self, ahead_s: float) -> TimeBound | None:
        return self.bound and self.bound._replace(measured_ns=self.bound.measured_ns + 10 * ahead_s)


def grandmaster(clock_class: int, *, traceable: bool = False) -> SimpleNamespace:
    quality = ClockQuality(clock_class, 0x21, 0x4E5D)
    parent = SimpleNamespace(grandmaster_clock_quality=quality, grandmaster_identity=ClockIdentity())
    instance = SimpleNamespace(parent_ds=parent, time_properties_ds=TimeProperties(time_traceable=traceable))
    return SimpleNamespace(instance=instance)


def state_of(plant: Plant, **settings: Any) -> TimeState:
    return plant.served(**settings).state(monotonic_now())


@pytest.mark.parametrize(
    ("clock_class", "traceable", "stratum"), [(6, False, 1), (7, False, 1), (248, False, 10), (248, True, 1)]
)
def test_below_a_grandmaster_the_stratum_says_whether_it_is_traceable(
    clock_class: int, traceable: bool, stratum: int
) -> None:
    plant = Plant()
    plant.instances["main"] = grandmaster(clock_class, traceable=traceable)
    state = state_of(plant)
    assert (state.leap, state.stratum, state.reference_id) == (Leap.NONE, stratum, b"PTP\0")


def test_root_delay_and_dispersion_are_together_the_bound_and_grow_as_it_does() -> None:
    state = state_of(Plant())
    assert state.root_delay_ns == 1000
    assert state.root_dispersion_ns + state.root_delay_ns / 2 == 2600
    assert state.growth_ppb == pytest.approx(10)


def test_before_enough_is_learnt_for_a_bound_a_locked_clock_drifts_as_any_may() -> None:
    plant = Plant()
    plant.bound = None
    served = plant.served()
    state = served.state(monotonic_now())
    assert (state.stratum, state.growth_ppb) == (1, 15_000)
    assert state.root_dispersion_ns + state.root_delay_ns / 2 == 30 + 500
    plant.driver.arbiter.state = ClockState.HOLDOVER_IN_SPEC
    later = served.state(monotonic_now() + 10 * SECOND)
    assert later.root_dispersion_ns - state.root_dispersion_ns == pytest.approx(150_000, rel=0.01)


def test_what_is_not_known_to_within_a_bound_is_not_synchronized() -> None:
    plant = Plant()
    plant.bound, plant.driver.arbiter.state = None, ClockState.ACQUIRING
    state = state_of(plant)
    assert (state.leap, state.stratum) == (Leap.UNSYNCHRONIZED, 16)
    local = state_of(plant, local_stratum=9)
    assert (local.leap, local.stratum, local.reference_id) == (Leap.NONE, 9, b"LOCL")


def test_an_orphan_serves_its_own_time_once_nothing_was_followed_for_the_wait() -> None:
    plant = Plant()
    orphans = Orphans(10, 60 * SECOND)
    plant.host.ntp = SimpleNamespace(ensemble=SimpleNamespace(orphans=orphans, follows_orphan=False))  # type: ignore[assignment]
    served, now = plant.served(local_stratum=10), monotonic_now()
    assert (served.state(now).stratum, orphans.has_source) == (1, True)
    plant.driver.arbiter.state = ClockState.HOLDOVER_IN_SPEC
    assert served.state(now + 59 * SECOND).stratum == 1
    led = served.state(now + 60 * SECOND)
    assert (led.stratum, led.reference_id, led.leap) == (10, b"LOCL", Leap.NONE)
    assert (orphans.leads, orphans.has_source) == (True, False)
    assert "nothing was followed for 60 s" in served.why
    plant.driver.arbiter.state = ClockState.LOCKED
    assert served.state(now + 61 * SECOND).stratum == 1
    assert not orphans.leads


def test_an_orphan_to_be_says_that_it_is_not_synchronized_while_it_waits() -> None:
    plant = Plant()
    plant.bound, plant.driver.arbiter.state = None, ClockState.FREE_RUNNING
    orphans = Orphans(10, 60 * SECOND)
    plant.host.ntp = SimpleNamespace(ensemble=SimpleNamespace(orphans=orphans, follows_orphan=False))  # type: ignore[assignment]
    served = plant.served(local_stratum=10)
    assert served.state(monotonic_now()).stratum == 16
    assert "waits for a source or a leader" in served.why


def test_in_holdover_the_reference_stays_what_it_was() -> None:
    plant = Plant()
    served = plant.served()
    before = served.state(monotonic_now())
    plant.driver.arbiter.state, plant.driver.discipline.steered_by = ClockState.HOLDOVER_IN_SPEC, None
    plant.instances.clear()
    plant.bound = TimeBound(90_000.0, 500.0, 100.0)
    after = served.state(monotonic_now())
    assert (after.stratum, after.reference_id) == (before.stratum, before.reference_id)
    assert after.root_dispersion_ns > before.root_dispersion_ns


def test_a_clock_of_its_own_is_served_as_utc_by_a_line() -> None:
    clock = SoftClock("soft", offset_ns=TAI_S * 10**9 + 5_000_000, frequency_error_ppb=20_000.0)
    line = state_of(Plant(clock)).realtime
    for after_ns in (0, 10**9):
        now_ns = time.time_ns() + after_ns
        expected_ns = (int(clock.local_time(now_ns)) >> 16) - TAI_S * 10**9
        assert line.at(now_ns) == pytest.approx(expected_ns, abs=5)
    assert state_of(Plant()).realtime == Line()


@pytest.mark.parametrize(("leap_s", "leap"), [(1, Leap.INSERT), (-1, Leap.DELETE), (0, Leap.NONE)])
def test_a_leap_second_is_announced_or_else_smeared(leap_s: int, leap: Leap) -> None:
    plant = Plant()
    plant.leap_s = leap_s
    assert state_of(plant).leap is leap
    smeared = state_of(plant, smears=True)
    assert smeared.leap is Leap.NONE
    seconds = time.time() % 86_400
    offset_ns = smeared.realtime.at(time.time_ns()) - time.time_ns()
    assert offset_ns == pytest.approx(-leap_s * max(seconds - 43_200, 0) / 86_400 * 1e9, abs=1e6)


def test_the_reference_of_a_server_below_another_is_its_address() -> None:
    assert reference_id_of("192.0.2.7") == bytes([192, 0, 2, 7])
    assert len(reference_id_of("2001:db8::1%eth0")) == 4


# ---- the process


def test_a_process_that_is_killed_is_started_again_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptpstack.daemon.child_process.FIRST_BACK_OFF", SECOND // 20)
    monkeypatch.setattr(
        "ntp.child._START",
        "import sys, json\nprint(json.dumps({'got': sys.stdin.readline().strip()}), flush=True)\nsys.stdin.read()",
    )
    shop, said = Workshop(), []
    process = ChildProcess("the server", "none", lambda: b"settings", loop=shop.loop, recorder=shop.recorder)
    process.take = lambda told: (said.append(told), shop.loop.stop())
    process._back_off = SECOND // 20
    process.start()
    shop.loop.run()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    shop.loop.run()
    process.stop()
    assert said == [{"got": "settings"}] * 2
    assert process.starts == 2
    (ended,) = shop.events(ProcessEnded)
    assert "SIGKILL" in ended.why
    shop.loop.close()
