"""DPLLs and their pins as the kernel tells of them: generic netlink, family ``dpll`` (linux/dpll.h, Linux 6.7).

What lives here: the messages, what they say as plain values, setting a pin's state and priority, and word of changes.
What does not: which pin should be used (``ptpstack.synce``). Importing this file imports pyroute2 (0.25 s, 20 MB), so
only discovery and a configured `[synce]` do.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pyroute2.netlink import NLA_F_NESTED, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, genlmsg, nla
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import GenericNetlinkSocket

from hw.link import IFINFOMSG, NLMSG_HEADER, RTATTR, RTM_NEWLINK, interface_index
from ptpstack.errors import HardwareError

FAMILY = "dpll"
VERSION = 1
MONITOR_GROUP = "monitor"
RTM_GETLINK = 18
IFLA_DPLL_PIN = 65
DPLL_A_PIN_ID = 1
NETLINK_GENERIC = 16
NLM_F_REQUEST_ONLY = 1
_NESTED_MASK = 0x3FFF
ABSENT = "this kernel has no DPLL subsystem, or no driver of it is loaded (Linux 6.7 with CONFIG_DPLL)"


class DpllCommand(IntEnum):
    """DPLL_CMD_*."""

    DEVICE_GET = 2
    PIN_GET = 8
    PIN_SET = 9


class LockStatus(IntEnum):
    """DPLL_LOCK_STATUS_*."""

    UNLOCKED = 1
    LOCKED = 2
    LOCKED_HO_ACQ = 3
    HOLDOVER = 4


class Mode(IntEnum):
    """DPLL_MODE_*: whether somebody chooses the pin, or the device by priority."""

    MANUAL = 1
    AUTOMATIC = 2


class DeviceType(IntEnum):
    """DPLL_TYPE_*."""

    PPS = 1
    EEC = 2


class PinType(IntEnum):
    """DPLL_PIN_TYPE_*."""

    MUX = 1
    EXT = 2
    SYNCE_ETH_PORT = 3
    INT_OSCILLATOR = 4
    GNSS = 5


class PinDirection(IntEnum):
    """DPLL_PIN_DIRECTION_*."""

    INPUT = 1
    OUTPUT = 2


class PinState(IntEnum):
    """DPLL_PIN_STATE_*."""

    CONNECTED = 1
    DISCONNECTED = 2
    SELECTABLE = 3


class PinCapability(IntEnum):
    """DPLL_PIN_CAPABILITIES_*: bits."""

    DIRECTION_CAN_CHANGE = 1
    PRIORITY_CAN_CHANGE = 2
    STATE_CAN_CHANGE = 4


class DpllDeviceMessage(genlmsg):  # type: ignore[misc]  # pyroute2 is untyped
    """DPLL_A_*."""

    nla_map = (
        ("DPLL_A_UNSPEC", "none"),
        ("DPLL_A_ID", "uint32"),
        ("DPLL_A_MODULE_NAME", "asciiz"),
        ("DPLL_A_PAD", "none"),
        ("DPLL_A_CLOCK_ID", "uint64"),
        ("DPLL_A_MODE", "uint32"),
        ("DPLL_A_MODE_SUPPORTED", "uint32"),
        ("DPLL_A_LOCK_STATUS", "uint32"),
        ("DPLL_A_TEMP", "int32"),
        ("DPLL_A_TYPE", "uint32"),
        ("DPLL_A_LOCK_STATUS_ERROR", "uint32"),
    )


_PIN_MAP = (
    ("DPLL_A_PIN_UNSPEC", "none"),
    ("DPLL_A_PIN_ID", "uint32"),
    ("DPLL_A_PIN_PARENT_ID", "uint32"),
    ("DPLL_A_PIN_MODULE_NAME", "asciiz"),
    ("DPLL_A_PIN_PAD", "none"),
    ("DPLL_A_PIN_CLOCK_ID", "uint64"),
    ("DPLL_A_PIN_BOARD_LABEL", "asciiz"),
    ("DPLL_A_PIN_PANEL_LABEL", "asciiz"),
    ("DPLL_A_PIN_PACKAGE_LABEL", "asciiz"),
    ("DPLL_A_PIN_TYPE", "uint32"),
    ("DPLL_A_PIN_DIRECTION", "uint32"),
    ("DPLL_A_PIN_FREQUENCY", "uint64"),
    ("DPLL_A_PIN_FREQUENCY_SUPPORTED", "hex"),
    ("DPLL_A_PIN_FREQUENCY_MIN", "uint64"),
    ("DPLL_A_PIN_FREQUENCY_MAX", "uint64"),
    ("DPLL_A_PIN_PRIO", "uint32"),
    ("DPLL_A_PIN_STATE", "uint32"),
    ("DPLL_A_PIN_CAPABILITIES", "uint32"),
    ("DPLL_A_PIN_PARENT_DEVICE", "pin_parent"),
    ("DPLL_A_PIN_PARENT_PIN", "pin_parent"),
    ("DPLL_A_PIN_PHASE_ADJUST_MIN", "int32"),
    ("DPLL_A_PIN_PHASE_ADJUST_MAX", "int32"),
    ("DPLL_A_PIN_PHASE_ADJUST", "int32"),
    ("DPLL_A_PIN_PHASE_OFFSET", "int64"),
    ("DPLL_A_PIN_FRACTIONAL_FREQUENCY_OFFSET", "hex"),
)


class PinParent(nla):  # type: ignore[misc]  # pyroute2 is untyped
    """A pin as one device or one multiplexer sees it: the attributes of a pin again."""

    nla_flags = NLA_F_NESTED
    nla_map = tuple((name, "none" if kind == "pin_parent" else kind) for name, kind in _PIN_MAP)


class DpllPinMessage(genlmsg):  # type: ignore[misc]  # pyroute2 is untyped
    """DPLL_A_PIN_*."""

    nla_map = _PIN_MAP
    pin_parent = PinParent


@dataclass(frozen=True)
class DpllDevice:
    """One DPLL. Values that this program does not know are None, and so is what the driver does not tell."""

    device_id: int
    module: str
    clock_id: str
    kind: DeviceType | None
    mode: Mode | None
    lock_status: LockStatus | None
    temperature_c: float | None = None


@dataclass(frozen=True)
class PinOnDevice:
    """What one device makes of a pin."""

    device_id: int
    direction: PinDirection | None
    priority: int | None
    state: PinState | None
    phase_offset_ps: float | None = None


@dataclass(frozen=True)
class DpllPin:
    """One pin."""

    pin_id: int
    module: str
    clock_id: str
    labels: tuple[str, ...]
    kind: PinType | None
    frequency_hz: int | None
    capabilities: int
    devices: tuple[PinOnDevice, ...]

    @property
    def name(self) -> str:
        """What people call it."""
        return self.labels[0] if self.labels else f"pin {self.pin_id}"

    def can(self, capability: PinCapability) -> bool:
        """Whether the driver lets that be changed."""
        return bool(self.capabilities & capability)


class DpllAbsentError(HardwareError):
    """There is no DPLL that the kernel knows."""


class DpllSocket(GenericNetlinkSocket):  # type: ignore[misc]  # pyroute2 is untyped
    """Asks of DPLLs. Use as a context manager, after :meth:`bind_dpll`; every method raises ``HardwareError``."""

    def bind_dpll(self) -> None:
        """Find the family. Raises :class:`DpllAbsentError` where the kernel has none."""
        self.asyncore.module_err_level = "debug"
        try:
            self.bind(FAMILY, DpllDeviceMessage)
        except (NetlinkError, OSError) as error:
            raise DpllAbsentError("no DPLL", why=ABSENT) from error

    def devices(self) -> list[DpllDevice]:
        """Return every DPLL."""
        return [dpll_device(answer) for answer in self._dump(DpllDeviceMessage(), DpllCommand.DEVICE_GET)]

    def pins(self) -> list[DpllPin]:
        """Return every pin."""
        return [dpll_pin(answer) for answer in self._dump(DpllPinMessage(), DpllCommand.PIN_GET)]

    def set_pin(
        self, pin_id: int, device_id: int, *, state: PinState | None = None, priority: int | None = None
    ) -> None:
        """Let device *device_id* use a pin as *state*, of *priority* (0 is the first)."""
        self._ask(pin_setting(pin_id, device_id, state=state, priority=priority), NLM_F_REQUEST | NLM_F_ACK)

    def monitor(self) -> socket.socket:
        """Return a socket that becomes readable when a device or pin changed; the caller drains and closes it."""
        watching = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_GENERIC)
        try:
            watching.bind((0, 0))
            sol_netlink, add_membership = 270, 1
            watching.setsockopt(sol_netlink, add_membership, self.mcast_groups[MONITOR_GROUP])
        except (OSError, KeyError) as error:
            watching.close()
            raise HardwareError("no word of changes of DPLLs", why=str(error)) from error
        return watching

    def _dump(self, question: Any, command: DpllCommand) -> Sequence[Any]:  # noqa: ANN401 (pyroute2 is untyped)
        question["cmd"] = command
        question["version"] = VERSION
        return self._ask(question, NLM_F_REQUEST | NLM_F_DUMP)

    def _ask(self, question: Any, flags: int) -> Sequence[Any]:  # noqa: ANN401 (pyroute2 is untyped)
        self.asyncore.marshal.msg_map[self.prid] = type(question)
        try:
            return tuple(self.nlm_request(question, msg_type=self.prid, msg_flags=flags))
        except (NetlinkError, OSError) as error:
            raise HardwareError("the kernel refused a DPLL request", why=str(error)) from error


def pin_setting(pin_id: int, device_id: int, *, state: PinState | None, priority: int | None) -> DpllPinMessage:
    """Return the message that sets a pin on one device (DPLL_CMD_PIN_SET)."""
    parent: list[tuple[str, int]] = [("DPLL_A_PIN_PARENT_ID", device_id)]
    if priority is not None:
        parent.append(("DPLL_A_PIN_PRIO", priority))
    if state is not None:
        parent.append(("DPLL_A_PIN_STATE", state))
    message = DpllPinMessage()
    message["cmd"] = DpllCommand.PIN_SET
    message["version"] = VERSION
    message["attrs"] = [("DPLL_A_PIN_ID", pin_id), ("DPLL_A_PIN_PARENT_DEVICE", {"attrs": parent})]
    return message


def dpll_device(answer: Any) -> DpllDevice:  # noqa: ANN401 (pyroute2 is untyped)
    """Return what a device's message says."""
    temperature = answer.get_attr("DPLL_A_TEMP")
    return DpllDevice(
        device_id=answer.get_attr("DPLL_A_ID"),
        module=answer.get_attr("DPLL_A_MODULE_NAME") or "",
        clock_id=_clock_id(answer.get_attr("DPLL_A_CLOCK_ID")),
        kind=_known(DeviceType, answer.get_attr("DPLL_A_TYPE")),
        mode=_known(Mode, answer.get_attr("DPLL_A_MODE")),
        lock_status=_known(LockStatus, answer.get_attr("DPLL_A_LOCK_STATUS")),
        temperature_c=None if temperature is None else temperature / 1000,
    )


