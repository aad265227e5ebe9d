"""A clock of the host follows another: only one that is worth it, on the right timescale, and it says what it does."""

from collections.abc import Iterator

import pytest

from hw.cross_timestamp import CrossMethod, CrossTimestamp
from hw.realtime import RealtimeClock
from hw.timestamping import Timestamping
from hw.timex import Status
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.events import TimescaleMismatch, TimescaleTaken, WriterChosen
from ptpstack.daemon import steered_clock as steered_clock_module
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.clock_follower import ClockFollower, FollowedClock, FollowingChanged
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.state_store import StateStore
from ptpstack.daemon.utc_keeper import TaiOffsetAssumed
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import HardwareError
from ptpstack.servo.pi import PiServo, PiSettings
from ptpstack.servo.sanity import ClockCheck
from ptpstack.time import NANOSECOND, SECOND, LocalTime, MonotonicTime, TimeInterval, UtcTime, interval_to_ns
from tests.daemon.fakes import Workshop
from tests.daemon.kernel import FakeRealtimeClock, Kernel

UTC_S = 1_800_000_000
VALID = TimeProperties(current_utc_offset=37, current_utc_offset_valid=True)


class World:
    """True time, and a system clock that goes by it, its own frequency and steps apart."""

    def __init__(self) -> None:
        self.elapsed: TimeInterval = 0
        self.kernel = Kernel()
        self.system = SystemClock(self)


class SteeredClock:
    """A clock that runs *error_ppb* off, and as it is told."""

    def __init__(self, world: World, begin: int, error_ppb: float) -> None:
        self.world, self.error_ppb = world, error_ppb
        self.set_to_ppb = 0.0
        self._since, self._reading = world.elapsed, begin

    def reading(self) -> int:
        elapsed = self.world.elapsed - self._since
        return self._reading + elapsed + round(elapsed * (self.error_ppb + self.set_to_ppb) * 1e-9)

    def steer(self, ppb: float, step: TimeInterval = 0) -> None:
        self._reading, self._since = self.reading() + step, self.world.elapsed
        self.set_to_ppb = ppb


class SystemClock(FakeRealtimeClock):
    def __init__(self, world: World, error_ppb: float = 5_000.0) -> None:
        super().__init__(world.kernel)
        self.inner = SteeredClock(world, UTC_S * SECOND, error_ppb)

    def time(self) -> LocalTime:
        return LocalTime(self.inner.reading() + self.tai_offset_s * SECOND)

    def frequency_ppb(self) -> float:
        return self.inner.set_to_ppb

    def set_frequency(self, ppb: float) -> None:
        self.inner.steer(ppb)

    def step(self, delta: TimeInterval) -> None:
        self.inner.steer(self.inner.set_to_ppb, delta)


class FakePhc:
    stamping = Timestamping.HARDWARE
    max_frequency_ppb = 1e8

    def __init__(self, world: World, name: str, ahead_s: float = 37.0, error_ppb: float = -20_000.0) -> None:
        self.name, self.world = name, world
        self.inner = SteeredClock(world, UTC_S * SECOND + round(ahead_s * SECOND), error_ppb)
        self.fails = False

    def time(self) -> LocalTime:
        return LocalTime(self.inner.reading())

    def cross_timestamp(self, _readings: int) -> CrossTimestamp:
        if self.fails:
            raise HardwareError("cannot compare with CLOCK_REALTIME", where=self.name, why="a test")
        self.world.elapsed += NANOSECOND  # no two readings are at one instant
        system = UtcTime(self.world.system.inner.reading())
        return CrossTimestamp(self.time(), system, 25.0, CrossMethod.EXTENDED)

    def frequency_ppb(self) -> float:
        return self.inner.set_to_ppb

    def set_frequency(self, ppb: float) -> None:
        self.inner.steer(ppb)

    def step(self, delta: TimeInterval) -> None:
        self.inner.steer(self.inner.set_to_ppb, delta)

    def close(self) -> None:
        pass


class Writer:
    """What steers the clock that is followed."""

    name = "main"

    def __init__(self, properties: TimeProperties) -> None:
        self.time_properties = properties


