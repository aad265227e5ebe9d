"""What the service manager hears."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptpstack.daemon.notify import Notifier
from ptpstack.time import SECOND


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(5)
        yield sock


def test_every_call_is_one_datagram(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready()
    notifier.status("slave of X\nlocked")
    notifier.feed_watchdog()
    notifier.stopping()
    notifier.close()
    assert [manager.recv(100) for _ in range(4)] == [
        b"READY=1",
        b"STATUS=slave of X locked",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_an_abstract_address_starts_with_an_at_sign() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0ptpstack-test-notify")
        notifier = Notifier({"NOTIFY_SOCKET": "@ptpstack-test-notify"})
        notifier.ready()
        notifier.close()
        assert sock.recv(100) == b"READY=1"


def test_without_a_manager_nothing_happens() -> None:
    notifier = Notifier({"WATCHDOG_USEC": "1000000"})
    notifier.ready()
    notifier.close()
    assert notifier.watchdog_interval is None


def test_a_manager_that_is_gone_disturbs_nothing(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.ready()
    notifier.close()


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({"WATCHDOG_USEC": "2000000"}, 2 * SECOND),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2 * SECOND),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "rubbish"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_interval_is_the_managers_and_ours_only(environment: dict[str, str], interval: int | None) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": "/nowhere", **environment})
    notifier.close()
    assert notifier.watchdog_interval == interval
