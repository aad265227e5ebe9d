"""The server's processes as they run, on the loopback: started, told of, ended with who started them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from ntp import child
from ntp.server.settings import ServerSettings
from ntp.server.time_state import TimePage, TimeState
from ntp.wire.packet import decode

from .bench import request


class Server:
    """A master with its workers, by *settings*."""

    def __init__(self, **settings: Any) -> None:
        self.page = TimePage()
        ahead_ns = time.time_ns() - time.monotonic_ns()
        state = TimeState(leap=0, stratum=2, monotonic_ns=time.monotonic_ns(), realtime_ahead_ns=ahead_ns)
        self.page.write(state)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = settings.pop("port", probe.getsockname()[1])
        told = ServerSettings(time_fd=self.page.fileno(), port=self.port, **({"listen": ("127.0.0.1",)} | settings))
        self.process = subprocess.Popen(
            child.command("ntp.server.master"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self.page.fileno()],
            env=child.environment(),
            cwd="/",
        )
        assert self.process.stdin
        self.process.stdin.write(msgspec.json.encode(told) + b"\n")
        self.process.stdin.flush()

    def said(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first line that is *wanted*."""
        assert self.process.stdout
        for line in self.process.stdout:
            if wanted(found := json.loads(line)):
                return found
        raise AssertionError("it ended without a word of that")

    def event(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.said(lambda line: line.get("event", {}).get("event") == name)["event"]
        return found

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.said(lambda line: all(line.get("status", {}).get("workers", [0])))["status"]
        return found

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.page.close()


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(**settings: Any) -> Server:
        made.append(Server(**settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_all_ends_with_who_started_it(server: Callable[..., Server]) -> None:
    running = server(workers=2)
    workers = running.status()["workers"]
    assert len(workers) == 2
    running.process.stdin.close()  # type: ignore[union-attr]
    assert running.process.wait(10) == 0
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_settings_may_be_as_long_as_an_operator_writes_them(server: Callable[..., Server]) -> None:
    networks = tuple(f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::/64" for number in range(50_000))
    assert len(msgspec.json.encode(networks)) > 1 << 20
    assert len(server(workers=1, allow=networks).status()["workers"]) == 1


def test_workers_share_a_port_and_one_client_has_one_worker(server: Callable[..., Server]) -> None:
    running = server(workers=2, listen=("127.0.0.1", "::1"))
    running.status()
    for host in [f"127.0.0.{number}" for number in range(1, 9)]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((host, 0))
            client.settimeout(5)
            for number in range(5):
                client.sendto(request(number + 1), ("127.0.0.1", running.port))
            replies = [decode(client.recv(100)) for _ in range(5)]
            assert {reply.origin_timestamp for reply in replies} == {1, 2, 3, 4, 5}
    status = running.said(lambda line: line.get("status", {}).get("counts", {}).get("answered") == 40)["status"]
    assert {client["client"]: client["requests"] for client in status["clients"]} == {
        f"127.0.0.{number}": 5 for number in range(1, 9)
    }


def test_an_address_that_nobody_has_is_told_with_the_next_step(server: Callable[..., Server]) -> None:
    ended = server(listen=("192.0.2.77",)).event("WorkerEnded")
    assert "192.0.2.77" in ended["why"]
    assert "next: give the address to an interface" in ended["why"]


def test_a_port_that_another_program_shares_is_told(server: Callable[..., Server]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        assert server(port=port).event("PortShared")["port"] == port
