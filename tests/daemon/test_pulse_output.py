"""Pulses go out while the daemon runs, and begin anew when their clock was moved."""

from collections.abc import Iterator

import pytest

from hw.phc import Phc
from hw.pins import PinFunction
from ptpstack.config.pulse_tables import PulseOutput as PulseOutputConfig
from ptpstack.daemon import pulse_output
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.pulse_output import PulseOutput, PulsesSent
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, SECOND, LocalTime
from tests.daemon.fakes import Workshop


class FakePhc(Phc):
    def __init__(self, name: str = "/dev/ptp7") -> None:
        self.name = name


class FakeDriver:
    def __init__(self) -> None:
        self.clock = FakePhc()


class Bench:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, **config: object) -> None:
        self.shop = Workshop()
        self.driver = FakeDriver()
        self.done: list[tuple[object, ...]] = []
        self.refuses = False
        self.output = PulseOutput(
            "output.pps",
            PulseOutputConfig(**{"clock": "/dev/ptp7"} | config),
            self.driver,
            self.shop.loop,
            self.shop.recorder,
        )
        for name in ("start_periodic_output", "stop_periodic_output", "find_pin", "assign_pin"):
            monkeypatch.setattr(pulse_output, name, self._note(name))

    def _note(self, name: str) -> object:
        def note(*arguments: object, **options: object) -> str:
            if self.refuses:
                raise HardwareError(f"cannot {name}", why="a test")
            self.done.append((name, *arguments, *options.values()))
            return "a pin"

        return note


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(monkeypatch)
    yield bench
    bench.shop.loop.close()


def test_pulses_begin_and_end_with_the_daemon(bench: Bench) -> None:
    bench.output.start()
    bench.output.stop()
    phc = bench.driver.clock
    assert bench.done == [("start_periodic_output", phc, 0, SECOND, None), ("stop_periodic_output", phc, 0)]
    (sent,) = bench.shop.events(PulsesSent)
    assert str(sent) == "/dev/ptp7: sends pulses on channel 0, one each 1000000000 ns"


def test_period_width_channel_and_pin_are_the_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, channel=1, pin="SDP3", period_ns=500, width_ns=100)
    bench.output.start()
    phc = bench.driver.clock
    assert bench.done == [
        ("find_pin", phc, "SDP3"),
        ("assign_pin", phc, "a pin", PinFunction.PEROUT, 1),
        ("start_periodic_output", phc, 1, 500 * NANOSECOND, 100 * NANOSECOND),
    ]
    bench.shop.loop.close()


def test_a_step_of_the_clock_begins_them_anew(bench: Bench) -> None:
    bench.output.start()
    bench.output.clock_stepped(SECOND, LocalTime(0))
    assert [done[0] for done in bench.done] == ["start_periodic_output"] * 2


def test_a_clock_that_was_opened_anew_sends_them_again(bench: Bench) -> None:
    bench.output.start()
    bench.output._on_check()
    assert len(bench.done) == 1
    bench.driver.clock = FakePhc("/dev/ptp8")
    bench.output._on_check()
    assert bench.done[-1] == ("start_periodic_output", bench.driver.clock, 0, SECOND, None)


def test_a_refusal_at_the_start_ends_it_and_a_later_one_is_told(bench: Bench) -> None:
    bench.refuses = True
    with pytest.raises(HardwareError):
        bench.output.start()
    bench.output.clock_stepped(SECOND, LocalTime(0))
    bench.output.stop()
    assert len(bench.shop.events(ClockFailed)) == 2
