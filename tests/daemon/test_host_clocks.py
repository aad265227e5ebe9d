"""What of the configuration needs which clock, who may steer it, and what cannot be followed."""

from typing import Any

import pytest

from hw.soft_clock import SoftClock
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.config import Config, from_dict
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.host_clocks import (
    HostClocks,
    build_host_clocks,
    check_writers,
    host_clocks,
    host_writers,
    refuses_timescale_mismatch,
)
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.state_store import StateStore
from ptpstack.errors import ConfigError
from ptpstack.servo.pi import PiServo
from ptpstack.servo.sanity import ClockCheck
from tests.daemon.fakes import Workshop, known_time
from tests.daemon.kernel import FakeRealtimeClock, Kernel

SYSTEM = {"type": "system", "follows": "second"}
SECOND = {"type": "phc", "device": "/dev/ptp1", "follows": "/dev/ptp0"}
GNSS = {"type": "pps", "clock": "/dev/ptp0", "time_of_day": "gpsd"}


def config(instance: dict[str, Any] | None = None, **tables: Any) -> Config:
    instances = {"main": {"port": [{"interface": "lo"}]} | instance} if instance is not None else {}
    return from_dict({"instance": instances} | tables)


def test_every_clock_that_anything_needs_is_opened_once_by_its_own_name() -> None:
    needed = host_clocks(
        config(
            clock={"system": SYSTEM, "second": SECOND},
            source={"gnss": GNSS},
            output={"pps": {"clock": "second"}, "other": {"clock": "/dev/ptp2"}},
        )
    )
    assert sorted(needed) == ["/dev/ptp0", "/dev/ptp1", "/dev/ptp2", "system"]


def test_auto_needs_no_clock_but_those_of_the_instances() -> None:
    assert host_clocks(config({}, clock={"system": {"type": "system", "follows": "auto"}})) == ["system"]


def test_followers_and_sources_are_the_writers_of_their_clocks() -> None:
    writers = host_writers(config(clock={"system": SYSTEM, "second": SECOND}, source={"gnss": GNSS}))
    assert writers == {"/dev/ptp0": "source.gnss", "/dev/ptp1": "clock.second", "system": "clock.system"}


def test_a_follower_on_the_clock_that_auto_turned_out_to_be_is_refused() -> None:
    following = config({"clock": "auto"}, clock={"second": SECOND})
    check_writers("/dev/ptp1", following, [])
    check_writers("/dev/ptp0", following, ["main"])
    with pytest.raises(ConfigError, match="instance main steers this clock") as refused:
        check_writers("/dev/ptp1", following, ["main"])
    assert refused.value.where == "clock.second.follows"


def test_only_the_system_clock_refuses_a_timescale_mismatch_unless_allowed() -> None:
    clocks = config(clock={"system": SYSTEM, "second": SECOND}).clock
    assert refuses_timescale_mismatch("system", clocks)
    assert not refuses_timescale_mismatch("/dev/ptp1", clocks)
    allowed = config(clock={"system": SYSTEM | {"allow_timescale_mismatch": True}, "second": SECOND}).clock
    assert not refuses_timescale_mismatch("system", allowed)


def build(clock_of: dict[str, str], following: Config) -> HostClocks:
    shop = Workshop()
    clocks = {"system": FakeRealtimeClock(Kernel()), "soft": SoftClock("soft")}
    drivers = {
        word: ClockDriver(
            clock,
            PiServo(),
            ClockArbiter(clock.name, []),
            ClockCheck(),
            kept=KeptState(StateStore("")),
            loop=shop.loop,
            recorder=shop.recorder,
        )
        for word, clock in clocks.items()
    }
    try:
        return build_host_clocks(
            following, drivers, {}, clock_of, trust=known_time(), loop=shop.loop, recorder=shop.recorder
        )
    finally:
        shop.loop.close()


@pytest.mark.parametrize(("word", "why"), [("soft", "it is a soft clock"), ("system", "it is this clock")])
def test_what_auto_turned_out_to_be_must_be_another_clock_that_can_be_compared(word: str, why: str) -> None:
    following = config({}, clock={"system": {"type": "system", "follows": "auto"}})
    with pytest.raises(ConfigError) as refused:
        build({"main": word}, following)
    assert refused.value.why == why


def test_nothing_asked_for_is_nothing_built() -> None:
    assert build({}, config({})).parts() == []
