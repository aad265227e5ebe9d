"""Two clocks read at one instant, also when no instruction reads both."""

import pytest

from hw.cross_timestamp import CrossMethod, CrossTimestamp
from ptpstack.daemon.clock_comparison import compare
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, SECOND, LocalTime, UtcTime, interval_from_ns
from tests.daemon.kernel import FakeRealtimeClock, Kernel

UTC = 1_800_000_000 * SECOND


class ScriptedPhc:
    """Says (itself minus PTP time of the system, when by the system clock, uncertainty) in ns, one after the other."""

    name = "/dev/ptp7"

    def __init__(self, *readings: tuple[float, float, float]) -> None:
        self.readings = list(readings)
        self.asked: list[int] = []

    def cross_timestamp(self, readings: int) -> CrossTimestamp:
        self.asked.append(readings)
        offset_ns, at_ns, uncertainty_ns = self.readings.pop(0)
        system = UTC + interval_from_ns(at_ns)
        phc = system + 37 * SECOND + interval_from_ns(offset_ns)
        return CrossTimestamp(LocalTime(phc), UtcTime(system), uncertainty_ns, CrossMethod.EXTENDED)


def test_the_system_clock_is_compared_on_the_ptp_timescale() -> None:
    clock, phc = FakeRealtimeClock(Kernel(), tai_offset_s=37), ScriptedPhc((-250.0, 0.0, 40.0))
    found = compare(clock, phc, 9)
    assert found.offset == 250 * NANOSECOND
    assert int(found.local) == UTC + 37 * SECOND
    assert (found.uncertainty, found.method) == (40 * NANOSECOND, "extended")
    assert phc.asked == [9]


def test_the_other_way_round_the_sign_is_the_other() -> None:
    clock, phc = FakeRealtimeClock(Kernel(), tai_offset_s=37), ScriptedPhc((-250.0, 0.0, 40.0))
    assert compare(phc, clock, 5).offset == -250 * NANOSECOND


def test_two_hardware_clocks_are_compared_at_the_instant_of_the_middle_reading() -> None:
    source = ScriptedPhc((1_000.0, 0.0, 10.0), (1_400.0, 40_000.0, 30.0))
    clock = ScriptedPhc((5_000.0, 10_000.0, 20.0))
    found = compare(clock, source, 5)
    assert found.offset == (5_000 - 1_100) * NANOSECOND
    assert found.uncertainty == 50 * NANOSECOND


@pytest.mark.parametrize("at_ns", [(0.0, 50_000.0, 40_000.0), (40_000.0, 20_000.0, 0.0), (0.0, 0.0, 0.0)])
def test_a_system_clock_set_in_between_is_no_comparison(at_ns: tuple[float, float, float]) -> None:
    source, clock = ScriptedPhc((0.0, at_ns[0], 1.0), (0.0, at_ns[2], 1.0)), ScriptedPhc((0.0, at_ns[1], 1.0))
    with pytest.raises(HardwareError, match="the system clock was set"):
        compare(clock, source, 5)
