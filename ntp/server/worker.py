"""One worker: a process that opens its sockets, gives up its rights, and answers until it is told to end.

While many ask it waits a little for more before it looks: stamps by the kernel do not get worse by that, and a batch
costs little more than a single request. What lives here: the loop. What does not: answering (``endpoint``).
"""

from __future__ import annotations

import contextlib
import gc
import random
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable

from hw.timestamping import Timestamping
from ntp.child import die_with_parent, enter_namespace, give_up_rights
from ntp.keys import Key
from ntp.server.access import Access
from ntp.server.clients import ENTRY_OCTETS, Clients, RateLimit
from ntp.server.counters import Count, Counters
from ntp.server.datagrams import ROWS, Datagrams
from ntp.server.endpoint import Endpoint
from ntp.server.events import WorkerDefect
from ntp.server.policy import Leak, Policy
from ntp.server.settings import ServerSettings
from ntp.server.sockets import ANY, family_of, open_socket
from ntp.server.special import Nts, Special
from ntp.server.time_state import TimeReader
from ptpstack.errors import ConfigError
from ptpstack.events import Event

_HOUSEKEEPING_S = 1.0
_GATHERED = 64
"""So many requests make a batch that is cheap enough."""

_WORTH_GATHERING = 2.0
_SO_MEMINFO, _DROPS_AT = 55, 8
_MEMINFO = struct.Struct("@9I")


def client_octets(settings: ServerSettings) -> int:
    """Return how much memory a worker's table of clients takes."""
    return ENTRY_OCTETS << settings.client_table_bits


