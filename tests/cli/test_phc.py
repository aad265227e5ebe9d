"""`ptpstack phc` on a clock whose every move is known. What real clocks answer is in tests/vm/guest/phc_command.py."""

from __future__ import annotations

import argparse
import errno
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hw.cross_timestamp import CrossMethod, CrossTimestamp
from hw.discovery import PhcDevice
from hw.ethtool import SOFTWARE_STAMPS, TimestampingInfo
from hw.phc import Phc
from hw.phc_ioctl import EXTTS_EVENT
from hw.time_daemons import TimeDaemon
from ptpstack.cli import main, phc, phc_signals
from ptpstack.errors import HardwareError, PtpstackError
from ptpstack.time import NANOSECOND, SECOND, LocalTime, TimeInterval, UtcTime
from tests.hw.phc_stand_in import PhcStandIn

UTC_S = 1_767_225_600  # 2026-01-01
Run = Callable[..., str]


class KnownClock(Phc):
    """A PHC that reads 100 s while it is midnight UTC; a step comes out 3 ns short, a frequency loses its places."""

    reads = 100 * SECOND
    ppb = -12.5

    def time(self) -> LocalTime:
        return LocalTime(self.reads)

    def set_time(self, instant: LocalTime) -> None:
        type(self).reads = int(instant)

    def step(self, delta: TimeInterval) -> None:
        type(self).reads += delta - 3 * NANOSECOND

    def frequency_ppb(self) -> float:
        return self.ppb

    def set_frequency(self, ppb: float) -> None:
        type(self).ppb = float(int(ppb))

    def cross_timestamp(self) -> CrossTimestamp:
        return CrossTimestamp(LocalTime(self.reads), UtcTime(UTC_S * SECOND), 40.0, CrossMethod.EXTENDED)


class Realtime:
    tai_s = 37

    def kernel_tai_offset_s(self) -> int:
        return self.tai_s


@pytest.fixture(autouse=True)
def driver(monkeypatch: pytest.MonkeyPatch) -> PhcStandIn:
    """One clock, /dev/null, with two pins, an input and an output; a kernel that knows TAI - UTC; no time daemon."""
    driver = PhcStandIn()
    monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
    monkeypatch.setattr(phc, "Phc", type("Clock", (KnownClock,), {}))
    monkeypatch.setattr(phc, "RealtimeClock", Realtime)
    monkeypatch.setattr(phc, "find_time_daemons", list)
    monkeypatch.setattr(phc, "find_phcs", list)
    return driver


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """What `ptpstack phc COMMAND /dev/null ARGUMENTS` says."""

    def run(command: str, *arguments: str, clock: str = "/dev/null") -> str:
        parser = argparse.ArgumentParser()
        phc.add_arguments(parser)
        assert phc.run(parser.parse_args([command, clock, *arguments])) == 0
        return capsys.readouterr().out

    return run


def test_get_shows_seconds_and_date(run: Run) -> None:
    assert run("get") == ("/dev/null: 100.000000000 s since 1970, 1970-01-01T00:01:40.000000000 on its own timescale\n")


@pytest.mark.parametrize(
    ("arguments", "set_to", "says"),
    [
        pytest.param(["now"], UTC_S + 37, "TAI: CLOCK_REALTIME + 37 s", id="now is TAI by the kernel"),
        pytest.param(["now", "--tai-offset", "36"], UTC_S + 36, "CLOCK_REALTIME + 36 s", id="or by what is given"),
        pytest.param(["now", "--utc"], UTC_S, "UTC by CLOCK_REALTIME", id="or UTC"),
        pytest.param(["2026-01-01T00:00:00"], UTC_S + 37, "TAI: the UTC given + 37 s", id="a time is UTC"),
        pytest.param(["2026-01-01T02:00:00+02:00"], UTC_S + 37, "+ 37 s", id="unless it says else"),
        pytest.param(["2026-01-01T00:00:00Z", "--utc"], UTC_S, "UTC as given", id="and may be kept as UTC"),
        pytest.param(["123.25"], 123.25, "as given", id="seconds are taken as they are"),
        pytest.param(["-5"], -5, "as given", id="before 1970, too"),
    ],
)
def test_set_takes_now_a_time_or_seconds(run: Run, arguments: list[str], set_to: float, says: str) -> None:
    short_ns = 3 if arguments[0] == "now" else 0
    text = run("set", *arguments)
    assert "was 100.000000000 s, set to " in text
    assert says in text
    assert json.loads(run("get", "--json"))["time_ns"] == int(set_to * 10**9) - short_ns


