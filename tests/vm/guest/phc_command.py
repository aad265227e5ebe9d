"""`ptpstack phc` and a numbered PPS, held against the truth."""

import contextlib
import io
import json
import os
import select
import threading
import time
import tty
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hw.external_timestamps import ExternalTimestamps
from hw.periodic_output import start_periodic_output, stop_periodic_output
from hw.pins import PinFunction, assign_pin, find_pin
from hw.realtime import RealtimeClock
from hw.time_of_day_nmea import NmeaTimeOfDay
from hw.time_of_day_system import SystemTimeOfDay
from lab.vptp import read_truth, set_knob
from ptpstack.cli.main import main
from ptpstack.time import NANOSECOND, MonotonicTime
from tests.vm.guest.bed import clock, clock_difference_ns

TAI_S = 37


def say(*arguments: str) -> str:
    """What `ptpstack phc ARGUMENTS` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()) as error:
        code = main(["phc", *arguments])
    assert code == 0, error.getvalue()
    return output.getvalue()


def answers(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in say(*arguments, "--json").splitlines()]


def answer(*arguments: str) -> dict[str, Any]:
    (only,) = answers(*arguments)
    return only


def refusal(*arguments: str) -> str:
    with contextlib.redirect_stderr(io.StringIO()) as error:
        assert main(["phc", *arguments]) == 1
    return error.getvalue()


def device(number: int) -> str:
    return read_truth().clocks[number].device


@contextlib.contextmanager
def kernel_knows_tai() -> Iterator[None]:
    realtime = RealtimeClock()
    before = realtime.kernel_tai_offset_s()
    realtime.set_tai_offset(TAI_S)
    try:
        yield
    finally:
        realtime.set_tai_offset(before)


def from_realtime_ns(number: int) -> int:
    truth = read_truth()
    return truth.clocks[number].ns - truth.realtime_ns


# The clock


def check_get_reads_the_clock_by_device_and_by_interface() -> None:
    for name, number in ((device(1), 1), ("vptp1", 1), (device(0).removeprefix("/dev/"), 0)):
        before = read_truth().clocks[number].ns
        said = answer("get", name)
        assert before <= said["time_ns"] <= read_truth().clocks[number].ns
        assert said["clock"] == device(number)


def check_an_interface_without_a_clock_is_refused() -> None:
    assert "lo: no PTP hardware clock" in refusal("get", "lo")


def check_set_now_makes_the_clock_tai_to_the_nanosecond() -> None:
    assert "the kernel knows no TAI - UTC" in refusal("set", device(0), "now")
    answer("set", device(0), "now", "--tai-offset", "36")
    assert abs(from_realtime_ns(0) - 36 * 10**9) <= 2
    with kernel_knows_tai():
        answer("set", device(0), "now")
    assert abs(from_realtime_ns(0) - TAI_S * 10**9) <= 2
    answer("set", device(0), "now", "--utc")
    assert abs(from_realtime_ns(0)) <= 2


def check_set_takes_a_time_and_seconds() -> None:
    said = answer("set", device(0), "2030-01-01T00:00:00Z", "--tai-offset", str(TAI_S))
    assert said["date"].startswith("2030-01-01T00:00:37.")
    assert 0 <= read_truth().clocks[0].ns / 1e9 - (1_893_456_000 + TAI_S) < 5
    answer("set", device(0), "123.25")
    assert 123.25 <= read_truth().clocks[0].ns / 1e9 < 130


def check_adj_steps_exactly_and_measures_it() -> None:
    for text, ns in (("-250ns", -250), ("37s", 37 * 10**9), ("-1.5ms", -1_500_000)):
        before = clock_difference_ns(0, 1)
        said = answer("adj", device(0), text)
        assert round(clock_difference_ns(0, 1) - before) == ns
        assert abs(said["measured_step_ns"] - ns) <= 2
        assert (said["step_ns"], said["method"], said["uncertainty_ns"]) == (ns, "precise", 0.0)


def check_freq_sets_what_it_says_and_shows_it() -> None:
    answer("freq", device(0), "-100.5")
    assert abs(read_truth().clocks[0].frequency_error_ppb + 100.5) < 0.02
    assert abs(answer("freq", device(0))["frequency_ppb"] + 100.5) < 0.02
    assert "the limit is ±100000000 ppb" in refusal("freq", device(0), "1e9")
    answer("freq", device(0), "0")
    assert read_truth().clocks[0].frequency_error_ppb == 0


def check_cmp_agrees_with_the_truth_and_with_the_drift() -> None:
    answer("adj", device(0), "37.000001s")
    said = answer("cmp", device(0), "--tai-offset", str(TAI_S))
    assert abs(said["offset_ns"] - from_realtime_ns(0)) <= 2
    assert said["offset_from_tai_ns"] == said["offset_ns"] - TAI_S * 10**9
    assert said["method"] == "precise"
    set_knob("clock0/error_ppb", 2_000)
    drifts = [line["drift_ppb"] for line in answers("cmp", device(0), "--watch", "0.5", "--count", "3")[1:]]
    assert all(abs(drift - 2_000) < 20 for drift in drifts), drifts


def check_caps_says_what_the_card_has() -> None:
    said = answer("caps", device(0))
    assert (said["name"], said["max_adj_ppb"]) == ("vptp0", 100_000_000)
    assert (said["n_pins"], said["n_ext_ts"], said["n_per_out"]) == (2, 1, 1)
    assert (said["cross_method"], said["adjust_phase"]) == ("precise", True)
    assert "adjustable by ±100000000 ppb" in say("caps", device(0))


# The wires


def check_pins_are_shown_given_and_taken() -> None:
    try:
        assert answer("pins", device(0), "SDP1", "extts")["function"] == "extts"
        assert answer("pins", device(0), "SDP0", "extts")["function"] == "extts"
        assert [pin["function"] for pin in answers("pins", device(0))] == ["extts", "none"]
        assert "there are SDP0, SDP1" in refusal("pins", device(0), "SDP9")
        assert "another pin" in refusal("pins", device(0), "SDP0", "physync")
        assert "`ptpstack phc caps`" in refusal("pins", device(0), "SDP0", "extts", "5")
    finally:
        free_pins()


def check_an_input_or_output_without_a_pin_says_so() -> None:
    free_pins()
    assert "`ptpstack phc pins`" in refusal("extts", device(1), "--count", "1")
    assert "`ptpstack phc pins`" in refusal("perout", device(0))


def check_what_the_card_has_not_is_refused() -> None:
    assert "no external timestamps on channel 1" in refusal("extts", device(1), "--channel", "1", "--count", "1")
    assert "no periodic output on channel 7" in refusal("perout", device(0), "--channel", "7")
    assert "ask for others" in refusal("extts", device(1), "--pin", "SDP1", "--edge", "falling", "--count", "1")
    assert "leave out the width" in refusal("perout", device(0), "--pin", "SDP0", "--width", "10ms")


def check_pulses_of_one_clock_are_edges_of_another() -> None:
    set_knob("clock1/pps_from", 0)
    said = answer("perout", device(0), "--pin", "SDP0", "--phase", "250ns")
    assert said["start_ns"] % 10**9 == 250
    edges = answers("extts", device(1), "--pin", "SDP1", "--count", "3")
    assert edges[0]["time_ns"] // 10**9 * 10**9 >= said["start_ns"] - 2 * 10**9
    for edge in edges:
        after_the_second = (edge["time_ns"] % 10**9 - clock_difference_ns(1, 0) - 250) % 1e9
        assert min(after_the_second, 1e9 - after_the_second) < 2, after_the_second
    assert [later["time_ns"] - earlier["time_ns"] for earlier, later in pairwise(edges)] == [10**9, 10**9]
    answer("perout", device(0), "--period", "100ms")
    times = [edge["time_ns"] for edge in answers("extts", device(1), "--count", "5")]
    assert times[4] - times[0] == 4 * 10**8, times
    answer("perout", device(0), "--off")


def free_pins() -> None:
    for number in (0, 1):
        for pin in ("SDP0", "SDP1"):
            answer("pins", device(number), pin, "none")


# A pulse and its number


def check_a_pps_is_numbered_by_a_receiver() -> None:
    """Clock 0 is the receiver's: its pulses go to an input of clock 1, its sentences to a pty, 0.3 s later."""
    answer("set", device(0), "now", "--tai-offset", str(TAI_S))
    answer("adj", device(0), "-37s")  # a receiver names UTC
    set_knob("clock1/pps_from", 0)
    with clock(0) as receiver, clock(1) as ours, ExternalTimestamps(ours) as edges, sentences() as port:
        assign_pin(receiver, find_pin(receiver, "SDP0"), PinFunction.PEROUT)
        assign_pin(ours, find_pin(ours, "SDP1"), PinFunction.EXTTS)
        source = NmeaTimeOfDay("pty", monotonic(), open_port=lambda _port, _baud: port)
        edges.enable()
        start_periodic_output(receiver)
        numbered = 0
        for _ in range(6):
            while not (came := edges.read()):
                if port.has_data():
                    source.receive(monotonic())
                time.sleep(0.001)
            second = source.second_of(monotonic())
            true_ns = int(came[0].time) / NANOSECOND - clock_difference_ns(1, 0)
            if second.is_valid:
                assert second.utc_s == round(true_ns / 1e9)
                numbered += 1
            else:
                assert second.doubt in ("no time of day yet", "the last two statements disagree, or there was one only")
        assert numbered >= 3
        assert source.dropped == 0
        stop_periodic_output(receiver)


