"""Programs that ask once and end, as scripts and boot hooks do, against our server: none of them may set a clock."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from lab import namespaces
from lab.peers.newer_ntp import NewerNtp

from .bed import OURS, OURS_6, SECRET, Bed

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

NEEDS = ("chronyd", "ntpdig", "rdate")

ENOUGH_S = 0.05
"""Server and client read the same clock; a busy machine may keep either waiting."""


def counted(bed: Bed, what: str) -> int:
    count: int = bed.server().get("counts", {}).get(what, 0)
    return count


def ntpdig(bed: Bed, *options: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(bed.theirs.run(["ntpdig", "-j", "-t", "5", *options]))
    return found


@pytest.mark.parametrize("server", [OURS, OURS_6])
def test_ntpdig_reads_our_time(bed: Bed, server: str) -> None:
    said = ntpdig(bed, "-p", "3", server)
    assert said["ip"] == server
    assert said["stratum"] == 3
    assert said["leap"] == "no-leap"
    assert abs(float(str(said["offset"]))) < ENOUGH_S


def test_ntpdig_with_a_key_is_answered_with_its_proof(bed: Bed, tmp_path: Path) -> None:
    keys = tmp_path / "ntp.keys"
    keys.write_text(f"5 AES-128 {SECRET}\n")
    before = counted(bed, "authenticated")
    said = ntpdig(bed, "-a", "5", "-k", str(keys), OURS)
    assert said["stratum"] == 3
    bed.daemon.wait_until(lambda: counted(bed, "authenticated") > before, 10, "counted a proven request")


def test_rdate_prints_our_time(bed: Bed) -> None:
    """An SNTP client of another family (OpenBSD's): it tells whole seconds."""
    printed = bed.theirs.run(["env", "TZ=UTC", "rdate", "-n", "-p", OURS]).strip()
    said_s = time.mktime((*time.strptime(printed.replace(" UTC", ""), "%a %b %d %H:%M:%S %Y")[:8], 0)) - time.timezone
    assert abs(said_s - time.time()) < 10


def chronyd_once(bed: Bed, program: list[str], *lines: str) -> float:
    """What `chronyd -Q` says of this machine's clock (s)."""
    command = [*program, "-x", "-Q", "-t", "30", "-u", "root", *lines]
    before = len(bed.theirs.processes)
    log = bed.folder / "once.log"
    process = bed.theirs.start(command, log)
    try:
        assert process.wait(60) == 0, log.read_text()
    except subprocess.TimeoutExpired:
        namespaces.stop(bed.theirs.processes[before:])
        raise
    (wrong_by,) = re.findall(r"System clock wrong by ([-+0-9.]+) seconds", log.read_text())
    return float(wrong_by)


def test_chronyd_asks_once(bed: Bed) -> None:
    assert abs(chronyd_once(bed, ["chronyd"], f"server {OURS} iburst")) < ENOUGH_S


def test_chronyd_asks_once_with_nts(bed: Bed) -> None:
    before = counted(bed, "nts")
    once = chronyd_once(bed, ["chronyd"], f"server {OURS} iburst nts", f"ntstrustedcerts {bed.authority.file}")
    assert abs(once) < ENOUGH_S
    bed.daemon.wait_until(lambda: counted(bed, "nts") > before, 10, "counted NTS requests")


def test_the_newest_chronyd_asks_once_with_nts(bed: Bed, newer: NewerNtp) -> None:
    lines = (f"server {OURS} iburst nts", f"ntstrustedcerts {bed.authority.file}")
    assert abs(chronyd_once(bed, newer.chronyd, *lines)) < ENOUGH_S
