"""What standards allow one device, as noises that fill it.

A limit says how bad a device may be, not how it errs. Assumed here: a constant that differs from device to device, a
slow wander (first order, 20 s: slow enough for every servo to pass it on), and noise from Sync to Sync. Together they
stay within the limit, and come near it.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ptpstack.sim.plan.model import Grandmaster, Hop
from ptpstack.stability.mask import Limit, load_mask

SLOW_CORRELATION_S = 20.0
SLOW_DEVIATIONS = 6.0
"""A first-order process of 20 s is some 5 to 6 standard deviations from peak to peak in 1000 s."""
SLOW_TDEV = 0.8
"""Its TDEV is half a standard deviation at most; over a thousand seconds it may look like so much."""
FAST_SHARE = 0.8
"""Of dTE_H from peak to peak: the high-pass filter that measures it adds some."""
SOURCE_CORRELATION_S = 1000.0
SOURCE_SLOW_SHARE = 0.5
"""Of the limit of a time source, which may wander over half of it to each side; the constant is the other half."""


class NoiseGeneration(NamedTuple):
    """Errors in ns: constant (at most), slow (standard deviation, at most, correlation), fast (half-width)."""

    constant_ns: float = 0.0
    slow_ns: float = 0.0
    slow_most_ns: float = 0.0
    fast_ns: float = 0.0
    correlation_s: float = SLOW_CORRELATION_S
    unverified: tuple[str, ...] = ()

    @property
    def worst_ns(self) -> float:
        """The largest error that all of it together can be."""
        return self.constant_ns + self.slow_most_ns + self.fast_ns


def of_hop(hop: Hop) -> NoiseGeneration:
    """Return what a device of this hop adds at its output; nothing for one made of parts."""
    if hop.device == "parts":
        return NoiseGeneration()
    if hop.device == "iec-61850-9-3":
        return _power(hop.kind)
    if hop.device == "g8273.2-d":
        return _class_d()
    return _telecom(hop.device)


def of_grandmaster(grandmaster: Grandmaster) -> NoiseGeneration:
    """Return the error of the time source."""
    if grandmaster.device == "ideal":
        return NoiseGeneration()
    if grandmaster.device == "iec-61850-9-3":
        power = _power("grandmaster")
        return _source(power.constant_ns + power.fast_ns, power.unverified)
    limit = _limits(grandmaster.device)["max_abs_te"]
    return _source(limit.ns or 0.0, _doubts(limit))


def _source(limit_ns: float, unverified: tuple[str, ...]) -> NoiseGeneration:
    wander_ns = SOURCE_SLOW_SHARE * limit_ns
    return NoiseGeneration(
        constant_ns=limit_ns - wander_ns,
        slow_ns=wander_ns / 4.0,
        slow_most_ns=wander_ns,
        correlation_s=SOURCE_CORRELATION_S,
        unverified=unverified,
    )


def _telecom(name: str) -> NoiseGeneration:
    limits = _limits(name)
    slow_ns = limits["dte_l_mtie"].segments[0].ns
    return NoiseGeneration(
        constant_ns=limits["cte"].ns or 0.0,
        slow_ns=min(slow_ns / SLOW_DEVIATIONS, limits["dte_l_tdev"].segments[0].ns / SLOW_TDEV),
        slow_most_ns=slow_ns / 2.0,
        fast_ns=FAST_SHARE * (limits["dte_h"].ns or 0.0) / 2.0,
        unverified=_doubts(*limits.values()),
    )


def _class_d() -> NoiseGeneration:
    """Halves of the one limit, which is of max|TE_L|; of dTE_H none is known, so that of class C."""
    most_ns = _limits("g8273.2-d")["max_abs_te_l"].ns or 0.0
    return NoiseGeneration(
        constant_ns=most_ns / 2.0,
        slow_ns=most_ns / SLOW_DEVIATIONS,
        slow_most_ns=most_ns / 2.0,
        fast_ns=_telecom("g8273.2-c").fast_ns,
        unverified=("dTE_H of a G.8273.2 class D: not known, taken as class C's",),
    )


def _power(kind: str) -> NoiseGeneration:
    """Half of the limit constant, half from Sync to Sync."""
    device = _devices()["iec-61850-9-3"]
    limit_ns = float(str(device[f"{'boundary' if kind == 'ordinary' else kind}_ns"]))
    sure = f"{device['reference']}, {device['confidence']} confidence"
    doubt = f"{limit_ns:g} ns for a {kind} clock ({sure}): {device['note']}"
    return NoiseGeneration(constant_ns=limit_ns / 2.0, fast_ns=limit_ns / 2.0, unverified=(doubt,))


def _limits(mask: str) -> dict[str, Limit]:
    return {limit.quantity: limit for limit in load_mask(mask).limits}


def _doubts(*limits: Limit) -> tuple[str, ...]:
    return tuple(
        f"{limit.title} {limit.ns:g} ns ({limit.reference}, {limit.confidence} confidence): {limit.note}"
        for limit in limits
        if limit.unverified and limit.ns is not None
    )


@cache
def _devices() -> dict[str, dict[str, object]]:
    return tomllib.loads((Path(__file__).parent / "devices.toml").read_text(encoding="utf-8"))
