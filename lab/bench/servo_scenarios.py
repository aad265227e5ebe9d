"""The troubles that servos are compared in: the whole engine in virtual time, the truth at hand.

What lives here: scenarios and what a servo makes of one. What does not: the table (``servo``), limits
(``tests/servo``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.servo.pi import PiSettings
from ptpstack.servo.registry import make_filter, make_servo
from ptpstack.sim.host import Host
from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.oscillator import MODELS, OscillatorModel
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.world import World
from ptpstack.time import interval_from_ns

HARDWARE = Stamping(jitter_ns=20.0)
SOFTWARE = Stamping(tail_ns=5_000.0)
SETTLED_S = 60.0
TROUBLE_S = 150.0
SAMPLES_PER_SECOND = 20
MTIE_WINDOW_S = 10.0
LUCKY_LENGTH = 40


class Scene(NamedTuple):
    """What a trouble may lay hands on."""

    world: World
    master: Host
    slave: Host
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A clock 20 ppm and 0.5 s off behind a master on one link; *trouble* comes after ``TROUBLE_S``."""

    name: str
    log_sync_interval: int = -3
    log_delay_req_interval: int = 0
    model: OscillatorModel = OscillatorModel()  # noqa: RUF009 (frozen)
    stamping: Stamping = HARDWARE
    conditions: LinkConditions = LinkConditions()  # noqa: RUF009 (frozen)
    temperature_step_k: float = 0.0
    trouble: Callable[[Scene], None] | None = None
    seconds: float = 300.0


def _wander(ppb: float) -> OscillatorModel:
    return OscillatorModel(white_fm_ppb=0.1, random_walk_fm_ppb=ppb)


def _lose_sync(scene: Scene) -> None:
    scene.link.conditions = replace(scene.link.conditions, loss=1.0)
    scene.world.run(60.0)
    scene.link.conditions = replace(scene.link.conditions, loss=0.0)


def _step_master(scene: Scene) -> None:
    scene.master.clock.step(interval_from_ns(100_000), scene.world.scheduler.now)


def _lengthen_path(scene: Scene) -> None:
    scene.link.conditions = replace(scene.link.conditions, delay_ns=scene.link.conditions.delay_ns + 40_000)


def _slow_down(scene: Scene) -> None:
    for port in scene.master.instances[0].ports.values():
        port.port_ds.log_sync_interval = 0


SCENARIOS = (
    Scenario(name="constant 8/s"),
    Scenario(name="wander 0.01, 8/s", model=_wander(0.01)),
    Scenario(name="wander 0.1, 8/s", model=_wander(0.1)),
    Scenario(name="wander 1, 8/s", model=_wander(1.0)),
    Scenario(name="wander 10, 8/s", model=_wander(10.0)),
    Scenario(name="wander 1, 8/s both ways", model=_wander(1.0), log_delay_req_interval=-3),
    Scenario(name="wander 10, 8/s both ways", model=_wander(10.0), log_delay_req_interval=-3),
    Scenario(name="constant 8/s both ways", log_delay_req_interval=-3),
    Scenario(name="wander 10, 1/s", model=_wander(10.0), log_sync_interval=0, seconds=600),
    Scenario(name="wander 0.1, 1/s", model=_wander(0.1), log_sync_interval=0, seconds=600),
    Scenario(name="OCXO 16/s", model=MODELS["ocxo"], log_sync_interval=-4, seconds=200),
    Scenario(name="crystal 8/s", model=MODELS["crystal"]),
    Scenario(name="software stamps, 8/s", model=_wander(0.1), stamping=SOFTWARE),
    Scenario(
        name="queues at 10 % load, 8/s", model=_wander(0.1), conditions=LinkConditions(load=0.1, service_ns=45_000)
    ),
    Scenario(
        name="queues at 50 % load, 8/s", model=_wander(0.1), conditions=LinkConditions(load=0.5, service_ns=10_000)
    ),
    Scenario(name="jitter 1 us, 8/s", model=_wander(0.1), conditions=LinkConditions(jitter_ns=1_000)),
    Scenario(name="TCXO +10 K, 1/s", model=MODELS["tcxo"], log_sync_interval=0, temperature_step_k=10.0, seconds=600),
    Scenario(name="TCXO +10 K, 8/s", model=MODELS["tcxo"], temperature_step_k=10.0),
    Scenario(name="no Sync for 60 s, 8/s", model=_wander(0.1), trouble=_lose_sync),
    Scenario(name="master +100 us, 8/s", model=_wander(0.1), trouble=_step_master),
    Scenario(name="path +40 us, 8/s", model=_wander(0.1), trouble=_lengthen_path),
    Scenario(name="path +40 us, 1/s", model=_wander(0.1), log_sync_interval=0, trouble=_lengthen_path),
    Scenario(name="8/s, then 1/s", model=_wander(0.1), trouble=_slow_down),
)


