"""The daemon as a user runs it, on veth cables between network namespaces, with soft clocks."""

import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import PTPSTACK, Daemon, soft_clock, true_offset_ns, verdict
from lab.namespaces import Cable, Network, Node, why_unavailable
from lab.peers.ptp4l import Ptp4l
from tests.daemon.test_port_io import RUBBISH

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(bool(why_unavailable()), reason=why_unavailable() or "available"),
]

QUICK = "log_announce_interval = -2\nlog_sync_interval = -4\nlog_min_delay_req_interval = -4\n"

CLOCK = """
[clock.soft]
type = "soft"
offset_ns = {offset_ns}
frequency_error_ppb = {error_ppb}
"""

LOCKED_WITHIN_S = 60.0


def instance(role: str, *, name: str = "main", domain: int = 0) -> str:
    """Return an instance on ``eth0`` that is ``priority1 = 100`` or ``slave_only = true``."""
    return (
        f"[instance.{name}]\nenforce_profile = false\nclock = 'soft'\ndomain_number = {domain}\n{role}\n"
        f"[[instance.{name}.port]]\ninterface = 'eth0'\n{QUICK}"
    )


def clock(*, offset_ns: int = 0, error_ppb: float = 0.0) -> str:
    return CLOCK.format(offset_ns=offset_ns, error_ppb=error_ppb)


MASTER = instance("priority1 = 100") + clock()
SLAVE = instance("slave_only = true") + clock(offset_ns=300_000_000, error_ppb=-20_000.0)


class Pair:
    """A master and a slave, ours, on one cable."""

    def __init__(self, network: Network, directory: Path, master: str = MASTER, slave: str = SLAVE) -> None:
        self.left, self.right = network.node("left"), network.node("right")
        self.network = network
        self.cable = self.plug()
        self.master = Daemon(self.left, directory / "master", master)
        self.slave = Daemon(self.right, directory / "slave", slave)

    def plug(self) -> Cable:
        return self.network.cable(self.left, "eth0", self.right, "eth0")

    def start(self) -> None:
        self.master.start()
        self.slave.start()
        self.slave.wait_until_ready()
        self.wait_until_locked()

    def wait_until_locked(self) -> None:
        self.slave.wait_until(lambda: verdict(self.slave.status()) == "locked", LOCKED_WITHIN_S, "locked")

    def offset_ns(self) -> float:
        """Return how far the slave's clock is ahead of the master's, in the median of two seconds."""
        return statistics.median(self._offset_now_ns() for _ in range(20))

    def _offset_now_ns(self) -> float:
        time.sleep(0.1)
        now_ns = time.time_ns()
        slave, master = (soft_clock(daemon.status()) for daemon in (self.slave, self.master))
        return true_offset_ns(slave, now_ns) - true_offset_ns(master, now_ns)


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def pair(network: Network, tmp_path: Path) -> Pair:
    pair = Pair(network, tmp_path)
    pair.start()
    return pair


def command(*arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PTPSTACK, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False)


def port_state(daemon: Daemon) -> str:
    return daemon.status()["instances"]["main"]["ports"][0]["portDS"]["portState"]


def events_of(daemon: Daemon, kind: str) -> list[dict[str, Any]]:
    return [event for event in daemon.events() if event["event"] == kind]


def ended(process: subprocess.Popen[bytes]) -> Callable[[], bool]:
    return lambda: process.poll() is not None


def test_a_slave_takes_over_its_masters_time(pair: Pair) -> None:
    time.sleep(3)
    assert abs(pair.offset_ns()) < 100_000
    assert port_state(pair.master) == "MASTER"
    pair.slave.wait_until(lambda: port_state(pair.slave) == "SLAVE", 30, "a slave")


def test_status_and_its_exit_code_follow_the_daemon(network: Network, tmp_path: Path) -> None:
    pair = Pair(network, tmp_path)
    path = str(pair.slave.socket)
    assert command("status", "--socket", path).returncode == 3
    pair.slave.start()
    pair.slave.wait_until_ready()
    alone = command("status", "--socket", path)
    assert (alone.returncode, alone.stdout.split()[:2]) == (2, ["main:", "free-running"])
    pair.master.start()
    pair.wait_until_locked()
    locked = command("status", "--socket", path)
    assert (locked.returncode, locked.stdout.split()[:2]) == (0, ["main:", "locked"])
    assert "offset: local - master, positive is ahead" in locked.stdout
    assert command("status", "--socket", str(pair.master.socket)).returncode == 0

    def steps_removed() -> int:
        as_json = json.loads(command("status", "--json", "--socket", path).stdout)
        return int(as_json["instances"]["main"]["currentDS"]["stepsRemoved"])

    pair.slave.wait_until(lambda: steps_removed() == 1, LOCKED_WITHIN_S, "told that its master is the next one")
    pair.master.stop()
    pair.slave.wait_until(
        lambda: verdict(pair.slave.status()).startswith("holdover"), LOCKED_WITHIN_S, "went into holdover"
    )
    assert command("status", "--socket", path).returncode == 1