def check_a_pulse_is_numbered_by_the_system_clock() -> None:
    RealtimeClock().set_synchronized(max_error_us=1_000, estimated_error_us=100)
    second = SystemTimeOfDay().second_of(monotonic())
    assert abs((second.utc_s or 0) - read_truth().realtime_ns / 1e9) < 1
    RealtimeClock().set_unsynchronized()
    assert "STA_UNSYNC" in SystemTimeOfDay().second_of(monotonic()).doubt


class Pty:
    """The receiver's end of a pty as pyserial would give it, without pyserial."""

    def __init__(self) -> None:
        self.other, self._fd = os.openpty()
        tty.setraw(self._fd)
        os.set_blocking(self._fd, False)

    def fileno(self) -> int:
        return self._fd

    def has_data(self) -> bool:
        return bool(select.select([self._fd], [], [], 0)[0])

    def read(self, size: int) -> bytes:
        return os.read(self._fd, size)

    def close(self) -> None:
        os.close(self._fd)
        os.close(self.other)


@contextlib.contextmanager
def sentences() -> Iterator[Pty]:
    """A ZDA 0.3 s into each second of clock 0."""
    port, ended = Pty(), threading.Event()

    def talk() -> None:
        while not ended.is_set():
            utc_ns = read_truth().clocks[0].ns
            ended.wait((1_300_000_000 - utc_ns % 10**9) % 10**9 / 1e9 + 0.001)
            utc_s = read_truth().clocks[0].ns // 10**9
            body = time.strftime("GPZDA,%H%M%S.00,%d,%m,%Y,00,00", time.gmtime(utc_s)).encode()
            parity = 0
            for byte in body:
                parity ^= byte
            os.write(port.other, b"$%s*%02X\r\n" % (body, parity))

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield port
    finally:
        ended.set()
        thread.join()
        port.close()


def monotonic() -> MonotonicTime:
    return MonotonicTime(time.monotonic_ns() * NANOSECOND)
