"""What `ptpstack status` shows of NTP sources, as plain values; offsets are local - server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ntp.client.association import Association, AssociationState, reference_name
from ntp.ensemble import Ensemble
from ptpstack.time import MonotonicTime, UtcTime, interval_to_ns, interval_to_seconds


def ensemble_dict(
    ensemble: Ensemble, host_of: Callable[[str], str], local: UtcTime, now: MonotonicTime
) -> dict[str, Any]:
    """Return what the sources say together and each for itself; *host_of* tells the address of one by its name."""
    selection = ensemble.select(local, now)
    combined = selection.combined
    return {
        "offset_ns": combined and round(interval_to_ns(combined.offset), 1),
        "bound_ns": combined and round(interval_to_ns(combined.bound), 1),
        "best": combined and combined.best,
        "sources": {
            verdict.name: {
                "symbol": verdict.reason.symbol,
                "used": verdict.used,
                "reason": verdict.reason.name,
                "why": verdict.text,
                "address": host_of(verdict.name),
                **_association_dict(ensemble.associations[verdict.name], local, now),
            }
            for verdict in selection.verdicts
        },
    }


def _association_dict(association: Association, local: UtcTime, now: MonotonicTime) -> dict[str, Any]:
    estimate, age = association.estimate(local), association.age(now)
    newest = association.samples.newest
    return {
        "stratum": association.stratum,
        "reference": reference_name(association.reference_id, association.stratum),
        "reach": f"{association.reach:03o}",
        "poll_s": interval_to_seconds(association.poll.interval),
        "age_s": None if age is None else round(interval_to_seconds(age), 1),
        "offset_ns": None if estimate is None else round(interval_to_ns(estimate.offset), 1),
        "deviation_ns": None if estimate is None else round(interval_to_ns(estimate.deviation), 1),
        "root_distance_ns": None if estimate is None else round(interval_to_ns(estimate.root_distance), 1),
        "frequency_ppb": None if estimate is None else round(estimate.frequency_ppb, 3),
        "delay_ns": None if estimate is None else round(interval_to_ns(estimate.delay), 1),
        "samples": len(association.samples),
        "stamps": None if newest is None else newest.stamps.label,
        "interleaved": None if newest is None else newest.interleaved,
        "authenticated": association.authenticated,
        "stopped": association.state is AssociationState.STOPPED,
        "requests": association.requests,
        "rejected": {reason.name: count for reason, count in association.rejected.items()},
    }
