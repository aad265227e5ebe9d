"""The array level and the message level agree: over one link, boundary clocks, and behind transparent ones."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.servo.kalman import KalmanSettings
from ptpstack.servo.registry import make_filter, make_servo
from ptpstack.sim.host import Host
from ptpstack.sim.oscillator import MODELS
from ptpstack.sim.plan.model import Grandmaster, Hop
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.world import World
from ptpstack.time import SECOND
from tests.sim.clocks import HARDWARE
from tests.sim.plan.plans import errors_ns, plan
from tests.sim.test_transparent_clock import line

SEEDS = 4
SETTLE_S, JUDGED_S = 300.0, 600.0
JITTER_NS = 20.0


class Scenario(NamedTuple):
    """Clocks in a row behind a grandmaster, at both levels: boundary clocks and a slave at the end."""

    servo: str
    oscillator: str
    log_sync_interval: int
    resolution_ns: float = 0.0
    mechanism: str = "e2e"
    delay_filter: str = "median"
    hops: int = 1


def message_level_rms_ns(scenario: Scenario) -> np.ndarray:
    """Return the RMS of the true errors at the Syncs over all seeds, by hop."""
    return np.sqrt(np.mean([mean_squares(scenario, seed) for seed in range(1, SEEDS + 1)], axis=0))


def mean_squares(scenario: Scenario, seed: int) -> list[float]:
    world = World(seed)
    hosts = [add_host(world, scenario, number) for number in range(scenario.hops + 1)]
    for upper, lower in pairwise(hosts):
        world.connect(upper.port(1 if upper is hosts[0] else 2), lower.port(1))
    world.start()
    world.run(SETTLE_S + JUDGED_S)
    return [mean_square(host, hosts[0], scenario) for host in hosts[1:]]


def add_host(world: World, scenario: Scenario, number: int) -> Host:
    settings = KalmanSettings(oscillator=scenario.oscillator) if scenario.servo == "kalman" else None
    faults = {
        "frequency_error_ppb": (-1) ** number * 1000.0 * number,
        "offset_ns": 1e5 * number,  # enough to be stepped
        "model": MODELS[scenario.oscillator],
        "servo": make_servo(scenario.servo, settings),
    }
    stamping = Stamping(jitter_ns=JITTER_NS, resolution_ns=scenario.resolution_ns)
    host = world.add_host(str(number), stamping=stamping, **(faults if number else {}))
    ports = 1 if number in {0, scenario.hops} else 2
    host.add_instance(
        InstanceSettings(clock_identity=host.clock_identity, priority1=128 if number else 10),
        [
            PortSettings(
                port_number=port,
                delay_mechanism=DelayMechanism[scenario.mechanism.upper()],
                log_sync_interval=scenario.log_sync_interval,
                log_announce_interval=0,
            )
            for port in range(1, ports + 1)
        ],
        delay_filter=lambda: make_filter(scenario.delay_filter),
    )
    return host


def mean_square(host: Host, grandmaster: Host, scenario: Scenario) -> float:
    at_syncs = np.array([true for true, _, _ in host.measurements if true > SETTLE_S * SECOND])
    assert at_syncs.size > 0.9 * JUDGED_S * 2**-scenario.log_sync_interval
    return float(np.mean((host.clock.offsets_ns(at_syncs) - grandmaster.clock.offsets_ns(at_syncs)) ** 2))


def array_level_rms_ns(scenario: Scenario) -> np.ndarray:
    stamps = {"jitter_ns": JITTER_NS, "resolution_ns": scenario.resolution_ns}
    file = plan(
        Hop(kind="boundary", count=scenario.hops, servo=scenario.servo, oscillator=scenario.oscillator, **stamps),
        grandmaster=Grandmaster(**stamps),
        seconds=JUDGED_S,
        settle_s=SETTLE_S,
        seeds=50,
        log_sync_interval=scenario.log_sync_interval,
        delay_mechanism=scenario.mechanism,
        delay_filter=scenario.delay_filter,
    )
    return np.sqrt(np.mean(errors_ns(file) ** 2, axis=(0, 2)))


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("pi", "tcxo", 0, resolution_ns=8.0),
        Scenario("pi", "tcxo", -3),
        Scenario("pi", "crystal", 0, mechanism="p2p"),
        Scenario("bandwidth", "ocxo", -2),
        Scenario("bandwidth", "tcxo", -2, mechanism="p2p", delay_filter="mean"),
        Scenario("pi", "tcxo", 0, hops=4),
    ],
    ids=str,
)
def test_both_levels_agree_within_a_tenth_in_rms_at_every_hop(scenario: Scenario) -> None:
    assert array_level_rms_ns(scenario) == pytest.approx(message_level_rms_ns(scenario), rel=0.1)


@pytest.mark.parametrize(
    "scenario", [Scenario("kalman", "tcxo", 0), Scenario("auto", "tcxo", -1), Scenario("auto", "crystal", 0)], ids=str
)
def test_the_steady_state_of_a_servo_that_adapts_is_a_fair_guess(scenario: Scenario) -> None:
    # It neither blends filters nor mistakes one noise for another, which the servo does in its ten minutes.
    assert array_level_rms_ns(scenario) == pytest.approx(message_level_rms_ns(scenario), rel=0.25)


def test_both_levels_agree_behind_transparent_clocks() -> None:
    squares = []
    for seed in range(1, SEEDS + 1):
        world, grandmaster, _, slave, _ = line(DelayMechanism.P2P, 3, seed=seed)
        world.run(480)
        at_syncs = np.array([true for true, _, _ in slave.measurements if true > 80 * SECOND])
        squares.append(np.mean((slave.clock.offsets_ns(at_syncs) - grandmaster.clock.offsets_ns(at_syncs)) ** 2))
    file = plan(
        Hop(kind="transparent", count=3, jitter_ns=HARDWARE.jitter_ns, syntonized=True),
        Hop(kind="ordinary", oscillator="tcxo", jitter_ns=HARDWARE.jitter_ns, servo="pi"),
        grandmaster=Grandmaster(jitter_ns=HARDWARE.jitter_ns),
        delay_mechanism="p2p",
        log_sync_interval=-3,
        settle_s=80,
        seconds=400,
        seeds=50,
    )
    array_level_ns = np.sqrt(np.mean(errors_ns(file)[:, -1] ** 2))
    assert array_level_ns == pytest.approx(np.sqrt(np.mean(squares)), rel=0.1)
