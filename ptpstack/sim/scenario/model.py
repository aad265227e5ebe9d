"""The one typed model of a scenario: every key with its type, range, default and meaning.

Instances and servos are written in the words of the daemon's configuration; all else as the simulator's objects
call it. ``UNSET`` leaves a value to the table around it, or to the preset.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

from ptpstack.config.arbiter_table import Arbiter
from ptpstack.config.holdover_table import Holdover
from ptpstack.config.instance_table import Instance as DaemonInstance
from ptpstack.config.port_table import Port as DaemonPort
from ptpstack.config.servo_table import Servo
from ptpstack.config.table import Table

Duration: TypeAlias = Annotated[
    str, Meta(pattern=r"^\d+(\.\d+)? *(ms|s|min|h)$", title='a number and ms, s, min or h, such as "90 s"')
]
HostNames: TypeAlias = Annotated[tuple[str, ...], Meta(min_length=1)]
Probability: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Positive: TypeAlias = Annotated[float, Meta(ge=0, le=1e12)]
Signed: TypeAlias = Annotated[float, Meta(ge=-1e12, le=1e12)]
Ppb: TypeAlias = Annotated[float, Meta(ge=-1e6, le=1e6)]
Limit: TypeAlias = Annotated[float, Meta(gt=0, le=1e12)]

_UNIT_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}

LONGEST_S = 100_000.0
"""Virtual time is kept in 64 bits of 2**-16 ns where it is an array: about 39 h."""


def seconds_of(text: Duration) -> float:
    """Return the seconds that *text* says."""
    number, unit = text.rstrip("hmins"), text.lstrip("0123456789. ")
    return float(number) * _UNIT_SECONDS[unit]


class Port(DaemonPort, frozen=True):
    """A port in the words of the daemon's file. What concerns sockets is read and changes nothing."""

    interface: Annotated[str, Meta(max_length=15, description="What it is called; links go by number.")] = ""


class Instance(DaemonInstance, frozen=True):
    """A PTP instance in the words of the daemon's file; NAME is free.

    It has as many ports as its host has links; those beyond the last ``[[port]]`` are like that one.
    """

    port: Annotated[tuple[Port, ...], Meta(description="The ports in their order.")] = ()


class Oscillator(Table, frozen=True):
    """What a clock runs on: a preset, some numbers of which may be given anew."""

    preset: Annotated[
        Literal["perfect", "crystal", "tcxo", "ocxo", "rubidium"],
        Meta(description="Typical noise, ageing and temperature coefficient of its class; perfect: none."),
    ] = "perfect"
    frequency_error_ppb: Annotated[Ppb, Meta(description="How much faster than nominal it runs, ppb.")] = 0.0
    frequency_spread_ppb: Annotated[
        Annotated[float, Meta(ge=0, le=1e6)],
        Meta(description="Each host's own part of it on top, drawn evenly from ± this, ppb."),
    ] = 0.0
    white_fm_ppb: Annotated[
        Annotated[float, Meta(ge=0, le=1e6)] | UnsetType,
        Meta(description="Allan deviation at 1 s of its white FM, ppb."),
    ] = UNSET
    flicker_fm_ppb: Annotated[
        Annotated[float, Meta(ge=0, le=1e6)] | UnsetType, Meta(description="Allan deviation of its flicker FM, ppb.")
    ] = UNSET
    random_walk_fm_ppb: Annotated[
        Annotated[float, Meta(ge=0, le=1e6)] | UnsetType,
        Meta(description="Standard deviation of what its frequency wanders in 1 s, ppb."),
    ] = UNSET
    ageing_ppb_per_day: Annotated[Ppb | UnsetType, Meta(description="Ageing, ppb per day.")] = UNSET
    temperature_ppb_per_k: Annotated[Ppb | UnsetType, Meta(description="Temperature coefficient, ppb/K.")] = UNSET
    thermal_time_constant_s: Annotated[
        Annotated[float, Meta(gt=0, le=1e6)] | UnsetType,
        Meta(description="How slowly it follows the temperature around it, s."),
    ] = UNSET


