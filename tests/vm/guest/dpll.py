"""DPLLs of a kernel that has them: what it tells, what it lets one do, and our daemon on it. The first port is used."""

import select
from contextlib import closing
from typing import Any

from hw.dpll import (
    DeviceType,
    DpllSocket,
    LockStatus,
    Mode,
    PinCapability,
    PinDirection,
    PinState,
    PinType,
    find_dplls,
    interface_pin,
)
from hw.sockets.ethernet_group import EthernetGroupSocket
from lab.vptp import set_knob
from ptpstack.daemon.dpll_control import DpllControl, open_dplls
from ptpstack.errors import HardwareError
from ptpstack.synce.clock import FrequencyLock
from ptpstack.wire import esmc
from ptpstack.wire.esmc import EsmcPdu
from tests.vm.guest import bed
from tests.vm.guest.bed import has_carrier, run, soon, wait_until
from tests.vm.guest.programs import Daemon

PARAMETERS = f"{bed.PARAMETERS} dpll=1"
PORTS = ("vptp0", "vptp1", "vptp2", "vptp3")
PRC = 0x2
SYNCE = """
[synce]
wait_to_restore_s = 0

[[synce.port]]
interface = "vptp0"
priority = 1

[[synce.port]]
interface = "vptp2"
"""


def ports_up() -> None:
    for name in PORTS:
        run("ip", "link", "set", name, "up")
    wait_until(lambda: all(map(has_carrier, PORTS)), 5)


def control() -> closing[DpllControl]:
    return closing(DpllControl(open_dplls(), "", PORTS, {}))


def check_a_dpll_and_its_pins_are_as_the_driver_made_them() -> None:
    found = find_dplls()
    (device,) = found.devices
    assert (device.module, device.clock_id) == ("vptp", "0000000076707470")
    assert (device.kind, device.mode, device.lock_status) == (DeviceType.EEC, Mode.AUTOMATIC, LockStatus.UNLOCKED)
    assert device.temperature_c == 42.5
    assert [pin.name for pin in found.pins] == ["RCLK0", "RCLK1", "RCLK2", "RCLK3"]
    for pin in found.pins:
        assert (pin.kind, pin.frequency_hz) == (PinType.SYNCE_ETH_PORT, 25_000_000)
        assert pin.can(PinCapability.STATE_CAN_CHANGE)
        assert pin.can(PinCapability.PRIORITY_CAN_CHANGE)
        assert not pin.can(PinCapability.DIRECTION_CAN_CHANGE)
        (on,) = pin.devices
        assert (on.device_id, on.direction) == (device.device_id, PinDirection.INPUT)
        assert (on.priority, on.state) == (15, PinState.DISCONNECTED)


def check_an_interface_tells_its_pin() -> None:
    pins = {pin.pin_id: pin.name for pin in find_dplls().pins}
    assert [pins[interface_pin(name) or 0] for name in PORTS] == ["RCLK0", "RCLK1", "RCLK2", "RCLK3"]
    assert interface_pin("lo") is None


def check_the_selected_source_is_used_and_its_loss_is_told() -> None:
    ports_up()
    with control() as driven:
        driven.select("vptp0")
        assert driven.look() is FrequencyLock.LOCKED
        driven.select("vptp2")
        assert driven.look() is FrequencyLock.LOCKED
        states = {pin.name: pin.devices[0].state for pin in find_dplls().pins}
        assert states["RCLK2"] is PinState.CONNECTED
        assert states["RCLK0"] is PinState.DISCONNECTED
        set_knob("port2/link", 0)
        wait_until(lambda: is_readable(driven), 5)
        assert driven.look() is FrequencyLock.HOLDOVER
        assert not is_readable(driven)
        set_knob("port2/link", 1)
        wait_until(lambda: is_readable(driven), 5)
        assert driven.look() is FrequencyLock.LOCKED
        driven.select(None)
        assert driven.look() is FrequencyLock.HOLDOVER


def is_readable(driven: DpllControl) -> bool:
    return bool(select.select([driven.fileno()], [], [], 0)[0])


def check_what_the_driver_refuses_is_an_error_with_its_reason() -> None:
    with DpllSocket() as dplls:
        dplls.bind_dpll()
        (device,), (pin, *_) = dplls.devices(), dplls.pins()
        try:
            dplls.set_pin(pin.pin_id, device.device_id, state=PinState.CONNECTED)
        except HardwareError as error:
            refusal: Any = error
        else:
            refusal = None
        assert refusal is not None
        assert "Invalid argument" in refusal.why


def check_the_daemon_locks_to_what_it_hears_and_tells_the_level_on() -> None:
    ports_up()
    peers = {name: EthernetGroupSocket(name, ethertype=esmc.ETHERTYPE, group=esmc.MAC) for name in ("vptp1", "vptp3")}
    with Daemon("synce", SYNCE) as daemon:
        daemon.wait_until_ready()
        assert daemon.status()["synce"]["frequencyAssistance"] == "by the DPLL 0000000076707470"

        def is_locked() -> bool:
            peers["vptp1"].send(esmc.encode(EsmcPdu(PRC)))
            return bool(daemon.status()["synce"]["lock"] == "locked")

        soon(is_locked, 10)
        synce = daemon.status()["synce"]
        assert (synce["selected"], synce["qualityLevel"]) == ("vptp0", "QL-PRC")
        assert synce["dpll"]["pins"] == {"vptp0": "RCLK0", "vptp2": "RCLK2"}

        def told(name: str) -> int | None:
            pdus = [esmc.decode(payload) for payload in peers[name].receive()]
            return pdus[-1].ssm if pdus and pdus[-1] else None

        soon(lambda: told("vptp3") == PRC, 5)
        soon(lambda: told("vptp1") == 0xF, 5)
        set_knob("port0/link", 0)
        soon(lambda: told("vptp3") == 0xB, 10)
        assert daemon.status()["synce"]["lock"] == "holdover"
        locks = [event["lock"] for event in daemon.events("FrequencyLockChanged")]
        assert locks[-1] == "holdover"
        assert "locked" in locks
    for peer in peers.values():
        peer.close()
