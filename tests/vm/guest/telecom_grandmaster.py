"""A telecom grandmaster through the life of its receiver: pulses and sentences, then nothing, then both again.

Clock 0 is the receiver's: its pulses go by wire to an input of clock 1, its sentences to a serial port. Behind the
grandmaster's port a ptp4l hears it, and ESMC comes from there: the frequency of the physical layer.
"""

import contextlib
import os
import random
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

from hw.sockets.ethernet_group import EthernetGroupSocket
from lab.bench.hardware_guest import event_socket
from lab.peers.gpsd import burst
from lab.vptp import read_truth, set_knob
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.state_store import StateStore
from ptpstack.servo.holdover import BLOCK_S, Holdover
from ptpstack.synce.quality_level import quality_levels
from ptpstack.wire import esmc
from ptpstack.wire.message import decode
from ptpstack.wire.messages import Announce
from tests.vm.guest.bed import clock, clock_difference_ns, run, soon
from tests.vm.guest.daemons import device
from tests.vm.guest.host_clocks import TAI_OFFSET_S, reset_kernel, set_clock
from tests.vm.guest.peers import ptp4l
from tests.vm.guest.programs import Daemon

ERROR_PPB = 20_000
STATE = Path("/run/telecom-state")
HOLDOVER_S = 20
BOUND_NS = 400
PATIENCE_S = 300
"""For a state to come, in the guest's time."""

OURS = """
[instance.main]
profile = "g8275-1"
current_utc_offset_valid = true

[[instance.main.port]]
interface = "vptp1"
master_only = true

[source.gnss]
type = "pps"
clock = "{clock}"
pin = "SDP1"
time_of_day = "nmea"
serial_port = "{serial_port}"
reference_grade = "prtc"

[output.pps]                    # the receiver's own
clock = "{receiver}"
pin = "SDP0"

[holdover]
bound_ns = {bound_ns}
seconds = {seconds}

[synce]
frequency = "locked"            # the card's oscillator follows what its link brings

[[synce.port]]
interface = "vptp1"
priority = 1
"""
LISTENER = {
    "dataset_comparison": "G.8275.x",
    "ptp_dst_mac": "01:80:C2:00:00:0E",
    "domainNumber": 24,
    "logAnnounceInterval": -3,
    "announceReceiptTimeout": 10,
    "delay_mechanism": "E2E",
    "slaveOnly": 1,
    "free_running": 1,
}


def check_a_telecom_grandmaster_announces_by_its_table_through_the_life_of_its_receiver() -> None:
    reset_kernel(tai=TAI_OFFSET_S, kept=True)
    set_clock(0)
    set_knob("clock1/error_ppb", ERROR_PPB)
    set_knob("clock1/pps_from", 0)
    set_knob("clock1/extts_jitter_ns", 20)
    for interface in ("vptp0", "vptp1"):
        run("ip", "link", "set", interface, "up")
    keep_what_an_hour_taught()
    heard = Announces()
    with receiver() as serial_port, esmc_from("vptp0") as frequency, ptp4l("vptp0", **LISTENER):
        configuration = OURS.format(
            clock=device(1), receiver=device(0), serial_port=serial_port, bound_ns=BOUND_NS, seconds=HOLDOVER_S
        )
        with Daemon("telecom", configuration, state=str(STATE)) as ours:
            ours.wait_until_ready()
            heard.wait_for(6, accuracy=0x21, variance=0x4E5D, time=True, frequency=True, uncertain=False)
            assert by_ptp4l() == ("6", "0x21", "1")
            soon(lambda: is_known(ours), PATIENCE_S)
            assert abs(clock_difference_ns(1, 0)) < BOUND_NS

            set_knob("clock1/pps_from", -1)
            heard.wait_for(7, time=True, frequency=True, uncertain=False)
            assert abs(clock_difference_ns(1, 0)) < BOUND_NS
            heard.wait_for(140, time=False, frequency=True, uncertain=True)
            assert by_ptp4l() == ("140", "0xfe", "0")
            frequency.level = "SSU-A"
            heard.wait_for(150, time=False, frequency=False, uncertain=True)
            frequency.level = "SSU-B"
            heard.wait_for(160, time=False, frequency=False, uncertain=True)
            frequency.level = "DNU"
            heard.wait_for(248, time=False, frequency=False, uncertain=False)

            frequency.level = "PRC"
            set_knob("clock1/pps_from", 0)
            heard.wait_for(6, accuracy=0x21, variance=0x4E5D, time=True, frequency=True, uncertain=False)
            told = [event["clock_class"] for event in ours.events("LocalQualityChanged")]
            ours.end()
    assert told[-7:] in ([6, 7, 140, 150, 160, 248, 6], [7, 140, 150, 160, 248, 140, 6]), told


