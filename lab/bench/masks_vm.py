"""A T-BC of ours and one of ptp4l's against the masks of ITU-T G.8273.2: by hardware stamps, in the virtual machine.

``python3 -m lab bench masks_vm`` boots once a round, prints the rows and draws ``lab/out/masks_vm/masks.png``.
A boot of its own for clocks that lose their grandmaster: ``masks_holdover``.

One grandmaster, G.8275.1 with 16 Syncs and 16 Delay_Reqs a second. First nothing disturbs (noise generation), then the
grandmaster's clock is modulated by several sinusoids at once (noise transfer, by least squares as in ``masks``). The
error is that of the hardware clock itself, against a clock that nobody touches. Beside it the noise floor: what the
noise of the stamps alone makes of a loop of the same bandwidth.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lab.bench import masks_holdover
from lab.bench.masks import CLASS_C, LEAST_BANDWIDTH_HZ, MOST_BANDWIDTH_HZ, MOST_PEAKING_DB, transfers
from lab.bench.masks_holdover import JITTER_NS, SAMPLES_PER_S, WALK_PPT
from lab.bench.noise_transfer import Transfer
from lab.bench.results import Missing, finished, forget
from lab.bench.rows import Row
from lab.vm import Guest, run_in_vm
from ptpstack.errors import PtpstackError
from ptpstack.servo.bandwidth import BandwidthServo
from ptpstack.servo.interface import ServoState
from ptpstack.stability.analysis import Analysis
from ptpstack.stability.mask import LimitResult, judge, load_mask
from ptpstack.stability.series import Series
from ptpstack.time import SECOND, LocalTime, interval_from_ns, interval_to_ns

Floats: TypeAlias = NDArray[np.float64]

TAU0_S = 1 / SAMPLES_PER_S
SETTLE_S, GENERATION_S, ADAPT_S, TRANSFER_S = 60, 1000, 20, 200
"""Of the guest's time: until noise is measured, while it is, until the modulation has settled, while that is judged."""
SECONDS = SETTLE_S + GENERATION_S + ADAPT_S + TRANSFER_S
FREQUENCIES_HZ = (0.01, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5)
"""Each a whole number of periods in the time that is judged."""
AMPLITUDE_NS = 100.0

OUT = Path("lab/out/masks_vm")
COLOURS = {"ours": "tab:blue", "ptp4l": "tab:orange"}


class MasksBenchError(PtpstackError):
    """The guest could not measure."""


