"""An association on real sockets in a node, measuring a clock that is wrong by design."""

from __future__ import annotations

import select
import socket
import time
from random import SystemRandom

from hw.clock import Clock
from hw.timestamping import Timestamping
from lab.namespaces import Node
from ntp.client.association import Association
from ntp.client.outputs import Output, Send
from ntp.client.sample import Sample, StampSource
from ntp.client.settings import AssociationSettings
from ntp.transport import Address, ClientSocket, NotSentError, StampKeeper
from ptpstack.time import NANOSECOND, MonotonicTime, UtcTime, interval_to_seconds

CHANCE = SystemRandom()


def address(host: str, port: int = 123) -> Address:
    return Address(socket.AF_INET6, (host, port, 0, 0)) if ":" in host else Address(socket.AF_INET, (host, port))


class LiveClient:
    """Asks *server* from *node* and keeps what comes of it. The clock's reading is taken as UTC."""

    def __init__(
        self,
        node: Node,
        server: str,
        clock: Clock,
        *,
        port: int = 123,
        **settings: object,
    ) -> None:
        self.clock = clock
        self.outputs: list[Output] = []
        self.ports: list[int] = []
        self.association = Association(
            AssociationSettings(name=server, stamps=StampSource.KERNEL, **settings),  # type: ignore[arg-type]
            random_bits=CHANCE.getrandbits,
            random=CHANCE.random,
        )
        self._node = node
        self._address = address(server, port)
        self._socket: ClientSocket | None = None
        self._context = 0

    @property
    def samples(self) -> list[Sample]:
        return [output for output in self.outputs if isinstance(output, Sample)]

    def events(self, kind: type) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, kind)]

    def run(self, seconds: float, enough: int = 1_000_000) -> None:
        """Ask for so long, or until there are *enough* samples."""
        end = time.monotonic() + seconds
        with StampKeeper():
            self._carry_out(self.association.start(_now()))
            while time.monotonic() < end and len(self.samples) < enough:
                deadline = self.association.next_deadline()
                if deadline is None:
                    break
                wait = max(0.0, min(interval_to_seconds(deadline - _now()), end - time.monotonic()))
                if self._wait(wait):
                    self._read()
                else:
                    self._carry_out(self.association.handle_deadline(_now()))
        if self._socket:
            self._socket.close()

    def _wait(self, seconds: float) -> bool:
        if self._socket is None:
            time.sleep(seconds)
            return False
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return bool(poll.poll(seconds * 1000 + 1))

    def _carry_out(self, outputs: list[Output]) -> None:
        self.outputs += outputs
        for output in outputs:
            if isinstance(output, Send):
                self._send(output)

    def _send(self, send: Send) -> None:
        if self._socket:
            self._socket.close()
        self._socket = self._node.inside(lambda: ClientSocket(self._address, Timestamping.SOFTWARE))
        self._context = send.context
        departed = UtcTime(int(self.clock.time()))
        try:
            self._socket.send(send.octets)
        except NotSentError as error:
            self.association.refused(error.why)
        with socket.socket(fileno=socket.dup(self._socket.fileno())) as same:
            self.ports.append(same.getsockname()[1])
        self._carry_out(self.association.transmitted(send.context, departed, StampSource.DAEMON, _now()))

    def _read(self) -> None:
        assert self._socket is not None
        try:
            stamp = self._socket.transmit_stamp_ns()
            if stamp is not None:
                self._carry_out(
                    self.association.transmitted(self._context, self._utc(stamp), StampSource.KERNEL, _now())
                )
            for received in self._socket.receive():
                stamps = StampSource.KERNEL if received.stamp_ns else StampSource.DAEMON
                instant = self._utc(received.stamp_ns) if received.stamp_ns else UtcTime(int(self.clock.time()))
                self._carry_out(self.association.receive(received.octets, instant, stamps, _now()))
        except NotSentError as error:
            self.association.refused(error.why)

    def _utc(self, stamp_ns: int) -> UtcTime:
        return UtcTime(int(self.clock.local_time(stamp_ns)))


def _now() -> MonotonicTime:
    return MonotonicTime(time.monotonic_ns() * NANOSECOND)
