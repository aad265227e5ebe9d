"""The file of events: appended to, rotated, refused."""

import errno
import os
from pathlib import Path

import pytest

from ptpstack.observe.event_file import EventFile
from ptpstack.observe.recorder import Record


def lines(record: Record) -> list[str]:
    return [str(record)]


def test_events_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text("old\n")
    file = EventFile(str(path), lines)
    file.write("new")  # type: ignore[arg-type] (any record that can be written)
    assert path.read_text() == "old\nnew\n"
    file.close()


def test_opened_again_it_writes_to_what_has_the_name_now(tmp_path: Path) -> None:
    path = tmp_path / "events"
    file = EventFile(str(path), lines)
    file.write("one")  # type: ignore[arg-type]
    rotated = path.rename(tmp_path / "events.1")
    file.write("two")  # type: ignore[arg-type]
    file.open()
    file.write("three")  # type: ignore[arg-type]
    assert (rotated.read_text(), path.read_text()) == ("one\ntwo\n", "three\n")
    file.close()


def test_what_cannot_be_opened_again_leaves_the_old_file_in_use(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = EventFile(str(folder / "events"), lines)
    folder.rename(moved := tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        file.open()
    file.write("still here")  # type: ignore[arg-type]
    assert (moved / "events").read_text() == "still here\n"
    file.close()


def test_a_full_disk_is_an_error_of_the_write() -> None:
    file = EventFile("/dev/full", lines)
    with pytest.raises(OSError, match="No space") as caught:
        file.write("lost")  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENOSPC
    file.close()


def test_a_pipe_is_written_to_while_somebody_reads_it_and_not_waited_for_while_nobody_does(tmp_path: Path) -> None:
    pipe = tmp_path / "events"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device or address"):
        EventFile(str(pipe), lines)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    file = EventFile(str(pipe), lines)
    file.write("event")  # type: ignore[arg-type]
    assert os.read(reader, 1000) == b"event\n"
    file.close()
    os.close(reader)
