"""The pins of a PHC: which of its inputs and outputs is on which connector.

A clock without pins (``capabilities.n_pins == 0``) has its channels wired for good; nothing is to be assigned then.
Sources: <linux/ptp_clock.h>, Documentation/driver-api/ptp.rst. Everything here raises ``HardwareError``.
"""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from hw.phc import Phc, explained
from hw.phc_ioctl import PIN_DESC, PTP_PIN_GETFUNC2, PTP_PIN_SETFUNC2
from ptpstack.errors import HardwareError

_NEXT_STEPS = {
    errno.EINVAL: "`ptpstack phc caps` tells how many channels the function has; they count from 0",
    errno.EOPNOTSUPP: "the hardware has not this function on this pin: try another pin",
    errno.EBUSY: "the pin or channel is in use: stop the program that holds it",
}


class PinFunction(IntEnum):
    """``PTP_PF_…``: what a pin is for."""

    NONE = 0
    EXTTS = 1
    PEROUT = 2
    PHYSYNC = 3


@dataclass(frozen=True, slots=True)
class Pin:
    """One pin. *channel* counts within the function, and means nothing for ``NONE``; *name* is the driver's."""

    index: int
    name: str
    function: PinFunction
    channel: int


def read_pins(phc: Phc) -> list[Pin]:
    """Return every pin of the clock as it is assigned now."""
    return [_read_pin(phc, index) for index in range(phc.capabilities.n_pins)]


def find_pin(phc: Phc, name: str) -> Pin:
    """Return the pin that the driver calls *name*, or the one with that index."""
    pins = read_pins(phc)
    for pin in pins:
        if name in (pin.name, str(pin.index)):
            return pin
    why = f"there are {', '.join(pin.name for pin in pins)}" if pins else "it has no pins: its channels are wired"
    raise HardwareError(f"no pin {name}", where=phc.name, why=why)


def assign_pin(phc: Phc, pin: Pin, function: PinFunction, channel: int = 0) -> Pin:
    """Give *pin* a function and return what it is now. A pin that had the same one loses it."""
    request = bytearray(PIN_DESC.pack(b"", pin.index, function, channel))
    try:
        fcntl.ioctl(phc.fileno(), PTP_PIN_SETFUNC2, request)
    except OSError as error:
        what = f"cannot make pin {pin.name} {function.name} channel {channel}"
        raise explained(what, phc.name, error, _NEXT_STEPS) from error
    return _read_pin(phc, pin.index)


def pin_with(pins: Iterable[Pin], function: PinFunction, channel: int) -> Pin | None:
    """Return the pin that has *channel* of *function*, if one has."""
    return next((pin for pin in pins if (pin.function, pin.channel) == (function, channel)), None)


def _read_pin(phc: Phc, index: int) -> Pin:
    data = bytearray(PIN_DESC.pack(b"", index, 0, 0))
    try:
        fcntl.ioctl(phc.fileno(), PTP_PIN_GETFUNC2, data)
    except OSError as error:
        raise explained(f"cannot read pin {index}", phc.name, error) from error
    name, index, function, channel = PIN_DESC.unpack(data)
    return Pin(index, name.partition(b"\0")[0].decode(errors="replace"), PinFunction(function), channel)
