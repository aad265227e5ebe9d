"""A client in virtual time: servers, networks and a local clock whose error is known.

The same association and selection that the daemon drives; nothing here knows a rule of the protocol.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from ntp.client.association import Association
from ntp.client.outputs import Output, Send
from ntp.client.sample import Sample, StampSource
from ntp.client.settings import AssociationSettings
from ntp.keys import Key
from ntp.wire.packet import Leap, Mac, Mode, Packet, decode, encode, encode_without_mac
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND, MonotonicTime, TimeInterval, UtcTime

START = 1_795_000_000 * SECOND
"""True time when the world begins (2026)."""


class SimulatedClock:
    """Local − true time is *offset* at first and grows with *frequency_ppb*, which *wander* may change each second."""

    def __init__(self, offset: TimeInterval = 0, frequency_ppb: float = 0.0) -> None:
        self.offset = offset
        self.frequency_ppb = frequency_ppb
        self._since: TimeInterval = 0

    def advance(self, elapsed: TimeInterval) -> None:
        self.offset += round((elapsed - self._since) * self.frequency_ppb * 1e-9)
        self._since = elapsed

    def read(self, elapsed: TimeInterval) -> UtcTime:
        self.advance(elapsed)
        return UtcTime(START + elapsed + self.offset)


def constant(delay: TimeInterval) -> Callable[[Random], TimeInterval]:
    return lambda _random: delay


def queues(least: TimeInterval, mean_wait: TimeInterval) -> Callable[[Random], TimeInterval]:
    """A path with a fixed part and waits in queues that are exponentially distributed."""
    return lambda random: least + round(random.expovariate(1) * mean_wait)


FIVE_MILLISECONDS = constant(5 * MILLISECOND)


@dataclass
class Server:
    """A server that is wrong by *offset* (server − true), reached by two paths."""

    name: str
    offset: TimeInterval = 0
    there: Callable[[Random], TimeInterval] = FIVE_MILLISECONDS
    back: Callable[[Random], TimeInterval] = FIVE_MILLISECONDS
    stratum: int = 1
    leap: Leap = Leap.NONE
    root_dispersion: int = 66  # 1 ms
    loss: float = 0.0
    interleaved: bool = False
    stamp_delay: TimeInterval = 0
    """How much later than T3 says a reply leaves: what a server's own stamp misses, and interleaved mode tells."""
    key: Key | None = None
    kiss: str = ""
    requests: list[Packet] = field(default_factory=list)
    _left: dict[int, int] = field(default_factory=dict)

    def reply(self, octets: bytes, came: UtcTime, leaves: UtcTime) -> bytes | None:
        request = decode(octets)
        self.requests.append(request)
        if self.kiss:
            reply = Packet(leap=Leap.UNSYNCHRONIZED, version=request.version, mode=Mode.SERVER, poll=request.poll)
            reply.reference_id = self.kiss.encode()
            reply.origin_timestamp = request.transmit_timestamp
        else:
            reply = self._answer(request, came, leaves)
        if self.key is not None and request.mac is not None:
            reply.mac = Mac(self.key.key_id, self.key.digest(encode_without_mac(reply)))
        return encode(reply)

    def _answer(self, request: Packet, came: UtcTime, leaves: UtcTime) -> Packet:
        reply = Packet(
            leap=self.leap,
            version=request.version,
            mode=Mode.SERVER,
            stratum=self.stratum,
            precision=-25,
            root_dispersion=self.root_dispersion,
            reference_id=b"GPS\0",
            reference_timestamp=ntp_from_utc(came),
            origin_timestamp=request.transmit_timestamp,
            receive_timestamp=ntp_from_utc(came),
            transmit_timestamp=ntp_from_utc(leaves),
        )
        left = self._left.pop(request.origin_timestamp, None)
        if self.interleaved and left is not None and request.receive_timestamp != request.transmit_timestamp:
            reply.origin_timestamp, reply.transmit_timestamp = request.receive_timestamp, left
        self._left[reply.receive_timestamp] = ntp_from_utc(leaves + self.stamp_delay)
        return reply


