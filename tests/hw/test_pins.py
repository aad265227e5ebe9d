"""Pins, against a driver's stand-in, and the kernel's layout of them."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

import pytest

from hw import phc_ioctl
from hw.phc import Phc
from hw.pins import Pin, PinFunction, assign_pin, find_pin, pin_with, read_pins
from ptpstack.errors import HardwareError
from tests.hw.phc_stand_in import PhcStandIn, layout

LAYOUT = {
    "PTP_PIN_GETFUNC2": phc_ioctl.PTP_PIN_GETFUNC2,
    "PTP_PIN_SETFUNC2": phc_ioctl.PTP_PIN_SETFUNC2,
    "sizeof(struct ptp_pin_desc)": phc_ioctl.PIN_DESC.size,
    "offsetof(struct ptp_pin_desc, index)": 64,
    "offsetof(struct ptp_pin_desc, func)": 68,
    "offsetof(struct ptp_pin_desc, chan)": 72,
    "PTP_PF_NONE": PinFunction.NONE,
    "PTP_PF_EXTTS": PinFunction.EXTTS,
    "PTP_PF_PEROUT": PinFunction.PEROUT,
    "PTP_PF_PHYSYNC": PinFunction.PHYSYNC,
}


@pytest.fixture(autouse=True)
def driver(monkeypatch: pytest.MonkeyPatch) -> PhcStandIn:
    driver = PhcStandIn()
    monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
    return driver


@pytest.fixture
def phc() -> Phc:
    return Phc("/dev/null")


def test_numbers_and_layouts_are_those_of_the_kernel_s_headers(tmp_path: Path) -> None:
    assert layout(LAYOUT, tmp_path) == LAYOUT


def test_every_pin_is_read_with_the_driver_s_name(phc: Phc) -> None:
    assert read_pins(phc) == [Pin(0, "SDP0", PinFunction.NONE, 0), Pin(1, "SDP1", PinFunction.NONE, 0)]


def test_a_pin_is_given_a_function_and_read_back(phc: Phc) -> None:
    assert assign_pin(phc, find_pin(phc, "SDP1"), PinFunction.EXTTS, 0) == Pin(1, "SDP1", PinFunction.EXTTS, 0)


def test_a_function_moves_from_pin_to_pin(phc: Phc) -> None:
    for name in ("SDP0", "SDP1"):
        assign_pin(phc, find_pin(phc, name), PinFunction.PEROUT)
    assert [pin.function for pin in read_pins(phc)] == [PinFunction.NONE, PinFunction.PEROUT]


@pytest.mark.parametrize("name", ["SDP1", "1"])
def test_a_pin_is_found_by_name_and_by_index(phc: Phc, name: str) -> None:
    assert find_pin(phc, name).index == 1


def test_a_pin_that_is_not_there_is_answered_with_those_that_are(phc: Phc) -> None:
    with pytest.raises(HardwareError, match=r"/dev/null: no pin SDP7 \(there are SDP0, SDP1\)"):
        find_pin(phc, "SDP7")


def test_a_clock_without_pins_says_that_it_is_wired(driver: PhcStandIn) -> None:
    driver.pins = []
    with pytest.raises(HardwareError, match="its channels are wired"):
        find_pin(Phc("/dev/null"), "SDP0")


def test_the_pin_with_a_function_is_found(phc: Phc) -> None:
    pin = assign_pin(phc, find_pin(phc, "1"), PinFunction.PEROUT)
    assert pin_with(read_pins(phc), PinFunction.PEROUT, 0) == pin
    assert pin_with(read_pins(phc), PinFunction.PEROUT, 1) is None
    assert pin_with(read_pins(phc), PinFunction.EXTTS, 0) is None


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (errno.EOPNOTSUPP, r"cannot make pin SDP0 EXTTS channel 0 \(Operation not supported\)[\s\S]*another pin"),
        (errno.EINVAL, "how many channels"),
        (errno.EBUSY, "stop the program that holds it"),
        (errno.ENODEV, "gone with its driver"),
    ],
)
def test_a_refused_assignment_says_what_next(driver: PhcStandIn, phc: Phc, refusal: int, sentence: str) -> None:
    driver.refusals["PTP_PIN_SETFUNC2"] = refusal
    with pytest.raises(HardwareError, match=sentence):
        assign_pin(phc, find_pin(phc, "SDP0"), PinFunction.EXTTS)


def test_a_pin_that_cannot_be_read_says_so(driver: PhcStandIn, phc: Phc) -> None:
    driver.refusals["PTP_PIN_GETFUNC2"] = errno.EIO
    with pytest.raises(HardwareError, match="cannot read pin 0"):
        read_pins(phc)
