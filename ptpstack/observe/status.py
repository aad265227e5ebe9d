"""What `ptpstack status` says: data sets in the standard's spelling, ports, clocks, one verdict.

Members of data sets are named as in IEEE 1588-2019, derived from our names by one rule; members that the
standard has as TimeInterval are in nanoseconds here. Offsets are local - master.

What lives here: turning objects into plain JSON values. What does not: collecting them (``daemon``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from msgspec import Struct

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.core.instance import PtpInstance
from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.engine.port_state import PortState
from ptpstack.gptp.instance import GptpInstance
from ptpstack.time import interval_to_ns

TIME_INTERVALS = frozenset(
    {
        "offset_from_master",
        "mean_delay",
        "mean_link_delay",
        "mean_link_delay_thresh",
        "delay_asymmetry",
        "last_gm_phase_change",
    }
)
"""Members whose type is TimeInterval (IEEE 1588-2019 8.2, IEEE 802.1AS-2020 clause 14)."""

SERVING = "serving"
"""The verdict on a grandmaster: nothing to follow, a port in MASTER."""

FORWARDING, NOT_FORWARDING = "forwarding", "not forwarding"

EXIT_CODES = {
    "locked": 0,
    SERVING: 0,
    FORWARDING: 0,
    NOT_FORWARDING: 1,
    "acquiring": 1,
    "holdover in-spec": 1,
    "holdover out-of-spec": 1,
    "free-running": 2,
}


def standard_name(name: str) -> str:
    """Return the standard's spelling of one of our names: ``log_sync_interval`` is ``logSyncInterval``."""
    first, *rest = name.split("_")
    return first + "".join("DS" if part == "ds" else part.capitalize() for part in rest)


def data_set(members: Struct) -> dict[str, Any]:
    """Return the members of a data set by their standard names, as plain values."""
    return {standard_name(name): _member(name, getattr(members, name)) for name in members.__struct_fields__}


def _member(name: str, value: Any) -> Any:  # noqa: ANN401 (of any member type)
    if name in TIME_INTERVALS:
        return round(interval_to_ns(value), 3)
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict") and type(value).__str__ is tuple.__str__:
        return {standard_name(key): _member(key, part) for key, part in value._asdict().items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def instance_data_sets(instance: PtpInstance | GptpInstance) -> dict[str, Any]:
    """Return the data sets that an instance's ports share."""
    return {
        "defaultDS": data_set(instance.default_ds),
        "currentDS": data_set(instance.current_ds),
        "parentDS": data_set(instance.parent_ds),
        "timePropertiesDS": data_set(instance.time_properties_ds),
        "pathTrace": [str(identity) for identity in instance.path_trace],
    }


def verdict(port_states: list[PortState], clock: ClockState, *, measures_only: bool) -> str:
    """Return an instance's state in one word, a key of :data:`EXIT_CODES`."""
    if any(state in (PortState.UNCALIBRATED, PortState.SLAVE) for state in port_states):
        return ClockState.FREE_RUNNING.label if measures_only else max(clock, ClockState.ACQUIRING).label
    if PortState.MASTER in port_states and not clock.is_holdover:
        return SERVING
    return clock.label


def relay_verdict(port_states: list[PortState], clock: ClockState, *, measures_only: bool) -> str:
    """Return the state of a gPTP instance of several ports; one whose clock runs free forwards all the same."""
    if measures_only and PortState.SLAVE in port_states:
        return FORWARDING if PortState.MASTER in port_states else NOT_FORWARDING
    return verdict(port_states, clock, measures_only=measures_only)


def transparent_data_sets(clock: TransparentClock) -> dict[str, Any]:
    """Return the data set of a transparent clock, and the rate by which it tells residence times."""
    rate_ppb = clock.rate_ratio.offset_ppb
    return {
        "defaultDS": data_set(clock.default_ds),
        "masterRateOffset_ppb": None if rate_ppb is None else round(rate_ppb, 3),
    }


def forwarding(open_ports: list[bool]) -> str:
    """Return a transparent clock's state in one word: it takes two ports to forward."""
    return FORWARDING if sum(open_ports) > 1 else NOT_FORWARDING


def exit_code(verdicts: list[str]) -> int:
    """Return the worst of the instances' states as the exit code of `ptpstack status`."""
    return max((EXIT_CODES.get(word, 2) for word in verdicts), default=2)