@pytest.mark.parametrize("to", ["now", "2026-01-01"])
def test_a_clock_is_not_set_to_tai_while_the_kernel_knows_no_offset(
    run: Run, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.setattr(Realtime, "tai_s", 0)
    with pytest.raises(PtpstackError, match=r"knows no TAI - UTC[\s\S]*--tai-offset 37[\s\S]*--utc"):
        run("set", to)
    assert "100.000000000 s" in run("get")
    assert "set to" in run("set", to, "--utc")


@pytest.mark.parametrize("to", ["noon", "2026-13-01", "", "NaN", "inf"])
def test_what_is_no_time_is_refused(run: Run, to: str) -> None:
    with pytest.raises(PtpstackError, match="is no time"):
        run("set", to)


def test_adj_measures_what_the_driver_did(run: Run) -> None:
    assert run("adj", "-250ns") == (
        "/dev/null: stepped by -250 ns; against CLOCK_REALTIME it moved by -253.0 ns ± 80.0 ns (extended)\n"
    )
    assert json.loads(run("adj", "37s", "--json")) == {
        "clock": "/dev/null",
        "step_ns": 37_000_000_000,
        "measured_step_ns": 36_999_999_997,
        "uncertainty_ns": 80.0,
        "method": "extended",
    }


def test_freq_shows(run: Run) -> None:
    assert run("freq") == "/dev/null: frequency adjustment -12.500 ppb (positive: runs faster)\n"


def test_freq_sets_and_reads_back(run: Run) -> None:
    assert run("freq", "-100.5") == (
        "/dev/null: frequency adjustment was -12.500 ppb, set to -100.500 ppb, reads -100.000 ppb\n"
    )
    assert json.loads(run("freq", "1e3", "--json")) == {
        "clock": "/dev/null",
        "before_ppb": -100.0,
        "asked_ppb": 1000.0,
        "frequency_ppb": 1000.0,
    }


def test_cmp_says_how_it_measured_and_what_is_tai(run: Run) -> None:
    run("set", str(UTC_S + 37.5))
    assert run("cmp") == (
        "/dev/null: PHC - CLOCK_REALTIME +37.500000000 s ± 40.0 ns (extended);"
        " without the TAI - UTC of 37 s in it +500000000.0 ns\n"
    )
    assert json.loads(run("cmp", "--json")) == {
        "clock": "/dev/null",
        "offset_ns": 37_500_000_000,
        "uncertainty_ns": 40.0,
        "method": "extended",
        "tai_minus_utc_s": 37,
        "offset_from_tai_ns": 500_000_000,
    }


def test_cmp_says_that_the_kernel_knows_no_offset(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Realtime, "tai_s", 0)
    assert "the kernel knows no TAI - UTC, none is taken off" in run("cmp")
    assert json.loads(run("cmp", "--json"))["offset_from_tai_ns"] is None
    assert "TAI - UTC of 36 s" in run("cmp", "--tai-offset", "36")


def test_cmp_watches_and_tells_the_drift(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter(
        CrossTimestamp(LocalTime(n * (SECOND + 12 * NANOSECOND)), UtcTime(n * SECOND), 0.0, CrossMethod.PRECISE)
        for n in range(3)
    )
    slept: list[float] = []
    monkeypatch.setattr(KnownClock, "cross_timestamp", lambda _self: next(readings))
    monkeypatch.setattr(phc.time, "sleep", slept.append)
    lines = run("cmp", "--watch", "2.5", "--count", "3").splitlines()
    assert slept == [2.5, 2.5]
    assert "drift" not in lines[0]
    assert lines[1].endswith("; drift +12.0 ppb")
    assert lines[2].endswith("; drift +12.0 ppb")


def test_caps_lists_what_the_driver_says(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phc, "find_phcs", lambda: [PhcDevice(0, "/dev/null", "igb", "read-write")])
    assert run("caps") == (
        "/dev/null: \n"
        "  name by its driver   igb\n"
        "  frequency            adjustable by ±1000000 ppb\n"
        "  phase                not adjustable by the hardware\n"
        "  cross-timestamps     extended, ± 40.0 ns just now\n"
        "  pins                 2\n"
        "  external timestamps  1 inputs\n"
        "  periodic outputs     1\n"
        "  alarms               0\n"
        "  PPS to the kernel    no\n"
    )
    data = json.loads(run("caps", "--json"))
    assert (data["name"], data["n_pins"], data["max_adj_ppb"]) == ("igb", 2, 1_000_000)


@pytest.mark.parametrize("command", [["set", "5"], ["adj", "1ns"], ["freq", "1"]])
def test_whoever_may_undo_it_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    daemons = [TimeDaemon(7, "ptp4l", "a PHC, and …"), TimeDaemon(8, "chronyd", "the system clock")]
    monkeypatch.setattr(phc, "find_time_daemons", lambda: daemons)
    notes: list[str] = []
    monkeypatch.setattr(phc.sys.stderr, "write", notes.append)
    run(*command)
    assert notes == ["note: ptp4l (pid 7) runs, and may steer this clock back\n"]


# The wires


def test_pins_are_listed_and_given_functions(run: Run) -> None:
    assert run("pins") == "/dev/null: pin 0 SDP0: unused\n/dev/null: pin 1 SDP1: unused\n"
    assert run("pins", "SDP1", "extts") == "/dev/null: pin 1 SDP1: extts channel 0 now\n"
    assert run("pins", "1") == "/dev/null: pin 1 SDP1: extts channel 0\n"
    assert json.loads(run("pins", "SDP0", "perout", "0", "--json")) == {
        "clock": "/dev/null",
        "index": 0,
        "pin": "SDP0",
        "function": "perout",
        "channel": 0,
    }


def test_a_clock_without_pins_says_that_it_is_wired(run: Run, driver: PhcStandIn) -> None:
    driver.pins = []
    assert run("pins") == "/dev/null: no pins: its inputs and outputs are wired\n"
    assert run("pins", "--json") == ""


@pytest.fixture
def wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The path of a clock on whose input 0 edges come, at these (s, ns), after so many waits in vain."""

    def wired(*edges: tuple[int, int], silences: int = 0) -> str:
        os.mkfifo(tmp_path / "ptp0")
        waits = iter([False] * silences + [True])

        def select(readers: list[Any], _writers: object, _errors: object, _timeout_s: float = 0) -> tuple[Any, ...]:
            if not next(waits):
                return [], [], []
            os.write(readers[0].fileno(), b"".join(EXTTS_EVENT.pack(s, ns, 0, 0, 0) for s, ns in edges))
            return readers, [], []

        monkeypatch.setattr(phc_signals, "select", type("Select", (), {"select": staticmethod(select)}))
        return str(tmp_path / "ptp0")

    return wired


def test_edges_are_printed_as_they_come(run: Run, driver: PhcStandIn, wired: Callable[..., str]) -> None:
    clock = wired((100, 12), (100, 999_999_995), (102, 0))
    assert run("extts", "--count", "2", "--pin", "SDP1", clock=clock) == (
        f"{clock}: input 0: edge at 100.000000012 s, +12.0 ns from the full second\n"
        f"{clock}: input 0: edge at 100.999999995 s, -5.0 ns from the full second\n"
    )
    assert driver.requests[0] == ("pin", 1, 1, 0)
    assert driver.requests[-1] == ("extts", 0, 0)


def test_edges_are_data_as_well(run: Run, wired: Callable[..., str]) -> None:
    clock = wired((100, 999_999_995))
    assert json.loads(run("extts", "--json", "--count", "1", "--edge", "both", clock=clock)) == {
        "clock": clock,
        "channel": 0,
        "time_ns": 100_999_999_995,
        "from_full_second_ns": -5,
    }


def test_silence_and_vague_edges_are_told(
    run: Run, driver: PhcStandIn, wired: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.refusals["PTP_EXTTS_REQUEST2"] = errno.EOPNOTSUPP
    notes: list[str] = []
    monkeypatch.setattr(phc_signals.sys.stderr, "write", notes.append)
    clock = wired((1, 0), silences=1)
    run("extts", "--count", "1", "--edge", "falling", clock=clock)
    assert notes == [
        "note: the driver does not promise to stamp falling edges only\n",
        f"note: no edge for 3 s; `ptpstack phc pins {clock}` shows what is connected\n",
    ]


def test_pulses_are_begun_and_ended(run: Run, driver: PhcStandIn) -> None:
    assert run("perout", "--pin", "SDP0") == (
        "/dev/null: output 0 sends a pulse every 1 s, from 101.000000000 s (1970-01-01T00:01:41.000000000) on\n"
    )
    assert driver.requests[-2:] == [("pin", 0, 2, 0), ("perout", 0, 0, 101 * 10**9, 10**9, 0)]
    assert run("perout", "--off") == "/dev/null: output 0 sends no more pulses\n"
    assert driver.requests[-1] == ("perout", 0, 0, 0, 0, 0)


def test_pulses_are_described_in_full(run: Run, driver: PhcStandIn) -> None:
    driver.refusals["PTP_PEROUT_REQUEST2", 2] = errno.EINVAL  # as hardware that takes a phase only
    arguments = ("--period", "100ms", "--phase", "-250ns", "--width", "30us")
    assert run("perout", *arguments) == (
        "/dev/null: output 0 sends a pulse every 100 ms, -250 ns after the full second, 30 us wide\n"
    )
    assert json.loads(run("perout", "--json", *arguments)) == {
        "clock": "/dev/null",
        "channel": 0,
        "period_ns": 100_000_000,
        "phase_ns": -250,
        "width_ns": 30_000,
        "start_ns": None,
    }


# Which clock is meant


def test_a_clock_is_named_by_path_by_itself_or_by_its_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    def info(name: str) -> TimestampingInfo:
        if name == "eth0":
            return TimestampingInfo.from_masks(0x5F, 3, 0b11, 0b11)
        if name == "lo":
            return TimestampingInfo(SOFTWARE_STAMPS)
        raise HardwareError("no such interface", where=name)

    monkeypatch.setattr(phc, "timestamping_info", info)
    assert [phc.clock_path(name) for name in ("/dev/ptp1", "ptp2", "eth0")] == ["/dev/ptp1", "/dev/ptp2", "/dev/ptp3"]
    with pytest.raises(HardwareError, match="lo: no PTP hardware clock"):
        phc.clock_path("lo")
    with pytest.raises(HardwareError, match="eth7: no such interface"):
        phc.clock_path("eth7")


def test_it_is_a_command_of_ptpstack(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["phc", "freq", "/dev/null", "-1.5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["asked_ppb"] == -1.5


def test_a_file_that_is_no_clock_is_told_in_one_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.undo()
    assert main.main(["phc", "get", "/dev/null"]) == 1
    assert "this is not a PTP clock" in capsys.readouterr().err
