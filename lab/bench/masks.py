"""A T-BC of ours against the masks of ITU-T G.8273.2, and twenty of them against G.8271.1: by simulation.

``python3 -m lab.bench.masks PICTURE.png`` draws docs/masks.png and prints the verdicts.

The clock under test: an OCXO at constant temperature, stamps of 8 ns resolution, 16 Syncs and 16 Delay_Reqs a second,
servo ``bandwidth``, which is what a telecom boundary clock should run. The input has no noise, as the standard wants
for noise generation. Noise of the stamps is that of the model, so a pass says that the program leaves room, and not
that any hardware passes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.bench.noise_transfer import Transfer, transfer
from lab.bench.rows import Row
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.servo.bandwidth import BandwidthServo
from ptpstack.servo.pi import PiServo
from ptpstack.servo.registry import make_filter, make_servo
from ptpstack.sim.oscillator import MODELS
from ptpstack.sim.plan.model import Grandmaster, Hop, Plan, PlanFile
from ptpstack.sim.plan.result import Outcome, simulate
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.world import World
from ptpstack.stability.analysis import Analysis
from ptpstack.stability.mask import Limit, LimitResult, judge, load_mask
from ptpstack.stability.series import Series
from ptpstack.wire.types import ClockQuality

CLASS_C = "g8273.2-c"
NETWORK = ("g8271.1-c", "g8271.1-c-mtie")
STAMPS = Stamping(resolution_ns=8.0, jitter_ns=4.0)
SETTLE_S = 400.0
MESSAGES_S = 1100.0
ARRAYS_S = 12_200.0
"""TDEV at 1000 s is held against a mask with twelve times that."""
HOPS = 20
LEAST_BANDWIDTH_HZ, MOST_BANDWIDTH_HZ, MOST_PEAKING_DB = 0.05, 0.1, 0.1


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows; every round is a seed."""
    by_round = [judge(load_mask(CLASS_C), messages(seed)).results for seed in range(1, rounds + 1)]
    yield from _limits("T-BC, messages", by_round)
    outcome = one_clock(seeds=rounds)
    by_round = [judge(load_mask(CLASS_C), outcome.analysis(seed)).results for seed in range(rounds)]
    yield from _limits("T-BC, 12200 s", by_round)
    ours, peer = transfers()
    name = "linuxptp's pi"
    yield Row("transfer", "bandwidth (at least 0.05)", "Hz", [ours.bandwidth_hz], [peer.bandwidth_hz], name, 0.1)
    yield Row("transfer", "gain peaking", "dB", [ours.peaking_db], [peer.peaking_db], name, MOST_PEAKING_DB)
    yield from _holdover()
    network = chain(seeds=rounds)
    yield Row("chain of 20", "max|TE|, PRTC-A before it", "ns", network.max_abs_te_ns[-1].tolist(), limit=1100.0)
    by_round = [judge(load_mask(NETWORK[1]), network.analysis(seed)).results for seed in range(rounds)]
    yield from _limits("chain of 20", by_round)


def _limits(case: str, by_round: list[tuple[LimitResult, ...]]) -> Iterator[Row]:
    """Yield each limit where the rounds come nearest to it, as a share of it (a curve) or in ns."""
    for results in zip(*by_round, strict=True):
        points = [point for result in results if (point := result.tightest) is not None]
        limit = results[0].limit
        if not points:
            continue
        if limit.segments:
            shares = [point.value_ns / point.limit_ns for point in points]
            yield Row(case, f"{limit.title}, of the mask at most", "", shares, limit=1.0)
        else:
            yield Row(case, _title(limit), "ns", [point.value_ns for point in points], limit=limit.ns)


def _holdover() -> Iterator[Row]:
    """Yield how far 200 clocks are off without measurements, and against what is stated of them; no mask is known."""
    from lab.bench.holdover import trial  # noqa: PLC0415 (it draws, and loads what that needs)

    for kind in ("ocxo", "rubidium"):
        hours, errors_ns, bounds_ns = trial(kind)
        for seconds in (1000.0, 14_400.0):
            at = int(np.searchsorted(hours, seconds / 3600.0))
            name = f"{kind}, {seconds:.0f} s"
            yield Row("holdover", f"{name}: |error|, 95 % of 200", "ns", [float(np.quantile(abs(errors_ns[at]), 0.95))])
            shares = abs(errors_ns[at]) / bounds_ns[at]
            yield Row("holdover", f"{name}: of the bound at most", "", [float(shares.max())], limit=1.0)


def _title(limit: Limit) -> str:
    return f"{limit.title} ({limit.confidence})" if limit.unverified else limit.title


def messages(seed: int, seconds: float = MESSAGES_S) -> Analysis:
    """Return the true errors of a T-BC that follows a grandmaster without noise, every message simulated."""
    world = World(seed, keep_measurements=False)
    master = world.add_host("master")
    clock = world.add_host("t-bc", model=MODELS["ocxo"], stamping=STAMPS, servo=make_servo("bandwidth"))
    port = PortSettings(
        port_number=1,
        local_priority=128,
        log_announce_interval=-3,
        log_sync_interval=-4,
        log_min_delay_req_interval=-4,
    )
    for host, clock_class in ((master, 6), (clock, 248)):
        quality = ClockQuality(clock_class, 0x21, 0x4E5D)
        host.add_instance(
            InstanceSettings(clock_identity=host.clock_identity, clock_quality=quality, local_priority=128),
            [port],
            delay_filter=partial(make_filter, "median"),
        )
    world.connect(master.port(), clock.port())
    world.start()
    world.run(SETTLE_S + seconds)
    errors_ns = world.offsets_ns(clock, last_s=seconds, reference=master, tau0_s=1 / 16)[1]
    return Analysis(Series(1 / 16, errors_ns, samples=errors_ns.size))