class Worker:
    """Answers by *settings*; *counters* and *clients* are memory that others read, *tell* takes events."""

    def __init__(
        self,
        settings: ServerSettings,
        counters: memoryview,
        clients: memoryview,
        tell: Callable[[Event], None] = lambda _: None,
    ) -> None:
        if sys.byteorder != "little" or struct.calcsize("P") != 8:
            raise ConfigError("cannot run here", where="NTP server", why="it is written for 64 bits, little-endian")
        self._settings = settings
        self._tell = tell
        self._counters = Counters(counters)
        limit = RateLimit(round(settings.rate_interval_s * 1e9), settings.rate_burst)
        self._clients = Clients(settings.client_table_bits, limit if limit.interval_ns else None, clients)
        self._gather_s = settings.gather_us * 1e-6
        # the kernel, asked for each request of a flood, would cost as much as an answer
        self._random = random.Random(random.SystemRandom().getrandbits(128))  # noqa: S311 (what leaks is no secret)
        self._ended = False
        self._refresh: Callable[[], None] = lambda: None

    def run(self) -> None:
        """Serve until SIGTERM. Raises ``PtpstackError`` where that cannot begin."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        enter_namespace(self._settings.namespace)
        sockets = {address: self._open(address) for address in self._settings.listen}
        endpoints = self._endpoints(sockets)  # imports whatever it takes, which the user may not be allowed to read
        give_up_rights(self._settings.user)
        die_with_parent()
        gc.collect()
        gc.freeze()
        self._counters.numbers[Count.IS_READY] = 1
        try:
            self._serve(endpoints)
        finally:
            for sock in sockets.values():
                sock.close()

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._ended = True

    def _open(self, address: str) -> socket.socket:
        settings = self._settings
        stamping = Timestamping.HARDWARE if settings.hardware_stamps else Timestamping.SOFTWARE
        return open_socket(
            address,
            settings.port,
            interface=settings.interface,
            timestamping=stamping,
            dscp=settings.dscp,
            workers=settings.workers,
        )

    def _endpoints(self, sockets: dict[str, socket.socket]) -> dict[int, Endpoint]:
        settings = self._settings
        reader = TimeReader(settings.time_fd)
        keys = {number: Key(number, kind, secret) for number, kind, secret in settings.keys}
        for key in keys.values():
            key.accepts(b"", b"")
        special = Special(keys, self._nts())
        shared: dict[tuple[int, bool], Datagrams] = {}
        policies: dict[int, Policy] = {}
        endpoints = {}
        for address, sock in sockets.items():
            family, is_any = family_of(address), address in ANY
            if (family, is_any) not in shared:
                shared[family, is_any] = Datagrams(family, told_address=is_any)
            if family not in policies:
                access = Access(family, settings.allow, settings.deny)
                leak = Leak(settings.leak_one_in, settings.kiss_one_in)
                policies[family] = Policy(family, access, self._clients, leak, self._random.randrange)
            endpoints[sock.fileno()] = Endpoint(
                sock,
                shared[family, is_any],
                policy=policies[family],
                special=special,
                reader=reader,
                counters=self._counters,
                stamping=Timestamping.HARDWARE if settings.hardware_stamps else Timestamping.SOFTWARE,
                kiss_poll=max(int(settings.rate_interval_s), 1).bit_length(),
            )
        return endpoints

    def _nts(self) -> Nts | None:
        if self._settings.nts is None:
            return None
        from ntp.server.nts import NtsResponder  # noqa: PLC0415 (OpenSSL: 9 MB that a server without NTS does not need)

        responder = NtsResponder(self._settings.nts)
        self._refresh = responder.refresh
        return responder

    # -- the loop ----------------------------------------------------------------------------------------------

    def _serve(self, endpoints: dict[int, Endpoint]) -> None:
        poller = select.epoll()
        for fd in endpoints:
            poller.register(fd, select.EPOLLIN)
        next_look = time.monotonic()
        waits = Gathering(self._gather_s)
        while not self._ended:
            for fd, mask in poller.poll(_HOUSEKEEPING_S):
                if mask & ~select.EPOLLIN:
                    endpoints[fd].take_stamps()
                if mask & select.EPOLLIN:
                    self._serve_while_busy(endpoints[fd], waits)
            if (now := time.monotonic()) >= next_look:
                next_look = now + _HOUSEKEEPING_S
                self._look(endpoints)

    def _serve_while_busy(self, endpoint: Endpoint, waits: Gathering) -> None:
        """Serve an endpoint, and again after a moment while it pays."""
        for _ in range(_ROUNDS):
            if wait_s := waits.before():
                time.sleep(wait_s)
            try:
                count = endpoint.serve()
            except Exception as error:  # noqa: BLE001 (whoever found a defect must not keep others from the time)
                endpoint.recover()
                self._tell_defect(error)
                count = 1
            waits.served(count)
            if not count or (count < ROWS and not waits.before()):
                break

    def _tell_defect(self, error: Exception) -> None:
        """Count a batch that was given up for a defect of ours; tell the first one."""
        self._counters.add(Count.DEFECTS)
        if self._counters.numbers[Count.DEFECTS] == 1:
            self._tell(WorkerDefect(error=repr(error), traceback="".join(traceback.format_exception(error))[-2000:]))

    def _look(self, endpoints: dict[int, Endpoint]) -> None:
        """Do what is due each second."""
        self._refresh()
        lost = 0
        for fd in endpoints:
            with contextlib.suppress(OSError), socket.socket(fileno=socket.dup(fd)) as same:
                found = same.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
                lost += _MEMINFO.unpack(found)[_DROPS_AT]
        self._counters.numbers[Count.LOST] = lost


class Gathering:
    """How long to wait for more requests before looking, by how many came of late. At most *most_s*; 0: never."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._rate = 0.0
        self._served_at = time.monotonic()
        self._full = False

    def before(self) -> float:
        """Return how long to wait now, in seconds."""
        if self._full or self._rate * self._most_s < _WORTH_GATHERING:
            return 0.0
        return min(self._most_s, _GATHERED / self._rate)

    def served(self, count: int) -> None:
        """Take that *count* requests had come."""
        now = time.monotonic()
        passed, self._served_at = now - self._served_at, now
        self._full = count == ROWS
        weight = min(passed / 0.005, 1.0) if passed > 0 else 0.0
        self._rate += weight * (count / passed - self._rate) if passed > 0 else 0.0


_ROUNDS = 64