def dpll_pin(answer: Any) -> DpllPin:  # noqa: ANN401 (pyroute2 is untyped)
    """Return what a pin's message says."""
    labels = (answer.get_attr(f"DPLL_A_PIN_{kind}_LABEL") for kind in ("BOARD", "PANEL", "PACKAGE"))
    return DpllPin(
        pin_id=answer.get_attr("DPLL_A_PIN_ID"),
        module=answer.get_attr("DPLL_A_PIN_MODULE_NAME") or "",
        clock_id=_clock_id(answer.get_attr("DPLL_A_PIN_CLOCK_ID")),
        labels=tuple(label for label in labels if label),
        kind=_known(PinType, answer.get_attr("DPLL_A_PIN_TYPE")),
        frequency_hz=answer.get_attr("DPLL_A_PIN_FREQUENCY"),
        capabilities=answer.get_attr("DPLL_A_PIN_CAPABILITIES") or 0,
        devices=tuple(map(_pin_on_device, answer.get_attrs("DPLL_A_PIN_PARENT_DEVICE"))),
    )


def _pin_on_device(parent: Any) -> PinOnDevice:  # noqa: ANN401 (pyroute2 is untyped)
    phase_offset = parent.get_attr("DPLL_A_PIN_PHASE_OFFSET")
    return PinOnDevice(
        device_id=parent.get_attr("DPLL_A_PIN_PARENT_ID"),
        direction=_known(PinDirection, parent.get_attr("DPLL_A_PIN_DIRECTION")),
        priority=parent.get_attr("DPLL_A_PIN_PRIO"),
        state=_known(PinState, parent.get_attr("DPLL_A_PIN_STATE")),
        phase_offset_ps=None if phase_offset is None else phase_offset / 1000,
    )


