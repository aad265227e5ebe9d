"""How long the planner takes for a day of a long chain, and how near it is to the message level on one link."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from lab.bench.rows import Row
from lab.bench.servo_scenarios import HARDWARE
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.servo.registry import make_filter, make_servo
from ptpstack.sim.oscillator import MODELS
from ptpstack.sim.plan.model import Grandmaster, Hop, Plan, PlanFile, ServoName
from ptpstack.sim.plan.result import simulate
from ptpstack.sim.world import World
from ptpstack.time import SECOND

DAY_S = 86_400.0
HOPS = 20
LIMIT_S = 60.0
DEVICES = {
    "class C": Hop(kind="boundary", count=HOPS, device="g8273.2-c"),
    "OCXOs and stamps": Hop(
        kind="boundary", count=HOPS, oscillator="ocxo", jitter_ns=8, resolution_ns=8, servo="bandwidth"
    ),
}
SERVOS: tuple[ServoName, ...] = ("pi", "bandwidth", "kalman", "auto")
SETTLE_S, JUDGED_S = 300.0, 300.0


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; where both levels are compared every round is a seed."""
    for name, hop in DEVICES.items():
        times = [_seconds(hop, seed) for seed in range(rounds)]
        label = f"24 h, {HOPS} hops, 16/s, {name}"
        yield Row("plan", f"{label}: wall", "s", [wall for wall, _ in times])
        yield Row("plan", f"{label}: one core", "s", [cpu for _, cpu in times], limit=LIMIT_S)
    for servo in SERVOS:
        arrays = _array_rms_ns(servo, rounds)
        messages = [_message_rms_ns(servo, seed) for seed in range(1, rounds + 1)]
        yield Row("plan", f"one TCXO slave, 8/s, {servo}: RMS", "ns", arrays, messages, "message level")


def _seconds(hop: Hop, seed: int) -> tuple[float, float]:
    plan = Plan(seconds=DAY_S, settle_s=0, seeds=1, seed=seed, log_sync_interval=-4, masks=("g8271.1-c",))
    wall, cpu = time.perf_counter(), time.process_time()
    simulate(PlanFile(plan=plan, hop=(hop,)))
    return time.perf_counter() - wall, time.process_time() - cpu


def _array_rms_ns(servo: ServoName, seeds: int) -> list[float]:
    jitter_ns = HARDWARE.jitter_ns
    hop = Hop(kind="ordinary", servo=servo, oscillator="tcxo", jitter_ns=jitter_ns)
    plan = Plan(seconds=JUDGED_S, settle_s=SETTLE_S, seeds=seeds, log_sync_interval=-3)
    outcome = simulate(PlanFile(plan=plan, hop=(hop,), grandmaster=Grandmaster(jitter_ns=jitter_ns)))
    return [float(rms) for rms in outcome.rms_ns[-1]]


def _message_rms_ns(servo: str, seed: int) -> float:
    world = World(seed)
    master = world.add_host("master", stamping=HARDWARE)
    slave = world.add_host("slave", model=MODELS["tcxo"], stamping=HARDWARE, servo=make_servo(servo))
    for host, priority1 in ((master, 10), (slave, 200)):
        host.add_instance(
            InstanceSettings(clock_identity=host.clock_identity, priority1=priority1),
            [PortSettings(port_number=1, log_sync_interval=-3)],
            delay_filter=lambda: make_filter("median"),
        )
    world.connect(master.port(), slave.port())
    world.start()
    world.run(SETTLE_S + JUDGED_S)
    true = np.array([true for true, _, _ in slave.measurements if true > SETTLE_S * SECOND])
    errors = slave.clock.offsets_ns(true) - master.clock.offsets_ns(true)
    return float(np.sqrt(np.mean(errors**2)))
