"""A pool of which half tells a wrong time: by nothing can a client know which half, and each source's line says so."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab import namespaces
from lab.daemon import PTPSTACK, Daemon, soft_clock, true_offset_ns
from lab.namespaces import Network
from lab.peers.chronyd import Chronyd
from ptpstack.time import NANOSECOND, UtcTime
from tests.ntp.responder import Responders

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

TAI_NS = 37_000_000_000
AHEAD_NS = 30_000_000
"""The client's clock at first."""

POOL = "pool.example"
TRUE = tuple(f"10.0.0.{number}" for number in range(11, 19))
FALSE = tuple(f"10.0.0.{number}" for number in range(21, 25))

CONFIGURATION = f"""
[clock.soft]
type = "soft"
offset_ns = {TAI_NS + AHEAD_NS}

[ntp]
clock = "soft"
accuracy = "1ms"

[[ntp.source]]
address = "{POOL}"
pool = true
count = 8
min_poll = 0
max_poll = 0
"""

IN_A_SECOND = (
    "import sys; from ptpstack.daemon import ntp_source; from ptpstack.time import SECOND;"
    "ntp_source.REPLACE_AFTER = SECOND; from ptpstack.cli.main import main; sys.exit(main(sys.argv[1:]))"
)
"""A daemon that would look for other servers after half an hour, and does after a second."""


class Bed:
    """Our client and its servers: chronyd tells the truth at all addresses of TRUE, FALSE ones are wrong by as much."""

    def __init__(self, net: Network, folder: Path) -> None:
        self.ours, self.right, self.wrong = (net.node(name) for name in ("ours", "right", "wrong"))
        bridge = net.bridge()
        everywhere = ((self.ours, ("10.0.0.1",)), (self.right, TRUE), (self.wrong, FALSE))
        for number, (node, addresses) in enumerate(everywhere):
            net.cable(node, "eth0", bridge, f"port{number}")
            for address in addresses:
                node.add_address("eth0", f"{address}/24")
        net.settle()
        self.folder = folder
        self.hosts = folder / "hosts"
        self.chronyd = Chronyd.server(self.right, folder / "right")

    def resolve(self, addresses: tuple[str, ...]) -> None:
        """Let the pool's name stand for *addresses*."""
        self.hosts.write_text("".join(f"{address} {POOL}\n" for address in addresses))

    @contextmanager
    def running(
        self, wrong_s: Mapping[str, float], configuration: str = CONFIGURATION, program: list[str] = PTPSTACK
    ) -> Iterator[Daemon]:
        """Yield our daemon, in whose world the FALSE servers are wrong by *wrong_s*."""
        with ExitStack() as stack:
            for address, wrong in wrong_s.items():
                sock = self.wrong.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                sock.bind((address, 123))
                stack.enter_context(Responders([sock], wrong_clock(wrong)))
            self.chronyd.start()
            stack.callback(self.chronyd.stop)
            daemon = Daemon(self.ours, self.folder / "ours", configuration)
            of_its_own = f'mount --bind {self.hosts} /etc/hosts && exec "$@"'
            daemon.program = ["unshare", "--mount", "sh", "-c", of_its_own, "sh", *program]
            daemon.start()
            stack.callback(daemon.stop)
            daemon.wait_until_ready()
            yield daemon


def wrong_clock(wrong_s: float) -> Callable[[], UtcTime]:
    return lambda: UtcTime((time.time_ns() + round(wrong_s * 1e9)) * NANOSECOND)


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    if shutil.which("chronyd") is None:
        pytest.skip("chronyd is not installed (package chrony)")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        yield Bed(net, tmp_path)


def sources(daemon: Daemon) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = daemon.status()["ntp"]["sources"]
    return found


def all_have_answered(daemon: Daemon) -> bool:
    return len(sources(daemon)) == 8 and all(source["samples"] >= 4 for source in sources(daemon).values())


def reasons(daemon: Daemon) -> dict[str, str]:
    return {source["address"]: source["reason"] for source in sources(daemon).values()}


def error_ns(daemon: Daemon) -> float:
    return true_offset_ns(soft_clock(daemon.status()), time.time_ns()) - TAI_NS


def line_of(address: str, status: str) -> str:
    (line,) = (line for line in status.splitlines() if f"({address})" in line)
    return line


SCATTERED = dict(zip(FALSE, (1.7, -2.3, 11.0, -40.0), strict=True))
COLLUDING = dict.fromkeys(FALSE, 5.0)


