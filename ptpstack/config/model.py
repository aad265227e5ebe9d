"""The one typed model of the configuration: every table, whose keys have their type, range, default and meaning.

TOML is converted into these structs, and ``ptpstack check --schema`` and docs/config.md are made from them.
``UNSET`` means that the profile, or else the standard, decides (``fill``).
What does not live here: the keys of each table (``*_table``), reading files and saying what is wrong (``load``),
rules between keys (``rules``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct, field

from ptpstack.config.arbiter_table import Arbiter
from ptpstack.config.autosar_table import Autosar, AutosarOffset
from ptpstack.config.clock_table import Clock
from ptpstack.config.holdover_table import Holdover, Time
from ptpstack.config.hot_standby_table import HotStandby
from ptpstack.config.instance_table import Instance
from ptpstack.config.ntp_reference_table import NtpReference
from ptpstack.config.ntp_server_table import NtpServer, NtpServerNts
from ptpstack.config.ntp_table import Ntp, NtpSource
from ptpstack.config.port_table import AcceptableMaster, Port
from ptpstack.config.process_tables import Control, LeapSeconds, Log, Realtime, State
from ptpstack.config.pulse_tables import PulseOutput, PulseSource
from ptpstack.config.servo_table import Servo
from ptpstack.config.signal_fail_table import SignalFailTable
from ptpstack.config.sink_table import Sink
from ptpstack.config.synce_table import SyncE, SyncEInput, SyncEPort
from ptpstack.config.table import Table
from ptpstack.config.unicast_table import UnicastMaster, UnicastService

ALIASES = {"time_receiver_only": "slave_only", "time_transmitter_only": "master_only"}
"""IEEE 1588g-2022 spellings that are read as the key they stand for."""


BASES: dict[str, Callable[[int], str]] = {
    "sdo_id": hex,
    "clock_accuracy": hex,
    "offset_scaled_log_variance": hex,
    "mode": oct,
}
"""Keys whose numbers people write in another base."""


def written(key: str, value: str | float) -> str:
    """Return *value* as it would be written behind *key* (a name or a path) in the file."""
    base = BASES.get(key.rpartition(".")[2])
    return base(value) if base and isinstance(value, int) else json.dumps(value, ensure_ascii=False)


class Config(Table, frozen=True):
    """A whole configuration file."""

    instance: Annotated[dict[str, Instance], Meta(description="The PTP instances, `[instance.NAME]` each.")] = field(
        default_factory=dict
    )
    clock: Annotated[dict[str, Clock], Meta(description="Clocks of this host, `[clock.NAME]` each.")] = field(
        default_factory=dict
    )
    source: Annotated[dict[str, PulseSource], Meta(description="References, `[source.NAME]` each.")] = field(
        default_factory=dict
    )
    output: Annotated[dict[str, PulseOutput], Meta(description="Pulses sent, `[output.NAME]` each.")] = field(
        default_factory=dict
    )
    synce: SyncE = field(default_factory=SyncE)
    sink: Annotated[dict[str, Sink], Meta(description="Where the time is told, `[sink.NAME]` each.")] = field(
        default_factory=dict
    )
    hot_standby: HotStandby = field(default_factory=HotStandby)
    ntp: Ntp = field(default_factory=Ntp)
    servo: Servo = field(default_factory=Servo)
    arbiter: Arbiter = field(default_factory=Arbiter)
    holdover: Holdover = field(default_factory=Holdover)
    time: Time = field(default_factory=Time)
    leap_seconds: LeapSeconds = field(default_factory=LeapSeconds)
    log: Log = field(default_factory=Log)
    control: Control = field(default_factory=Control)
    state: State = field(default_factory=State)
    realtime: Realtime = field(default_factory=Realtime)


TABLES: dict[str, type[Struct]] = {
    "[instance.NAME]": Instance,
    "[[instance.NAME.port]]": Port,
    "[[instance.NAME.port.unicast_master]]": UnicastMaster,
    "[instance.NAME.port.unicast_service]": UnicastService,
    "[[instance.NAME.acceptable_master]]": AcceptableMaster,
    "[instance.NAME.signal_fail]": SignalFailTable,
    "[instance.NAME.autosar]": Autosar,
    "[[instance.NAME.autosar.offset]]": AutosarOffset,
    "[clock.NAME]": Clock,
    "[source.NAME]": PulseSource,
    "[output.NAME]": PulseOutput,
    "[synce]": SyncE,
    "[[synce.port]]": SyncEPort,
    "[[synce.input]]": SyncEInput,
    "[hot_standby]": HotStandby,
    "[sink.NAME]": Sink,
    "[ntp]": Ntp,
    "[[ntp.source]]": NtpSource,
    "[[ntp.reference]]": NtpReference,
    "[ntp.server]": NtpServer,
    "[ntp.server.nts]": NtpServerNts,
    "[servo]": Servo,
    "[arbiter]": Arbiter,
    "[holdover]": Holdover,
    "[time]": Time,
    "[leap_seconds]": LeapSeconds,
    "[log]": Log,
    "[control]": Control,
    "[state]": State,
    "[realtime]": Realtime,
}
"""Every table of the file by the header that opens it."""
