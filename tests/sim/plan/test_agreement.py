"""The array level and the message level say the same of the same clocks.

The message level has no boundary clocks, so a chain can be compared hop by hop only: here its one hop, and in
``test_servos`` what a hop passes on to the next.
"""

from typing import NamedTuple

import numpy as np
import pytest

from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.servo.kalman import KalmanSettings
from ptpstack.servo.registry import make_filter, make_servo
from ptpstack.sim.oscillator import MODELS
from ptpstack.sim.plan.model import Grandmaster, Hop
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.world import World
from ptpstack.time import SECOND
from tests.sim.plan.plans import errors_ns, plan

SEEDS = 4
SETTLE_S, JUDGED_S = 300.0, 600.0


class Scenario(NamedTuple):
    """A slave on one link, at both levels."""

    servo: str
    oscillator: str
    log_sync_interval: int
    jitter_ns: float = 20.0
    resolution_ns: float = 0.0
    mechanism: str = "e2e"
    delay_filter: str = "median"


def message_level_rms_ns(scenario: Scenario) -> float:
    """Return the RMS of the true errors at the Syncs over all seeds."""
    return float(np.sqrt(np.mean([mean_square(scenario, seed) for seed in range(1, SEEDS + 1)])))


def mean_square(scenario: Scenario, seed: int) -> float:
    world = World(seed)
    stamping = Stamping(jitter_ns=scenario.jitter_ns, resolution_ns=scenario.resolution_ns)
    settings = KalmanSettings(oscillator=scenario.oscillator) if scenario.servo == "kalman" else None
    master = world.add_host("master", stamping=stamping)
    slave = world.add_host(
        "slave",
        frequency_error_ppb=5000.0,
        offset_ns=1e5,
        model=MODELS[scenario.oscillator],
        stamping=stamping,
        servo=make_servo(scenario.servo, settings),
    )
    for host, priority1 in ((master, 10), (slave, 200)):
        host.add_instance(
            InstanceSettings(clock_identity=host.clock_identity, priority1=priority1),
            [
                PortSettings(
                    port_number=1,
                    delay_mechanism=DelayMechanism[scenario.mechanism.upper()],
                    log_sync_interval=scenario.log_sync_interval,
                )
            ],
            delay_filter=lambda: make_filter(scenario.delay_filter),
        )
    world.connect(master.port(), slave.port())
    world.start()
    world.run(SETTLE_S + JUDGED_S)
    at_syncs = np.array([true for true, _, _ in slave.measurements if true > SETTLE_S * SECOND])
    assert at_syncs.size > 0.9 * JUDGED_S * 2**-scenario.log_sync_interval
    return float(np.mean((slave.clock.offsets_ns(at_syncs) - master.clock.offsets_ns(at_syncs)) ** 2))


def array_level_rms_ns(scenario: Scenario) -> float:
    stamps = {"jitter_ns": scenario.jitter_ns, "resolution_ns": scenario.resolution_ns}
    file = plan(
        Hop(kind="ordinary", servo=scenario.servo, oscillator=scenario.oscillator, **stamps),
        grandmaster=Grandmaster(**stamps),
        seconds=JUDGED_S,
        settle_s=SETTLE_S,
        seeds=50,
        log_sync_interval=scenario.log_sync_interval,
        delay_mechanism=scenario.mechanism,
        delay_filter=scenario.delay_filter,
    )
    return float(np.sqrt(np.mean(errors_ns(file)[:, -1] ** 2)))


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("pi", "tcxo", 0, resolution_ns=8.0),
        Scenario("pi", "tcxo", -3),
        Scenario("pi", "crystal", 0, mechanism="p2p"),
        Scenario("bandwidth", "ocxo", -2),
        Scenario("bandwidth", "tcxo", -2, mechanism="p2p", delay_filter="mean"),
    ],
    ids=str,
)
def test_both_levels_agree_within_a_tenth_in_rms(scenario: Scenario) -> None:
    assert array_level_rms_ns(scenario) == pytest.approx(message_level_rms_ns(scenario), rel=0.1)


@pytest.mark.parametrize(
    "scenario", [Scenario("kalman", "tcxo", 0), Scenario("auto", "tcxo", -1), Scenario("auto", "crystal", 0)], ids=str
)
def test_the_steady_state_of_a_servo_that_adapts_is_a_fair_guess(scenario: Scenario) -> None:
    # It neither blends filters nor mistakes one noise for another, which the servo does in its ten minutes.
    assert array_level_rms_ns(scenario) == pytest.approx(message_level_rms_ns(scenario), rel=0.25)
