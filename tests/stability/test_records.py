"""One signed golden vector for each format; what is not data is passed over or told with file and line."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.observe.events import OffsetSample
from ptpstack.observe.formats.json_lines import JsonFormat
from ptpstack.observe.formats.linuxptp import LinuxptpFormat
from ptpstack.observe.recorder import Recorder
from ptpstack.servo.interface import ServoState
from ptpstack.stability.records import FORMATS, RecordError, read
from ptpstack.time import SECOND, MonotonicTime, UtcTime

MEASUREMENTS = """\
================================================================================================================
   Date (UTC) Time     IP Address   L St 123 567 ABCD  LP RP Score    Offset  Peer del. Peer disp.  Root del. …
================================================================================================================
2026-11-23 08:34:46 127.0.0.1       N  1 111 111 1111  -2  0 0.00  9.883e-04  2.428e-05  1.281e-06  0.000e+00  \
0.000e+00 7F7F0101 4B K K
"""
"""The local clock is 0.99 ms behind: chronyd 4.3 wrote this file and the next two at the same time."""

STATISTICS = """\
   Date (UTC) Time     IP Address    Std dev'n Est offset  Offset sd  Diff freq   Est skew  Stress  Ns  Bs  Nr  Asym
2026-11-23 08:34:46 127.0.0.1        4.441e-06 -9.994e-04  8.022e-06 -9.060e-06  1.890e-02 4.5e-03   3   0   3  0.00
"""

TRACKING = """\
   Date (UTC) Time     IP Address   St   Freq ppm   Skew ppm     Offset L Co  Offset sd Rem. corr. Root delay …
