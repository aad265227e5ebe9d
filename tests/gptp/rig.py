"""One instance before a neighbour that a test makes up: what the test wants is answered, early, late, or never.

A relay has *more_ports* with nobody there: what is sent on them is seen by its source's port number.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, TypeVar

from ptpstack.engine.outputs import Measurement, Output, Send
from ptpstack.events import Event
from ptpstack.gptp.instance import GptpInstance
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.port import GptpPort
from ptpstack.gptp.settings import GptpPortSettings, GptpSettings, LinkSettings
from ptpstack.servo.filters import MovingMedian
from ptpstack.time import (
    MICROSECOND,
    SECOND,
    LocalTime,
    MonotonicTime,
    PtpTime,
    TimeInterval,
    interval_from_ns,
    interval_from_seconds,
)
from ptpstack.wire.message import Flag, Message
from ptpstack.wire.messages import (
    Announce,
    FollowUp,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Signaling,
    Sync,
)
from ptpstack.wire.tlvs import FollowUpInformation, GptpCapable, PathTrace
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

OWN = ClockIdentity(b"\x02\0\0\xff\xfe\0\0\x05")
NEIGHBOR = PortIdentity(ClockIdentity(b"\x02\0\0\xff\xfe\0\0\x01"), 1)
STRANGER = PortIdentity(ClockIdentity(b"\x02\0\0\xff\xfe\0\0\x02"), 1)

E = TypeVar("E", bound=Event)
M = TypeVar("M", bound=Message)
Timed = tuple[TimeInterval, Message, bool]
"""After which time, what, and whether it has a stamp."""
Strategy = Callable[["Rig", PdelayReq], list[Timed]]


def answers(
    *,
    source: PortIdentity = NEIGHBOR,
    sequence_offset: int = 0,
    late: float = 0.0,
    follow_up: bool = True,
    minor_version_ptp: int = 1,
) -> Strategy:
    """Return a neighbour's way to answer: as it should but for what is given."""

    def answer(rig: Rig, request: PdelayReq) -> list[Timed]:
        turnaround, delay = 500 * MICROSECOND, rig.link_delay
        received = rig.neighbor_time(rig.now + delay)
        left = rig.neighbor_time(rig.now + delay + turnaround)
        common: dict[str, Any] = {
            "major_sdo_id": request.major_sdo_id,
            "minor_version_ptp": minor_version_ptp,
            "domain_number": request.domain_number,
            "source_port_identity": source,
            "sequence_id": (request.sequence_id + sequence_offset) & 0xFFFF,
            "requesting_port_identity": request.source_port_identity,
        }
        whole, fraction = whole_ns(received)
        response = PdelayResp(
            flag_field=Flag.TWO_STEP, request_receipt_timestamp=whole, correction_field=fraction, **common
        )
        whole, fraction = whole_ns(left)
        follower = PdelayRespFollowUp(response_origin_timestamp=whole, correction_field=fraction, **common)
        after = 2 * delay + turnaround + interval_from_seconds(late)
        timed: list[Timed] = [(after, response, True)]
        if follow_up:
            timed.append((after + 100 * MICROSECOND, follower, False))
        return timed

    return answer


def nothing(_rig: Rig, _request: PdelayReq) -> list[Timed]:
    return []


def whole_ns(instant: PtpTime) -> tuple[PtpTime, TimeInterval]:
    fraction = int(instant) & 0xFFFF
    return instant - fraction, fraction


