"""The plan file: every key with its type, range, default and meaning.

What does not live here: reading (``load``), rules between keys (``rules``), the standards' numbers (``devices``).
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from ptpstack.config.table import Table

OscillatorName: TypeAlias = Literal["crystal", "tcxo", "ocxo", "rubidium"]
ServoName: TypeAlias = Literal["pi", "bandwidth", "kalman", "auto"]
DeviceName: TypeAlias = Literal["parts", "g8273.2-a", "g8273.2-b", "g8273.2-c", "g8273.2-d", "iec-61850-9-3"]
SourceName: TypeAlias = Literal["ideal", "g8272-prtc-a", "g8272-prtc-b", "g8272.1-eprtc", "iec-61850-9-3"]
StampNoise: TypeAlias = Annotated[float, Meta(ge=0, le=1e6)]


class Plan(Table, frozen=True):
    """What is simulated, how long and how often."""

    title: Annotated[str, Meta(min_length=1, max_length=100, description="What the plan is of.")] = "plan"
    seconds: Annotated[float, Meta(ge=10, le=2_600_000, description="Virtual time that is judged, s.")] = 3600.0
    settle_s: Annotated[
        float, Meta(ge=0, le=100_000, description="Virtual time before that, for servos to settle, s.")
    ] = 600.0
    seeds: Annotated[int, Meta(ge=1, le=10_000, description="How many chains are drawn and run.")] = 20
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="The same seed gives the same run.")] = 1
    log_sync_interval: Annotated[int, Meta(ge=-7, le=4, description="Of every node, log2 seconds.")] = -4
    log_delay_interval: Annotated[
        int, Meta(ge=-7, le=6, description="Between Delay_Reqs or Pdelay_Reqs, log2 seconds.")
    ] = 0
    delay_mechanism: Annotated[
        Literal["e2e", "p2p"], Meta(description="How the path delay is measured; transparent clocks need p2p.")
    ] = "e2e"
    delay_filter: Annotated[
        Literal["auto", "median", "mean", "none"],
        Meta(description="Filter of the measured delay; auto is its long memory on a path that does not change."),
    ] = "median"
    delay_filter_length: Annotated[int, Meta(ge=1, le=1000, description="Its length in measurements.")] = 10
    masks: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...], Meta(description="What the last clock is held against.")
    ] = ()


class Grandmaster(Table, frozen=True):
    """Where the time comes from."""

    device: Annotated[SourceName, Meta(description="What it keeps to: a clock at the limits of this standard.")] = (
        "ideal"
    )
    jitter_ns: Annotated[StampNoise, Meta(description="Half-width of the uniform noise of its stamps, ns.")] = 0.0
    resolution_ns: Annotated[StampNoise, Meta(description="Resolution of its stamps, ns.")] = 0.0


class Hop(Table, frozen=True):
    """Nodes one behind the other, each with the link that leads to it."""

    kind: Annotated[
        Literal["transparent", "boundary", "ordinary"],
        Meta(description="A transparent clock, a boundary clock, or the ordinary clock at the end."),
    ]
    count: Annotated[int, Meta(ge=1, le=1000, description="How many of them.")] = 1
    device: Annotated[
        DeviceName,
        Meta(description="A node that fills the limits of this standard, or one made of the parts named below."),
    ] = "parts"
    asymmetry_ns: Annotated[
        float, Meta(ge=0, le=1e9, description="Time error by the link's asymmetry, at most: drawn uniformly, ns.")
    ] = 0.0
    constant_error_ns: Annotated[
        float, Meta(ge=0, le=1e9, description="Time error by latencies, at most: drawn uniformly, ns (parts).")
    ] = 0.0
    jitter_ns: Annotated[StampNoise, Meta(description="Half-width of the uniform noise of stamps, ns (parts).")] = 0.0
    resolution_ns: Annotated[StampNoise, Meta(description="Resolution of stamps, ns (parts).")] = 0.0
    oscillator: Annotated[
        OscillatorName | UnsetType, Meta(description="What the clock runs on; tcxo in a node of parts, else none.")
    ] = UNSET
    synce: Annotated[bool, Meta(description="The physical layer (SyncE) holds the clock's frequency.")] = False
    synce_bandwidth_hz: Annotated[
        float, Meta(ge=0.1, le=100, description="How fast it follows the frequency of the node before, Hz.")
    ] = 3.0
    servo: Annotated[
        ServoName | UnsetType, Meta(description="How the clock follows; bandwidth in a G.8273.2 device, else pi.")
    ] = UNSET
    bandwidth_hz: Annotated[
        float, Meta(ge=0.001, le=1, description="Where its transfer has fallen by 3 dB, Hz (servo bandwidth).")
    ] = 0.075
    frequency_error_ppm: Annotated[
        float, Meta(ge=0, le=1000, description="Of a transparent clock's oscillator, at most: drawn uniformly, ppm.")
    ] = 10.0
    syntonized: Annotated[
        bool, Meta(description="The transparent clock corrects its times by the rate of the master.")
    ] = False
    residence_ms: Annotated[
        float,
        Meta(ge=0, le=1000, description="Mean time a Sync stays in a transparent clock (half to one and a half)."),
    ] = 1.0
    turnaround_ms: Annotated[
        float, Meta(ge=0, le=1000, description="Time to the answer of a Pdelay_Req (transparent, not syntonized).")
    ] = 1.0

    @property
    def is_clock(self) -> bool:
        """Whether time is kept here, and not only passed on."""
        return self.kind != "transparent"


class PlanFile(Table, frozen=True):
    """A whole plan."""

    plan: Plan
    hop: Annotated[tuple[Hop, ...], Meta(description="From the grandmaster to the last clock.")]
    grandmaster: Grandmaster = Grandmaster()


TABLES: dict[str, type[Struct]] = {"[plan]": Plan, "[grandmaster]": Grandmaster, "[[hop]]": Hop}
"""Every table of the file by the header that opens it."""
