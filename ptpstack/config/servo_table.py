"""The `[servo]` table of the configuration file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.table import Table


class Servo(Table, frozen=True):
    """How clocks are steered."""

    type: Annotated[
        Literal["auto", "pi", "linreg", "kalman", "bandwidth"],
        Meta(
            description=(
                "auto measures the noise and needs no constants; pi and linreg are linuxptp's; kalman knows its "
                "oscillator; bandwidth is a loop for G.8273.2."
            )
        ),
    ] = "auto"
    oscillator: Annotated[
        Literal["crystal", "tcxo", "ocxo", "rubidium"], Meta(description="What the clock runs on (kalman).")
    ] = "tcxo"
    bandwidth_hz: Annotated[
        float, Meta(ge=0.001, le=1, description="Where the transfer has fallen by 3 dB, Hz (bandwidth).")
    ] = 0.075
    max_slew_ppb: Annotated[
        float, Meta(ge=0, le=1e9, description="How fast an offset is steered away at most; 0: no limit (auto, kalman).")
    ] = 0.0
    write_phase: Annotated[
        bool,
        Meta(
            description=(
                "Let a hardware clock that can (adjphase; `ptpstack nics` tells) slew offsets away by itself; how long "
                "that takes is the hardware's, and must not be more than a Sync interval (unverified per driver)."
            )
        ),
    ] = False
    packet_selection: Annotated[
        bool, Meta(description="Use only the least delayed of each few Syncs, for networks with queues.")
    ] = False
    proportional_const: Annotated[
        float,
        Meta(ge=0, le=10, description="Proportional gain of pi; 0: computed from the Sync interval."),
    ] = 0.0
    proportional_scale: Annotated[
        float, Meta(ge=0, le=10, description="Its scale (pi); 0: 0.7 with hardware stamps, 0.1 with software ones.")
    ] = 0.0
    proportional_exponent: Annotated[float, Meta(ge=-10, le=10, description="Its power of the Sync interval.")] = -0.3
    proportional_norm_max: Annotated[
        float, Meta(gt=0, le=1, description="Its upper limit, times the Sync interval in seconds.")
    ] = 0.7
    integral_const: Annotated[
        float, Meta(ge=0, le=10, description="Integral gain of pi; 0: computed from the Sync interval.")
    ] = 0.0
    integral_scale: Annotated[
        float, Meta(ge=0, le=10, description="Its scale; 0: 0.3 with hardware stamps, 0.001 with software ones.")
    ] = 0.0
    integral_exponent: Annotated[float, Meta(ge=-10, le=10, description="Its power of the Sync interval.")] = 0.4
    integral_norm_max: Annotated[
        float, Meta(gt=0, le=2, description="Its upper limit, times the Sync interval in seconds.")
    ] = 0.3
    first_step_threshold_ns: Annotated[
        int,
        Meta(ge=0, description="Step, at the first lock only, an offset larger than this; 0: never."),
    ] = 20_000
    step_threshold_ns: Annotated[
        Annotated[int, Meta(ge=0)] | UnsetType,
        Meta(
            description=(
                "Step at any time an offset larger than this; 0: never, which is the default but in a car: there it is "
                "first_step_threshold_ns, on hardware stamps."
            )
        ),
    ] = UNSET
    max_frequency_ppb: Annotated[
        int, Meta(ge=1, le=900_000_000, description="The largest correction; the clock's own limit holds as well.")
    ] = 900_000_000
    sanity_freq_limit_ppb: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="Distrust a clock this far off CLOCK_MONOTONIC_RAW; 0: no check.")
    ] = 200_000_000
    delay_filter: Annotated[
        Literal["auto", "median", "mean", "lucky", "none"],
        Meta(
            description=(
                "Filter of the measured path delay: auto finds its length, lucky takes the least (for queues), "
                "median and mean are linuxptp's."
            )
        ),
    ] = "auto"
    delay_filter_length: Annotated[
        int, Meta(ge=1, le=1000, description="Its length in measurements (median, mean, lucky).")
    ] = 10
