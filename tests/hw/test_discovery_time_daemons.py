from pathlib import Path

import pytest

from hw.time_daemons import STEERS, TimeDaemon, find_time_daemons


def process(proc: Path, pid: int, comm: str, *arguments: str) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "comm").write_text(f"{comm}\n")
    (folder / "cmdline").write_bytes(b"".join(argument.encode() + b"\0" for argument in (comm, *arguments)))


@pytest.mark.parametrize("name", list(STEERS))
def test_each_is_known_by_the_name_that_the_kernel_cuts_short(tmp_path: Path, name: str) -> None:
    process(tmp_path, 812, name[:15])
    assert find_time_daemons(tmp_path) == [TimeDaemon(812, name, STEERS[name])]


def test_other_programs_and_files_are_not_told(tmp_path: Path) -> None:
    process(tmp_path, 1, "systemd")
    process(tmp_path, 2, "systemd-timedated"[:15])
    (tmp_path / "uptime").touch()
    (tmp_path / "99").mkdir()  # it ended while we looked
    assert find_time_daemons(tmp_path) == []


def test_chrony_that_only_watches_is_no_conflict(tmp_path: Path) -> None:
    process(tmp_path, 7, "chronyd", "-x", "-d")
    process(tmp_path, 8, "chronyd", "-d")
    assert [daemon.pid for daemon in find_time_daemons(tmp_path)] == [8]


def test_they_are_told_in_the_order_of_their_pids(tmp_path: Path) -> None:
    for pid in (1000, 9, 80):
        process(tmp_path, pid, "ptp4l")
    assert [daemon.pid for daemon in find_time_daemons(tmp_path)] == [9, 80, 1000]