def scenario(seed: int) -> dict[str, Any]:
    """Return what the guest shall do: ports 0, 1, 2 on one wire, and one wire below each boundary clock."""
    return {
        "name": "noise",
        "card": f"ports=7 phc=0,1,2,1,3,2,3 segment=0,0,0,1,1,2,2 seed={seed}",
        "ports": 7,
        "jitter_ns": JITTER_NS,
        "walk_ppt": WALK_PPT,
        "errors_ppb": {"1": 20_000, "2": 20_000},
        "grandmaster_clocks": [],
        "nodes": [
            {"name": "gm", "program": "ptp4l", "role": "gm", "ports": [0]},
            {"name": "ours", "program": "ptpstack", "role": "bc", "ports": [1, 3]},
            {"name": "ptp4l", "program": "ptp4l", "role": "bc", "ports": [2, 5]},
        ],
        "clocks": {"gm": 0, "ours": 1, "ptp4l": 2},
        "reference": 3,
        "bounds": [],
        "samples_per_s": SAMPLES_PER_S,
        "seconds": SECONDS,
        "lost_at_s": SECONDS,
        "modulated_from_s": SETTLE_S + GENERATION_S,
        "frequencies_hz": FREQUENCIES_HZ,
        "amplitude_ns": AMPLITUDE_NS,
    }


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; a round is a boot with another seed."""
    seeds = range(1, rounds + 1)
    missing = Missing()
    for seed in seeds:
        for told in (scenario(seed), masks_holdover.scenario(seed)):
            with missing.noted(f"{told['name']} of seed {seed}"):
                boot(told, seed)
    noise, lost = (
        [answer for seed in seeds if (answer := finished(OUT / f"seed{seed}", name)) is not None]
        for name in ("noise", "holdover")
    )
    tracks = [tracks_of(answer) for answer in noise]
    if tracks:
        yield from compare(tracks)
    if lost:
        yield from masks_holdover.compare(lost)
    if tracks and lost:
        draw(tracks[0], lost[0])
    missing.tell()


def boot(scenario: Mapping[str, Any], seed: int) -> None:
    """Measure in a guest; what it recorded is in the folder of the seed."""
    forget(OUT / f"seed{seed}", scenario["name"])
    script = f"python3 -m lab.bench.masks_guest {shlex.quote(json.dumps(scenario))}"
    result = run_in_vm(script, timeout=3000, guest=Guest(vptp="ports=2"), results=OUT / f"seed{seed}")
    if result.exit_code:
        raise MasksBenchError("the measurement failed in the guest", why=result.output[-2000:])


def tracks_of(answer: Mapping[str, Any]) -> dict[str, Floats]:
    """Return the true errors of each clock, by its name."""
    return {name: np.array(track) for name, track in answer["tracks"].items()}


# -- noise generation ----------------------------------------------------------------------------------------


def generation(tracks: Mapping[str, Floats], name: str) -> Analysis:
    """Return the errors of clock *name* against the grandmaster while nothing disturbed."""
    begin, end = SETTLE_S * SAMPLES_PER_S, (SETTLE_S + GENERATION_S) * SAMPLES_PER_S
    errors_ns = (tracks[name] - tracks["gm"])[begin:end]
    return Analysis(Series(TAU0_S, errors_ns, samples=errors_ns.size))


def floor(seed: int = 1) -> Analysis:
    """Return what the noise of two stamps a Sync makes of a clock that is kept by the same loop and has none itself."""
    servo, random = BandwidthServo(), np.random.default_rng(seed)
    servo.set_sync_interval(round(TAU0_S * SECOND))
    clock_ns, errors_ns = 0.0, []
    for number in range((SETTLE_S + GENERATION_S) * SAMPLES_PER_S):
        noise_ns = float(random.uniform(-JITTER_NS, JITTER_NS, 2).sum())
        command = servo.sample(interval_from_ns(clock_ns + noise_ns), LocalTime(round(number * TAU0_S * SECOND)))
        if command.state is ServoState.JUMP:
            clock_ns += interval_to_ns(command.step)
        errors_ns.append(clock_ns)
        clock_ns += command.frequency_ppb * TAU0_S
    settled = np.array(errors_ns[SETTLE_S * SAMPLES_PER_S :])
    return Analysis(Series(TAU0_S, settled, samples=settled.size))


def judged(analysis: Analysis) -> dict[str, LimitResult]:
    """Return how each limit of class C is kept, as far as a record of this length tells, by its quantity."""
    return {result.limit.quantity: result for result in judge(load_mask(CLASS_C), analysis).results}


# -- noise transfer ------------------------------------------------------------------------------------------


def noise_transfer(tracks: Mapping[str, Floats], name: str) -> Transfer:
    """Return the gains from the grandmaster's clock to clock *name*, both against the one that nobody touches."""
    begin = (SETTLE_S + GENERATION_S + ADAPT_S) * SAMPLES_PER_S
    given, made = (amplitudes(tracks[each][begin : begin + TRANSFER_S * SAMPLES_PER_S]) for each in ("gm", name))
    return Transfer(np.array(FREQUENCIES_HZ), np.divide(made, given))


def amplitudes(values: Floats) -> Floats:
    """Return how much of each frequency is in *values*, by least squares, with a mean and a slope beside them."""
    at_s = np.arange(values.size) * TAU0_S
    angles = 2 * np.pi * np.outer(at_s, FREQUENCIES_HZ)
    columns = np.hstack((np.cos(angles), np.sin(angles), np.ones((values.size, 1)), at_s[:, None]))
    found = np.linalg.lstsq(columns, values, rcond=None)[0]
    count = len(FREQUENCIES_HZ)
    return np.asarray(np.hypot(found[:count], found[count : 2 * count]))


# -- rows and picture ----------------------------------------------------------------------------------------


def compare(boots: Sequence[Mapping[str, Floats]]) -> Iterator[Row]:
    """Yield every metric, over all boots."""
    found = {name: [generation(tracks, name) for tracks in boots] for name in COLOURS}
    ground = [floor(seed) for seed in range(1, len(boots) + 1)]
    case = f"noise, {GENERATION_S} s"

    def row(metric: str, unit: str, of: Callable[[Analysis], float], limit: float) -> Iterator[Row]:
        ours, peer, least = ([of(each) for each in which] for which in (found["ours"], found["ptp4l"], ground))
        yield Row(case, metric, unit, ours, peer, "ptp4l", limit)
        yield Row("its floor", metric, unit, least)

    yield from row("max|TE|", "ns", lambda analysis: analysis.max_abs_te_ns, 30.0)
    yield from row("cTE", "ns", cte_ns, 10.0)
    for quantity, name in (("dte_l_mtie", "MTIE of dTE_L"), ("dte_l_tdev", "TDEV of dTE_L")):
        yield from row(f"{name}, of the mask at most", "", partial(share, quantity), 1.0)
    yield from row("dTE_H peak to peak (unverified)", "ns", dte_h_ns, 30.0)
    ours, peer = ([noise_transfer(tracks, name) for tracks in boots] for name in COLOURS)
    widths, peer_widths = ([one.bandwidth_hz for one in each] for each in (ours, peer))
    yield Row("transfer", "bandwidth (at least 0.05)", "Hz", widths, peer_widths, "ptp4l", MOST_BANDWIDTH_HZ)
    peaks, peer_peaks = ([one.peaking_db for one in each] for each in (ours, peer))
    yield Row("transfer", "gain peaking", "dB", peaks, peer_peaks, "ptp4l", MOST_PEAKING_DB)