class World:
    """One client machine with a clock, and an association with each of *servers*."""

    def __init__(
        self,
        clock: SimulatedClock,
        servers: Iterable[Server],
        *,
        seed: int = 1,
        wander_ppb: float = 0.0,
        settings: dict[str, object] | None = None,
        stamps: StampSource = StampSource.KERNEL,
    ) -> None:
        self.clock = clock
        self.random = Random(seed)
        self.elapsed: TimeInterval = 0
        self.outputs: list[tuple[str, Output]] = []
        self.servers = {server.name: server for server in servers}
        self._queue: list[tuple[TimeInterval, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._stamps = stamps
        self._armed: dict[str, TimeInterval] = {}
        self.associations = {
            name: Association(
                AssociationSettings(name=name, stamps=stamps, **(settings or {})),  # type: ignore[arg-type]
                random_bits=self.random.getrandbits,
                random=self.random.random,
            )
            for name in self.servers
        }
        if wander_ppb:
            self._wander(wander_ppb)

    @property
    def now(self) -> MonotonicTime:
        return MonotonicTime(self.elapsed)

    def local(self) -> UtcTime:
        return self.clock.read(self.elapsed)

    def start(self) -> None:
        for name, association in self.associations.items():
            self.carry_out(name, association.start(self.now))

    def run(self, seconds: float) -> None:
        end = self.elapsed + round(seconds * SECOND)
        while self._queue and self._queue[0][0] <= end:
            self.elapsed, _, action = heapq.heappop(self._queue)
            action()
        self.elapsed = end

    def at(self, when: TimeInterval, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._numbers), action))

    def step_clock(self, delta: TimeInterval) -> None:
        self.clock.advance(self.elapsed)
        self.clock.offset += delta
        for association in self.associations.values():
            association.clock_stepped(delta)

    def set_frequency(self, change_ppb: float) -> None:
        local = self.local()
        self.clock.frequency_ppb += change_ppb
        for association in self.associations.values():
            association.frequency_changed(change_ppb, local)

    def samples(self, name: str) -> list[Sample]:
        return [output for of, output in self.outputs if of == name and isinstance(output, Sample)]

    def events(self, kind: type) -> list[object]:
        return [output for _, output in self.outputs if isinstance(output, kind)]

    def carry_out(self, name: str, outputs: list[Output]) -> None:
        for output in outputs:
            self.outputs.append((name, output))
            if isinstance(output, Send):
                self._send(name, output)
        self._arm(name)

    def _send(self, name: str, send: Send) -> None:
        server, association = self.servers[name], self.associations[name]
        self.carry_out(name, association.transmitted(send.context, self.local(), self._stamps, self.now))
        if self.random.random() < server.loss:
            return
        arrival = self.elapsed + server.there(self.random)
        residence = 20 * MICROSECOND

        def answer() -> None:
            true = START + arrival
            octets = server.reply(send.octets, UtcTime(true + server.offset), UtcTime(true + server.offset + residence))
            if octets is not None and self.random.random() >= server.loss:
                back = arrival + residence + server.stamp_delay + server.back(self.random)
                self.at(back, lambda: self.deliver(name, octets))

        self.at(arrival, answer)

    def deliver(self, name: str, octets: bytes) -> None:
        outputs = self.associations[name].receive(octets, self.local(), self._stamps, self.now)
        self.carry_out(name, outputs)

    def rearm(self) -> None:
        """Call the associations when they want it now, should something else have changed their minds."""
        for name in self.associations:
            self._arm(name)

    def _arm(self, name: str) -> None:
        deadline = self.associations[name].next_deadline()
        if deadline is None or self._armed.get(name) == int(deadline):
            return
        self._armed[name] = when = int(deadline)

        def fire() -> None:
            if self._armed.get(name) == when:
                self._armed.pop(name)
                self.carry_out(name, self.associations[name].handle_deadline(self.now))

        self.at(max(when, self.elapsed), fire)

    def _wander(self, wander_ppb: float) -> None:
        self.clock.advance(self.elapsed)
        self.clock.frequency_ppb += self.random.gauss(0, wander_ppb)
        self.at(self.elapsed + SECOND, lambda: self._wander(wander_ppb))


def ms(interval: TimeInterval) -> float:
    return interval / MILLISECOND


def us(interval: TimeInterval) -> float:
    return interval / (1000 * NANOSECOND)
