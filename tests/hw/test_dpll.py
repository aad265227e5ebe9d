"""DPLLs over generic netlink: messages built attribute by attribute, as linux/dpll.h lays them out."""

import struct

import pytest

from hw.dpll import (
    DeviceType,
    DpllAbsentError,
    DpllDevice,
    DpllDeviceMessage,
    DpllPin,
    DpllPinMessage,
    DpllSocket,
    LockStatus,
    Mode,
    PinCapability,
    PinDirection,
    PinOnDevice,
    PinState,
    PinType,
    dpll_device,
    dpll_pin,
    interface_pin,
    pin_of_link,
    pin_setting,
)
from ptpstack.errors import HardwareError

GENL = struct.Struct("=IHHIIBBH")  # nlmsghdr and genlmsghdr


def attribute(kind: int, value: bytes, *, nested: bool = False) -> bytes:
    head = struct.pack("=HH", 4 + len(value), kind | 0x8000 * nested)
    return (head + value).ljust((4 + len(value) + 3) & ~3, b"\0")


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def u64(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=Q", value))


def message(command: int, *attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return GENL.pack(GENL.size + len(body), 0x1C, 0, 1, 0, command, 1, 0) + body


def decoded(kind: type, octets: bytes) -> object:
    parsed = kind(octets)
    parsed.decode()
    return parsed


DEVICE = message(
    2,
    u32(1, 5),
    attribute(2, b"ice\0"),
    u64(4, 0x0102030405060708),
    u32(5, 2),
    u32(6, 1),
    u32(6, 2),
    u32(7, 3),
    attribute(8, struct.pack("=i", 45_500)),
    u32(9, 2),
    u32(10, 1),
    u32(99, 7),  # of a later kernel
)
PIN = message(
    8,
    u32(1, 12),
    attribute(3, b"ice\0"),
    u64(5, 0x0102030405060708),
    attribute(6, b"C827_0-RCLKA\0"),
    u32(9, 3),
    u64(11, 25_000_000),
    attribute(12, u64(13, 1) + u64(14, 25_000_000), nested=True),
    u32(17, 6),
    attribute(
        18, u32(2, 5) + u32(10, 1) + u32(15, 4) + u32(16, 1) + attribute(23, struct.pack("=q", -7500)), nested=True
    ),
    attribute(18, u32(2, 6) + u32(10, 2) + u32(16, 9), nested=True),
)


def test_a_device() -> None:
    assert dpll_device(decoded(DpllDeviceMessage, DEVICE)) == DpllDevice(
        device_id=5,
        module="ice",
        clock_id="0102030405060708",
        kind=DeviceType.EEC,
        mode=Mode.AUTOMATIC,
        lock_status=LockStatus.LOCKED_HO_ACQ,
        temperature_c=45.5,
    )


def test_a_pin_and_what_each_device_makes_of_it_with_a_state_of_a_later_kernel() -> None:
    pin = dpll_pin(decoded(DpllPinMessage, PIN))
    assert pin == DpllPin(
        pin_id=12,
        module="ice",
        clock_id="0102030405060708",
        labels=("C827_0-RCLKA",),
        kind=PinType.SYNCE_ETH_PORT,
        frequency_hz=25_000_000,
        capabilities=6,
        devices=(
            PinOnDevice(5, PinDirection.INPUT, 4, PinState.CONNECTED, -7.5),
            PinOnDevice(6, PinDirection.OUTPUT, None, None),
        ),
    )
    assert pin.can(PinCapability.PRIORITY_CAN_CHANGE)
    assert not pin.can(PinCapability.DIRECTION_CAN_CHANGE)


def test_a_device_that_tells_little() -> None:
    bare = dpll_device(decoded(DpllDeviceMessage, message(2, u32(1, 1))))
    assert bare == DpllDevice(1, "", "", None, None, None)


@pytest.mark.parametrize(
    ("setting", "inner"),
    [
        ({"state": PinState.CONNECTED, "priority": None}, u32(2, 5) + u32(16, 1)),
        ({"state": None, "priority": 3}, u32(2, 5) + u32(15, 3)),
    ],
)
def test_setting_a_pin(setting: dict[str, int | None], inner: bytes) -> None:
    octets = pin_setting(12, 5, **setting)
    octets.encode()
    assert bytes(octets.data)[GENL.size :] == u32(1, 12) + attribute(18, inner, nested=True)
    assert octets.data[16] == 9


def test_the_pin_of_an_interface() -> None:
    body = struct.pack("=BxHiII", 0, 1, 2, 0, 0) + attribute(3, b"eth0\0") + attribute(65, u32(1, 12), nested=True)
    assert pin_of_link(struct.pack("=IHHII", 16 + len(body), 16, 0, 1, 0) + body) == 12
    body = struct.pack("=BxHiII", 0, 1, 2, 0, 0) + attribute(3, b"eth0\0")
    assert pin_of_link(struct.pack("=IHHII", 16 + len(body), 16, 0, 1, 0) + body) is None


def test_an_interface_of_this_machine_has_a_pin_or_none() -> None:
    assert interface_pin("lo") is None
    with pytest.raises(HardwareError):
        interface_pin("nosuch0")


def test_a_kernel_without_dplls_says_so() -> None:
    with DpllSocket() as dplls:
        try:
            dplls.bind_dpll()
        except DpllAbsentError as error:
            assert "CONFIG_DPLL" in str(error)  # noqa: PT017 (a kernel that has them is tested just as well)
        else:
            assert isinstance(dplls.devices(), list)
            assert isinstance(dplls.pins(), list)
