"""Link delays that are kept over restarts (AVnu Automotive 6.2.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptpstack.daemon.events import LinkDelayNotKept
from ptpstack.daemon.gptp_driver import KeptDelays
from ptpstack.daemon.state_store import StateStore
from ptpstack.gptp.events import MeanLinkDelayToKeep
from ptpstack.observe.recorder import Recorder
from ptpstack.time import MonotonicTime, UtcTime, interval_from_ns

MEASURED = MeanLinkDelayToKeep(port_number=2, mean_link_delay_ns=345.5, tolerance_ns=100.0)


def silent_recorder() -> Recorder:
    return Recorder(lambda: MonotonicTime(0), lambda: UtcTime(0))


def delays(directory: Path, recorder: Recorder | None = None) -> KeptDelays:
    return KeptDelays(StateStore(str(directory)), {1: "eth0", 2: "eth1"}, recorder or silent_recorder())


def test_what_was_kept_is_there_after_a_restart_for_its_link_only(tmp_path: Path) -> None:
    delays(tmp_path).keep(MEASURED)
    again = delays(tmp_path)
    assert again.of(2) == interval_from_ns(345.5)
    assert again.of(1) is None


@pytest.mark.parametrize("content", ["", "[]", '{"mean_link_delay_ns": "far"}', '{"mean_link_delay_ns": 1e300}', "{"])
def test_what_is_no_delay_is_not_used(tmp_path: Path, content: str) -> None:
    (tmp_path / "link_eth1.json").write_text(content)
    assert delays(tmp_path).of(2) is None


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    recorder = silent_recorder()
    (tmp_path / "file").write_text("")
    delays(tmp_path / "file", recorder).keep(MEASURED)
    (event,) = [record.event for record in recorder.last(10)]
    assert isinstance(event, LinkDelayNotKept)
    assert "see [state] directory" in str(event)
