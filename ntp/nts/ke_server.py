"""The NTS-KE server: a process of its own, which hands out keys and cookies and knows of no clock (RFC 8915 4).

Run it as ``python -m ntp.nts.ke_server SETTINGS.json``, or with the settings on one line of stdin; then it ends when
stdin does. It writes its events to stdout, one JSON object a line.

What lives here: listening, limits on who may take how much, one connection from begin to end. What does not: what is
answered (``establishment``), TLS (``tls``), and the keys of cookies (``key_keeper``).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from ntp.child import die_with_parent, enter_namespace, give_up_rights
from ntp.nts.aead import PREFERRED, Algorithm, usable
from ntp.nts.errors import KeyEstablishmentError
from ntp.nts.establishment import Offer, ServerEstablishment
from ntp.nts.events import (
    CertificateLoaded,
    CertificateUnusable,
    ClientFailed,
    ClientServed,
    ServerFull,
    ServerListening,
)
from ntp.nts.ke_settings import KeServerSettings
from ntp.nts.key_keeper import KeyKeeper
from ntp.nts.tls import TlsChannel, server_context
from ptpstack.errors import ConfigError, PtpstackError
from ptpstack.events import Event

_LOOK_EVERY_S = 1.0
_BACKLOG = 256
__all__ = ["KeServer", "KeServerSettings", "main", "serve"]
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (a server is there to be reached)


class KeServer:
    """Serves until :meth:`close`. *record* is called with what happens."""

    def __init__(self, settings: KeServerSettings, record: Callable[[Event], None]) -> None:
        self.settings = settings
        self.record = record
        self.connections: Counter[str] = Counter()
        self._full = False
        files = (Path(settings.certificate_file), Path(settings.key_file))
        self._certificate_files = files
        self._certificate_seen = _seen(*files)
        self.context = server_context(*files)
        self._keeper = KeyKeeper(
            Path(settings.master_key_file),
            now_s=int(time.time()),
            random_octets=os.urandom,
            writes=True,
            rotation_s=settings.rotation_s,
        )
        algorithms = usable(tuple(Algorithm(number) for number in settings.algorithms) or PREFERRED)
        self._offer = Offer(algorithms=frozenset(algorithms), server=settings.ntp_server, port=settings.ntp_port)
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Listen. Raises ``ConfigError``."""
        loop = asyncio.get_running_loop()
        self.record(CertificateLoaded(path=self.settings.certificate_file))
        for event in self._keeper.events:
            self.record(event)
        for address in self.settings.listen or _EVERYWHERE:
            try:
                server = await loop.create_server(
                    lambda: _Connection(self), sock=self._socket(address), backlog=_BACKLOG
                )
            except OSError as error:
                if not self.settings.listen and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    continue
                raise ConfigError(
                    "cannot listen",
                    where=f"NTS-KE {address} port {self.settings.port}",
                    why=str(error.strerror),
                    next_step="see who has the port with `ss -ltnp`, or give another address or port",
                ) from error
            self._servers.append(server)
        self.record(ServerListening(addresses=tuple(f"{host} port {port}" for host, port in self.addresses())))
        self._looking = asyncio.create_task(self._look())

    def _socket(self, address: str) -> socket.socket:
        """Return a socket bound to *address*. Raises ``OSError``."""
        settings = self.settings
        family, _, _, _, name = socket.getaddrinfo(address, settings.port, type=socket.SOCK_STREAM)[0]
        with contextlib.ExitStack() as on_failure:
            sock = on_failure.enter_context(socket.socket(family, socket.SOCK_STREAM))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if settings.interface:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, settings.interface.encode())
            sock.bind(name)
            on_failure.pop_all()
            return sock

    def addresses(self) -> list[tuple[str, int]]:
        """Return where the server listens."""
        return [sock.getsockname()[:2] for server in self._servers for sock in server.sockets]

    async def close(self) -> None:
        """Listen no more; connections that are open end by their time limit."""
        self._looking.cancel()
        for server in self._servers:
            server.close()

    def establishment(self) -> ServerEstablishment:
        """Return the server's half of one establishment."""
        return ServerEstablishment(self._offer, self._keeper.jar.seal)

    def admit(self, client: str) -> bool:
        """Count a connection of *client*, a ``customer``, in, or say that it is one too many."""
        settings = self.settings
        limit = ""
        if self.connections.total() >= settings.max_connections:
            limit = f"{settings.max_connections} are open (max_connections)"
        elif self.connections[client] >= settings.max_connections_per_client:
            limit = f"{client} has {settings.max_connections_per_client} (max_connections_per_client)"
        if limit and not self._full:
            self.record(ServerFull(limit=limit))
        self._full = bool(limit)
        if not limit:
            self.connections[client] += 1
        return not limit

    def leave(self, client: str) -> None:
        """Count a connection of *client* out."""
        self.connections[client] -= 1
        if not self.connections[client]:
            del self.connections[client]

    async def _look(self) -> None:
        """Look for a renewed certificate, a dropped master key, and the end of a period."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for event in self._keeper.refresh(int(time.time())):
                self.record(event)
            self._look_for_certificate()

    def _look_for_certificate(self) -> None:
        seen = _seen(*self._certificate_files)
        if seen == self._certificate_seen:
            return
        self._certificate_seen = seen
        try:
            self.context = server_context(*self._certificate_files)
        except ConfigError as error:  # half of a renewal perhaps: the other half changes what is seen again
            self.record(CertificateUnusable(error=str(error)))
        else:
            self.record(CertificateLoaded(path=self.settings.certificate_file))


class _Connection(asyncio.Protocol):
    """One client, from connect to close."""

    def __init__(self, server: KeServer) -> None:
        self._server = server
        self._establishment = server.establishment()
        self._answered = False
        self._admitted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit or refuse, and set the time limit for all that follows."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._client = str(peer[0]) if peer else "a client that has gone"
        self._customer = customer(self._client) if peer else self._client
        self._admitted = self._server.admit(self._customer)
        if not self._admitted:
            transport.abort()
            return
        self._channel = TlsChannel(self._server.context)
        timeout_s = self._server.settings.timeout_s
        self._timer = asyncio.get_running_loop().call_later(timeout_s, self._fail, f"it took more than {timeout_s:g} s")

    def data_received(self, octets: bytes) -> None:
        """Take in what the client sent, and answer when it has said all."""
        if self._answered:
            return
        try:
            said = self._channel.receive(octets)
        except KeyEstablishmentError as error:
            self._transport.write(self._channel.octets_to_send())
            self._fail(error.why)
            return
        if said and (answer := self._establishment.receive(said, self._channel.export)):
            self._answered = True
            self._channel.send(answer)
            self._channel.close()
            refused = self._establishment.refused_because
            self._server.record(ClientServed(client=self._client, refused_because=refused))
        self._transport.write(self._channel.octets_to_send())
        if self._answered:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place."""
        del exc
        if self._admitted:
            self._timer.cancel()
            self._server.leave(self._customer)

    def _fail(self, reason: str) -> None:
        if not self._answered:
            self._answered = True
            self._server.record(ClientFailed(client=self._client, reason=reason))
        self._transport.abort()


