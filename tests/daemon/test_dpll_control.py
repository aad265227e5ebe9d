"""The DPLL is told which pin to use in the way its mode needs, and believed only when it uses it."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hw.dpll import DeviceType, DpllDevice, DpllPin, LockStatus, Mode, PinDirection, PinOnDevice, PinState, PinType
from ptpstack.daemon.dpll_control import DpllControl
from ptpstack.errors import HardwareError
from ptpstack.synce.clock import FrequencyLock

EEC = DpllDevice(1, "ice", "00aa", DeviceType.EEC, Mode.AUTOMATIC, LockStatus.UNLOCKED)
PPS = DpllDevice(2, "ice", "00aa", DeviceType.PPS, Mode.AUTOMATIC, LockStatus.UNLOCKED)


def pin(number: int, label: str, *, capabilities: int = 6) -> DpllPin:
    on = tuple(PinOnDevice(device, PinDirection.INPUT, 9, PinState.DISCONNECTED) for device in (1, 2))
    return DpllPin(number, "ice", "00aa", (label,), PinType.SYNCE_ETH_PORT, None, capabilities, on)


MADE: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _close_sockets() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


class FakeDplls:
    """A driver with two pins for two ports and one for a receiver."""

    def __init__(self, mode: Mode = Mode.AUTOMATIC, *, capabilities: int = 6) -> None:
        self.eec = replace(EEC, mode=mode)
        self.the_pins = {n: pin(n, f"label{n}", capabilities=capabilities) for n in (11, 12, 13)}
        self.sets: list[tuple[int, int, PinState | None, int | None]] = []
        self.changed, self._monitor = socket.socketpair()
        self._monitor.setblocking(False)
        MADE.extend((self.changed, self._monitor))
        self.closed = False

    def devices(self) -> list[DpllDevice]:
        return [self.eec, PPS]

    def pins(self) -> list[DpllPin]:
        return list(self.the_pins.values())

    def set_pin(
        self, pin_id: int, device_id: int, *, state: PinState | None = None, priority: int | None = None
    ) -> None:
        self.sets.append((pin_id, device_id, state, priority))
        if state is not None:
            one = self.the_pins[pin_id]
            self.the_pins[pin_id] = replace(one, devices=(replace(one.devices[0], state=state), one.devices[1]))

    def monitor(self) -> socket.socket:
        return self._monitor

    def close(self) -> None:
        self.changed.close()
        self.closed = True

    def lock(self, status: LockStatus, connected: int) -> None:
        self.eec = replace(self.eec, lock_status=status)
        for number, one in self.the_pins.items():
            state = PinState.CONNECTED if number == connected else PinState.SELECTABLE
            self.the_pins[number] = replace(one, devices=(replace(one.devices[0], state=state), one.devices[1]))


def control(dplls: FakeDplls, clock_id: str = "") -> DpllControl:
    pins = {"eth0": 11, "eth1": 12}
    return DpllControl(dplls, clock_id, ["eth0", "eth1", "eth9"], {"gnss": "label13"}, pin_of=pins.get)


def test_in_automatic_mode_the_selected_pin_is_first_and_the_others_are_out() -> None:
    dplls = FakeDplls()
    control(dplls).select("eth1")
    assert dplls.sets == [
        (11, 1, None, 255),
        (12, 1, None, 0),
        (12, 1, PinState.SELECTABLE, None),
        (13, 1, None, 255),
    ]


def test_what_was_selected_before_is_let_go_and_may_be_selected_again() -> None:
    dplls = FakeDplls()
    driven = control(dplls)
    for name in ("eth0", "eth1", None, "eth0"):
        driven.select(name)
    states = [(pin_id, state) for pin_id, _, state, _ in dplls.sets if state is not None]
    wanted, out = PinState.SELECTABLE, PinState.DISCONNECTED
    assert states == [(11, wanted), (11, out), (12, wanted), (12, out), (11, wanted)]


def test_in_manual_mode_the_selected_pin_is_connected() -> None:
    dplls = FakeDplls(Mode.MANUAL)
    control(dplls).select("gnss")
    assert dplls.sets == [(13, 1, PinState.CONNECTED, None)]


def test_what_the_driver_does_not_let_change_is_left_alone() -> None:
    dplls = FakeDplls(capabilities=0)
    control(dplls).select("eth0")
    assert dplls.sets == []


@pytest.mark.parametrize(
    ("status", "connected", "lock"),
    [
        (LockStatus.LOCKED, 11, FrequencyLock.LOCKED),
        (LockStatus.LOCKED_HO_ACQ, 11, FrequencyLock.LOCKED),
        (LockStatus.LOCKED, 12, FrequencyLock.UNLOCKED),
        (LockStatus.UNLOCKED, 11, FrequencyLock.UNLOCKED),
        (LockStatus.HOLDOVER, 0, FrequencyLock.HOLDOVER),
    ],
)
def test_it_is_locked_only_to_the_source_that_was_selected(
    status: LockStatus, connected: int, lock: FrequencyLock
) -> None:
    dplls = FakeDplls()
    driven = control(dplls)
    driven.select("eth0")
    dplls.lock(status, connected)
    dplls.changed.send(b"something changed")
    assert driven.look() is lock
    assert driven.as_dict()["lockStatus"] == status.name.lower()


def test_the_device_must_be_clear() -> None:
    with pytest.raises(HardwareError, match="no DPLL of type EEC"):
        control(FakeDplls(), "ffff")
    assert control(FakeDplls(), "00aa").device.device_id == 1


def test_a_pin_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(HardwareError, match='no pin "sma"') as caught:
        DpllControl(FakeDplls(), "", [], {"gnss": "sma"}, pin_of=lambda _name: None)
    assert "label11, label12, label13" in str(caught.value)


def test_it_is_left_as_it_is() -> None:
    dplls = FakeDplls()
    control(dplls).close()
    assert dplls.closed
    assert dplls.sets == []
