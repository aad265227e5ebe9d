"""What `ptpstack status` shows of NTP sources, as plain values; offsets are local - server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ntp.client.association import Association, AssociationState
from ntp.client.events import reference_name
from ntp.ensemble import Ensemble, Member
from ptpstack.time import MonotonicTime, UtcTime, interval_to_ns, interval_to_seconds


def ensemble_dict(
    ensemble: Ensemble, details_of: Callable[[str], dict[str, Any]], local: UtcTime, now: MonotonicTime
) -> dict[str, Any]:
    """Return what the sources say together, and each for itself with what *details_of* adds for its kind."""
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
                **_member_dict(ensemble.members[verdict.name], local, now),
                **details_of(verdict.name),
            }
            for verdict in selection.verdicts
        },
    }


def _member_dict(member: Member, local: UtcTime, now: MonotonicTime) -> dict[str, Any]:
    estimate, age = member.estimate(local), member.age(now)
    newest = member.samples.newest
    return {
        "stratum": member.stratum,
        "reference": reference_name(member.reference_id, member.stratum),
        "reach": f"{member.reach:03o}",
        "poll_s": interval_to_seconds(member.poll.interval),
        "age_s": None if age is None else round(interval_to_seconds(age), 1),
        "offset_ns": None if estimate is None else round(interval_to_ns(estimate.offset), 1),
        "deviation_ns": None if estimate is None else round(interval_to_ns(estimate.deviation), 1),
        "root_distance_ns": None if estimate is None else round(interval_to_ns(estimate.root_distance), 1),
        "frequency_ppb": None if estimate is None else round(estimate.frequency_ppb, 3),
        "delay_ns": None if estimate is None else round(interval_to_ns(estimate.delay), 1),
        "samples": len(member.samples),
        "stamps": None if newest is None else newest.stamps.label,
        "interleaved": None if newest is None else newest.interleaved,
        "authenticated": member.authenticated,
    }


def association_dict(association: Association) -> dict[str, Any]:
    """Return what only a server has."""
    return {
        "stopped": association.state is AssociationState.STOPPED,
        "requests": association.requests,
        "rejected": {reason.name: count for reason, count in association.rejected.items()},
    }
