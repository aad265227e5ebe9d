"""Our server from its TOML in a namespace, asked by chronyd, ntpd-rs and our own client, and watched by tshark."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from hw.soft_clock import SoftClock
from lab import namespaces
from lab.daemon import Daemon
from lab.namespaces import Network
from lab.peers.newer_ntp import NewerNtp
from lab.peers.tshark import Capture, field_values, marks
from lab.pki import DAY, NOW

from .bed import ALSO_OURS, OURS, OURS_6, Bed, wait_until
from .client import LiveClient

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

NEEDS = ("chronyd", "tshark")


def test_chronyd_follows_each_of_our_addresses_by_key_and_interleaved(bed: Bed, tmp_path: Path) -> None:
    fast = "minpoll -2 maxpoll -2 iburst xleave"
    capture = Capture(bed.theirs, "eth0", tmp_path / "ntp.pcapng", "udp port 123")
    chronyd = bed.chronyd(
        "plain",
        "authselectmode ignore",
        *(f"server {host} {fast}" for host in (OURS, OURS_6)),
        f"server {ALSO_OURS} {fast} key 5",
    )
    try:
        wait_until(lambda: len(re.findall(r"^\^[-*+]", chronyd.ask("sources"), re.MULTILINE)) == 3)
        wait_until(lambda: chronyd.ask("ntpdata").count("Interleaved     : Yes") == 3)
        said = chronyd.ask("ntpdata")
    finally:
        chronyd.stop()
        file = capture.stop()
    offsets_s = [float(number) for number in re.findall(r"^Offset +: ([-+0-9.]+)", said, re.MULTILINE)]
    assert len(offsets_s) == 3
    assert all(abs(offset) < 500e-6 for offset in offsets_s)  # both read the same clock, on a machine that may be busy
    assert said.count("Stratum         : 3") == 3
    assert marks(file, "ntp") == []
    assert all(reference == "4c4f434c" for (reference,) in _replies(file, "ntp.refid"))
    wait_until(lambda: bed.server()["counts"]["interleaved"] >= 3, 5)  # counted once a second
    wait_until(lambda: bed.server()["counts"]["authenticated"] >= 3, 5)


def _replies(file: Path, field: str) -> list[tuple[str, ...]]:
    found = field_values(file, field, display_filter="ntp.flags.mode == 4")
    return [(values[0].replace(":", "").removeprefix("0x"),) for values in found]


def test_our_own_client_agrees_with_our_server(bed: Bed) -> None:
    client = LiveClient(bed.theirs, OURS, SoftClock("soft"), min_poll=-2, max_poll=-2, iburst=False, interleaved=True)
    client.run(20, enough=12)
    assert sum(sample.interleaved for sample in client.samples) >= 6
    offsets_us = sorted(abs(sample.offset) / 65536 / 1000 for sample in client.samples)
    assert offsets_us[len(offsets_us) // 2] < 200


@pytest.mark.parametrize(("algorithm", "octets"), [("30", "64"), ("15", "96")])
def test_chronyd_follows_with_nts(bed: Bed, newer: NewerNtp, algorithm: str, octets: str, tmp_path: Path) -> None:
    capture = Capture(bed.theirs, "eth0", tmp_path / "nts.pcapng", "udp port 123")
    chronyd = bed.chronyd(
        f"nts-{algorithm}",
        f"server {OURS} nts minpoll -2 maxpoll -2 iburst",
        f"ntstrustedcerts {bed.authority.file}",
        f"ntsaeads {algorithm}",
        program=newer.chronyd,
    )
    try:
        wait_until(lambda: "^* " + OURS in chronyd.ask("sources"))
        (words,) = (text.split() for text in chronyd.ask("authdata").splitlines() if text.startswith(OURS))
        offset_s = float(chronyd.ask("-c", "sources").splitlines()[0].split(",")[7])
    finally:
        chronyd.stop()
        file = capture.stop()
    assert (words[3], words[9]) == (algorithm, octets)
    assert abs(offset_s) < 1e-3
    assert marks(file, "ntp") == []
    lengths = field_values(file, "ntp.flags.mode", "udp.length", display_filter="ntp")
    assert {length for mode, length in lengths if mode == "4"} == {length for mode, length in lengths if mode == "3"}


def test_ntpd_rs_asks_with_nts(bed: Bed, newer: NewerNtp) -> None:
    before, answered = len(bed.theirs.processes), bed.server().get("counts", {}).get("nts", 0)
    file, log = bed.folder / "ntp.toml", bed.folder / "ntpd-rs.log"
    file.write_text(
        f'[[source]]\nmode = "nts"\naddress = "{OURS}"\ncertificate-authority = "{bed.authority.file}"\n'
        "[synchronization]\nminimum-agreeing-sources = 3\n"
    )
    bed.theirs.start([*newer.ntp_daemon, "-c", str(file)], log)
    try:
        wait_until(lambda: bed.server()["counts"]["nts"] > answered)
    finally:
        namespaces.stop(bed.theirs.processes[before:])


def test_openssl_sees_tls_1_3_and_the_protocol_of_nts(bed: Bed) -> None:
    shown = bed.theirs.run(
        [
            "sh",
            "-c",
            f"sleep 1 | openssl s_client -tls1_3 -alpn ntske/1 -CAfile {bed.authority.file} -connect {OURS}:4460",
        ]
    )
    assert "ALPN protocol: ntske/1" in shown
    assert "TLSv1.3" in shown
    assert "Verify return code: 0 (ok)" in shown


def test_a_renewed_certificate_is_shown_without_a_restart(bed: Bed) -> None:
    """The server of keys has no right to read its private key; the daemon hands the new one over."""
    certificate, private_key = bed.authority.issue(OURS, file="renewed", end=NOW + 7 * DAY)
    pid = bed.server()["nts"]["pid"]
    for new, name in ((private_key, "server.key"), (certificate, "server.pem")):
        old = Path(bed.server()["nts"]["certificate"]).with_name(name)
        assert old.exists()
        old.write_bytes(new.read_bytes())
    look = f"openssl s_client -tls1_3 -alpn ntske/1 -connect {OURS}:4460 < /dev/null | openssl x509 -noout -enddate"
    wait_until(lambda: f"{NOW + 7 * DAY:%b %e}" in bed.theirs.run(["sh", "-c", f"{look} 2>&1 || true"]))
    assert bed.server()["nts"]["pid"] == pid


def test_the_sockets_may_be_in_another_namespace_and_on_one_interface(bed: Bed, tmp_path: Path) -> None:
    """As for a VRF: what comes by another interface is not for us."""
    with Network() as net:
        inner, outer = net.node("inner"), net.node("outer")
        for number in (0, 1):
            net.cable(inner, f"eth{number}", outer, f"eth{number}")
            inner.add_address(f"eth{number}", f"10.{number}.0.1/24")
            outer.add_address(f"eth{number}", f"10.{number}.0.2/24")
        net.settle()
        place = f"/proc/{os.getpid()}/fd/{inner.descriptor}"
        text = f'[ntp.server]\nlisten = ["0.0.0.0"]\nlocal_stratum = 5\ninterface = "eth1"\nnamespace = "{place}"\n'
        daemon = Daemon(bed.ours, tmp_path / "daemon", text)
        daemon.start()
        try:
            daemon.wait_until_ready()
            wait_until(lambda: ":123" in inner.run(["ss", "-H", "-uln"]))
            heard = LiveClient(outer, "10.1.0.1", SoftClock("soft"), min_poll=-2, max_poll=-2, iburst=False)
            heard.run(5, enough=2)
            unheard = LiveClient(outer, "10.0.0.1", SoftClock("soft"), min_poll=-2, max_poll=-2, iburst=False)
            unheard.run(1)
        finally:
            daemon.stop()
    assert heard.association.stratum == 5
    assert not unheard.samples


def test_a_worker_that_dies_is_replaced_and_no_clock_notices(bed: Bed) -> None:
    before = bed.daemon.status()
    os.kill(before["ntp_server"]["workers"][0], signal.SIGKILL)
    wait_until(lambda: all(bed.server()["workers"]) and bed.server()["workers"] != before["ntp_server"]["workers"])
    client = LiveClient(bed.theirs, OURS, SoftClock("soft"), min_poll=-2, max_poll=-2, iburst=False)
    client.run(10, enough=6)
    assert len(client.samples) >= 6
    after = bed.daemon.status()
    assert after["pid"] == before["pid"]
    assert {name: clock["state"] for name, clock in after["clocks"].items()} == {"system": "free-running"}
    assert any(event["event"] == "WorkerEnded" and "SIGKILL" in event["why"] for event in bed.daemon.events())


def test_all_of_the_server_dies_and_comes_back(bed: Bed) -> None:
    before = bed.server()
    os.kill(before["pid"], signal.SIGKILL)
    wait_until(lambda: bed.server()["starts"] == before["starts"] + 1 and all(bed.server().get("workers", [0])))
    client = LiveClient(bed.theirs, OURS_6, SoftClock("soft"), min_poll=-2, max_poll=-2, iburst=False)
    client.run(10, enough=4)
    assert len(client.samples) >= 4


def test_status_says_what_is_served(bed: Bed) -> None:
    wait_until(lambda: "2 of 2 workers" in bed.daemon.says("status"), 5)
    assert "as stratum 3 for what it is" in bed.daemon.says("status")
    why = bed.daemon.says("why")
    assert "NTP server: CLOCK_REALTIME is served as stratum 3 (was 16)" in why
