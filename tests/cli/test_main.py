"""The command line: small, quick to start, quiet when the reader leaves."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptpstack.cli import main as main_module
from ptpstack.cli.main import COMMANDS, main
from ptpstack.errors import HardwareError

PTPSTACK = [sys.executable, "-m", "ptpstack"]

STATUS = {
    "exit_code": 0,
    "instances": {
        "main": {
            "state": "locked",
            "profile": "default-e2e",
            "defaultDS": {"clockIdentity": "001b19.fffe.000002", "domainNumber": 0},
            "currentDS": {
                "stepsRemoved": 1,
                "offsetFromMaster": -123.4,
                "meanDelay": 2500.0,
                "synchronizationUncertain": False,
            },
            "parentDS": {
                "parentPortIdentity": "001b19.fffe.000001-1",
                "grandmasterIdentity": "001b19.fffe.000001",
                "grandmasterClockQuality": {"clockClass": 6},
            },
            "ports": [
                {
                    "interface": "eth0",
                    "transport": "l2",
                    "open": True,
                    "stamps": "software stamps",
                    "portDS": {"portState": "SLAVE", "delayMechanism": "E2E", "meanLinkDelay": 0.0},
                },
                {
                    "interface": "eth1",
                    "transport": "udpv4",
                    "open": False,
                    "stamps": "",
                    "portDS": {"portState": "FAULTY", "delayMechanism": "P2P", "meanLinkDelay": 51.0},
                },
            ],
        }
    },
    "clocks": {
        "soft": {
            "name": "soft",
            "state": "locked",
            "offset_ns": -123.4,
            "frequency_ppb": 15.26,
            "servo_state": "LOCKED",
            "writer": "main",
            "why": "nothing else may steer this clock",
            "holdover": {"seconds": None, "in_spec": False},
            "uncertainty": {"measured_ns": 37.0, "asymmetry_ns": 50.0, "reference_ns": None, "total_ns": 87.0},
        }
    },
}


def event(number: int, instance: str = "main", port_number: int | None = 1) -> dict[str, Any]:
    return {
        "sequence": number,
        "utc": "2026-11-23T08:09:11.123456789Z",
        "severity": "NOTICE",
        "instance": instance,
        "port_number": port_number,
        "text": f"event {number}",
    }


class Daemon:
    """Answers requests at a control socket as it was told to."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.answers: list[Any] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if connection.recv(4096) == b"stop\n":
                    return
                for answer in self.answers:
                    line = answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"
                    connection.sendall(line)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(self.path)
            client.sendall(b"stop\n")
        self._thread.join()
        self._listener.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "control.sock")
    yield daemon
    daemon.close()