class Bench:
    def __init__(self) -> None:
        self.shop = Workshop()
        self.world = World()

    def driver(self, clock: object, candidates: list[str], *, guards: bool = False) -> ClockDriver:
        arbiter = ClockArbiter(clock.name, candidates, refuses_timescale_mismatch=guards)
        settings = PiSettings(proportional_const=0.7, integral_const=0.3)
        return ClockDriver(
            clock,
            PiServo(settings),
            arbiter,
            ClockCheck(),
            kept=KeptState(StateStore("")),
            loop=self.shop.loop,
            recorder=self.shop.recorder,
        )

    def phc(self, name: str = "/dev/ptp0", state: ClockState = ClockState.LOCKED, **settings: float) -> ClockDriver:
        """A hardware clock that an instance steers; a perfect oscillator, unless said otherwise."""
        driver = self.driver(FakePhc(self.world, name, **{"error_ppb": 0.0} | settings), ["main"])
        driver.arbiter.state = state
        driver.arbiter.writer = "main"
        driver._measuring["main"] = Writer(VALID)
        return driver

    def follower(self, driver: ClockDriver, *sources: FollowedClock) -> ClockFollower:
        return ClockFollower(
            "clock.it",
            driver,
            sources,
            log_interval=0,
            readings=5,
            loop=self.shop.loop,
            recorder=self.shop.recorder,
        )

    def run(self, follower: ClockFollower, seconds: int) -> None:
        for _ in range(seconds):
            self.world.elapsed += SECOND
            follower._on_tick()

    def system_follower(self, *sources: ClockDriver, guards: bool = True) -> ClockFollower:
        driver = self.driver(self.world.system, ["clock.it"], guards=guards)
        return self.follower(driver, *map(FollowedClock, sources))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench()
    monkeypatch.setattr(steered_clock_module, "raw_now", lambda: MonotonicTime(bench.world.elapsed))
    yield bench
    bench.shop.loop.close()


def off_ns(clock: object, other: object) -> float:
    return interval_to_ns(clock.time() - other.time())


def test_the_system_clock_follows_a_locked_hardware_clock_and_the_kernel_learns_utc(bench: Bench) -> None:
    phc = bench.phc(ahead_s=37.001)
    follower = bench.system_follower(phc)
    bench.run(follower, 60)
    assert abs(off_ns(bench.world.system, phc.clock)) < 20
    assert bench.world.kernel.members["tai"] == 37
    assert Status.UNSYNC not in bench.world.kernel.status
    assert follower._driver.arbiter.state is ClockState.LOCKED
    assert follower.as_dict() == {
        "clock": "/dev/ptp0",
        "why": "it is locked",
        "method": "extended",
        "uncertainty_ns": 25.0,
    }
    assert [event.writer for event in bench.shop.events(WriterChosen)] == ["clock.it"]


def test_a_hardware_clock_follows_another_one(bench: Bench) -> None:
    first, second = bench.phc(), bench.driver(FakePhc(bench.world, "/dev/ptp1", ahead_s=36.5), ["clock.it"])
    bench.run(bench.follower(second, FollowedClock(first)), 60)
    assert abs(off_ns(second.clock, first.clock)) < 20


def test_a_hardware_clock_follows_the_system_clock_that_another_program_keeps(bench: Bench) -> None:
    bench.world.kernel.members |= {"status": 0, "tai": 37}
    system = bench.driver(bench.world.system, [])
    second = bench.driver(FakePhc(bench.world, "/dev/ptp1", ahead_s=0), ["clock.it"])
    follower = bench.follower(second, FollowedClock(system))
    bench.run(follower, 60)
    assert abs(off_ns(second.clock, bench.world.system)) < 20
    assert follower.as_dict()["why"] == "some program keeps it, by the kernel's flag"


def test_a_system_clock_that_nobody_keeps_is_not_followed_unless_it_is_a_reference(bench: Bench) -> None:
    system = bench.driver(bench.world.system, [])
    second = bench.driver(FakePhc(bench.world, "/dev/ptp1"), ["clock.it"])
    follower = bench.follower(second, FollowedClock(system))
    bench.run(follower, 3)
    assert follower.as_dict()["clock"] is None
    assert second.samples == 0
    bench.run(bench.follower(second, FollowedClock(system, is_reference=True)), 3)
    assert second.samples == 3


@pytest.mark.parametrize("state", [ClockState.FREE_RUNNING, ClockState.ACQUIRING, ClockState.HOLDOVER_OUT_OF_SPEC])
def test_a_clock_that_is_not_locked_is_not_followed_and_the_reason_is_told_once(
    bench: Bench, state: ClockState
) -> None:
    phc = bench.phc(state=state)
    follower = bench.system_follower(phc)
    bench.run(follower, 5)
    assert follower._driver.samples == 0
    (told,) = bench.shop.events(FollowingChanged)
    assert str(told) == f"CLOCK_REALTIME: follows no clock: /dev/ptp0 is {state.label}: no measurement yet"


