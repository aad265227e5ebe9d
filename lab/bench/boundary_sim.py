"""What the bench of boundary clocks simulates: a ring of fifteen transparent clocks, and a grandmaster that is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.bench.rows import Row
from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.engine.port_state import PortState
from ptpstack.servo.registry import make_servo
from ptpstack.sim.host import Host
from ptpstack.sim.network import LinkConditions
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.transparent import add_transparent_clock
from ptpstack.sim.world import World
from ptpstack.wire.types import ClockQuality

STAMPS = Stamping(jitter_ns=20)
CABLE = LinkConditions(delay_ns=500)
RING = 15
POWER: dict[str, Any] = {
    "delay_mechanism": DelayMechanism.P2P,
    "log_announce_interval": 0,
    "log_sync_interval": 0,
    "log_min_pdelay_req_interval": 0,
}
"""The intervals of IEC/IEEE 61850-9-3."""

PREFERRED_TIMEOUT = 2
"""announceReceiptTimeout of a preferred grandmaster (IEEE C37.238-2011)."""


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows, one seed a round."""
    rings = [ring_errors_ns(seed) for seed in range(1, rounds + 1)]
    rms = [float(np.sqrt(np.mean(errors**2))) for errors in rings]
    yield Row(f"sim ring of {RING} TC", "true offset RMS", "ns", rms)
    yield Row(f"sim ring of {RING} TC", "true offset maximum", "ns", [_max(errors) for errors in rings], limit=1000)
    losses = [lost_grandmaster(seed) for seed in range(1, rounds + 1)]
    yield Row("sim GM lost", "until the best backup serves", "s", [loss[0] for loss in losses], limit=3)
    yield Row("sim GM lost", "true offset maximum of a slave", "ns", [loss[1] for loss in losses], limit=250)


def _max(errors: NDArray[np.float64]) -> float:
    return float(np.abs(errors).max())


def ring_errors_ns(seed: int) -> NDArray[np.float64]:
    """Return the errors of a slave half way round the ring from its grandmaster, once settled."""
    world = World(seed)
    grandmaster = add_ordinary(world, "grandmaster", priority1=10)
    clocks = []
    for number in range(RING):
        host = world.add_host(
            f"tc {number}", stamping=STAMPS, frequency_error_ppb=(-1) ** number * 3_000 * (number + 1)
        )
        ports = [PortSettings(port_number=port, **POWER) for port in (1, 2, 3)]
        add_transparent_clock(host, InstanceSettings(clock_identity=host.clock_identity), ports)
        clocks.append(host)
    for number, host in enumerate(clocks):
        world.connect(host.port(2), clocks[(number + 1) % RING].port(1), conditions=CABLE)
    end = add_ordinary(world, "end", steered=True)
    world.connect(grandmaster.port(), clocks[0].port(3), conditions=CABLE)
    world.connect(end.port(), clocks[RING // 2].port(3), conditions=CABLE)
    world.start()
    world.run(240)
    return world.offsets_ns(end, last_s=120, reference=grandmaster)[1]


def lost_grandmaster(seed: int) -> tuple[float, float]:
    """Return how long after the loss of the best grandmaster the second serves, and the largest error of a slave."""
    world = World(seed)
    first = add_ordinary(world, "first", priority1=10, clock_class=6)
    second = add_ordinary(world, "second", priority1=20, clock_class=6)
    slave = add_ordinary(world, "slave", steered=True)
    bridge = world.add_host("bridge", stamping=STAMPS, frequency_error_ppb=7_000)
    ports = [PortSettings(port_number=port, **POWER) for port in (1, 2, 3)]
    add_transparent_clock(bridge, InstanceSettings(clock_identity=bridge.clock_identity), ports)
    for number, host in enumerate((first, second, slave), 1):
        world.connect(host.port(), bridge.port(number), conditions=CABLE)
    world.start()
    world.run(180)
    assert second.port_state() is PortState.PASSIVE
    first.stop()
    lost_at = world.now_s
    while second.port_state() is not PortState.MASTER and world.now_s < lost_at + 20:
        world.run(0.01)
    took_s = world.now_s - lost_at
    world.run(40)
    errors = world.offsets_ns(slave, last_s=world.now_s - lost_at, reference=second)[1]
    return took_s, _max(errors)


def add_ordinary(
    world: World, name: str, *, priority1: int = 128, clock_class: int = 248, steered: bool = False
) -> Host:
    """Add an ordinary clock: perfect, or wrong and steered by the default servo."""
    wrong: dict[str, Any] = {}
    if steered:
        wrong = {
            "frequency_error_ppb": 12_000,
            "offset_ns": 3e8,
            "white_fm_ppb": 0.1,
            "random_walk_fm_ppb": 0.05,
            "servo": make_servo("auto"),
        }
    host = world.add_host(name, stamping=STAMPS, **wrong)
    settings = InstanceSettings(
        clock_identity=host.clock_identity,
        priority1=priority1,
        slave_only=steered,
        clock_quality=ClockQuality(clock_class, 0x21, 0x4E5D),
    )
    host.add_instance(settings, [PortSettings(port_number=1, announce_receipt_timeout=PREFERRED_TIMEOUT, **POWER)])
    return host