def test_status_of_a_transparent_clock_says_what_passes(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    port = {
        "interface": "eth0",
        "transport": "l2",
        "open": True,
        "stamps": "hardware stamps",
        "portDS": {"delayMechanism": "P2P", "meanLinkDelay": 51.0, "faultyFlag": False},
        "counters": {"received": {"Sync": 7, "FollowUp": 5}, "sent": {}, "discarded": {"no Follow_Up": 2}},
    }
    clock = {
        "state": "forwarding",
        "profile": "default-p2p",
        "instanceType": "p2p-tc",
        "defaultDS": {"clockIdentity": "001b19.fffe.000002", "domainNumber": 0},
        "masterRateOffset_ppb": -12.34,
        "ports": [port, port | {"interface": "eth1", "portDS": port["portDS"] | {"faultyFlag": True}}],
    }
    daemon.answers = [{"status": STATUS | {"instances": {"between": clock}}}]
    assert main(["status", "--socket", daemon.path]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "between: forwarding (default-p2p, p2p-tc, domain 0)" in lines
    assert "master's rate -12.3 ppb by the own clock" in lines
    assert "1 eth0 l2 forwards 51 12 0 2 hardware stamps" in lines
    assert "2 eth1 l2 nothing 51 12 0 2 hardware stamps" in lines


def test_status_is_a_table_with_sign_and_unit(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers = [{"status": STATUS}]
    assert main(["status", "--socket", daemon.path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "main: locked (default-e2e, domain 0)",
        "  clock identity  001b19.fffe.000002",
        "  grandmaster     001b19.fffe.000001 by 001b19.fffe.000001-1, 1 step away, class 6",
        "  port  interface  transport  state   delay (ns)  stamps",
        "  1     eth0       l2         SLAVE   2500        software stamps",
        "  2     eth1       udpv4      FAULTY  51          interface not usable",
        "",
        "  clock  state   offset from master (ns)  within ± (ns)  frequency (ppb)  servo   steered by",
        "  soft   locked  -123                     87 *           +15.3            LOCKED  main",
        "",
        "offset: local - master, positive is ahead; frequency: what the clock is set to, positive is faster",
        "within: true time, but for a probability of 1e-5; *: not counting the reference's own error, which it hides",
    ]


def test_status_shows_how_long_a_clock_is_in_holdover_and_how_far_off_it_may_be(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    held = STATUS["clocks"]["soft"] | {
        "state": "holdover in-spec",
        "holdover": {"seconds": 61.4, "in_spec": True},
        "uncertainty": {"reference_ns": 25.0, "total_ns": 112.3},
    }
    daemon.answers = [{"status": STATUS | {"clocks": {"soft": held}}}]
    main(["status", "--socket", daemon.path])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  soft")]
    assert "  holdover in-spec for 61 s  " in line
    assert " 112 " in line


def test_status_says_why_nothing_can_be_said_of_ntp(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    ntp = {"clock": "/dev/ptp0", "unresolved": {}, "offset_ns": None, "bound_ns": None, "best": None, "sources": {}}
    daemon.answers = [{"status": STATUS | {"ntp": ntp | {"why": "/dev/ptp0: cannot read the clock"}}}]
    main(["status", "--socket", daemon.path])
    assert "NTP, for /dev/ptp0\n  nothing can be said of its sources: /dev/ptp0: cannot" in capsys.readouterr().out


def test_time_prints_the_bounds_of_every_clock(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    uncertainty = {
        "measured_ns": 37.0,
        "asymmetry_ns": 50.0,
        "reference_ns": 25.0,
        "total_ns": 112.0,
        "outside_probability": 1e-5,
    }
    known = {
        "state": "locked",
        "uncertainty": uncertainty,
        "ptp": {"earliest_ns": 1_700_000_037_000_000_000, "latest_ns": 1_700_000_037_000_000_224},
        "utc": {"earliest_ns": 1_700_000_000_000_000_000, "latest_ns": 1_700_000_000_000_000_224},
    }
    daemon.answers = [{"time": {"soft": known}}]
    assert main(["time", "--socket", daemon.path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "soft: locked, within ± 112 ns",
        "  UTC  2023-11-14T22:13:20.000000000 … 2023-11-14T22:13:20.000000224",
        "  PTP  2023-11-14T22:13:57.000000000 … 2023-11-14T22:13:57.000000224",
        "  measured 37 ns, asymmetry of path 50 ns, reference 25 ns; outside with a probability of 1e-05",
    ]


def test_time_that_is_not_known_says_why_and_so_does_the_exit_code(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers = [{"time": {"soft": {"state": "acquiring", "uncertainty": None, "why": "it is acquiring"}}}]
    assert main(["time", "--socket", daemon.path]) == 2
    assert capsys.readouterr().out == "soft: unknown: it is acquiring\n"


def test_status_shows_what_clocks_and_pulses_do_without_any_instance(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    soft = STATUS["clocks"]["soft"]
    follows = {"clock": "/dev/ptp0", "why": "it is locked", "method": "precise", "uncertainty_ns": 24.6}
    lost = {"clock": None, "why": "/dev/ptp0 is holdover: it fell silent", "method": None, "uncertainty_ns": None}
    mismatch = soft | {"name": "c", "writer": None, "why": "timescale mismatch", "follows": follows}
    clocks = [soft | {"name": "a", "follows": follows}, soft | {"name": "b", "follows": lost}, mismatch]
    source = {"clock": "/dev/ptp0", "time_of_day": "gpsd at 127.0.0.1:2947", "clock_class": 6, "doubt": ""}
    doubtful = source | {"clock_class": None, "doubt": "no fix"}
    answer = STATUS | {
        "instances": {},
        "clocks": {clock["name"]: clock for clock in clocks},
        "sources": {"gnss": source, "spare": doubtful},
    }
    daemon.answers = [{"status": answer}]
    assert main(["status", "--socket", daemon.path]) == 0
    assert [line.split("  ")[-1].strip() for line in capsys.readouterr().out.splitlines()[2:9]] == [
        "/dev/ptp0, compared within ± 25 ns (precise)",
        "nobody: /dev/ptp0 is holdover: it fell silent",
        "nobody: timescale mismatch",
        "",
        "pulses",
        "used",
        "no fix",
    ]


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_exit_code_of_status_is_the_daemons_verdict(daemon: Daemon, code: int) -> None:
    daemon.answers = [{"status": STATUS | {"exit_code": code}}]
    assert main(["status", "--json", "--socket", daemon.path]) == code


@pytest.mark.parametrize("command", ["status", "why"])
def test_without_a_daemon_it_is_three_and_a_next_step(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--socket", str(tmp_path / "nobody")]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no daemon is reachable (No such file or directory)\n  next: start it (`ptpstack run`)" in captured.err


@pytest.mark.parametrize(
    "answers", [[b"rubbish\n"], [b""], [{"error": "no"}], [b"[1]\n"], [b"\xff\n"], [b'"status"\n']]
)
def test_a_socket_of_something_else_is_not_a_daemon(daemon: Daemon, answers: list[Any]) -> None:
    daemon.answers = answers
    assert main(["status", "--socket", daemon.path]) == 3


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ([], [1, 2, 3, 4]),
        (["-n", "2"], [3, 4]),
        (["-n", "0"], []),
        (["--instance", "other"], [4]),
        (["--port", "2"], [2]),
        (["--port", "1", "-n", "1"], [4]),
    ],
)
def test_why_filters_by_instance_port_and_number(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], options: list[str], numbers: list[int]
) -> None:
    events = [event(1), event(2, port_number=2), event(3, instance="", port_number=None), event(4, instance="other")]
    daemon.answers = [*({"event": one} for one in events), {"end": True}]
    assert main(["why", *options, "--socket", daemon.path]) == 0
    assert [int(line.split()[-1]) for line in capsys.readouterr().out.splitlines()] == numbers


def test_why_says_when_who_and_what(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers = [{"event": event(1)}, {"end": True}]
    main(["why", "--socket", daemon.path])
    assert capsys.readouterr().out == "2026-11-23T08:09:11.123Z main: event 1\n"


def test_an_error_is_one_sentence_and_a_next_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_arguments: list[str]) -> int:
        raise HardwareError("no such interface", where="eth7", next_step="`ptpstack nics` lists them")

    monkeypatch.setattr(main_module, "_run", fail)
    assert main(["run"]) == 1
    assert capsys.readouterr().err == "ptpstack: eth7: no such interface\n  next: `ptpstack nics` lists them\n"


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "_run", interrupted)
    assert main(["why", "-f"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_leaves_is_no_traceback(daemon: Daemon) -> None:
    daemon.answers = [{"event": event(number)} for number in range(1, 1001)] + [{"end": True}]
    why = subprocess.Popen(
        [*PTPSTACK, "why", "-n", "1000", "--socket", daemon.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    why.stdout.close()
    assert why.stderr.read() == b""
    why.stderr.close()
    assert why.wait(20) == 1


def test_no_command_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr().err
    assert all(name in shown for name in COMMANDS)


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["fly"])
    assert caught.value.code == 2
    assert "invalid choice: 'fly'" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"usage: ptpstack {command}" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ptpstack ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-c", "FILE"], "no instance"),
        (["-c", "FILE", "--profile", "default-p2p"], "go with -i"),
        (["-c", "MISSING"], "cannot be read (No such file or directory)"),
        (["-i", "eth0", "--profile", "defualt-e2e"], "did you mean default-e2e?"),
    ],
)
def test_a_wrong_configuration_is_two_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tmp_path / "FILE").write_text("")
    paths = {"FILE": str(tmp_path / "FILE"), "MISSING": str(tmp_path / "MISSING")}
    assert main(["run", *(paths.get(argument, argument) for argument in arguments)]) == 2
    assert said in capsys.readouterr().err


HEAVY = {"asyncio", "logging", "numpy", "pyroute2", "pyudev", "scapy", "ssl", "email", "http", "multiprocessing"}
HEAVY |= {"_hashlib", "cryptography", "OpenSSL"}
"""Of these each loads OpenSSL."""


def test_the_daemon_loads_nothing_heavy() -> None:
    code = (
        "import sys, ptpstack.cli.main, ptpstack.cli.run, ptpstack.daemon.supervisor, ptpstack.daemon.ntp_build;"
        "import ptpstack.observe.formats.text;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY.isdisjoint(loaded)