class Rig:
    """*instance* with one port before the neighbour; the local clock reads the time of the rig."""

    def __init__(
        self,
        *,
        link_delay_ns: float = 300.0,
        neighbor_rate_ppm: float = 8.0,
        strategy: Strategy | None = None,
        domain: int = 0,
        link: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        more_ports: Sequence[GptpPortSettings] = (),
        **port: Any,
    ) -> None:
        self.now = MonotonicTime(1000 * SECOND)
        self.link_delay = interval_from_ns(link_delay_ns)
        self.neighbor_rate = 1.0 + neighbor_rate_ppm * 1e-6
        self.neighbor_ahead: TimeInterval = 0
        self.strategy = strategy or answers()
        self.sent: list[tuple[MonotonicTime, Message]] = []
        self.events: list[Event] = []
        self.measurements: list[Measurement] = []
        self.loses_stamps = False
        self.domain = domain
        self.instance = GptpInstance(
            GptpSettings(clock_identity=OWN, domain_number=domain, **(settings or {})),
            [GptpPortSettings(link=LinkSettings(port_number=1, **(link or {})), **port), *more_ports],
            delay_filter=MovingMedian,
        )
        self._arriving: list[tuple[MonotonicTime, int, Message, bool]] = []
        self._count = count()
        self.take(self.instance.start(self.now))
        self.take(self.instance.handle_deadline(self.now))

    @property
    def port(self) -> GptpPort:
        return self.instance.ports[1]

    @property
    def link(self) -> LinkPort:
        return self.port.link

    def local(self, now: MonotonicTime) -> LocalTime:
        return LocalTime(int(now))

    def neighbor_time(self, now: MonotonicTime) -> PtpTime:
        return PtpTime(round((int(now) - 1000 * SECOND) * self.neighbor_rate) + 5000 * SECOND + self.neighbor_ahead)

    # -- what happens --------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        end = self.now + interval_from_seconds(seconds)
        while True:
            arriving = self._arriving[0][0] if self._arriving else None
            deadline = self.instance.next_deadline()
            due = min((at for at in (arriving, deadline) if at is not None), default=None)
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            if arriving is not None and arriving <= self.now:
                _, _, message, stamped = heapq.heappop(self._arriving)
                self.receive(message, stamped=stamped)
            else:
                self.take(self.instance.handle_deadline(self.now))
        self.now = end

    def receive(self, message: Message, *, stamped: bool) -> None:
        stamp = self.local(self.now) if stamped else None
        self.take(self.instance.receive(1, message, stamp, self.now))

    def deliver(self, message: Message, *, after: TimeInterval = 0, stamped: bool = False) -> None:
        heapq.heappush(self._arriving, (self.now + after, next(self._count), message, stamped))

    def take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self.sent.append((self.now, output.message))
                if output.context is not None:
                    stamp = None if self.loses_stamps else self.local(self.now)
                    self.take(self.instance.transmitted(output.port_number, output.context, stamp, self.now))
                if isinstance(output.message, PdelayReq) and output.port_number == 1:
                    for after, message, stamped in self.strategy(self, output.message):
                        self.deliver(message, after=after, stamped=stamped)
            elif isinstance(output, Measurement):
                self.measurements.append(output)
            else:
                self.events.append(output)

    # -- what the neighbour says -----------------------------------------------------------------------

    def header(self, source: PortIdentity = NEIGHBOR, **fields: Any) -> dict[str, Any]:
        return {"major_sdo_id": 1, "domain_number": self.domain, "source_port_identity": source, **fields}

    def says_capable(self, log_interval: int = 0) -> None:
        self.receive(Signaling(**self.header(), tlvs=(GptpCapable(log_interval),)), stamped=False)

    def announces(
        self,
        *,
        source: PortIdentity = NEIGHBOR,
        priority1: int = 100,
        path: tuple[ClockIdentity, ...] | None = None,
        grandmaster: ClockIdentity = NEIGHBOR.clock_identity,
        **fields: Any,
    ) -> None:
        trace = (PathTrace((grandmaster,) if path is None else path),)
        announce = Announce(
            **self.header(source),
            **({"log_message_interval": 0, "tlvs": trace} | fields),
            grandmaster_priority1=priority1,
            grandmaster_clock_quality=ClockQuality(248, 0xFE, 0x436A),
            grandmaster_priority2=248,
            grandmaster_identity=grandmaster,
        )
        self.receive(announce, stamped=False)

    def syncs(
        self,
        sequence_id: int,
        *,
        source: PortIdentity = NEIGHBOR,
        follow_up: bool = True,
        information: FollowUpInformation | None = None,
        log_message_interval: int = -3,
        correction: TimeInterval = 0,
    ) -> None:
        origin, fraction = whole_ns(self.neighbor_time(self.now - self.link_delay))
        header = self.header(source, sequence_id=sequence_id, log_message_interval=log_message_interval)
        self.receive(Sync(flag_field=Flag.TWO_STEP, correction_field=correction, **header), stamped=True)
        if follow_up:
            tlvs, corrected = (information or FollowUpInformation(),), correction + fraction
            follower = FollowUp(precise_origin_timestamp=origin, correction_field=corrected, tlvs=tlvs, **header)
            self.receive(follower, stamped=False)

    def becomes_capable(self, seconds: float = 3.0) -> None:
        self.says_capable()
        self.run(seconds)
        assert self.port.variables.as_capable

    # -- what came out -----------------------------------------------------------------------------------

    def sent_of(self, kind: type[M], *, since: MonotonicTime | None = None) -> list[M]:
        return [message for at, message in self.sent if isinstance(message, kind) and (since is None or at >= since)]

    def times_of(self, kind: type[Message]) -> Iterator[float]:
        return ((at - 1000 * SECOND) / SECOND for at, message in self.sent if isinstance(message, kind))

    def events_of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]
