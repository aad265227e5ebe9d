"""What NTP keeps over a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptpstack.daemon.ntp_memory import NtpMemory, SamplesRestored
from ptpstack.daemon.state_store import StateStore
from ptpstack.time import (
    MILLISECOND,
    SECOND,
)
from tests.ntp.daemon.bench import Bench, LoopbackServer


def test_a_restart_begins_with_the_samples_of_before(server: LoopbackServer, tmp_path: Path) -> None:
    first = Bench(server.address)
    first.ntp._memory = NtpMemory(StateStore(str(tmp_path)), "true")
    first.ntp.start()
    first.run_until(lambda: first.source_dict_or_none() and first.source_dict()["samples"] >= 8)
    first.ntp.stop()
    again = Bench(server.address)
    again.ntp._memory = NtpMemory(StateStore(str(tmp_path)), "true")
    again.ntp.start()
    again.run_until(again.source_dict_or_none)
    known = again.source_dict()
    again.ntp.stop()
    assert known["samples"] >= 8
    assert known["offset_ns"] == pytest.approx(5_000_000, abs=3_000_000)
    (event,) = again.events(SamplesRestored)
    assert event.samples >= 8


@pytest.mark.parametrize(
    "reason", ["another boot", "a clock that was set", "a file of noise", "another source", "no proof"]
)
def test_what_no_longer_holds_is_not_restored(reason: str, server: LoopbackServer, tmp_path: Path) -> None:
    first = Bench(server.address)
    first.ntp._memory = NtpMemory(StateStore(str(tmp_path)), "true")
    first.ntp.start()
    first.run_until(lambda: len(first.clock_driver.taken) >= 4)
    first.ntp.stop()
    (kept,) = tmp_path.iterdir()
    if reason == "a file of noise":
        kept.write_text(kept.read_text().replace('"offset', '"').replace("[[", "[[null, "))
    if reason == "another source":
        kept.write_text(kept.read_text().replace("127.0.0.1", "127.0.0.9"))
    if reason == "no proof":
        kept.write_text(kept.read_text().replace('"proof": ""', '"proof": "key 5"'))
        assert "key 5" in kept.read_text()
    boot_id = "another" if reason == "another boot" else None
    again = Bench(server.address, ahead=5 * MILLISECOND + (SECOND if reason == "a clock that was set" else 0))
    again.ntp._memory = NtpMemory(StateStore(str(tmp_path)), "true", boot_id=boot_id)
    again.ntp.start()
    again.run_until(again.source_dict_or_none)
    again.ntp.stop()
    assert again.events(SamplesRestored) == []
