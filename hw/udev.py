"""PTP hardware clocks and NICs that come and go while the machine runs.

What lives here: events of the subsystems ptp and net, from udevd, from the kernel where no udevd runs (containers),
or by looking at sysfs where neither is to be had. What does not: what a device is (discovery.py) and whether its link
is up (link.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

SUBSYSTEMS = ("ptp", "net")
POLL_INTERVAL_S = 2.0


@dataclass(frozen=True)
class DeviceChange:
    """``action`` is udev's word: add, remove, change, move. ``node`` is /dev/ptpN, or empty."""

    action: str
    subsystem: str
    name: str
    node: str = ""


class PhcMonitor:
    """Tells of PHCs and interfaces that are plugged and unplugged.

    Wait on ``fileno()``, then ``read()``. ``reason`` is empty when udevd speaks; else it says what is less than that.
    Without any source of events ``fileno()`` is -1, and ``read()`` is to be called every ``poll_interval_s`` seconds.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self.reason = ""
        self._root = root
        self._monitor: Any = None
        udevd_runs = (root / "run/udev/control").exists()
        try:
            self._monitor = _start_monitor("udev" if udevd_runs else "kernel")
        except Exception as error:  # noqa: BLE001 (no libudev, no netlink, pyudev's own: look at sysfs then)
            self.reason = f"no device events ({str(error) or type(error).__name__}): sysfs is polled"
        else:
            if not udevd_runs:
                self.reason = "no udevd: the kernel's events, before any rule has set names and access"
        self._known = self._present()

    @property
    def poll_interval_s(self) -> float | None:
        """How often to call ``read()`` unasked; None when ``fileno()`` tells."""
        return POLL_INTERVAL_S if self._monitor is None else None

    def fileno(self) -> int:
        """The descriptor that becomes readable on a change; -1 when polling."""
        return -1 if self._monitor is None else int(self._monitor.fileno())

    def read(self) -> list[DeviceChange]:
        """All changes since the last call; never blocks."""
        if self._monitor is None:
            return self._compare()
        changes = []
        while (device := self._monitor.poll(timeout=0)) is not None:
            node = device.device_node or ""
            changes.append(DeviceChange(device.action or "", device.subsystem, device.sys_name, node))
        return changes

    def close(self) -> None:
        """Let go of the monitor: its socket closes with it."""
        self._monitor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _compare(self) -> list[DeviceChange]:
        before, self._known = self._known, self._present()
        changes = [self._change("remove", *device) for device in sorted(before - self._known)]
        return changes + [self._change("add", *device) for device in sorted(self._known - before)]

    def _present(self) -> set[tuple[str, str]]:
        folders = [(subsystem, self._root / "sys/class" / subsystem) for subsystem in SUBSYSTEMS]
        return {(subsystem, path.name) for subsystem, folder in folders for path in folder.glob("*")}

    def _change(self, action: str, subsystem: str, name: str) -> DeviceChange:
        return DeviceChange(action, subsystem, name, f"/dev/{name}" if subsystem == "ptp" else "")


def _start_monitor(source: str) -> Any:  # noqa: ANN401 (pyudev is untyped)
    from pyudev import Context, Monitor  # noqa: PLC0415 (29 ms, and it raises where libudev is missing)

    monitor = Monitor.from_netlink(Context(), source=source)
    for subsystem in SUBSYSTEMS:
        monitor.filter_by(subsystem)
    monitor.start()
    return monitor
