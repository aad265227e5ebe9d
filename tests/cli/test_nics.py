import argparse
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from hw.discovery import Interface, PhcDevice
from hw.dpll import DeviceType, DpllDevice, DpllPin, Found, LockStatus, Mode, PinOnDevice
from hw.ethtool import SOFTWARE_STAMPS, TimestampingInfo
from hw.time_daemons import TimeDaemon
from ptpstack.cli import nics
from ptpstack.errors import HardwareError

IGB = TimestampingInfo.from_masks(0x5F, 0, 0b11, 0b11)
PHC_0 = PhcDevice(0, "/dev/ptp0", "igb", "read-write")
ETH0 = Interface("eth0", 2, bytes.fromhex("020000000001"), driver="igb", speed_mbps=1000, timestamping=IGB, phc=PHC_0)
ETH1 = replace(ETH0, name="eth1", index=3, up=False, carrier=False, speed_mbps=None)
LO = Interface("lo", 1, bytes(6), kind="loopback", timestamping=TimestampingInfo(SOFTWARE_STAMPS))

NO_DPLL = Found(reason="this kernel has none")

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """`ptpstack nics ARGUMENTS` on a machine with these interfaces, clocks and daemons."""

    def run(
        *arguments: str,
        interfaces: tuple[Interface, ...] = (LO, ETH0, ETH1),
        phcs: tuple[PhcDevice, ...] = (PHC_0,),
        daemons: tuple[TimeDaemon, ...] = (),
        dplls: Found = NO_DPLL,
    ) -> int:
        monkeypatch.setattr(nics, "discover", lambda: list(interfaces))
        monkeypatch.setattr(nics, "find_phcs", lambda: list(phcs))
        monkeypatch.setattr(nics, "find_time_daemons", lambda: list(daemons))
        monkeypatch.setattr(nics, "find_dplls", lambda: dplls)
        parser = argparse.ArgumentParser()
        nics.add_arguments(parser)
        return nics.run(parser.parse_args(arguments))

    return run


def test_the_table_has_a_line_for_each_interface(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    assert capsys.readouterr().out == (
        "interface  kind      driver  link         PHC  verdict\n"
        "lo         loopback  -       up           -    loopback: nothing outside this machine; fine for tests\n"
        "eth0       physical  igb     1000 Mbit/s  0    hardware timestamps, PHC 0 (igb): ready\n"
        "eth1       physical  igb     down         0    hardware timestamps, PHC 0 (igb); down (ip link set eth1 up)\n"
        "note: no DPLL for Synchronous Ethernet: this kernel has none\n"
    )


@pytest.mark.parametrize(("interfaces", "exit_code"), [((LO, ETH0, ETH1), 0), ((LO, ETH1), 1), ((LO,), 1), ((), 1)])
def test_the_exit_code_tells_whether_a_port_can_be_used(
    run: Run, interfaces: tuple[Interface, ...], exit_code: int
) -> None:
    assert run(interfaces=interfaces) == exit_code


def test_only_the_interfaces_asked_for_are_shown_and_judged(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("eth1", "lo", "eth1") == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["interface", "eth1", "lo", "note:"]


def test_an_interface_that_is_not_there_is_answered_with_the_nearest(run: Run) -> None:
    with pytest.raises(HardwareError) as caught:
        run("ehh0")
    assert str(caught.value) == "ehh0: no such interface (there are lo, eth0, eth1)\n  next: did you mean eth0?"


def test_notes_tell_of_lone_clocks_refused_netlink_and_other_daemons(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = replace(ETH0, links_by="ioctl", timestamping_by="ioctl", refused="Operation not permitted")
    run(
        interfaces=(refused,),
        phcs=(PHC_0, PhcDevice(1, "/dev/ptp1", "KVM virtual PTP", "read-write", adjust_phase=True)),
        daemons=(TimeDaemon(812, "chronyd", "the system clock"),),
    )
    assert capsys.readouterr().out.splitlines()[2:] == [
        "note: /dev/ptp1 (KVM virtual PTP): a clock without an interface here",
        "note: /dev/ptp1 slews offsets by itself (adjphase): write_phase in [servo] lets it",
        "note: links read by ioctl, timestamping by ioctl: netlink was refused (Operation not permitted)",
        "note: chronyd (pid 812) runs and steers the system clock: stop it before ptpstack steers the same",
        "note: no DPLL for Synchronous Ethernet: this kernel has none",
    ]


def test_json_says_the_same_in_the_words_of_ethtool(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", daemons=(TimeDaemon(812, "ptp4l", "a PHC"),)) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [interface["use"] for interface in shown["interfaces"]] == ["unusable", "ready", "unusable"]
    eth0 = shown["interfaces"][1]
    assert eth0["mac"] == "02:00:00:00:00:01"
    assert eth0["timestamping"] == {
        "capabilities": [
            "hardware-transmit",
            "software-transmit",
            "hardware-receive",
            "software-receive",
            "software-system-clock",
            "hardware-raw-clock",
        ],
        "phc_index": 0,
        "tx_types": ["off", "on"],
        "rx_filters": ["none", "all"],
    }
    phc = {"index": 0, "device": "/dev/ptp0", "clock_name": "igb", "access": "read-write", "adjust_phase": None}
    assert eth0["phc"] == phc
    assert eth0["verdict"] == "hardware timestamps, PHC 0 (igb): ready"
    assert shown["interfaces"][2]["findings"][1] == {
        "rule": "down",
        "text": "down",
        "advice": "ip link set eth1 up",
    }
    assert shown["phcs"] == [eth0["phc"]]
    assert shown["time_daemons"] == [{"pid": 812, "name": "ptp4l", "steers": "a PHC"}]


def test_this_machine_has_a_loopback_that_is_no_port(capsys: pytest.CaptureFixture[str]) -> None:
    assert nics.run(argparse.Namespace(interfaces=["lo"], json=False)) == 1
    assert "loopback" in capsys.readouterr().out


def test_a_dpll_is_shown_with_its_pins_and_its_absence_with_the_reason(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    assert "note: no DPLL for Synchronous Ethernet: this kernel has none" in capsys.readouterr().out
    device = DpllDevice(1, "ice", "00aa", DeviceType.EEC, Mode.AUTOMATIC, LockStatus.LOCKED)
    pin = DpllPin(7, "ice", "00aa", ("SMA1",), None, None, 0, (PinOnDevice(1, None, None, None),))
    run(dplls=Found((device,), (pin,)))
    assert "note: DPLL 00aa (ice), type EEC, locked; pins: SMA1" in capsys.readouterr().out
