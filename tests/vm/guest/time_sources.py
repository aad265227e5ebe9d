"""The guest's own CLOCK_REALTIME, a real one, kept by one source after another; the truth is a hardware clock's."""

import fcntl
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from hw.clock_set_watch import ClockSetWatch
from hw.periodic_output import start_periodic_output, stop_periodic_output
from hw.pins import PinFunction, assign_pin, find_pin
from hw.pps import PpsDevice
from hw.realtime import RealtimeClock
from lab.vptp import read_truth, set_knob
from ntp.reference.sock import SockOutput, SockSample
from ptpstack.errors import HardwareError
from ptpstack.time import MILLISECOND, SECOND
from tests.vm.guest.bed import clock, opened, run, soon
from tests.vm.guest.daemons import Link, Ptp4l, device, node, parameters, say
from tests.vm.guest.host_clocks import reset_kernel, set_clock, system_offset_ns
from tests.vm.guest.programs import Daemon, Program

PARAMETERS = parameters(pairs=1)
MASTER = "ptp4l0"
"""The namespace of ptp4l on port 0."""

PTP_ENABLE_PPS = 0x4004_3D04

BOTH = """
[instance.main]
clock = "system"
slave_only = true
enforce_profile = false

[[instance.main.port]]
interface = "vptp1"
timestamping = "software"
log_announce_interval = 0
log_sync_interval = -3
log_min_delay_req_interval = -3

[ntp]
accuracy = "100us"

[[ntp.source]]
address = "10.0.0.1"
min_poll = 0
max_poll = 0
"""


@contextmanager
def responder(offset_s: float = 0.0) -> Iterator[Program]:
    """Clock 0 by NTP, at the master's end of the cable."""
    node(MASTER, 0)
    script = [sys.executable, "-m", "tests.vm.guest.ntp_responder", device(0), "10.0.0.1", str(offset_s)]
    with Program("responder", script, namespace=MASTER) as running:
        yield running


def record(seconds: float) -> list[float]:
    """The true error of the system clock, twenty times a second."""
    offsets = []
    for _ in range(round(seconds * 20)):
        offsets.append(system_offset_ns(0))
        time.sleep(0.05)
    return offsets


def check_ptp_lost_ntp_takes_over_and_gives_back_without_a_step() -> None:
    reset_kernel()
    set_clock(0)
    RealtimeClock(tai_offset_s=0).step(80 * MILLISECOND)
    RealtimeClock(tai_offset_s=0).set_frequency(15_000.0)
    node("slaves", 1)
    with responder(), Daemon("sources", BOTH, namespace="slaves") as ours:
        ours.wait_until_ready()

        def writer() -> str | None:
            found: str | None = ours.status()["clocks"]["system"]["writer"]
            return found

        def settled() -> bool:
            return ours.status()["clocks"]["system"]["state"] == "locked" and abs(system_offset_ns(0)) < 50_000

        with Ptp4l("master", 0, Link()):
            soon(lambda: writer() == "main", 60)
            soon(settled, 60)
            by_ptp = record(4)
            steps = len(ours.events("ClockStepped"))
        watch = ClockSetWatch()
        lost_at = time.monotonic()
        over = []
        while writer() != "ntp":
            over += record(0.2)
            assert time.monotonic() - lost_at < 30
        took_s = time.monotonic() - lost_at
        over += record(12)
        with Ptp4l("master", 0, Link()):
            back = []
            while writer() != "main":
                back += record(0.2)
            back += record(8)
        was_set = watch.was_set()
        chosen = ours.events("WriterChosen")
        trusted = ours.status()["time_trust"]
        assert len(ours.events("ClockStepped")) == steps
        say(run(sys.executable, "-m", "ptpstack", "status", "--socket", ours.socket))
        why = run(sys.executable, "-m", "ptpstack", "why", "-n", "200", "--socket", ours.socket)
        ours.end()
    say(why)
    for name, offsets in (("by PTP", by_ptp), ("PTP lost", over), ("PTP back", back)):
        largest = max(map(abs, offsets))
        say(f"{name}: median {statistics.median(offsets):+.0f} ns, at most {largest:.0f} ns")
        assert largest < 100_000
    steepest = max(abs(b - a) for offsets in (over, back) for a, b in pairwise(offsets))
    say(f"NTP took over {took_s:.1f} s after the last Sync; the clock never moved by {steepest:.0f} ns within 50 ms")
    assert not was_set  # the kernel itself knows of no step
    assert steepest < 30_000
    assert [event["writer"] for event in chosen][-3:] == ["main", "ntp", "main"]
    assert "fell silent" in chosen[-2]["rule"]
    assert "measures again" in chosen[-1]["rule"]
    lines = iter(why.splitlines())
    for said in (
        "no usable Sync from",
        "CLOCK_REALTIME: ntp steers it: main fell silent",
        "CLOCK_REALTIME: held at the mean frequency",
        "no Announce from",
        "end-to-end path delay is",
        "CLOCK_REALTIME: main steers it: it measures again and stands before ntp, for 5 s without a break",
        "CLOCK_REALTIME: held at the mean frequency",
    ):
        assert any(said in line for line in lines), f"{said!r} is not said, or not in this order"
    assert trusted["trusted_by"] == "main"