def keep_what_an_hour_taught() -> None:
    """Leave what an earlier run of the daemon would have: nobody waits here until an oscillator is known."""
    holdover, noise = Holdover(), random.Random(1)
    for block in range(450):
        holdover.add(ERROR_PPB * BLOCK_S * block + noise.gauss(0.0, 4.0), 16.0)
    with clock(1) as phc:
        KeptState(StateStore(str(STATE))).save(phc, -float(ERROR_PPB), holdover.knowledge())


def is_known(ours: Daemon) -> bool:
    """Whether a bound of the clock's error is stated, within which it may hold."""
    (status,) = (each for each in ours.status()["clocks"].values() if each["name"] == device(1))
    return status["uncertainty"] is not None and status["uncertainty"]["total_ns"] < BOUND_NS


class Announces:
    """What the grandmaster announces, as a neighbour's port hears it."""

    def __init__(self) -> None:
        self._socket = event_socket(0)

    def wait_for(
        self,
        clock_class: int,
        *,
        accuracy: int = 0xFE,
        variance: int = 0xFFFF,
        time: bool,
        frequency: bool,
        uncertain: bool,
    ) -> None:
        """Wait for *clock_class*, whose first Announce says all that belongs to it."""
        announce = soon(lambda: self._first_of(clock_class), PATIENCE_S)
        quality = announce.grandmaster_clock_quality
        assert (quality.clock_accuracy, quality.offset_scaled_log_variance) == (accuracy, variance), announce
        flags = announce.time_traceable, announce.frequency_traceable, announce.synchronization_uncertain
        assert flags == (time, frequency, uncertain), announce

    def _first_of(self, clock_class: int) -> Announce | None:
        while True:
            try:
                frame = self._socket.recv(1500)
            except BlockingIOError:
                return None
            if frame[0] & 0xF != Announce.message_type:
                continue
            announce = decode(frame)
            assert isinstance(announce, Announce)
            if announce.grandmaster_clock_quality.clock_class == clock_class:
                return announce


def by_ptp4l() -> tuple[str, str, str]:
    """Class, accuracy and timeTraceable of the grandmaster as the ptp4l behind it has them, a few Announces later."""
    time.sleep(1.0)
    wanted = ("gm.ClockClass", "gm.ClockAccuracy", "timeTraceable")
    members: dict[str, str] = {}
    while not members.keys() >= set(wanted):  # ptp4l does not always answer in time
        data_sets = ("GET PARENT_DATA_SET", "GET TIME_PROPERTIES_DATA_SET")
        said = run("pmc", "-u", "-b", "0", "-d", "24", "-s", "/run/vptp0.socket", *data_sets)
        members = dict(line.split()[:2] for line in said.splitlines() if line.startswith("\t\t"))
    clock_class, accuracy, traceable = (members[name] for name in wanted)
    return clock_class, accuracy, traceable


@contextlib.contextmanager
def receiver() -> Iterator[str]:
    """A serial port on which a receiver names each second of clock 0, 0.2 s into it."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    ended = threading.Event()

    def talk() -> None:
        while True:
            into_ns = read_truth().clocks[0].ns % 10**9
            if ended.wait((1_200_000_000 - into_ns) % 10**9 / 1e9 + 0.001):
                return
            os.write(ours, burst(read_truth().clocks[0].ns // 10**9 - TAI_OFFSET_S))

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        ended.set()
        thread.join()
        os.close(ours)
        os.close(theirs)


class Esmc:
    """Tells a quality level on a link, once a second."""

    def __init__(self, interface: str) -> None:
        self.level = "PRC"
        self._socket = EthernetGroupSocket(interface, ethertype=esmc.ETHERTYPE, group=esmc.MAC)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _tell(self) -> None:
        while not self._ended.wait(1.0):
            self._socket.send(esmc.encode(esmc.EsmcPdu(quality_levels(1).named(self.level).ssm)))


def esmc_from(interface: str) -> contextlib.closing[Esmc]:
    return contextlib.closing(Esmc(interface))