def _clock_id(value: int | None) -> str:
    return "" if value is None else f"{value:016x}"


def _known(kind: Any, value: int | None) -> Any:  # noqa: ANN401 (one of the enumerations above)
    """Return *value* as a member of *kind*; None for what a later kernel may say."""
    return kind(value) if value in set(kind) else None


def interface_pin(name: str) -> int | None:
    """Return the pin that recovers the clock of interface *name* (IFLA_DPLL_PIN), None where the kernel knows none.

    Raises ``HardwareError`` where there is no such interface.
    """
    index = interface_index(name)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
        asking.settimeout(1.0)
        body = IFINFOMSG.pack(0, 0, index, 0, 0)
        length = NLMSG_HEADER.size + len(body)
        try:
            asking.send(NLMSG_HEADER.pack(length, RTM_GETLINK, NLM_F_REQUEST_ONLY, 1, 0) + body)
            return pin_of_link(asking.recv(1 << 16))
        except OSError as error:
            raise HardwareError("the kernel does not tell of an interface", where=name, why=str(error)) from error


def pin_of_link(answer: bytes) -> int | None:
    """Return the pin in an RTM_NEWLINK message, if there is one."""
    length, kind, *_ = NLMSG_HEADER.unpack_from(answer)
    if kind != RTM_NEWLINK:
        return None
    at, end = NLMSG_HEADER.size + IFINFOMSG.size, min(length, len(answer))
    for attribute, value in _attributes(answer[at:end]):
        if attribute == IFLA_DPLL_PIN:
            return next((_uint32(inner) for name, inner in _attributes(value) if name == DPLL_A_PIN_ID), None)
    return None


def _attributes(octets: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at + RTATTR.size <= len(octets):
        length, kind = RTATTR.unpack_from(octets, at)
        if length < RTATTR.size:
            break
        found.append((kind & _NESTED_MASK, octets[at + RTATTR.size : at + length]))
        at += (length + 3) & ~3
    return found


def _uint32(octets: bytes) -> int | None:
    return int(struct.unpack("=I", octets)[0]) if len(octets) == 4 else None


@dataclass(frozen=True)
class Found:
    """The DPLLs of this machine, or why there are none."""

    devices: tuple[DpllDevice, ...] = ()
    pins: tuple[DpllPin, ...] = ()
    reason: str = ""


def find_dplls() -> Found:
    """Return what the kernel knows of DPLLs."""
    with DpllSocket() as dplls:
        try:
            dplls.bind_dpll()
            devices, pins = dplls.devices(), dplls.pins()
        except HardwareError as error:
            return Found(reason=error.why or error.what)
    return Found(tuple(devices), tuple(pins), "" if devices else "the kernel has DPLLs, and no driver registered one")
