"""Links between ports: delay, asymmetry, jitter, loss, duplication, late delivery, down and up.

A link joins two ports, or more as a hub does. It carries bytes and knows nothing of PTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from ptpstack.sim.scheduler import Scheduler
from ptpstack.time import TimeInterval, interval_from_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConditions:
    """How a link treats frames, each for itself. Times in ns, probabilities 0…1.

    From a port listed earlier to one listed later a frame takes *delay_ns* + *asymmetry_ns*, back
    *delay_ns* - *asymmetry_ns*. *jitter_ns* is the mean of an exponential queueing delay on top, seen by the
    stamps. *load* is the share of time the link is busy with other frames, of *service_ns* each on the mean, behind
    which a frame must queue: the waiting time of an M/M/1 queue. *reorder* holds a frame back by *reorder_delay_ns*
    after it was stamped, as between the queues of a receiver; *duplication* brings it again after
    *duplicate_delay_ns*, stamped anew.
    """

    delay_ns: float = 500.0
    asymmetry_ns: float = 0.0
    jitter_ns: float = 0.0
    load: float = 0.0
    service_ns: float = 10_000.0
    loss: float = 0.0
    duplication: float = 0.0
    duplicate_delay_ns: float = 100_000.0
    reorder: float = 0.0
    reorder_delay_ns: float = 2_000_000.0


class Attachment(Protocol):
    """The end of a link: a port of a host. It serves as its own address."""

    def __hash__(self) -> int:
        """Tell it from the others on the link."""

    def frame_arrived(self, payload: bytes, source: Attachment, held_back: TimeInterval) -> None:
        """Stamp the frame now; hand it to the program after *held_back*."""

    def link_changed(self, up: bool) -> None:
        """The carrier came or went."""


class Link:
    """A wire between *ports*; change ``conditions`` at any time."""

    def __init__(
        self, scheduler: Scheduler, ports: tuple[Attachment, ...], conditions: LinkConditions, random: Random
    ) -> None:
        self.conditions = conditions
        self.up = True
        self._scheduler = scheduler
        self._place = {port: place for place, port in enumerate(ports)}
        self._random = random
        self._carrier = 0  # counts the times it went down: frames on the way do not survive that

    def set_up(self, up: bool) -> None:
        """Take the link down or bring it up; its ports notice at once."""
        if up == self.up:
            return
        self.up = up
        self._carrier += not up
        for port in self._place:
            port.link_changed(up)

    def joins(self, port: Attachment) -> bool:
        """Whether *port* is an end of it."""
        return port in self._place

    def transmit(self, payload: bytes, source: Attachment, destination: Attachment | None = None) -> None:
        """Carry *payload* from *source* to *destination*, or to every other port."""
        if not self.up:
            return
        sender = self._place[source]
        if destination is None:
            for port, place in self._place.items():
                if place != sender:
                    self._carry(payload, source, port, 1 if place > sender else -1)
        elif (place := self._place.get(destination, sender)) != sender:
            self._carry(payload, source, destination, 1 if place > sender else -1)

    def _carry(self, payload: bytes, source: Attachment, port: Attachment, direction: int) -> None:
        conditions, chance = self.conditions, self._random.random
        if conditions.loss and chance() < conditions.loss:
            return
        delay_ns = conditions.delay_ns + direction * conditions.asymmetry_ns
        if conditions.jitter_ns:
            delay_ns += self._random.expovariate(1 / conditions.jitter_ns)
        if conditions.load and chance() < conditions.load:
            delay_ns += self._random.expovariate((1 - conditions.load) / conditions.service_ns)
        held_back: TimeInterval = 0
        if conditions.reorder and chance() < conditions.reorder:
            held_back = interval_from_ns(conditions.reorder_delay_ns)
        arrival = (payload, source, port, held_back, self._carrier)
        self._scheduler.after(interval_from_ns(delay_ns), self._arrive, *arrival)
        if conditions.duplication and chance() < conditions.duplication:
            self._scheduler.after(interval_from_ns(delay_ns + conditions.duplicate_delay_ns), self._arrive, *arrival)

    def _arrive(
        self, payload: bytes, source: Attachment, port: Attachment, held_back: TimeInterval, carrier: int
    ) -> None:
        if carrier == self._carrier:
            port.frame_arrived(payload, source, held_back)
