"""The DPLL that makes the frequency of this machine: told which pin to use, asked whether it does.

What lives here: from a selected source to pins, and from the kernel's answers to one word. What does not: choosing
(``ptpstack.synce``), netlink (``hw.dpll``).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from hw.dpll import (
    DeviceType,
    DpllDevice,
    DpllPin,
    DpllSocket,
    LockStatus,
    Mode,
    PinCapability,
    PinOnDevice,
    PinState,
    interface_pin,
)
from ptpstack.errors import HardwareError
from ptpstack.synce.clock import FrequencyLock

FIRST_PRIORITY, LEAST_PRIORITY = 0, 255
LOCKED = (LockStatus.LOCKED, LockStatus.LOCKED_HO_ACQ)


class Dplls(Protocol):
    """What answers of DPLLs (``hw.dpll.DpllSocket``)."""

    def devices(self) -> list[DpllDevice]:
        """Return every DPLL."""

    def pins(self) -> list[DpllPin]:
        """Return every pin."""

    def set_pin(
        self, pin_id: int, device_id: int, *, state: PinState | None = None, priority: int | None = None
    ) -> None:
        """Set a pin on a device."""

    def monitor(self) -> socket.socket:
        """Return what becomes readable on a change."""

    def close(self) -> None:
        """Ask no more."""


def open_dplls() -> Dplls:
    """Return the kernel's DPLLs. Raises ``DpllAbsentError``."""
    dplls = DpllSocket()
    try:
        dplls.bind_dpll()
    except HardwareError:
        dplls.close()
        raise
    return dplls


class DpllControl:
    """The DPLL *clock_id* (empty: the only one of type EEC) of *dplls*.

    *interfaces* are sources by the pin of their PHY, *labels* other sources by the label of theirs. Every method raises
    ``HardwareError``.
    """

    def __init__(
        self,
        dplls: Dplls,
        clock_id: str,
        interfaces: Sequence[str],
        labels: Mapping[str, str],
        *,
        pin_of: Callable[[str], int | None] = interface_pin,
    ) -> None:
        self._dplls = dplls
        self._monitor = dplls.monitor()
        self.device = _the_eec(dplls.devices(), clock_id)
        pins = {pin.pin_id: pin for pin in dplls.pins() if self._on(pin) is not None}
        self._pins: dict[str, DpllPin] = {}
        for name in interfaces:
            if (pin_id := pin_of(name)) in pins and pin_id is not None:
                self._pins[name] = pins[pin_id]
        for name, label in labels.items():
            found = next((pin for pin in pins.values() if label in pin.labels), None)
            if found is None:
                known = ", ".join(pin.name for pin in pins.values())
                raise HardwareError(f'no pin "{label}"', where=f"DPLL {self.device.clock_id}", why=f"there are {known}")
            self._pins[name] = found
        self._selected: str | None = None

    def fileno(self) -> int:
        """Return the descriptor that is readable when something changed."""
        return self._monitor.fileno()

    def close(self) -> None:
        """Leave the DPLL as it is."""
        self._monitor.close()
        self._dplls.close()

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        device = self.device
        return {
            "clockId": device.clock_id,
            "module": device.module,
            "mode": device.mode.name.lower() if device.mode else None,
            "lockStatus": device.lock_status.name.lower() if device.lock_status else None,
            "temperature_C": device.temperature_c,
            "pins": {name: pin.name for name, pin in self._pins.items()},
        }

    def select(self, name: str | None) -> None:
        """Let the frequency come from source *name*, or from none."""
        self._selected = name
        now = {pin.pin_id: pin for pin in self._dplls.pins()}
        for source, known in self._pins.items():
            pin = now.get(known.pin_id, known)
            wanted = source == name
            if self.device.mode is Mode.MANUAL:
                state = PinState.CONNECTED if wanted else PinState.DISCONNECTED
            else:
                state = PinState.SELECTABLE if wanted else PinState.DISCONNECTED
            self._set(pin, state, FIRST_PRIORITY if wanted else LEAST_PRIORITY)

    def _set(self, pin: DpllPin, state: PinState, priority: int) -> None:
        device_id, current = self.device.device_id, self._on(pin)
        if self.device.mode is not Mode.MANUAL and pin.can(PinCapability.PRIORITY_CAN_CHANGE):
            self._dplls.set_pin(pin.pin_id, device_id, priority=priority)
        if pin.can(PinCapability.STATE_CAN_CHANGE) and (current is None or current.state is not state):
            self._dplls.set_pin(pin.pin_id, device_id, state=state)

    def look(self) -> FrequencyLock:
        """Return whether the DPLL is locked to the selected source."""
        with contextlib.suppress(BlockingIOError):
            while self._monitor.recv(1 << 16):
                pass
        self.device = _the_eec(self._dplls.devices(), self.device.clock_id)
        if self.device.lock_status is LockStatus.HOLDOVER:
            return FrequencyLock.HOLDOVER
        if self.device.lock_status not in LOCKED or self._selected not in self._pins:
            return FrequencyLock.UNLOCKED
        pins = {pin.pin_id: pin for pin in self._dplls.pins()}
        pin = pins.get(self._pins[self._selected].pin_id)
        in_use = pin is not None and (on := self._on(pin)) is not None and on.state is PinState.CONNECTED
        return FrequencyLock.LOCKED if in_use else FrequencyLock.UNLOCKED

    def _on(self, pin: DpllPin) -> PinOnDevice | None:
        return next((on for on in pin.devices if on.device_id == self.device.device_id), None)


def _the_eec(devices: Sequence[DpllDevice], clock_id: str) -> DpllDevice:
    eecs = [device for device in devices if device.kind is DeviceType.EEC and clock_id in ("", device.clock_id)]
    if len(eecs) == 1:
        return eecs[0]
    known = ", ".join(f"{device.clock_id} ({device.module})" for device in devices) or "none"
    raise HardwareError(
        "no DPLL of type EEC" if not eecs else "several DPLLs of type EEC",
        where=f"clock id {clock_id}" if clock_id else "",
        why=f"there are {known}",
        next_step="write clock_id in [synce]" if eecs else "`ptpstack nics` lists them",
    )
