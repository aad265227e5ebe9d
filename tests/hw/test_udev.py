import os
import select
from pathlib import Path

import pytest

from hw.udev import DeviceChange, PhcMonitor
from lab.namespaces import Node


@pytest.fixture
def without_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise ImportError("No module named 'libudev'")

    monkeypatch.setattr("hw.udev._start_monitor", refuse)


@pytest.mark.usefixtures("without_events")
class TestPolling:
    def test_says_why_and_how_often(self, tmp_path: Path) -> None:
        monitor = PhcMonitor(tmp_path)
        assert (monitor.fileno(), monitor.poll_interval_s) == (-1, 2.0)
        assert monitor.reason == "no device events (No module named 'libudev'): sysfs is polled"

    def test_a_phc_comes_and_goes_with_its_interface(self, tmp_path: Path) -> None:
        phcs, nics = tmp_path / "sys/class/ptp", tmp_path / "sys/class/net"
        monitor = PhcMonitor(tmp_path)
        (phcs / "ptp0").mkdir(parents=True)
        (nics / "eth0").mkdir(parents=True)
        assert monitor.read() == [DeviceChange("add", "net", "eth0"), DeviceChange("add", "ptp", "ptp0", "/dev/ptp0")]
        assert monitor.read() == []
        (phcs / "ptp0").rmdir()
        assert monitor.read() == [DeviceChange("remove", "ptp", "ptp0", "/dev/ptp0")]

    def test_what_is_there_from_the_start_is_no_change(self, tmp_path: Path) -> None:
        (tmp_path / "sys/class/ptp/ptp0").mkdir(parents=True)
        assert PhcMonitor(tmp_path).read() == []


class TestEvents:
    def test_without_udevd_the_kernel_is_heard_and_the_difference_said(self, tmp_path: Path) -> None:
        with PhcMonitor(tmp_path) as monitor:
            assert monitor.fileno() >= 0
            assert monitor.poll_interval_s is None
            assert monitor.reason == "no udevd: the kernel's events, before any rule has set names and access"

    def test_with_udevd_there_is_nothing_to_complain_of(self, tmp_path: Path) -> None:
        (tmp_path / "run/udev").mkdir(parents=True)
        (tmp_path / "run/udev/control").touch()
        with PhcMonitor(tmp_path) as monitor:
            assert monitor.reason == ""

    def test_closing_gives_the_descriptor_back(self, tmp_path: Path) -> None:
        monitor = PhcMonitor(tmp_path)
        descriptor = monitor.fileno()
        monitor.close()
        assert monitor.fileno() == -1
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)

    @pytest.mark.namespaces
    def test_an_interface_plugged_and_unplugged_is_told_and_read_never_blocks(self, node: Node, tmp_path: Path) -> None:
        with node.inside(lambda: PhcMonitor(tmp_path)) as monitor:
            assert monitor.read() == []
            node.run(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"])
            node.run(["ip", "link", "del", "va"])
            changes: list[DeviceChange] = []
            while len(changes) < 4:
                assert select.select([monitor], [], [], 10)[0], f"silent after {changes}"
                changes += monitor.read()
        assert {(change.action, change.name) for change in changes} == {
            (action, name) for action in ("add", "remove") for name in ("va", "vb")
        }
        assert {change.subsystem for change in changes} == {"net"}
