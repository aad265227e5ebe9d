"""The NTP requests that are under way: a socket for each, and the stamps and replies that come to it.

What lives here: sockets and whose stamps count. What does not: when to ask, and what follows (``ntp_driver.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from hw.timestamping import Timestamping
from ntp.client.association import Association
from ntp.client.outputs import Output, Send
from ntp.client.sample import StampSource
from ntp.reference_identifier import reference_id_of
from ntp.transport import Address, ClientSocket, NotSentError, StampKeeper
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.errors import HardwareError
from ptpstack.time import LocalTime, UtcTime

THIS_MACHINE = "it is this machine itself"


@dataclass(slots=True)
class _Request:
    """The socket of an association's open request."""

    socket: ClientSocket
    context: int
    association: Association


class OwnServer(NamedTuple):
    """The NTP server that this process keeps: it would agree with us whatever the time is."""

    hosts: frozenset[str]
    port: int

    def is_at(self, place: tuple[str, int] | None) -> bool:
        """Tell whether it answers at *place*, an address of this machine and a port."""
        if place is None or place[1] != self.port:
            return False
        host = place[0]
        return host in self.hosts or ("::" if ":" in host else "0.0.0.0") in self.hosts  # noqa: S104 (compared only)


class NtpRequests:
    """At most one request of each association, stamped by *driver*'s clock, which shows *utc*.

    *own_server*: this machine is a server too, and one of the servers may follow it, or be it. *carry_out* takes what
    an association wants done, *failed* what is broken; *settled* is called when a socket was served.
    """

    def __init__(
        self,
        driver: ClockDriver,
        utc: Callable[[LocalTime], UtcTime],
        open_socket: Callable[[Address], ClientSocket],
        *,
        own_server: OwnServer | None,
        carry_out: Callable[[str, list[Output]], None],
        failed: Callable[[HardwareError], None],
        settled: Callable[[], None],
        loop: Loop,
    ) -> None:
        self._driver = driver
        self._utc = utc
        self._open_socket = open_socket
        self._own_server = own_server
        self._carry_out = carry_out
        self._failed = failed
        self._settled = settled
        self._loop = loop
        self._requests: dict[str, _Request] = {}
        self._stamp_keeper = StampKeeper()

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._requests)

    def send(self, name: str, association: Association, address: Address, send: Send) -> None:
        """Send what *association*, called *name*, wants sent, instead of what it sent before."""
        self.close(name)
        try:
            opened = self._open_socket(address)
            self._requests[name] = _Request(opened, send.context, association)
            if self._own_server is not None:
                association.own_reference_id = reference_id_of(opened.local_host)
                if self._own_server.is_at(opened.own_place):
                    association.refused(THIS_MACHINE)
                    self.close(name)
                    return
            departed = self._utc(self._driver.clock.time())
            opened.send(send.octets)
        except NotSentError as error:
            association.refused(error.why)
            self.close(name)
            return
        except HardwareError as error:
            association.refused(error.why or error.what)
            self._failed(error)
            self.close(name)
            return
        self._loop.watch(opened.fileno(), partial(self._on_socket, name))
        self._carry_out(name, association.transmitted(send.context, departed, StampSource.DAEMON, monotonic_now()))

    def close(self, name: str) -> None:
        """Wait for the reply to *name*'s request no more."""
        request = self._requests.pop(name, None)
        if request is not None:
            self._loop.unwatch(request.socket.fileno())
            request.socket.close()

    def stop(self) -> None:
        """Wait for nothing."""
        self._stamp_keeper.close()
        for name in list(self._requests):
            self.close(name)

    def _on_socket(self, name: str) -> None:
        request = self._requests[name]
        association, stamps = request.association, self._stamp_source()
        try:
            stamp_ns = request.socket.transmit_stamp_ns()
            if stamp_ns is not None:
                left = self._utc(self._driver.local_time(stamp_ns))
                self._carry_out(name, association.transmitted(request.context, left, stamps, monotonic_now()))
            for received in request.socket.receive():
                if received.stamp_ns is None:
                    came, by = self._utc(self._driver.clock.time()), StampSource.DAEMON
                else:
                    came, by = self._utc(self._driver.local_time(received.stamp_ns)), stamps
                self._carry_out(name, association.receive(received.octets, came, by, monotonic_now()))
        except NotSentError as error:
            association.refused(error.why)
            self.close(name)
        except HardwareError as error:
            self._failed(error)
        if self._requests.get(name) is request and not association.awaits_something:
            self.close(name)  # between two requests nobody can reach us
        self._settled()

    def _stamp_source(self) -> StampSource:
        return StampSource.HARDWARE if self._driver.clock.stamping is Timestamping.HARDWARE else StampSource.KERNEL
