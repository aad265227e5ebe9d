"""What the daemon writes for applications, and from what: read back by the client that they use."""

from pathlib import Path

import pytest

from hw.soft_clock import SoftClock
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.client import Clock, TimeUnknownError
from ptpstack.config.holdover_table import Time as TimeConfig
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.events import Unavailable
from ptpstack.daemon.host_clocks import HostClocks
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.state_store import StateStore
from ptpstack.daemon.time_bounds import TimeBounds
from ptpstack.daemon.time_publisher import TimePublisher
from ptpstack.observe.events import OffsetSample
from ptpstack.servo.interface import ServoState
from ptpstack.servo.sanity import ClockCheck
from tests.arbiter.scripted_servo import ScriptedServo
from tests.daemon.fakes import Workshop

SAMPLE = OffsetSample(
    clock="soft",
    port_number=1,
    offset_ns=3.0,
    mean_delay_ns=800.0,
    frequency_ppb=0.0,
    state=ServoState.LOCKED,
    log_sync_interval=0,
)


class Bench:
    """A soft clock that is locked, with a measured bound of 50 ns."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, **config: object) -> None:
        self.shop = Workshop()
        self.driver = ClockDriver(
            SoftClock("soft"),
            ScriptedServo(),
            ClockArbiter("soft", ["main"]),
            ClockCheck(),
            kept=KeptState(StateStore("")),
            loop=self.shop.loop,
            recorder=self.shop.recorder,
        )
        self.driver.arbiter.state = ClockState.LOCKED
        self.driver.last_sample = SAMPLE
        self.measured_ns: float | None = 50.0
        monkeypatch.setattr(self.driver.discipline, "bound_ns", lambda _now: self.measured_ns)
        settings = TimeConfig(**({"directory": str(directory)} | config))
        drivers = {"soft": self.driver}
        self.bounds = TimeBounds(drivers, {}, HostClocks(), settings)
        self.publisher = TimePublisher(
            self.bounds, drivers, settings, beside="", loop=self.shop.loop, recorder=self.shop.recorder
        )


def test_a_client_reads_the_clock_within_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path / "time", monkeypatch)
    bench.publisher.start()
    clock = Clock("soft", str(tmp_path / "time"))
    before = int(bench.driver.clock.time()) >> 16
    earliest, latest = clock.now_ptp()
    after = int(bench.driver.clock.time()) >> 16
    assert before - 2 <= (earliest + latest) // 2 <= after + 2
    assert latest - earliest >= 2 * (50 + 800)
    assert clock.publication().is_against_reference
    bench.publisher.stop()
    with pytest.raises(TimeUnknownError, match="does not know"):
        clock.now_ptp()


@pytest.mark.parametrize(
    ("config", "total_ns", "reference_ns"),
    [
        ({}, 850.0, None),
        ({"max_asymmetry_ns": 25.0}, 75.0, None),
        ({"max_asymmetry_ns": 0.0, "reference_accuracy_ns": 100.0}, 150.0, 100.0),
    ],
)
def test_the_parts_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict, total_ns: float, reference_ns: float | None
) -> None:
    bound = Bench(tmp_path, monkeypatch, **config).bounds.of("soft", monotonic_now())
    assert bound is not None
    assert (bound.total_ns, bound.reference_ns) == (total_ns, reference_ns)


def test_what_is_not_known_is_published_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, monkeypatch)
    bench.measured_ns = None
    bench.publisher.start()
    with pytest.raises(TimeUnknownError):
        Clock("soft", str(tmp_path)).now_ptp()
    bench.publisher.stop()


def test_a_directory_that_cannot_be_is_told_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    bench = Bench(tmp_path / "file" / "time", monkeypatch)
    bench.publisher.start()
    assert len(bench.shop.events(Unavailable)) == 1
    bench.publisher.stop()