def _hop(count: int, **more: float) -> Hop:
    return Hop(
        kind="boundary",
        count=count,
        oscillator="ocxo",
        resolution_ns=STAMPS.resolution_ns,
        jitter_ns=STAMPS.jitter_ns,
        servo="bandwidth",
        **more,  # type: ignore[arg-type]
    )


def one_clock(seeds: int) -> Outcome:
    """Return the same clock as arrays, long enough for every tau of the masks."""
    plan = Plan(seconds=ARRAYS_S, settle_s=SETTLE_S, seeds=seeds, log_sync_interval=-4, log_delay_interval=-4)
    return simulate(PlanFile(plan=plan, hop=(_hop(1),)))


def chain(seeds: int) -> Outcome:
    """Return twenty of them behind a PRTC-A, with 5 ns of asymmetry on each link at most, 3 hours."""
    plan = Plan(seconds=10_800, settle_s=SETTLE_S, seeds=seeds, log_sync_interval=-4, masks=NETWORK)
    hops = _hop(HOPS, constant_error_ns=5.0, asymmetry_ns=5.0)
    return simulate(PlanFile(plan=plan, grandmaster=Grandmaster(device="g8272-prtc-a"), hop=(hops,)))


@cache
def transfers() -> tuple[Transfer, Transfer]:
    """Return the noise transfer of our servo for telecom, and that of linuxptp's PI loop with its usual constants."""
    return transfer(BandwidthServo), transfer(PiServo)


def main() -> None:
    """Draw the picture that the first argument names."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 (0.5 s that the rows need not wait for)

    figure, axes = plt.subplots(2, 2, figsize=(11, 8))
    outcome = one_clock(seeds=3)
    analysis = outcome.analysis(0)
    by_quantity = {result.limit.quantity: result for result in judge(load_mask(CLASS_C), analysis).results}
    _curve(axes[0, 0], by_quantity["dte_l_mtie"], "MTIE of dTE_L, class C, constant temperature")
    _curve(axes[0, 1], by_quantity["dte_l_tdev"], "TDEV of dTE_L, class C, constant temperature")
    _draw_transfer(axes[1, 0])
    network = chain(seeds=20)
    _draw_chain(axes[1, 1], network.max_abs_te_ns)
    for result in (*by_quantity.values(), *judge(load_mask(NETWORK[1]), network.analysis(0)).results):
        point = result.tightest
        shown = f"{point.value_ns:.2f} of {point.limit_ns:g} ns" if point else "-"
        print(f"{result.limit.title:<22} {shown:<22} {result.verdict.value} {result.why}")
    figure.tight_layout()
    figure.savefig(sys.argv[1], dpi=80)


def _curve(axis: Any, result: LimitResult, title: str) -> None:  # noqa: ANN401 (matplotlib is untyped)
    taus = [point.tau_s for point in result.points]
    axis.loglog(taus, [point.value_ns for point in result.points], label="simulated T-BC")
    axis.loglog(taus, [point.limit_ns for point in result.points], color="tab:red", label="G.8273.2")
    axis.set(title=title, xlabel="tau (s)", ylabel="ns")
    axis.grid(alpha=0.3, which="both")
    axis.legend()


def _draw_transfer(axis: Any) -> None:  # noqa: ANN401 (matplotlib is untyped)
    ours, peer = transfers()
    for one, name in ((ours, "bandwidth (ours, telecom)"), (peer, "pi (linuxptp's constants)")):
        axis.semilogx(one.frequencies_hz, 20 * np.log10(one.gains), label=name)
    axis.axhline(MOST_PEAKING_DB, color="tab:red", linewidth=0.8)
    axis.axvspan(LEAST_BANDWIDTH_HZ, MOST_BANDWIDTH_HZ, color="tab:red", alpha=0.15, label="-3 dB must lie here")
    axis.set(title="noise transfer, PTP to clock", xlabel="frequency (Hz)", ylabel="gain (dB)", ylim=(-20, 4))
    axis.grid(alpha=0.3, which="both")
    axis.legend()


def _draw_chain(axis: Any, max_abs_te_ns: NDArray[np.float64]) -> None:  # noqa: ANN401 (matplotlib is untyped)
    hops = np.arange(max_abs_te_ns.shape[0])
    axis.plot(hops, np.median(max_abs_te_ns, axis=1), label="median of 20 chains")
    axis.plot(hops, max_abs_te_ns.max(axis=1), label="worst of 20 chains")
    axis.axhline(1100.0, color="tab:red", label="G.8271.1, reference point C")
    axis.set(title="max|TE| behind a PRTC-A, hop by hop", xlabel="T-BC", ylabel="ns", yscale="log")
    axis.grid(alpha=0.3, which="both")
    axis.legend()


if __name__ == "__main__":
    main()