class Stamping(Table, frozen=True):
    """How well ports stamp their frames; without this table, perfectly."""

    resolution_ns: Annotated[Positive, Meta(description="Stamps are cut to multiples of this, ns.")] = 0.0
    jitter_ns: Annotated[Positive, Meta(description="Half-width of an even error, ns.")] = 0.0
    tail_ns: Annotated[Positive, Meta(description="Mean size of an exponential error of either sign, ns.")] = 0.0
    ingress_latency_ns: Annotated[Signed, Meta(description="From the wire to the receive stamp, ns.")] = 0.0
    egress_latency_ns: Annotated[Signed, Meta(description="From the transmit stamp to the wire, ns.")] = 0.0
    tx_delay_ns: Annotated[Positive, Meta(description="From egress until the stamp is known, ns.")] = 30_000.0
    tx_loss: Annotated[Probability, Meta(description="Share of transmit stamps that never come.")] = 0.0
    tx_timeout_ns: Annotated[Positive, Meta(description="When those are given up, ns.")] = 100e6
    tx_late: Annotated[Probability, Meta(description="Share of transmit stamps that come late.")] = 0.0
    tx_late_delay_ns: Annotated[Positive, Meta(description="From egress until those are known, ns.")] = 50e6


class Host(Table, frozen=True):
    """A machine, or *count* of them, called NAME-1, NAME-2, …; NAME is free."""

    count: Annotated[int, Meta(ge=1, le=20_000, description="How many.")] = 1
    start_offset_ns: Annotated[
        Annotated[float, Meta(ge=-1e18, le=1e18)], Meta(description="How far ahead of the truth its clock begins, ns.")
    ] = 0.0
    start_offset_spread_ns: Annotated[
        Annotated[float, Meta(ge=0, le=1e18)],
        Meta(description="Each host's own part of it on top, drawn evenly from ± this, ns."),
    ] = 0.0
    monotonic_error_ppb: Annotated[Ppb, Meta(description="Error of its CLOCK_MONOTONIC, ppb.")] = 0.0
    max_frequency_ppb: Annotated[
        Annotated[float, Meta(gt=0, le=9e8)], Meta(description="How far the clock can be tuned, ppb.")
    ] = 500_000.0
    oscillator: Oscillator | UnsetType = UNSET
    stamping: Stamping | UnsetType = UNSET
    servo: Servo | UnsetType = UNSET
    holdover: Holdover | UnsetType = UNSET
    arbiter: Arbiter | UnsetType = UNSET
    instance: Annotated[dict[str, Instance], Meta(description="Its instances, one for each domain.")] = field(
        default_factory=dict
    )


class Conditions(Table, frozen=True):
    """How a link treats frames; probabilities are those of one frame in one direction."""

    delay_ns: Annotated[Positive | UnsetType, Meta(description="Delay of a frame, ns.")] = UNSET
    asymmetry_ns: Annotated[
        Signed | UnsetType, Meta(description="How much longer than delay_ns the way from the first named host is, ns.")
    ] = UNSET
    jitter_ns: Annotated[Positive | UnsetType, Meta(description="Mean of an exponential delay on top, ns.")] = UNSET
    load: Annotated[
        Annotated[float, Meta(ge=0, le=0.99)] | UnsetType,
        Meta(description="Share of time the link is busy with other frames, behind which one must queue (M/M/1)."),
    ] = UNSET
    service_ns: Annotated[Positive | UnsetType, Meta(description="Mean time that one of those takes, ns.")] = UNSET
    loss: Annotated[Probability | UnsetType, Meta(description="Share of frames lost.")] = UNSET
    duplication: Annotated[Probability | UnsetType, Meta(description="Share of frames that come twice.")] = UNSET
    duplicate_delay_ns: Annotated[Positive | UnsetType, Meta(description="How much later then, ns.")] = UNSET
    reorder: Annotated[Probability | UnsetType, Meta(description="Share of frames held back after the stamp.")] = UNSET
    reorder_delay_ns: Annotated[Positive | UnsetType, Meta(description="How long, ns.")] = UNSET


class Link(Conditions, frozen=True, kw_only=True):
    """A wire between two hosts, or a hub between more."""

    between: Annotated[
        HostNames, Meta(description='Hosts; "NAME:2" is port 2, and a NAME of several hosts is each of them.')
    ]
    name: Annotated[str, Meta(description="What the timeline calls it; otherwise its hosts, as in a/b.")] = ""


class Star(Conditions, frozen=True, kw_only=True):
    """A host in the middle and a path of its own to each other one, which hear nothing of each other."""

    center: Annotated[str, Meta(min_length=1, description="The host in the middle.")]
    leaves: Annotated[HostNames, Meta(description="The others.")]
    ports: Annotated[
        Literal["one", "each"],
        Meta(description="The middle has one port and a switch behind it, or one for each of the others."),
    ] = "one"
    name: Annotated[str, Meta(description="What the timeline calls all of its paths.")] = ""


class Chain(Conditions, frozen=True, kw_only=True):
    """Hosts in a row, a wire between each and the next; those between the ends have two ports."""

    hosts: Annotated[HostNames, Meta(description="From one end to the other.")]
    name: Annotated[str, Meta(description="What the timeline calls all of its wires.")] = ""