def check_a_kernel_pps_keeps_the_system_clock_when_others_number_its_seconds() -> None:
    """Another source knows the time to 1 ms only, and says 50; /dev/pps to microseconds."""
    reset_kernel()
    set_clock(0)
    path = Path("/run/coarse.sock")
    configuration = (
        f'[ntp]\naccuracy = "100us"\n[[ntp.reference]]\nname = "coarse"\ntype = "sock"\npath = "{path}"\n'
        'log_interval = 0\naccuracy_ns = 50000000\n[[ntp.reference]]\nname = "pulses"\ntype = "pps"\n'
        f'path = "{pps_of(1)}"\nlog_interval = 0\n'
    )
    with clock(0) as sender, opened(device(1)) as receiver, Daemon("pulses", configuration) as ours:
        fcntl.ioctl(receiver.fileno(), PTP_ENABLE_PPS, 1)
        assign_pin(sender, find_pin(sender, "0"), PinFunction.PEROUT, 0)
        set_knob("clock1/pps_from", 0)
        start_periodic_output(sender)
        ours.wait_until_ready()
        output = SockOutput(str(path))
        errors: list[float] = []

        def go_on(seconds: float) -> list[float]:
            """Let the other source speak, ten times a second; return the true errors meanwhile."""
            before = len(errors)
            for number in range(round(seconds * 10)):
                off_s = -system_offset_ns(0) / 1e9 + 0.001 * (-1) ** number
                output.write(SockSample(time.time_ns(), off_s), -6)
                time.sleep(0.1)
                errors.append(system_offset_ns(0))
            return errors[before:]

        begin = time.monotonic()
        while max(map(abs, go_on(3))) > 10_000:
            assert time.monotonic() - begin < 200, [round(error) for error in errors[::50]]
        settled_s = time.monotonic() - begin
        late = go_on(20)
        sources = ours.status()["ntp"]["sources"]
        edge = PpsDevice(pps_of(1)).fetch()
        stop_periodic_output(sender)
        output.close()
        ours.end()
    far = sorted(map(abs, late))
    say(f"by pulses, every five seconds: {[round(error) for error in errors[::50]]}")
    say(f"by pulses, after {settled_s:.0f} s: median {statistics.median(late):+.0f} ns, at most {far[-1]:.0f} ns")
    assert edge is not None
    assert sources["pulses"]["used"]
    assert sources["pulses"]["kind"] == "kernel PPS"
    assert sources["coarse"]["reason"] == "MUCH_FARTHER"
    assert statistics.median(far) < 5_000  # what an interrupt comes late, which is 2 us here, and no more
    assert far[len(far) * 9 // 10] < 20_000  # a daemon that is kept waiting for the host misses pulses


def check_a_pulse_is_not_late_where_the_system_clock_is_slowed_before_it() -> None:
    """By what the virtual card is made of: else this is what every check of pulses would measure."""
    reset_kernel()
    set_clock(0)
    system = RealtimeClock(tai_offset_s=0)
    lates = []
    with clock(0) as sender, opened(device(1)) as receiver:
        fcntl.ioctl(receiver.fileno(), PTP_ENABLE_PPS, 1)
        assign_pin(sender, find_pin(sender, "0"), PinFunction.PEROUT, 0)
        set_knob("clock1/pps_from", 0)
        start_periodic_output(sender)
        pulses = PpsDevice(pps_of(1))
        for number in range(8):
            before = pulses.fetch()
            soon(lambda before=before: pulses.fetch() not in (None, before), 5)
            slower_ppb = 300_000.0 * (number % 2)
            system.set_frequency(-slower_ppb)
            before = pulses.fetch()
            edge = soon(lambda before=before: (now := pulses.fetch()) != before and now, 5)
            if slower_ppb:
                lates.append(late_ns(edge.system_ns, -slower_ppb))
        system.set_frequency(0.0)
        stop_periodic_output(sender)
        pulses.close()
    say(f"after a second in which the clock lost 300 us, pulses were stamped late by {[round(ns) for ns in lates]} ns")
    assert min(lates) > -1_000
    assert statistics.median(lates) < 50_000  # as late as the interrupt came: the slowing alone would be six times that


def late_ns(stamp_ns: int, frequency_ppb: float) -> float:
    """How much later than a whole second of clock 0 the system clock, steered by so much, stamped a pulse."""
    truth = read_truth()
    pulse_ns = round(truth.clocks[0].ns - (truth.realtime_ns - stamp_ns), -9)
    return stamp_ns - truth.realtime_ns + (truth.clocks[0].ns - pulse_ns) * (1 + frequency_ppb * 1e-9)


def pps_of(number: int) -> str:
    index = device(number).removeprefix("/dev/ptp")
    for path in Path("/sys/class/pps").iterdir():
        if (path / "name").read_text().strip() == f"ptp{index}":
            return f"/dev/{path.name}"
    raise AssertionError("the card has no PPS")


def check_another_edge_or_another_file_is_told() -> None:
    for path in ("/dev/null", "/dev/pps99"):
        try:
            PpsDevice(path)
        except HardwareError as error:
            assert path in str(error)  # noqa: PT017 (no pytest in the guest)
        else:
            raise AssertionError(path)


def check_a_machine_without_a_battery_begins_on_the_floor_and_then_knows_the_time() -> None:
    """The guest believes that it is 1970; the last run of the program knew better, and a server knows it all."""
    reset_kernel()
    set_clock(0)
    truth = read_truth()
    state = Path("/run/kept")
    state.mkdir(exist_ok=True)
    node("slaves", 1)
    system = RealtimeClock(tai_offset_s=0)
    system.step(-(truth.realtime_ns // 10**9 - 10_000) * SECOND)  # not before it was booted, says the kernel
    configuration = '[ntp]\naccuracy = "1ms"\n[[ntp.source]]\naddress = "10.0.0.1"\n'
    years_s = 2 * 365 * 86_400.0
    floor = Daemon("floor", configuration, namespace="slaves", state=str(state), floor=True)
    with responder(offset_s=years_s), floor as ours:
        ours.wait_until_ready()
        began = ours.status()["time_trust"]
        soon(lambda: ours.status()["time_trust"]["trusted_since"], 60)
        set_to = ours.events("SystemClockSet")
        untrusted = ours.events("TimeUntrusted")
        trusted = ours.events("TimeTrusted")
        error_s = system_offset_ns(0) / 1e9 - years_s
        system.step(3 * SECOND)  # another program sets the clock
        soon(lambda: ours.events("ClockMovedByOthers"), 2)
        soon(lambda: ours.status()["time_trust"]["trusted_since"], 60)
        again_s = system_offset_ns(0) / 1e9 - years_s
        ends_s = time.time()
        ours.end()
    saved_s = (state / "time").stat().st_mtime
    now_s = time.time()
    RealtimeClock(tai_offset_s=0).step(round(-(now_s - truth.realtime_ns / 1e9) * SECOND))
    assert set_to[0]["from_utc"].startswith("1970-01-01")
    assert untrusted
    assert began["trusted_since"] is None
    assert trusted[0]["by"] == "ntp"
    assert trusted[0]["log_was_behind_s"] > years_s
    assert abs(error_s) < 0.01
    assert abs(again_s) < 0.01
    assert ends_s - 1 < saved_s < now_s + 1  # at the end, however long that took