def customer(host: str) -> str:
    """Return whose the address *host* is, as far as limits go: of IPv6, one customer has 64 bits of them."""
    address = ipaddress.ip_address(host)
    if address.version == 4 or address.is_link_local:  # of those every neighbour has one
        return host
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def _seen(*files: Path) -> tuple[tuple[int, int, int] | None, ...]:
    """Return what changes when one of *files* is written or replaced."""
    found: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)


def read_settings(path: Path) -> KeServerSettings:
    """Return the settings in the JSON file *path*. Raises ``ConfigError``."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeServerSettings)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError("no settings", where=str(path), why=str(error), next_step="see docs/nts.md") from error


async def serve(settings: KeServerSettings, record: Callable[[Event], None], *, until_stdin_ends: bool = False) -> None:
    """Serve until SIGTERM or SIGINT. Raises ``ConfigError`` if that cannot begin."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    if until_stdin_ends:
        loop.add_reader(0, lambda: None if os.read(0, 4096) else end.set())
    server = KeServer(settings, record)
    await server.start()
    await end.wait()
    await server.close()


def main() -> int:
    """Serve with the settings file that the command line names."""

    def record(event: Event) -> None:
        print(json.dumps(event.as_dict()), flush=True)  # noqa: T201 (stdout is where a parent reads events)

    try:
        if len(sys.argv) > 1 and sys.argv[1].endswith(".json"):
            asyncio.run(serve(read_settings(Path(sys.argv[1])), record))
        else:
            settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=KeServerSettings)
            enter_namespace(settings.namespace)
            give_up_rights(settings.user)
            die_with_parent()
            asyncio.run(serve(settings, record, until_stdin_ends=True))
    except PtpstackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