class At(Conditions, frozen=True, kw_only=True):
    """What is otherwise from *time* on: of a link its conditions, of a host one of the other keys."""

    time: Annotated[Duration, Meta(description="When, since the beginning.")]
    link: Annotated[str, Meta(description="The link, star or chain by its name.")] = ""
    host: Annotated[str, Meta(description="The host, or all of that NAME.")] = ""
    up: Annotated[bool | UnsetType, Meta(description="Whether the link has a carrier.")] = UNSET
    running: Annotated[bool | UnsetType, Meta(description="Whether the host's PTP runs.")] = UNSET
    temperature_change_k: Annotated[Signed | UnsetType, Meta(description="Change of temperature, K.")] = UNSET
    frequency_change_ppb: Annotated[Ppb | UnsetType, Meta(description="Jump of the oscillator's frequency, ppb.")] = (
        UNSET
    )
    clock_step_ns: Annotated[
        Annotated[float, Meta(ge=-1e18, le=1e18)] | UnsetType,
        Meta(description="Step of the clock by another hand, ns: of a grandmaster, its time jumps."),
    ] = UNSET


class Report(Table, frozen=True):
    """Who is measured against what, and the limits that decide on the exit code."""

    hosts: Annotated[
        tuple[str, ...], Meta(description="The hosts to report; otherwise all whose clock a servo steers.")
    ] = ()
    reference: Annotated[str, Meta(description="The host whose clock is right by definition; otherwise the truth.")] = (
        ""
    )
    after: Annotated[
        Duration | UnsetType, Meta(description="What came before is left out; otherwise half of the duration.")
    ] = UNSET
    samples_per_second: Annotated[
        Annotated[float, Meta(ge=0.01, le=1000)], Meta(description="How often the true error is looked at.")
    ] = 16.0
    masks: Annotated[tuple[str, ...], Meta(description="Masks to hold every host against.")] = ()
    limit_rms_ns: Annotated[Limit | UnsetType, Meta(description="The largest RMS error of any host, ns.")] = UNSET
    limit_max_abs_te_ns: Annotated[Limit | UnsetType, Meta(description="The largest error of any host, ns.")] = UNSET
    limit_time_to_lock_s: Annotated[Limit | UnsetType, Meta(description="When every servo must be locked, s.")] = UNSET


class Scenario(Table, frozen=True, kw_only=True):
    """A whole scenario.

    ``[oscillator]``, ``[stamping]``, ``[servo]``, ``[holdover]``, ``[arbiter]`` and ``[instance.NAME]`` hold for each
    host that has none of its own.
    """

    duration: Annotated[Duration, Meta(description="How long to simulate.")]
    title: Annotated[str, Meta(description="One line on what it shows.")] = ""
    seed: Annotated[int, Meta(ge=0, le=2**32, description="The first seed: the same seed gives the same run.")] = 1
    seeds: Annotated[int, Meta(ge=1, le=10_000, description="How many runs, each with the next seed.")] = 1
    oscillator: Oscillator = field(default_factory=Oscillator)
    stamping: Stamping = field(default_factory=Stamping)
    servo: Servo = field(default_factory=Servo)
    holdover: Holdover = field(default_factory=Holdover)
    arbiter: Arbiter = field(default_factory=Arbiter)
    instance: Annotated[dict[str, Instance], Meta(description="Instances.")] = field(default_factory=dict)
    host: Annotated[dict[str, Host], Meta(description="Hosts, `[host.NAME]` each.")] = field(default_factory=dict)
    link: Annotated[tuple[Link, ...], Meta(description="Links, `[[link]]` each.")] = ()
    star: Annotated[tuple[Star, ...], Meta(description="Stars, `[[star]]` each.")] = ()
    chain: Annotated[tuple[Chain, ...], Meta(description="Chains, `[[chain]]` each.")] = ()
    at: Annotated[tuple[At, ...], Meta(description="The timeline, `[[at]]` each.")] = ()
    report: Report = field(default_factory=Report)


TABLES: dict[str, type[Struct]] = {
    "[oscillator]": Oscillator,
    "[stamping]": Stamping,
    "[servo]": Servo,
    "[instance.NAME]": Instance,
    "[[instance.NAME.port]]": Port,
    "[host.NAME]": Host,
    "[[link]]": Link,
    "[[star]]": Star,
    "[[chain]]": Chain,
    "[[at]]": At,
    "[report]": Report,
}
"""Every table of the file by the header that opens it."""