def test_why_tells_the_decisions_and_filters_them(pair: Pair) -> None:
    path = str(pair.slave.socket)
    everything = command("why", "-n", "1000", "--socket", path).stdout
    assert re.search(r"main: selected best master clock .* priority1 100 < 128", everything)
    of_port = command("why", "--port", "1", "--json", "--socket", path).stdout
    assert {json.loads(line)["port_number"] for line in of_port.splitlines()} == {1}
    assert command("why", "--instance", "nobody", "--socket", path).stdout == ""
    assert len(command("why", "-n", "2", "--socket", path).stdout.splitlines()) == 2


def test_a_cut_cable_is_noticed_and_the_clock_locks_again_without_a_step(pair: Pair) -> None:
    pair.cable.cut()
    pair.slave.wait_until(lambda: port_state(pair.slave) == "FAULTY", 10, "noticed the cut")
    pair.slave.wait_until(lambda: verdict(pair.slave.status()).startswith("holdover"), 10, "went into holdover")
    pair.cable.restore()
    pair.wait_until_locked()
    assert port_state(pair.slave) == "SLAVE"
    assert len(events_of(pair.slave, "ClockStepped")) == 1
    assert not events_of(pair.slave, "InternalError")


def test_an_interface_that_is_removed_and_made_anew_is_used_again(pair: Pair) -> None:
    pair.right.netlink(lambda ip: ip.link("del", ifname="eth0"))
    for daemon in (pair.master, pair.slave):
        daemon.wait_until(lambda daemon=daemon: port_state(daemon) == "FAULTY", 10, "noticed the loss")
    pair.plug()
    pair.wait_until_locked()
    assert not events_of(pair.slave, "InternalError")
    assert events_of(pair.slave, "InterfaceLost")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(pair: Pair, number: signal.Signals) -> None:
    process = pair.slave._process
    process.send_signal(number)
    assert process.wait(60) == 0
    assert not pair.slave.socket.exists()
    assert f"stopping: {number.name}" in pair.slave.log.read_text()
    assert "frequency_ppb" in json.loads((pair.slave.directory / "soft.json").read_text())


def test_a_restart_keeps_the_frequency_and_needs_no_step(pair: Pair) -> None:
    time.sleep(2)
    pair.slave.stop()
    kept = json.loads((pair.slave.directory / "soft.json").read_text())["frequency_ppb"]
    assert 0 < kept < 60_000  # the clock errs by -20 000 ppb, the stamps by some microseconds
    pair.slave.start()
    pair.slave.wait_until_ready()
    assert pair.slave.status()["clocks"]["soft"]["frequency_ppb"] == pytest.approx(kept)
    pair.wait_until_locked()
    assert events_of(pair.slave, "FrequencyRestored")[0]["frequency_ppb"] == pytest.approx(kept)
    assert not events_of(pair.slave, "ClockStepped")


