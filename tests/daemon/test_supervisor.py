"""The daemon's life in this process, on loopback: defects, refusals, the watchdog, what is told."""

import json
import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Never

import pytest

from hw import link
from hw.events import SystemClockJumped
from hw.realtime import RealtimeClock
from hw.soft_clock import SoftClock
from hw.time_daemons import TimeDaemon
from ptpstack.config.load import from_dict
from ptpstack.daemon import clocks, supervisor
from ptpstack.daemon.clocks import contests
from ptpstack.daemon.control import ControlError
from ptpstack.daemon.process import harden
from ptpstack.daemon.supervisor import Supervisor
from ptpstack.errors import ConfigError, HardwareError
from ptpstack.time import MILLISECOND, SECOND

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets need root"),
]


class Run:
    """A supervisor on loopback whose log is read back as events."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"
        self.table: dict[str, Any] = {
            "instance": {"main": {"clock": "soft", "port": [{"interface": "lo"}]}},
            "clock": {"soft": {"type": "soft"}},
            "control": {"socket": str(directory / "control.sock")},
            "state": {"directory": str(directory)},
            "log": {"format": "json"},
        }

    def run(self, seconds: float = 0.2, before: Callable[[Supervisor], None] = lambda _: None) -> int:
        fd = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            runner = Supervisor(from_dict(self.table), log_fd=fd)
            before(runner)
            return runner.run(seconds)
        finally:
            os.close(fd)

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["event"] == kind]


@pytest.fixture
def daemon(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_it_starts_serves_and_ends_after_its_time(daemon: Run) -> None:
    assert daemon.run() == 0
    assert [event["reason"] for event in daemon.events("DaemonStopping")] == ["0.2 s are over"]
    assert daemon.events("SocketOpened")[0]["interface"] == "lo"
    assert not (daemon.directory / "control.sock").exists()


def test_where_epoll_and_netlink_are_refused_it_polls_and_says_so(daemon: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object, **_options: object) -> Never:
        raise PermissionError(1, "Operation not permitted")

    real_socket = link.socket.socket

    def no_netlink(family: int = -1, *rest: int, **options: object) -> Any:
        return refused() if family == link.socket.AF_NETLINK else real_socket(family, *rest, **options)

    monkeypatch.setattr(select, "epoll", refused)
    monkeypatch.setattr(link.socket, "socket", no_netlink)
    assert daemon.run() == 0
    assert daemon.events("Unavailable")[0]["text"].startswith("link changes: netlink refused: Operation not permitted")


def test_a_defect_is_told_with_its_traceback_and_the_rest_goes_on(daemon: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "CHECK_INTERVAL", 50 * MILLISECOND)
    monkeypatch.setattr(supervisor, "summary", lambda _plant: 1 / 0)
    assert daemon.run() == 0
    defect = daemon.events("InternalError")[0]
    assert defect["error"] == "ZeroDivisionError: division by zero"
    assert "_check" in defect["traceback"]


def test_defects_in_a_row_end_the_process_so_that_a_fresh_one_is_started(
    daemon: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "CHECK_INTERVAL", MILLISECOND)
    monkeypatch.setattr(supervisor, "summary", lambda _plant: 1 / 0)
    assert daemon.run(60) == 1
    assert daemon.events("DaemonStopping")[0]["reason"] == "10 internal errors in a row"


def test_a_log_whose_reader_is_gone_does_not_end_it(daemon: Run) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert Supervisor(from_dict(daemon.table), log_fd=writer).run(0.1) == 0
    finally:
        os.close(writer)


def test_the_event_file_has_everything_as_json(daemon: Run) -> None:
    daemon.table["log"] = {"format": "text", "event_file": str(daemon.directory / "events.jsonl")}
    daemon.run()
    kinds = [json.loads(line)["event"] for line in (daemon.directory / "events.jsonl").read_text().splitlines()]
    assert {"SocketOpened", "DaemonStarted", "DaemonStopping", "PortStateChanged"} <= set(kinds)


def test_an_event_file_that_cannot_be_opened_is_told_and_the_rest_goes_on(daemon: Run) -> None:
    daemon.table["log"] |= {"event_file": str(daemon.directory / "no" / "such" / "folder")}
    assert daemon.run() == 0
    assert "No such file or directory" in daemon.events("Unavailable")[0]["why"]


def test_a_control_socket_this_user_may_not_make_is_told_and_the_rest_goes_on(
    daemon: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = ControlError("cannot serve the control socket", why="Permission denied")
    refusal.is_permission = True

    def refused(*_arguments: object, **_options: object) -> Never:
        raise refusal

    monkeypatch.setattr(supervisor, "ControlServer", refused)
    assert daemon.run() == 0
    assert "Permission denied" in daemon.events("Unavailable")[0]["text"]


@pytest.mark.parametrize(
    ("instance", "error", "said"),
    [
        ({"clock": "soft", "port": [{"interface": "nope0"}]}, HardwareError, "no such interface"),
        ({"clock": "/dev/ptp99", "port": [{"interface": "lo"}]}, HardwareError, "lo is not stamped by /dev/ptp99"),
        (
            {"clock": "auto", "port": [{"interface": "lo", "timestamping": "hardware"}]},
            HardwareError,
            "not every port has a hardware clock",
        ),
        (
            {"clock": "system", "port": [{"interface": "lo", "timestamping": "hardware"}]},
            ConfigError,
            "timestamping is hardware",
        ),
    ],
)
def test_what_cannot_work_is_an_error_at_start(
    daemon: Run, instance: dict[str, Any], error: type[Exception], said: str
) -> None:
    daemon.table["instance"]["main"] = instance | {"free_running": True}
    with pytest.raises(error, match=said):
        daemon.run()
    assert not (daemon.directory / "control.sock").exists()


def test_the_watchdog_is_fed_while_samples_lead_to_commands_and_not_otherwise(daemon: Run) -> None:
    class Feeder:
        fed = 0

        def feed_watchdog(self) -> None:
            self.fed += 1

    class Clock:
        samples = commands = 0

    runner = Supervisor(from_dict(daemon.table))
    runner._notifier, clock = Feeder(), Clock()
    runner.plant.clocks["soft"] = clock
    for samples, commands, fed in [(0, 0, 1), (5, 5, 2), (10, 5, 2), (12, 5, 2), (13, 6, 3), (13, 6, 4)]:
        clock.samples, clock.commands = samples, commands
        runner._feed_watchdog()
        assert runner._notifier.fed == fed
    runner._exits.pop_all()
    runner.loop.close()
    runner._links.close()


def test_a_system_clock_stepped_under_a_soft_clock_moves_the_samples_base(
    daemon: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "CHECK_INTERVAL", 20 * MILLISECOND)
    jumps = iter([SystemClockJumped(clock="soft", jump_ns=3_000_000_000)])
    monkeypatch.setattr(SoftClock, "check_true_time", lambda _clock: next(jumps, None))
    steps = []

    def listen(runner: Supervisor) -> None:
        build = supervisor.build

        def built(*arguments: object) -> object:
            plant = build(*arguments)
            for driver in plant.instances.values():
                driver.clock_stepped = lambda delta, _local: steps.append(delta)
            return plant

        monkeypatch.setattr(supervisor, "build", built)
        assert runner.plant.instances == {}

    daemon.run(before=listen)
    assert steps == [3 * SECOND]
    assert len(daemon.events("SystemClockJumped")) == 1


@pytest.fixture
def other_daemons(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    running = [TimeDaemon(11, "chronyd", "the system clock"), TimeDaemon(12, "ts2phc", "a PHC")]
    monkeypatch.setattr(clocks, "find_time_daemons", lambda: running)
    return


@pytest.mark.usefixtures("other_daemons")
def test_other_programs_on_the_same_clock_are_told() -> None:
    assert [contest.program for contest in contests(RealtimeClock(tai_offset_s=0))] == ["chronyd"]
    assert contests(SoftClock("soft")) == []


def test_what_the_system_refuses_of_real_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object) -> Never:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refused)
    table = {"instance": {"main": {"port": [{"interface": "lo"}]}}, "realtime": {"priority": 50}}
    (refusal,) = harden(from_dict(table).realtime)
    assert str(refusal).startswith("SCHED_FIFO priority 50: Operation not permitted; next: run as root")