def share(quantity: str, analysis: Analysis) -> float:
    """Return how much of a mask is used where a record comes nearest to it."""
    point = judged(analysis)[quantity].tightest
    assert point is not None
    return point.value_ns / point.limit_ns


def cte_ns(analysis: Analysis) -> float:
    """Return the magnitude of what is constant."""
    assert analysis.cte_ns is not None
    return abs(analysis.cte_ns)


def dte_h_ns(analysis: Analysis) -> float:
    """Return the peak to peak of what varies fast."""
    assert analysis.dte_h_peak_to_peak_ns is not None
    return analysis.dte_h_peak_to_peak_ns


def draw(tracks: Mapping[str, Floats], lost: Mapping[str, Any]) -> None:
    """Draw the curves with their masks and the floor."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second, only when there is something to draw)

    figure = Figure(figsize=(11, 12), layout="constrained")
    below = figure.add_gridspec(3, 2)
    axes = np.array([[figure.add_subplot(below[row, column]) for column in range(2)] for row in range(2)])
    held = figure.add_subplot(below[2, :])
    masks_holdover.draw(held, lost)
    records = {name: generation(tracks, name) for name in COLOURS} | {"floor: the stamps alone": floor()}
    for name, analysis in records.items():
        style = {"color": COLOURS.get(name, "grey"), "label": name, "linestyle": "-" if name in COLOURS else "--"}
        for axis, quantity in ((axes[0, 0], "dte_l_mtie"), (axes[0, 1], "dte_l_tdev")):
            points = judged(analysis)[quantity].points
            axis.loglog([point.tau_s for point in points], [point.value_ns for point in points], **style)
        if name in COLOURS:
            errors_ns = analysis.series.values_ns
            over = 3 if name == "ours" else 2  # the smaller one is seen
            axes[1, 1].plot(np.arange(errors_ns.size) * TAU0_S, errors_ns, linewidth=0.6, zorder=over, **style)
    for axis, quantity, title in ((axes[0, 0], "dte_l_mtie", "MTIE"), (axes[0, 1], "dte_l_tdev", "TDEV")):
        points = judged(records["ours"])[quantity].points
        mask = [point.limit_ns for point in points]
        axis.loglog([point.tau_s for point in points], mask, color="tab:red", label="G.8273.2 class C")
        axis.set(title=f"{title} of dTE_L, {GENERATION_S} s", xlabel="tau (s)", ylabel="ns")
    simulated = transfers()[0]
    levels_db = 20 * np.log10(simulated.gains)
    axes[1, 0].semilogx(simulated.frequencies_hz, levels_db, color="grey", linestyle="--", label="ours, simulated")
    for name, colour in COLOURS.items():
        measured = noise_transfer(tracks, name)
        axes[1, 0].semilogx(measured.frequencies_hz, 20 * np.log10(measured.gains), "o-", color=colour, label=name)
    axes[1, 0].axhline(MOST_PEAKING_DB, color="tab:red", linewidth=0.8)
    band = (LEAST_BANDWIDTH_HZ, MOST_BANDWIDTH_HZ)
    axes[1, 0].axvspan(*band, color="tab:red", alpha=0.15, label="-3 dB must lie here")
    axes[1, 0].set(title="noise transfer, PTP to clock", xlabel="frequency (Hz)", ylabel="gain (dB)", ylim=(-20, 4))
    axes[1, 1].set(title="true error, nothing disturbs", xlabel="time (s)", ylabel="ns")
    for axis in (*axes.flat, held):
        axis.grid(alpha=0.3, which="both")
        axis.legend(loc="lower right" if axis is held else "best")
    figure.savefig(OUT / "masks.png", dpi=80)
    print(f"picture: {OUT / 'masks.png'}")