@pytest.mark.parametrize("wrong_s", [SCATTERED, COLLUDING], ids=["scattered", "colluding"])
def test_half_of_it_is_no_majority_and_the_clock_is_left_alone(bed: Bed, wrong_s: dict[str, float]) -> None:
    bed.resolve((*TRUE[:4], *FALSE))
    with bed.running(wrong_s) as daemon:
        daemon.wait_until(lambda: all_have_answered(daemon), 60, "had answers of all")
        time.sleep(5)
        error, judged, clock = error_ns(daemon), reasons(daemon), daemon.status()["clocks"]["soft"]
        status, why = daemon.says("status"), daemon.says("why")
    assert set(judged.values()) == {"NO_MAJORITY"}
    assert clock["state"] == "free-running"
    assert abs(error - AHEAD_NS) < 5e6
    assert "no majority of 8 sources agrees; this one says +3" in line_of(TRUE[0], status)
    wrong_by = f"{0.03 - wrong_s[FALSE[0]]:+.3g} s"
    assert f"no majority of 8 sources agrees; this one says {wrong_by}" in line_of(FALSE[0], status)
    assert "no majority of 8 sources agrees" in why
    (row,) = (line.split() for line in status.splitlines() if line.startswith("  soft "))
    assert row[:3] == ["soft", "free-running", "-"]  # no offset of one that answered first


def test_three_of_eight_are_outvoted(bed: Bed) -> None:
    bed.resolve((*TRUE[:5], *FALSE[:3]))
    with bed.running(COLLUDING) as daemon:
        daemon.wait_until(lambda: all_have_answered(daemon), 60, "had answers of all")
        daemon.wait_until(lambda: daemon.status()["clocks"]["soft"]["state"] == "locked", 60, "locked")
        daemon.wait_until(lambda: abs(error_ns(daemon)) < 2e6, 60, "was right")
        judged, status = reasons(daemon), daemon.says("status")
        steps = [event for event in daemon.events() if event["event"] == "ClockStepped"]
    assert {judged[address] for address in FALSE[:3]} == {"FALSETICKER"}
    assert {judged[address] for address in TRUE[:5]} <= {"BEST", "COMBINED", "MUCH_FARTHER"}
    assert "not used, a falseticker: it says -" in line_of(FALSE[0], status)
    assert all(abs(step["step_ns"]) < 1e9 for step in steps)


@pytest.mark.parametrize("is_right", [True, False])
def test_a_trusted_server_decides_and_a_required_one_is_waited_for(bed: Bed, is_right: bool) -> None:
    trusted = TRUE[7] if is_right else FALSE[3]
    options = "trust = true" if is_right else "require = true"
    bed.resolve((*TRUE[: 3 if is_right else 5], *FALSE[: 4 if is_right else 2]))
    configuration = CONFIGURATION.replace("count = 8", "count = 7") + (
        f'[[ntp.source]]\naddress = "{trusted}"\nmin_poll = 0\nmax_poll = 0\n{options}\n'
    )
    with bed.running(COLLUDING, configuration) as daemon:
        daemon.wait_until(lambda: all_have_answered(daemon), 60, "had answers of all")
        time.sleep(5)
        error, judged, clock = error_ns(daemon), reasons(daemon), daemon.status()["clocks"]["soft"]
        status = daemon.says("status")
    if is_right:  # three others agree with it, four do not
        assert {judged[address] for address in FALSE} == {"FALSETICKER"}
        assert clock["state"] == "locked"
        assert abs(error) < 5e6
    else:  # it is a falseticker, and without it nobody may steer
        assert judged[trusted] == "FALSETICKER"
        assert {judged[address] for address in TRUE[:5]} == {"REQUIRED_MISSING"}
        assert clock["state"] == "free-running"
        assert abs(error - AHEAD_NS) < 5e6
        assert f"waits: none of the required sources agrees ({trusted})" in status


def test_a_tie_ends_when_the_name_has_other_servers(bed: Bed) -> None:
    bed.resolve((*TRUE[:4], *FALSE))
    with bed.running(COLLUDING, program=[sys.executable, "-c", IN_A_SECOND]) as daemon:
        daemon.wait_until(lambda: all_have_answered(daemon), 60, "had answers of all")
        assert set(reasons(daemon).values()) == {"NO_MAJORITY"}
        bed.resolve((*TRUE, *FALSE))
        daemon.wait_until(lambda: daemon.status()["clocks"]["soft"]["state"] == "locked", 120, "locked")
        daemon.wait_until(lambda: set(TRUE) >= set(reasons(daemon)), 120, "let the falsetickers go")
        daemon.wait_until(lambda: abs(error_ns(daemon)) < 2e6, 60, "was right")
        steps = [event for event in daemon.events() if event["event"] == "ClockStepped"]
        why = daemon.says("why")
    assert all(abs(step["step_ns"]) < 1e9 for step in steps)
    told = "asked no more, others of its name are: not used, a falseticker: it says -"  # 5 s, or less before the step
    assert told in why