def test_when_its_source_is_lost_it_goes_into_holdover_and_follows_again_later(bench: Bench) -> None:
    phc = bench.phc()
    follower = bench.system_follower(phc)
    bench.run(follower, 10)
    samples = follower._driver.samples
    phc.arbiter.state = ClockState.HOLDOVER_OUT_OF_SPEC
    bench.run(follower, 10)
    assert follower._driver.samples == samples
    far = MonotonicTime(follower._driver.arbiter.next_deadline() + SECOND)
    follower._driver.arbiter.check_silence(far)
    assert follower._driver.arbiter.state.is_holdover
    phc.arbiter.state = ClockState.LOCKED
    bench.run(follower, 10)
    assert follower._driver.arbiter.state is ClockState.LOCKED
    assert [event.follows for event in bench.shop.events(FollowingChanged)] == ["/dev/ptp0", None, "/dev/ptp0"]


def test_of_several_clocks_the_first_that_is_locked_is_followed(bench: Bench) -> None:
    first, second = bench.phc("/dev/ptp0", ClockState.ACQUIRING), bench.phc("/dev/ptp1")
    follower = bench.system_follower(first, second)
    bench.run(follower, 2)
    first.arbiter.state = ClockState.LOCKED
    bench.run(follower, 2)
    assert [event.follows for event in bench.shop.events(FollowingChanged)] == ["/dev/ptp1", "/dev/ptp0"]


def test_a_hardware_clock_on_utc_is_an_alarm_and_does_not_move_the_system_clock(bench: Bench) -> None:
    follower = bench.system_follower(bench.phc(ahead_s=0.0))
    bench.run(follower, 10)
    (alarm,) = bench.shop.events(TimescaleMismatch)
    assert alarm.offset_ns == pytest.approx(37e9, rel=1e-6)
    assert bench.world.system.inner.set_to_ppb == 0.0
    assert bench.world.system.inner.reading() - UTC_S * SECOND < 12 * SECOND


def test_it_does_where_the_configuration_allows_it(bench: Bench) -> None:
    phc = bench.phc(ahead_s=0.0)
    bench.run(bench.system_follower(phc, guards=False), 60)
    assert abs(off_ns(bench.world.system, phc.clock)) < 20
    assert len(bench.shop.events(TimescaleTaken)) == 1


def test_without_anybody_who_tells_tai_minus_utc_37_s_are_assumed_and_told(bench: Bench) -> None:
    phc = bench.phc()
    phc._measuring["main"] = Writer(TimeProperties())
    bench.run(bench.system_follower(phc), 10)
    assert len(bench.shop.events(TaiOffsetAssumed)) == 1
    assert bench.world.kernel.members["tai"] == 0


def test_the_timescale_comes_over_a_chain_of_clocks(bench: Bench) -> None:
    first = bench.phc()
    first._measuring["main"] = Writer(TimeProperties(current_utc_offset=38, current_utc_offset_valid=True))
    second = bench.driver(FakePhc(bench.world, "/dev/ptp1", ahead_s=37), ["clock.it"])
    bench.run(bench.follower(second, FollowedClock(first)), 5)
    follower = bench.system_follower(second)
    bench.run(follower, 5)
    assert bench.world.kernel.members["tai"] == 38
    assert isinstance(follower._driver.clock, RealtimeClock)
    assert follower._driver.clock.tai_offset_s == 38


def test_a_comparison_that_fails_is_told_and_the_next_is_tried(bench: Bench) -> None:
    phc = bench.phc()
    follower = bench.system_follower(phc)
    phc.clock.fails = True
    bench.run(follower, 1)
    (failed,) = bench.shop.events(ClockFailed)
    assert str(failed) == "/dev/ptp0: cannot compare with CLOCK_REALTIME (a test)"
    phc.clock.fails = False
    bench.run(follower, 3)
    assert follower._driver.samples > 0


def test_it_keeps_its_pace_by_the_loop(bench: Bench) -> None:
    follower = ClockFollower(
        "clock.it",
        bench.driver(bench.world.system, ["clock.it"]),
        [FollowedClock(bench.phc())],
        log_interval=-6,
        readings=5,
        loop=bench.shop.loop,
        recorder=bench.shop.recorder,
    )
    follower.start()
    bench.shop.run_for(0.2)
    follower.stop()
    samples = follower._driver.samples
    assert samples > 2
    bench.shop.run_for(0.05)
    assert follower._driver.samples == samples
