"""What the engine asks for and tells: the outputs of every input, in order.

Every input method of an engine (``core.instance``, ``core.transparent_clock``, those of ``gptp``) returns
``list[Output]``. A driver (the daemon, the simulator) carries out each ``Send``, hands each ``Measurement`` to the
arbiter and each ``Event`` to the recorder. It adds no protocol rule.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from typing import NamedTuple, TypeAlias

import msgspec

from ptpstack.engine.unicast_slot import Slot
from ptpstack.events import Event
from ptpstack.time import LocalTime, PtpTime, TimeInterval
from ptpstack.wire.message import Message
from ptpstack.wire.types import ClockIdentity, MessageType, PortIdentity


class Destination(Enum):
    """Which group a message goes to (IEEE 1588-2019 Annexes C, D, E); unicast answers carry an address."""

    PRIMARY = "primary"
    PEER_DELAY = "peer delay"


class Send(msgspec.Struct):
    """Transmit *message* on *port_number*.

    With a *context* the frame is an event message: report its egress stamp, or ``None`` once it is
    known lost, by ``transmitted(port_number, context, stamp, now)`` exactly once. An event
    message without one is a one-step Sync: the NIC writes the egress instant into it.
    *address* is what the driver gave as the source of the frame that this one answers by unicast.
    """

    port_number: int
    message: Message
    destination: Destination = Destination.PRIMARY
    context: int | None = None
    address: Hashable = None


class GrandmasterRank(NamedTuple):
    """How good a grandmaster says it is, and how far away it is: the less, the better, from the first field on."""

    clock_class: int
    clock_accuracy: int
    steps_removed: int

    def __str__(self) -> str:
        quality = f"clockClass {self.clock_class}, clockAccuracy {self.clock_accuracy:#04x}"
        return f"{quality}, stepsRemoved {self.steps_removed}"


class EarlierOffset(NamedTuple):
    """What the *offset* from the master was at the instant *local*."""

    offset: TimeInterval
    local: LocalTime


class Measurement(msgspec.Struct, kw_only=True):
    """One corrected Sync of the parent, with the path delay known when it came.

    ``offset_from_master`` is local − master; ``t1`` includes correctionField, latencies and asymmetry
    (IEEE 1588-2019 11.2). ``t3``/``t4`` are those of the newest complete E2E exchange. The four from
    ``grandmaster_identity`` on are what the grandmaster announces (8.2.2 to 8.2.4).
    """

    port_number: int
    parent_port_identity: PortIdentity
    t1: PtpTime
    t2: LocalTime
    offset_from_master: TimeInterval
    mean_delay: TimeInterval
    log_sync_interval: int
    t3: LocalTime | None = None
    t4: PtpTime | None = None
    grandmaster_identity: ClockIdentity | None = None
    """Whose time it is in the end; None: no grandmaster's."""
    ptp_timescale: bool | None = None
    """Whether that is TAI (true), or an arbitrary timescale (false); None: nobody tells."""
    time_traceable: bool | None = None
    rank: GrandmasterRank | None = None
    earlier: EarlierOffset | None = None
    """Only of the first measurement of a parent: an offset by what it had sent half a Sync interval or more before."""
    is_utc: bool = False
    """That the source speaks of UTC by definition, whatever the offset looks like: NTP does."""


class UnicastBatch(msgspec.Struct):
    """Transmit a message of *message_type* on *port_number* to every client of *slot*, whose turn this is.

    Only a driver that said so (``UnicastServiceSettings.batched``) gets these; ``unicast_batch`` has the octets.
    """

    port_number: int
    message_type: MessageType
    slot: Slot
    turn: int


Output: TypeAlias = Send | Measurement | UnicastBatch | Event
