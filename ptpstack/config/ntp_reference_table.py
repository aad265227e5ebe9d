"""The `[[ntp.reference]]` table of the configuration file."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.table import Table

ReferenceType: TypeAlias = Literal["gpsd", "sock", "shm", "pps", "nmea", "ubx"]
FileMode: TypeAlias = Annotated[int, Meta(ge=0, le=0o777)]


class NtpReference(Table, frozen=True):
    """A reference clock beside the NTP servers: a receiver, or another program, that stamps by the system clock."""

    name: Annotated[str, Meta(min_length=1, max_length=32, description="What it is called; no other has the name.")]
    type: Annotated[
        ReferenceType,
        Meta(
            description=(
                "gpsd (its PPS and TOFF reports), sock (samples sent to a socket of ours, as to chrony), shm (samples "
                "in shared memory, as for ntpd), pps (a kernel's /dev/ppsN), nmea and ubx (a receiver's serial port)."
            )
        ),
    ]
    path: Annotated[
        str, Meta(description="The socket to make (sock), the device (pps), the serial port (nmea, ubx).")
    ] = ""
    unit: Annotated[int, Meta(ge=0, le=255, description="Number of the shared segment (shm); 0 and 1 are root's.")] = 2
    mode: Annotated[FileMode, Meta(description="Who may write to it: its file mode (sock, shm).")] = 0o600
    group: Annotated[str, Meta(description="Group of the socket, by name (sock); empty: that of this program.")] = ""
    gpsd_port: Annotated[int, Meta(ge=1, le=65535, description="TCP port of this host's gpsd (gpsd).")] = 2947
    device: Annotated[str, Meta(description="Only this receiver of gpsd, as /dev/ttyS0 (gpsd); empty: any.")] = ""
    baud_rate: Annotated[int, Meta(ge=50, le=4_000_000, description="Speed of the serial port (nmea, ubx).")] = 9600
    edge: Annotated[
        Literal["assert", "clear"], Meta(description="Which edge of the pulse begins the second (pps).")
    ] = "assert"
    log_interval: Annotated[
        int,
        Meta(ge=0, le=8, description="Interval of which the reading in the middle counts, log2 seconds."),
    ] = 2
    offset_ns: Annotated[
        int, Meta(ge=-(10**9), le=10**9, description="Added to its offsets (local - reference): half a known error.")
    ] = 0
    delay_ns: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000_000)] | UnsetType,
        Meta(
            description=(
                "How late after its second a message comes (nmea, ubx, TOFF of gpsd); unset: 250 ms, which suits "
                "anything up to half a second: unverified."
            )
        ),
    ] = UNSET
    accuracy_ns: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000_000)] | UnsetType,
        Meta(
            description=(
                "How wrong it may be, which is its vote; unset: 10 us for pulses and samples, 250 ms for messages: "
                "unverified. Of gpsd it means the pulses, or with delay_ns the messages."
            )
        ),
    ] = UNSET
    reference_id: Annotated[
        str, Meta(max_length=4, pattern="^[ -~]*$", title="at most 4 letters", description="Its short name for NTP.")
    ] = ""
    prefer: Annotated[bool, Meta(description="Use it, while it agrees with the majority, instead of others.")] = False
    trust: Annotated[bool, Meta(description="Let the trusted sources alone decide who is right.")] = False
    require: Annotated[bool, Meta(description="Steer only while one of the required sources agrees.")] = False
    noselect: Annotated[bool, Meta(description="Only watch it.")] = False
