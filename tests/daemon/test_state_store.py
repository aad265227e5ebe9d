"""What is kept over a restart is whole or not there."""

import json
import os
from pathlib import Path

import pytest

from ptpstack.daemon.state_store import StateStore


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    store = StateStore(str(tmp_path / "lib" / "ptpstack"))
    store.save("/dev/ptp0", {"frequency_ppb": -12.5})
    assert StateStore(str(tmp_path / "lib" / "ptpstack")).load("/dev/ptp0") == {"frequency_ppb": -12.5}


def test_clocks_do_not_share_files_nor_leave_the_directory(tmp_path: Path) -> None:
    store = StateStore(str(tmp_path))
    for name in ("/dev/ptp0", "/dev/ptp1", "../evil", "CLOCK_REALTIME"):
        store.save(name, {"name": name})
    assert {path.name for path in tmp_path.iterdir()} == {
        "dev_ptp0.json",
        "dev_ptp1.json",
        "evil.json",
        "CLOCK_REALTIME.json",
    }


@pytest.mark.parametrize("content", [b"", b"rubbish", b"[1, 2]", b'{"frequency_ppb": ', b"\xff\xfe", b"null"])
def test_a_file_that_is_no_use_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "soft.json").write_bytes(content)
    assert StateStore(str(tmp_path)).load("soft") == {}


def test_nothing_was_saved_yet(tmp_path: Path) -> None:
    assert StateStore(str(tmp_path)).load("soft") == {}


def test_an_empty_directory_name_keeps_nothing() -> None:
    store = StateStore("")
    store.save("soft", {"frequency_ppb": 1.0})
    assert store.load("soft") == {}


def test_a_failed_save_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = StateStore(str(tmp_path))
    store.save("soft", {"frequency_ppb": 1.0})

    def disk_full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(json, "dump", disk_full)
    with pytest.raises(OSError, match="No space left"):
        store.save("soft", {"frequency_ppb": 2.0})
    assert store.load("soft") == {"frequency_ppb": 1.0}
    assert [path.name for path in tmp_path.iterdir()] == ["soft.json"]
