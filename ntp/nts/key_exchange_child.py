"""The child of ``key_exchange``: reads a request, asks the server over TLS, writes what came of it, and ends.

Files are read first, then all rights are given up, and only then does anything of the network come in.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from OpenSSL import SSL

from ntp.child import give_up_rights
from ntp.nts.aead import Algorithm
from ntp.nts.certificates import Validity, Window
from ntp.nts.errors import Cause, KeyEstablishmentError
from ntp.nts.establishment import ClientEstablishment, Established
from ntp.nts.key_exchange import ExchangeRequest, Failure, Grant
from ntp.nts.tls import TlsChannel, client_context
from ptpstack.errors import ConfigError, PtpstackError

_MOST_ADDRESSES = 4
_MEMORY_OCTETS = 1 << 30
_CPU_S = 10


@dataclass(frozen=True, slots=True)
class _Deadline:
    """When all must be done, on the monotonic clock, in seconds."""

    at: float
    timeout_s: float

    def left(self) -> float:
        """Return how many seconds are left. Raises ``KeyEstablishmentError`` if none are."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise KeyEstablishmentError(Cause.TIMEOUT, why=f"more than {self.timeout_s:g} s")
        return left


def main() -> None:
    """Answer the request on stdin to stdout."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=ExchangeRequest)
    signal.setitimer(signal.ITIMER_REAL, request.timeout_s + 1)  # names are resolved for as long as libc likes
    answer: Grant | Failure
    try:
        answer = exchange(request, confine=True)
    except KeyEstablishmentError as error:
        answer = Failure.of(error)
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def exchange(request: ExchangeRequest, *, confine: bool = False) -> Grant:
    """Return what the server of *request* grants, giving up all rights in between where *confine* is set.

    Blocks until the deadline at most (but for resolving names). Raises ``KeyEstablishmentError``.
    """
    deadline = _Deadline(time.monotonic() + request.timeout_s, request.timeout_s)
    try:
        window = _window(request)
        context = client_context(request.ca_file, check_time=window is None)
        if confine:
            _confine(request.user)
        return _ask_each(request, context, window, deadline)
    except KeyEstablishmentError as error:
        error.where = error.where or request.where
        raise
    except PtpstackError as error:
        raise KeyEstablishmentError(
            Cause.LOCAL, where=request.where, why=f"{error.where}: {error.what}: {error.why}", next_step=error.next_step
        ) from error


def _window(request: ExchangeRequest) -> Window | None:
    if request.earliest_s is None or request.latest_s is None:
        return None
    return Window(request.earliest_s, request.latest_s)


def _ask_each(request: ExchangeRequest, context: SSL.Context, window: Window | None, deadline: _Deadline) -> Grant:
    """Try the server's addresses one after the other until one is reached."""
    addresses = _resolve(request.host)
    first = request.first % len(addresses)
    addresses = [*addresses[first:], *addresses[:first]][:_MOST_ADDRESSES]
    unreachable: list[str] = []
    for number, address in enumerate(addresses):
        share = deadline.left() / (len(addresses) - number)
        try:
            connection = socket.create_connection((address, request.port), timeout=share)
        except OSError as error:
            unreachable.append(f"{address}: {error.strerror or 'no answer'}")
            continue
        with connection:
            established, validity = _converse(connection, request, context, window, deadline)
            return _grant(established, validity, address, time_checked=window is None)
    raise KeyEstablishmentError(Cause.UNREACHABLE, why="; ".join(unreachable))


def _converse(
    connection: socket.socket,
    request: ExchangeRequest,
    context: SSL.Context,
    window: Window | None,
    deadline: _Deadline,
) -> tuple[Established, Validity]:
    channel = TlsChannel(context, request.host)
    establishment = ClientEstablishment([Algorithm(number) for number in request.algorithms])
    validity = None
    for octets in _pieces(connection, channel, deadline):
        try:
            said = channel.receive(octets)
        finally:
            _send(connection, channel, deadline)  # an alert says to the server what was wrong
        if channel.established and validity is None:
            validity = channel.check_server(request.host, window)
            channel.send(establishment.request())
            _send(connection, channel, deadline)
        if validity is not None and (established := establishment.receive(said, channel.export)):
            channel.close()
            with contextlib.suppress(OSError, KeyEstablishmentError):
                _send(connection, channel, deadline)
            return established, validity
    why = "the server closed the connection before it had said all"
    raise KeyEstablishmentError(Cause.MALFORMED if channel.established else Cause.TLS, why=why)


def _pieces(connection: socket.socket, channel: TlsChannel, deadline: _Deadline) -> Iterator[bytes]:
    """Send what is to be sent first, then give what comes, until the server closes."""
    _send(connection, channel, deadline)
    try:
        while True:
            connection.settimeout(deadline.left())
            octets = connection.recv(16_384)
            if not octets:
                return
            yield octets
    except TimeoutError:
        deadline.left()
        raise KeyEstablishmentError(Cause.TIMEOUT) from None
    except OSError as error:
        raise KeyEstablishmentError(Cause.TLS, why=f"the connection broke: {error.strerror}") from error


def _send(connection: socket.socket, channel: TlsChannel, deadline: _Deadline) -> None:
    if octets := channel.octets_to_send():
        connection.settimeout(deadline.left())
        connection.sendall(octets)


def _grant(established: Established, validity: Validity, address: str, *, time_checked: bool) -> Grant:
    addresses = [address]
    if established.server:
        family = ":" in address
        addresses = sorted(_resolve(established.server), key=lambda found: (":" in found) != family)[:_MOST_ADDRESSES]
    keys = established.keys
    return Grant(
        algorithm=keys.algorithm,
        c2s=keys.c2s,
        s2c=keys.s2c,
        cookies=established.cookies,
        addresses=tuple(addresses),
        port=established.port,
        certificates_begin_s=validity.begins_s,
        certificates_end_s=validity.ends_s,
        time_checked=time_checked,
    )


def _resolve(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = f"{host}: {getattr(error, 'strerror', None) or error}"
        raise KeyEstablishmentError(Cause.UNREACHABLE, why=why, next_step="check the name and the resolver") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _confine(user: str) -> None:
    """Give up what is not needed to speak with one server: rights, memory, files.

    Raises ``KeyEstablishmentError`` where root cannot become *user*.
    """
    for limit, value in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, _MEMORY_OCTETS),
        (resource.RLIMIT_CPU, _CPU_S),
    ):
        resource.setrlimit(limit, (value, value))
    try:
        give_up_rights(user)
    except ConfigError as error:
        why = f"{error.what}: {error.why}"
        raise KeyEstablishmentError(Cause.LOCAL, why=why, next_step=error.next_step) from None


if __name__ == "__main__":
    main()
