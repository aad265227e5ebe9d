"""Holdover over hours: true errors of many simulated oscillators, and the bound that was stated for them.

``python3 -m lab.bench.holdover PICTURE.png`` draws docs/holdover.png and prints the table beside it.
"""

from __future__ import annotations

import sys

import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from ptpstack.servo.holdover import BLOCK_S, COVERAGE, Holdover
from ptpstack.sim.oscillator import MODELS, FrequencyNoise

CLOCKS = 200
KEPT_S, LEFT_S = 6 * 3600.0, 24 * 3600.0
NOISE_NS = 10.0
DRAWN = 30


def trial(kind: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return hours, true errors and bounds (ns) of ``CLOCKS`` oscillators of a *kind*, time along the first axis."""
    random = np.random.default_rng(1)
    model = MODELS[kind]
    frequency_ppb = FrequencyNoise(model, BLOCK_S, random, (CLOCKS,)).draw(int((KEPT_S + LEFT_S) / BLOCK_S))
    frequency_ppb += model.ageing_ppb_per_day / 86_400.0 * np.arange(len(frequency_ppb))[:, None] * BLOCK_S
    truth = np.cumsum(frequency_ppb * BLOCK_S, axis=0)
    kept = int(KEPT_S / BLOCK_S)
    holdover = Holdover(maths=np)
    variance = NOISE_NS**2 / BLOCK_S
    for true in truth[:kept]:
        holdover.add(true + random.normal(0.0, variance**0.5, CLOCKS), variance)
    blocks = np.unique(np.geomspace(1, LEFT_S / BLOCK_S - 1, 80).astype(int))
    errors = np.array([truth[kept - 1 + number] - holdover.free_phase_ns(number * BLOCK_S) for number in blocks])
    bounds = np.array([COVERAGE * holdover.sigma_ns(number * BLOCK_S) for number in blocks])
    return blocks * BLOCK_S / 3600.0, errors, bounds


def main() -> None:
    """Draw the picture that the first argument names."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 7), sharex=True)
    print("kind        after 4 h: 1 sigma   median bound   after 24 h: 1 sigma   median bound   outside")
    for kind, axis in zip(MODELS, axes.flat, strict=True):
        hours, errors, bounds = trial(kind)
        axis.loglog(hours, np.abs(errors[:, :DRAWN]) + 0.1, color="0.6", linewidth=0.6)
        axis.loglog(hours, errors.std(axis=1), color="tab:blue", label="standard deviation of the true errors")
        axis.loglog(hours, np.median(bounds, axis=1), color="tab:red", label="stated bound (median)")
        axis.set_title(kind)
        axis.set_ylabel("|error| (ns)")
        axis.grid(alpha=0.3)
        four = int(np.searchsorted(hours, 4.0))
        outside = int((np.abs(errors) > bounds).any(axis=0).sum())
        print(
            f"{kind:<10} {errors[four].std():16.0f} ns {np.median(bounds[four]):11.0f} ns "
            f"{errors[-1].std():17.0f} ns {np.median(bounds[-1]):11.0f} ns   {outside} of {CLOCKS}"
        )
    for axis in axes[1]:
        axis.set_xlabel("hours without measurements, after 6 h with 1/s of 10 ns")
    axes[0, 0].legend()
    figure.tight_layout()
    figure.savefig(sys.argv[1], dpi=80)


if __name__ == "__main__":
    main()