class Result(NamedTuple):
    """True offset from the master after ``SETTLED_S``, in ns, and true time until it was first below 100 ns."""

    rms_ns: float
    percentile_95_ns: float
    max_ns: float
    mtie_10s_ns: float
    first_below_100_ns_s: float


def play(
    scenario: Scenario,
    servo: str,
    *,
    delay_filter: str = "median",
    packet_selection: bool = False,
    seed: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return true times (s) and true offsets from the master (ns) of a clock under the servo of this name."""
    world = World(seed)
    settings = PiSettings(hardware_timestamping=scenario.stamping is HARDWARE)
    master = world.add_host("master", stamping=scenario.stamping)
    slave = world.add_host(
        "slave",
        frequency_error_ppb=20_000.0,
        offset_ns=0.5e9,
        model=scenario.model,
        temperature_steps=[(TROUBLE_S, scenario.temperature_step_k)],
        monotonic_error_ppb=-30_000.0,
        stamping=scenario.stamping,
        servo=make_servo(servo, settings, packet_selection=packet_selection),
    )
    for host, priority1, announce_receipt_timeout in ((master, 10, 2), (slave, 200, 255)):
        host.add_instance(
            InstanceSettings(clock_identity=host.clock_identity, priority1=priority1),
            [
                PortSettings(
                    port_number=1,
                    log_sync_interval=scenario.log_sync_interval,
                    log_min_delay_req_interval=scenario.log_delay_req_interval,
                    log_announce_interval=0,
                    announce_receipt_timeout=announce_receipt_timeout,
                )
            ],
            delay_filter=lambda: make_filter(delay_filter, LUCKY_LENGTH if delay_filter == "lucky" else 10),
        )
    link = world.connect(master.port(), slave.port(), conditions=scenario.conditions)
    world.start()
    world.run(TROUBLE_S)
    if scenario.trouble is not None:
        scenario.trouble(Scene(world, master, slave, link))
    world.run(scenario.seconds - world.now_s)
    times, offsets = world.offsets_ns(slave, last_s=scenario.seconds, reference=master)
    thinned = slice(None, None, 100 // SAMPLES_PER_SECOND)
    return times[thinned], offsets[thinned]


def judge(times: NDArray[np.float64], offsets: NDArray[np.float64]) -> Result:
    """Return the figures of one run."""
    settled = offsets[times >= SETTLED_S]
    windows = np.lib.stride_tricks.sliding_window_view(settled, int(MTIE_WINDOW_S * SAMPLES_PER_SECOND))
    below = times[np.abs(offsets) < 100.0]
    return Result(
        rms_ns=float(np.sqrt(np.mean(settled**2))),
        percentile_95_ns=float(np.percentile(np.abs(settled), 95)),
        max_ns=float(np.abs(settled).max()),
        mtie_10s_ns=float((windows.max(axis=1) - windows.min(axis=1)).max()),
        first_below_100_ns_s=float(below[0]) if below.size else float("inf"),
    )
