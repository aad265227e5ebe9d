"""Clocks for the tests of whole worlds, and the comparison of what they measure with the truth."""

from collections.abc import Callable

import numpy as np

from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.servo.filters import Filter, MovingMedian
from ptpstack.servo.pi import PiServo
from ptpstack.sim.host import Host
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.world import World
from ptpstack.time import MICROSECOND, NANOSECOND, SECOND

HARDWARE = Stamping(jitter_ns=20)
E2E, P2P = DelayMechanism.E2E, DelayMechanism.P2P


def add_clock(
    world: World,
    name: str,
    *,
    priority1: int = 128,
    ports: int = 1,
    domains: tuple[int, ...] = (0,),
    stamping: Stamping = HARDWARE,
    port_settings: dict[str, object] | None = None,
    delay_filter: Callable[[], Filter] = MovingMedian,
    **host: object,
) -> Host:
    """Add a host with one instance a domain, at 8 Sync/s and an Announce each second."""
    added = world.add_host(name, stamping=stamping, **host)
    settings = {"log_sync_interval": -3, "log_announce_interval": 0} | (port_settings or {})
    for domain in domains:
        added.add_instance(
            InstanceSettings(clock_identity=added.clock_identity, priority1=priority1, domain_number=domain),
            [PortSettings(port_number=number, **settings) for number in range(1, ports + 1)],
            delay_filter=delay_filter,
        )
    return added


def add_slave(world: World, name: str = "slave", **host: object) -> Host:
    """Add a clock that is wrong by 0.5 s, 20 ppm and noise, with a servo."""
    wrong = {
        "frequency_error_ppb": 20_000,
        "offset_ns": 0.5e9,
        "white_fm_ppb": 0.1,
        "random_walk_fm_ppb": 0.1,
        "monotonic_error_ppb": -30_000,
        "servo": PiServo(),
    }
    return add_clock(world, name, **(wrong | host))


def measurement_errors_ns(world: World, host: Host, *, since_s: float = 0.0) -> np.ndarray:
    """Return measured - true offset from the parent, for every measurement that *host* made.

    Whatever happens on the network, a clock must not be given a sample that is not true.
    """
    made = [(time, m) for time, _, m in host.measurements if time >= since_s * SECOND]
    before = np.array([time for time, _ in made]) - MICROSECOND  # before the servo acts on this very measurement
    parents = np.array([m.parent_port_identity.clock_identity.hex() for _, m in made])
    errors = np.array([m.offset_from_master for _, m in made]) / NANOSECOND - host.clock.offsets_ns(before)
    for other in world.hosts.values():
        its_own = parents == other.clock_identity.hex()
        errors[its_own] += other.clock.offsets_ns(before[its_own])
    return errors
