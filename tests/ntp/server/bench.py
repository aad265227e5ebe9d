"""An endpoint on a real socket of the loopback, served by the test itself, and a client that asks it."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from ntp.keys import Key
from ntp.server.access import Access
from ntp.server.clients import Clients, RateLimit
from ntp.server.counters import OCTETS, Count, Counters
from ntp.server.datagrams import Datagrams
from ntp.server.endpoint import Endpoint
from ntp.server.policy import Leak, Policy
from ntp.server.sockets import open_socket
from ntp.server.special import Special
from ntp.server.time_state import Line, TimePage, TimeReader, TimeState


def request(transmit: int, *, origin: int = 0, receive: int = 0, first: int = 0x23, poll: int = 6) -> bytes:
    header = struct.pack(">BBbb", first, 0, poll, 32) + bytes(20)
    return header + b"".join(stamp.to_bytes(8, "big") for stamp in (origin, receive, transmit))


class Bench:
    """Serves at *host*; :meth:`ask` sends datagrams at once, and returns the replies."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        *,
        listen: str | None = None,
        keys: Sequence[Key] = (),
        special: Special | None = None,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        limit: RateLimit | None = None,
        leak: Leak | None = None,
    ) -> None:
        listen = listen or host
        self.socket = open_socket(listen, 0)
        self.host, self.port = host, self.socket.getsockname()[1]
        family = self.socket.family
        self.page = TimePage()
        self.counters = Counters(memoryview(bytearray(OCTETS)))
        self.tell()
        self.datagrams = Datagrams(family, told_address=listen in ("0.0.0.0", "::"))
        self.endpoint = Endpoint(
            self.socket,
            self.datagrams,
            policy=Policy(
                family, Access(family, allow, deny), Clients(6, limit), leak or Leak(0, 0), lambda most: most - 1
            ),
            special=special or Special({key.key_id: key for key in keys}),
            reader=TimeReader(self.page.fileno()),
            counters=self.counters,
            kiss_poll=7,
        )
        self.client = socket.socket(family, socket.SOCK_DGRAM)
        self.client.settimeout(1)

    def tell(self, *, stepped_ns: int = 0, realtime: Line | None = None) -> None:
        state = TimeState(
            leap=0,
            stratum=1,
            reference_id=b"TEST",
            monotonic_ns=time.monotonic_ns(),
            realtime_ahead_ns=time.time_ns() - time.monotonic_ns() + stepped_ns,
            realtime=realtime or Line(),
        )
        self.page.write(state)

    def ask(self, *requests: bytes) -> list[bytes]:
        """Return the replies that come to *requests*, which are served as one batch."""
        answered = self.counters.numbers[Count.ANSWERED]
        for octets in requests:
            self.client.sendto(octets, (self.host, self.port))
        self.endpoint.serve()
        self.endpoint.take_stamps()
        due = self.counters.numbers[Count.ANSWERED] - answered
        return [self.client.recv(2048) for _ in range(due)]

    def count(self, what: Count) -> int:
        number: int = self.counters.numbers[what]
        return number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.socket.close()
        self.page.close()