def test_hangup_opens_a_rotated_event_file_again_and_changes_nothing_else(network: Network, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    pair = Pair(network, tmp_path)
    pair.slave = Daemon(pair.right, tmp_path / "slave", SLAVE, event_file=str(file))
    pair.start()
    rotated = file.rename(tmp_path / "events.jsonl.1")
    pair.slave._process.send_signal(signal.SIGHUP)
    pair.slave.wait_until(lambda: bool(events_of(pair.slave, "HangupTaken")), 10, "spoke of SIGHUP")
    pair.slave.wait_until(lambda: "OffsetSample" in file.read_text(), 10, "wrote on")
    sequences = [json.loads(line)["sequence"] for name in (rotated, file) for line in name.read_text().splitlines()]
    assert sequences == list(range(1, len(sequences) + 1))
    assert verdict(pair.slave.status()) == "locked"


def test_a_second_daemon_on_the_same_control_socket_is_refused_and_the_first_lives(pair: Pair) -> None:
    second = command("run", "-c", str(pair.slave.configuration))
    assert second.returncode == 1
    assert "another ptpstack is running" in second.stderr
    assert "Traceback" not in second.stderr
    assert verdict(pair.slave.status()) == "locked"


FLOOD = """
import socket, sys
frames = [bytes.fromhex(line) for line in sys.argv[1:]]
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
    sender.bind(("eth0", 0x88F7))
    for _ in range(50):
        for frame in frames:
            sender.send(bytes.fromhex("011b19000000" "020000000009" "88f7") + frame)
"""


def test_rubbish_on_the_wire_is_counted_and_the_clock_stays_locked(pair: Pair) -> None:
    frames = [frame.hex() for frame in RUBBISH.values()]
    pair.left.run([sys.executable, "-c", FLOOD, *frames])

    def counted() -> bool:
        port = pair.slave.status()["instances"]["main"]["ports"][0]
        return port["socketCounters"].get("malformed", 0) > 0

    pair.slave.wait_until(counted, 30, "counted rubbish")
    assert verdict(pair.slave.status()) == "locked"
    assert len(events_of(pair.slave, "MalformedFrame")) < 100
    assert not events_of(pair.slave, "InternalError")


def test_two_domains_share_an_interface_and_a_clock_but_only_the_first_steers_it(
    network: Network, tmp_path: Path
) -> None:
    second = {"name": "second", "domain": 5}
    masters = instance("priority1 = 100") + instance("priority1 = 100\nfree_running = true", **second) + clock()
    slaves = instance("slave_only = true") + instance("slave_only = true\nfree_running = true", **second)
    slaves += clock(offset_ns=100_000_000)
    pair = Pair(network, tmp_path, masters, slaves)
    pair.start()

    def both_measure() -> bool:
        instances = pair.slave.status()["instances"].values()
        return all(one["ports"][0]["portDS"]["portState"] in ("SLAVE", "UNCALIBRATED") for one in instances)

    pair.slave.wait_until(both_measure, LOCKED_WITHIN_S, "measured in both domains")
    status = pair.slave.status()
    assert status["clocks"]["soft"]["writer"] == "main"
    assert [one["defaultDS"]["domainNumber"] for one in status["instances"].values()] == [0, 5]
    opened = events_of(pair.slave, "SocketOpened")
    assert len(opened) == 1


@pytest.mark.peer
def test_ptp4l_as_grandmaster_is_followed_in_its_own_log_format(network: Network, tmp_path: Path) -> None:
    left, right = network.node("left"), network.node("right")
    network.cable(left, "eth0", right, "eth0")
    intervals = {"logAnnounceInterval": -2, "logSyncInterval": -4, "logMinDelayReqInterval": -4}
    ptp4l = Ptp4l(left, tmp_path / "ptp4l", "eth0", network_transport="L2", priority1=100, **intervals)
    daemon = Daemon(right, tmp_path / "slave", SLAVE, log_format="linuxptp")
    ptp4l.start()
    daemon.start()
    daemon.wait_until_ready()
    daemon.wait_until(lambda: verdict(daemon.status()) == "locked", LOCKED_WITHIN_S, "locked")
    offsets_ns = []
    for _ in range(30):
        time.sleep(0.1)
        offsets_ns.append(true_offset_ns(soft_clock(daemon.status()), time.time_ns()))
    assert abs(statistics.median(offsets_ns)) < 100_000
    daemon.stop()
    lines = daemon.log.read_text().splitlines()
    assert all(re.match(r"ptp4l\[\d+\.\d{3}\]: ", line) for line in lines)
    text = "\n".join(lines)
    for pattern in (
        r"port 1 \(eth0\): INITIALIZING to LISTENING on INIT_COMPLETE$",
        r"port 1 \(eth0\): new foreign master [0-9a-f]{6}\.[0-9a-f]{4}\.[0-9a-f]{6}-1$",
        r"selected best master clock [0-9a-f]{6}\.[0-9a-f]{4}\.[0-9a-f]{6}$",
        r"port 1 \(eth0\): LISTENING to UNCALIBRATED on RS_SLAVE$",
        r"port 1 \(eth0\): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED$",
        r"rms +\d+ max +\d+ freq +[+-]\d+ \+/- +\d+ delay +\d+ \+/- +\d+$",
    ):
        assert re.search(pattern, text, re.MULTILINE), pattern


def run_in(node: Node, *arguments: str) -> str:
    return node.run([*PTPSTACK, *arguments])


def test_a_newcomer_needs_an_interface_only_and_ends_after_the_seconds_asked_for(
    network: Network, tmp_path: Path
) -> None:
    left, right = network.node("left"), network.node("right")
    network.cable(left, "eth0", right, "eth0")
    options = ("--free-running", "--seconds", "0.5", "--log", "json", "--socket", str(tmp_path / "control.sock"))
    lines = [json.loads(line) for line in run_in(left, "run", "-i", "eth0", *options).splitlines()]
    names = [line["event"] for line in lines]
    assert "SocketOpened" in names
    assert lines[names.index("DaemonStopping")]["reason"] == "0.5 s are over"


def test_an_interface_that_does_not_exist_is_one_clear_sentence(network: Network) -> None:
    node = network.node("lonely")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run_in(node, "run", "-i", "eth7", "--free-running", "--socket", "")
    assert caught.value.returncode == 1
    assert "eth7: no such interface" in caught.value.stderr
    assert "Traceback" not in caught.value.stderr


def test_the_service_manager_hears_of_start_state_progress_and_end(network: Network, tmp_path: Path) -> None:
    left, right = network.node("left"), network.node("right")
    network.cable(left, "eth0", right, "eth0")
    daemon = Daemon(left, tmp_path / "master", MASTER)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        environment = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "500000"}
        process = left.start([*PTPSTACK, "run", "-c", str(daemon.configuration)], daemon.log, environment)
        heard = []
        while heard.count(b"WATCHDOG=1") < 3 or b"STATUS=main serving" not in heard:
            heard.append(manager.recv(1000))
        process.terminate()
        assert process.wait(10) == 0
        while b"STOPPING=1" not in heard:
            heard.append(manager.recv(1000))
    assert heard[0] == b"READY=1"
