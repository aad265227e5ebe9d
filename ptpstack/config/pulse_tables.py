"""The keys of `[source.NAME]` and `[output.NAME]`: pulses that a hardware clock takes in and sends out."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ptpstack.config.port_table import Nanoseconds, Octet
from ptpstack.config.table import Table


class PulseSource(Table, frozen=True):
    """A pulse per second on an input of a hardware clock, and what tells which second it is; NAME is free.

    It steers the clock, before any instance. The grandmasters on that clock announce what it is worth: their
    clock_accuracy and offset_scaled_log_variance hold while it is locked, and count as unknown otherwise.
    """

    type: Annotated[Literal["pps"], Meta(description="The kind of source.")]
    clock: Annotated[str, Meta(description="The hardware clock: /dev/ptpN, or the NAME of a `[clock.NAME]`.")]
    channel: Annotated[int, Meta(ge=0, le=255, description="Its external timestamp channel.")] = 0
    pin: Annotated[
        str, Meta(description="The pin to put on that channel, by name or index; empty: as it is wired or set.")
    ] = ""
    time_of_day: Annotated[
        Literal["gpsd", "nmea", "ubx", "system"],
        Meta(
            description=(
                "What names the seconds: gpsd, a receiver's NMEA sentences or UBX messages (whose TIM-TP corrects each "
                "pulse), or the system clock (NTP)."
            )
        ),
    ] = "system"
    gpsd_host: Annotated[str, Meta(min_length=1, description="Where gpsd runs (time_of_day gpsd).")] = "127.0.0.1"
    gpsd_port: Annotated[int, Meta(ge=1, le=65535, description="Its TCP port (time_of_day gpsd).")] = 2947
    serial_port: Annotated[str, Meta(description="The receiver's serial port (nmea, ubx).")] = ""
    baud_rate: Annotated[int, Meta(ge=50, le=4_000_000, description="Its speed (nmea, ubx).")] = 9600
    time_of_day_delay_ns: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000,
            description="From a pulse to what names its second; the default suits any below 1 s (nmea, ubx, gpsd).",
        ),
    ] = 500_000_000
    correction_ns: Annotated[
        Nanoseconds, Meta(description="Added to each stamp: minus the delay of cable, receiver and input.")
    ] = 0
    reference_grade: Annotated[
        Literal["prtc", "eprtc"],
        Meta(
            description=(
                "What the receiver is good for, by ITU-T G.8272 (100 or 40 ns) or G.8272.1 (30 ns); profiles with a "
                "table of clock qualities announce by it, instead of the three keys below."
            )
        ),
    ] = "prtc"
    locked_clock_class: Annotated[
        Octet, Meta(description="clockClass of the grandmasters on this clock while it is locked to the pulses.")
    ] = 6
    holdover_clock_class: Annotated[Octet, Meta(description="clockClass for a while after the pulses stopped.")] = 7
    holdover_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="How long; then clock_class of the instance holds. What an oscillator is good for: unverified.",
        ),
    ] = 300


class PulseOutput(Table, frozen=True):
    """Pulses that a hardware clock sends out; NAME is free."""

    clock: Annotated[str, Meta(description="The hardware clock: /dev/ptpN, or the NAME of a `[clock.NAME]`.")]
    channel: Annotated[int, Meta(ge=0, le=255, description="Its periodic output channel.")] = 0
    pin: Annotated[
        str, Meta(description="The pin to put on that channel, by name or index; empty: as it is wired or set.")
    ] = ""
    period_ns: Annotated[int, Meta(ge=1, le=10**12, description="From one rising edge to the next; 1 s is a PPS.")] = (
        1_000_000_000
    )
    width_ns: Annotated[int, Meta(ge=0, le=10**12, description="Length of a pulse; 0 leaves it to the hardware.")] = 0
