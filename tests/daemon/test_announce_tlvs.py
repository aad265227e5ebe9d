"""What a grandmaster of the power profile tells, second by second."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ptpstack.config.instance_table import Instance
from ptpstack.daemon.announce_tlvs import AnnounceTlvs
from ptpstack.daemon.instance_driver import InstanceDriver
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import HardwareError
from ptpstack.time import SECOND, LocalTime
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import AlternateTimeOffsetIndicator, IeeeC37238, IeeeC37238Of2011
from ptpstack.wire.tlvs.ieee_c37_238 import UNKNOWN_INACCURACY_NS
from ptpstack.wire.types import ClockQuality
from tests.core.bench import Bench
from tests.daemon.fakes import FakeInstanceClock, Workshop

BERLIN = ZoneInfo("Europe/Berlin")
BEFORE_SUMMER = round(datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC).timestamp())


class Timer:
    def set(self, deadline: object) -> None:
        self.deadline = deadline

    def close(self) -> None:
        self.deadline = None


class Loop:
    def timer(self, callback: Any) -> Timer:
        self.tick = callback
        return Timer()


class Clock:
    def __init__(self, utc_s: int) -> None:
        self.ptp_s = utc_s + 37
        self.is_gone = False

    def time(self) -> LocalTime:
        if self.is_gone:
            raise HardwareError("gone")
        return LocalTime(self.ptp_s * SECOND)


def tlvs(
    announce_tlv: str | None = None,
    zone: ZoneInfo | None = None,
    *,
    clock: Clock | None = None,
    clock_class: int = 6,
    drifted_ns: float | None = 0.0,
    properties: TimeProperties | None = None,
) -> tuple[Bench, Loop]:
    bench = Bench(clock_quality=ClockQuality(clock_class, 0x21, 0x4E5D), time_properties=properties or TimeProperties())
    loop, values = Loop(), Instance(grandmaster_id=7, time_inaccuracy_ns=200)
    read = clock or Clock(BEFORE_SUMMER)
    loop.tlvs = AnnounceTlvs(
        bench.instance, values, announce_tlv, zone, clock=lambda: read, drifted_ns=lambda: drifted_ns, loop=loop
    )  # type: ignore[arg-type]
    loop.tlvs.start()
    return bench, loop


def told(bench: Bench) -> tuple[Tlv, ...]:
    return bench.instance._data_sets.own_tlvs


@pytest.mark.parametrize(
    ("announce_tlv", "clock_class", "says"),
    [
        ("ieee_c37_238_2017", 6, IeeeC37238(7, 200)),
        ("ieee_c37_238_2017", 7, IeeeC37238(7, 200)),
        ("ieee_c37_238_2017", 187, IeeeC37238(7, UNKNOWN_INACCURACY_NS)),
        ("ieee_c37_238_2017", 248, IeeeC37238(7, UNKNOWN_INACCURACY_NS)),
        ("ieee_c37_238_2011", 6, IeeeC37238Of2011(7, 200, 0)),
    ],
)
def test_an_inaccuracy_is_told_of_a_clock_within_its_specification(
    announce_tlv: str, clock_class: int, says: Tlv
) -> None:
    bench, _ = tlvs(announce_tlv, clock_class=clock_class)
    assert told(bench) == (says,)


@pytest.mark.parametrize(("drifted_ns", "total_ns"), [(0.0, 200), (90.2, 291), (None, UNKNOWN_INACCURACY_NS)])
def test_in_holdover_it_grows_by_what_the_clock_may_have_drifted(drifted_ns: float | None, total_ns: int) -> None:
    bench, _ = tlvs("ieee_c37_238_2017", clock_class=7, drifted_ns=drifted_ns)
    assert told(bench) == (IeeeC37238(7, total_ns),)


def test_a_lost_reference_makes_it_unknown_at_once() -> None:
    bench, loop = tlvs("ieee_c37_238_2017")
    shop = Workshop()
    driver = InstanceDriver("main", bench.instance, FakeInstanceClock(), shop.loop, shop.recorder)
    driver.on_local_quality = loop.tlvs.renew
    driver.set_local_quality(ClockQuality(187, 0xFE, 0xFFFF), TimeProperties())
    assert told(bench) == (IeeeC37238(7, UNKNOWN_INACCURACY_NS),)


def test_summer_time_begins_when_it_was_said_to() -> None:
    clock = Clock(BEFORE_SUMMER)
    bench, loop = tlvs(zone=BERLIN, clock=clock)
    (before,) = told(bench)
    assert isinstance(before, AlternateTimeOffsetIndicator)
    assert before.time_of_next_jump == clock.ptp_s + 2
    clock.ptp_s += 2
    loop.tick()
    (after,) = told(bench)
    assert after.current_offset == before.current_offset + before.jump_seconds == 7200 - 37


def test_no_local_time_is_told_of_a_clock_that_does_not_show_tai_or_cannot_be_read() -> None:
    assert told(tlvs(zone=BERLIN, properties=TimeProperties(ptp_timescale=False))[0]) == ()
    clock = Clock(BEFORE_SUMMER)
    clock.is_gone = True
    assert told(tlvs(zone=BERLIN, clock=clock)[0]) == ()


def test_the_inaccuracy_comes_first() -> None:
    kinds = [type(tlv) for tlv in told(tlvs("ieee_c37_238_2017", BERLIN)[0])]
    assert kinds == [IeeeC37238, AlternateTimeOffsetIndicator]