2026-11-23 08:34:45 0.0.0.0          0      0.000 1000000.000  0.000e+00 ?  0  0.000e+00 -0.000e+00  1.000e+00 …
2026-11-23 08:34:46 127.0.0.1        2      0.000 1000000.000 -9.994e-04 N  1  8.022e-06 -0.000e+00  1.994e-05 …
"""

REFCLOCKS = "2009-11-30 14:33:27.000000 PPS2    7 N 1  4.900000e-07 -6.741777e-07  1.000e-06\n"

PTP4L = """\
ptp4l[352.361]: port 1 (eth0): INITIALIZING to LISTENING on INIT_COMPLETE
ptp4l[359.224]: master offset      -3145 s0 freq      +0 path delay      9202
ptp4l[360.224]: master offset        -12 s2 freq  -29492 path delay      9202
"""

GOLDEN = {
    "chrony-measurements": (MEASUREMENTS, "127.0.0.1", 1795422886.0, -988300.0),
    "chrony-statistics": (STATISTICS, "127.0.0.1", 1795422886.0, -999400.0),
    "chrony-tracking": (TRACKING, "system clock", 1795422886.0, -999400.0),
    "chrony-refclocks": (REFCLOCKS, "PPS2", 1259591607.0, 674.1777),
    "linuxptp": (PTP4L, "ptp4l", 359.224, -3145.0),
    "columns": ("1607961193.773740,-000.000000250501\n", "offset", 1607961193.77374, -250.501),
    "phase": ("# tau0 = 0.5\n-1.5e-9\n", "phase", 0.0, -1.5),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_format_is_told_by_its_content_and_comes_out_as_local_less_master(name: str) -> None:
    text, series, time_s, offset_ns = GOLDEN[name]
    (record,) = read(text.splitlines(keepends=True), "file")
    assert (record.form.name, record.name) == (name, series)
    assert record.times_s[0] == pytest.approx(time_s, abs=1e-5)
    assert record.offsets_ns[0] == pytest.approx(offset_ns)


def test_every_format_has_its_golden_vector() -> None:
    assert set(FORMATS) == {*GOLDEN, "events"}


def test_chrony_says_one_error_with_two_signs_and_we_with_one() -> None:
    behind = [read(text.splitlines(keepends=True), "x")[0].offsets_ns[-1] for text in (MEASUREMENTS, STATISTICS)]
    assert behind == pytest.approx([-1e6, -1e6], rel=0.02)
    assert "+9.883e-04" not in MEASUREMENTS
    assert " 9.883e-04" in MEASUREMENTS, "chrony wrote a positive number for a clock that is behind"


@pytest.mark.parametrize(
    ("line", "series", "offset_ns", "locked"),
    [
        ("ptp4l[10.123]: master offset -15 s2 freq +100 path delay 500", "ptp4l", -15, True),
        (
            "ptp4l[10.123]: [ptp4l.0.config] master offset -15 s1 freq +1 path delay 5",
            "ptp4l ptp4l.0.config",
            -15,
            False,
        ),
        ("ptp4l[10.123]: [ptp4l.0.config:6] master offset 7 s3 freq +1 path delay 5", "ptp4l ptp4l.0.config", 7, True),
        ("Jul 30 17:20:22 host ptp4l: [10651.690] master offset 3 s2 freq +1 path delay 5", "ptp4l", 3, True),
        ("Jul 30 17:20:22 host ptp4l[77]: [10651.690] master offset 3 s0 freq +1 path delay 5", "ptp4l", 3, False),
        ("phc2sys[1.5]: CLOCK_REALTIME phc offset -4 s2 freq -7 delay 600", "phc2sys CLOCK_REALTIME", -4, True),
        ("phc2sys[1.5]: eth0 sys offset 4 s2 freq -7 delay 600", "phc2sys eth0", 4, True),
        ("phc2sys[1.5]: phc offset 4 s2 freq -7 delay 600", "phc2sys", 4, True),
        ("ts2phc[1.5]: eth0 offset -2 s2 freq +5", "ts2phc eth0", -2, True),
        ("ts2phc[1.5]: /dev/ptp0 offset -2 s2 freq +5 holdover", "ts2phc /dev/ptp0", -2, True),
        ("ts2phc[1.5]: eth0 master offset -2 s2 freq +5", "ts2phc eth0", -2, True),
    ],
)
def test_every_line_of_linuxptp_is_read(line: str, series: str, offset_ns: float, locked: bool) -> None:
    (record,) = read([line + "\n"], "log")
    assert (record.name, record.offsets_ns[0], record.unlocked == 0) == (series, offset_ns, locked)


@pytest.mark.parametrize(
    ("line", "series"),
    [
        ("ptp4l[245.413]: rms 138709 max 1111041 freq +19828 +/- 1788 delay   494 +/-  29", "ptp4l"),
        (
            "x phc2sys: [93.532] CLOCK_REALTIME rms 138709 max 1111041 freq -8639 +/- 9 delay 1 +/- 5",
            "phc2sys CLOCK_REALTIME",
        ),
    ],
)
def test_a_summary_line_is_no_sample(line: str, series: str) -> None:
    (record,) = read([line + "\n"], "log")
    assert (record.name, len(record.times_s)) == (series, 0)
    assert [(line.rms_ns, line.max_ns) for line in record.extremes] == [(138709, 1111041)]


def test_several_programs_in_one_log_are_several_records() -> None:
    log = ["phc2sys[2.0]: CLOCK_REALTIME phc offset 9 s2 freq -7 delay 600\n", *PTP4L.splitlines(keepends=True)]
    assert [(record.name, len(record.times_s)) for record in read(log, "log")] == [
        ("phc2sys CLOCK_REALTIME", 1),
        ("ptp4l", 2),
    ]


def test_a_log_that_goes_back_in_time_begins_another_part() -> None:
    log = [f"ptp4l[{t:.3f}]: master offset 1 s2 freq +0 path delay 5\n" for t in (100, 101, 102, 5, 6)]
    assert [(record.name, len(record.times_s)) for record in read(log, "log")] == [("ptp4l", 3), ("ptp4l, part 2", 2)]


def test_the_time_from_which_the_servo_was_locked_is_known() -> None:
    states = (0, 2, 1, 2, 2)
    log = [f"ptp4l[{t}.000]: master offset 1 s{s} freq +0 path delay 5\n" for t, s in enumerate(states)]
    (record,) = read(log, "log")
    assert (record.unlocked, record.locked_from_s) == (2, 3.0)


def emitted(form: object) -> Iterator[str]:
    """What the daemon writes for three samples 125 ms apart."""
    clock = {"now": 100 * SECOND}
    recorder = Recorder(lambda: MonotonicTime(clock["now"]), lambda: UtcTime(clock["now"]))
    lines: list[str] = []
    recorder.add_sink(lambda record: lines.extend(form(record)))
    for offset_ns in (-250.5, 3.0, -1.0):
        recorder.record(
            OffsetSample(
                clock="/dev/ptp0",
                port_number=1,
                offset_ns=offset_ns,
                mean_delay_ns=500.0,
                frequency_ppb=-3.0,
                state=ServoState.LOCKED if offset_ns > -100 else ServoState.JUMP,
                log_sync_interval=-3,
            ),
            "main",
        )
        clock["now"] += SECOND // 8
    return (line + "\n" for line in lines)


def test_our_own_event_file_is_read() -> None:
    (record,) = read(emitted(JsonFormat()), "events.json")
    assert (record.form.name, record.name) == ("events", "main, clock /dev/ptp0")
    assert record.offsets_ns.tolist() == [-250.5, 3.0, -1.0]
    assert record.times_s.tolist() == [100.0, 100.125, 100.25]
    assert (record.unlocked, record.locked_from_s) == (1, 100.125)
    assert record.starts_utc.startswith("1970-01-01T00:01:40")


def test_our_own_lines_in_linuxptp_format_are_read() -> None:
    (record,) = read(emitted(LinuxptpFormat({}, summary_interval=-3)), "log")
    assert (record.form.name, record.offsets_ns.tolist()) == ("linuxptp", [-250.0, 3.0, -1.0])


def test_columns_may_have_a_header_comments_and_other_separators() -> None:
    text = "Instrument: X\ntime,TE\n# comment\n1.0;2e-9\n2.0\t-3e-9\n\n3.0 4e-9\n"
    (record,) = read(text.splitlines(keepends=True), "te.csv")
    assert record.offsets_ns.tolist() == pytest.approx([2.0, -3.0, 4.0])


@pytest.mark.parametrize("header", ["# tau0: 0.1\n", "Tau: 1.0e-01\n", "Tau0 (s) = 0.1\n", "# TAU 0.1\n"])
def test_the_interval_of_a_phase_list_is_found(header: str) -> None:
    (record,) = read([header, "Points: 2\n", "1e-9\n", "2e-9\n"], "phase.dat")
    assert record.times_s.tolist() == [0.0, 0.1]


def test_the_interval_of_a_phase_list_may_be_given() -> None:
    (record,) = read(["# tau0 = 5\n", "1e-9\n", "2e-9\n"], "phase.dat", tau0_s=2.0)
    assert record.times_s.tolist() == [0.0, 2.0]


@pytest.mark.parametrize(
    ("text", "form", "where", "said"),
    [
        ("1.0,1e-9\n2.0,x\n", None, "f:2", "could not convert"),
        ("1.0,1e-9\n2.0,nan\n", None, "f:2", "not a finite number"),
        ("1.0,1e-9\n2.0\n", None, "f:2", "not enough values"),
        ("1e-9\n2e-9\n", None, "f:1", "--tau0"),
        ("# tau0 1\n1e-9\noops\n", None, "f:3", "could not convert"),
        ('{"event":"OffsetSample"}\n', "events", "f:1", "without a usable"),
        ('{"event":"X"}\n{"eve\n', "events", "f:2", "Unterminated"),
        ("[]\n", "events", "f:1", "not a JSON object"),
        ("2026-11-23 08:34:46 127.0.0.1 N 1\n", "chrony-tracking", "f:1", "columns"),
        (MEASUREMENTS, "chrony-statistics", "f:4", "columns"),
        ("", None, "f", "not a format that can be read"),
        ("hello\nworld\n", None, "f", "not a format that can be read"),
        ("hello\n", "linuxptp", "f", "no offset in it"),
    ],
)
def test_what_cannot_be_read_is_told_with_file_and_line(text: str, form: str | None, where: str, said: str) -> None:
    with pytest.raises(RecordError) as caught:
        read(text.splitlines(keepends=True), "f", form)
    assert caught.value.where == where
    assert said in str(caught.value)


def test_a_last_line_that_is_still_being_written_is_left_out_and_told() -> None:
    (record,) = read(["1.0,1e-9\n", "2.0,1e-9\n", "3.0,1e-"], "f")
    assert len(record.times_s) == 2
    assert record.notes == ["line 3 is incomplete and was left out (could not convert string to float: '1e-')"]


@given(st.lists(st.text(), max_size=20), st.sampled_from([None, *FORMATS]))
def test_any_text_is_read_or_refused(lines: list[str], form: str | None) -> None:
    try:
        records = read([line + "\n" for line in lines], "f", form)
    except RecordError:
        return
    assert all(len(record.times_s) == len(record.offsets_ns) for record in records)
