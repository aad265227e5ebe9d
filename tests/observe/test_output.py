"""A log whose reader is slow or gone stops nothing."""

import fcntl
import os
import select

import pytest

from ptpstack.observe.output import LINES_WAITING_MAX, LineWriter


@pytest.fixture
def pipe() -> tuple[int, int]:
    return os.pipe()


def drain(fd: int) -> bytes:
    data = b""
    while select.select([fd], [], [], 0)[0]:
        data += os.read(fd, 1 << 16)
    return data


def drain_all(fd: int, writer: LineWriter) -> bytes:
    data = drain(fd)
    while more := (writer.flush(), drain(fd))[1]:
        data += more
    return data


def test_lines_go_out_at_once(pipe: tuple[int, int]) -> None:
    LineWriter(pipe[1]).write_line("über alles")
    assert drain(pipe[0]) == "über alles\n".encode()


def test_a_reader_that_does_not_read_is_not_waited_for_and_gets_the_rest_in_order_later(pipe: tuple[int, int]) -> None:
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4096)
    writer = LineWriter(pipe[1])
    for number in range(500):
        writer.write_line(f"line {number}")
    text = drain_all(pipe[0], writer)
    assert text.decode().splitlines() == [f"line {number}" for number in range(500)]


def test_lines_beyond_what_can_wait_are_dropped_and_counted(pipe: tuple[int, int]) -> None:
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4096)
    writer = LineWriter(pipe[1])
    total = LINES_WAITING_MAX * 3
    for number in range(total):
        writer.write_line(f"line {number}")
    kept = drain_all(pipe[0], writer).decode().splitlines()
    writer.write_line("at last")
    note, last = drain_all(pipe[0], writer).decode().splitlines()
    assert kept == [f"line {number}" for number in range(len(kept))]
    assert note == f"... {total - len(kept)} lines dropped: the reader of this log is too slow"
    assert last == "at last"


def test_a_line_longer_than_the_pipe_takes_at_once_arrives_whole(pipe: tuple[int, int]) -> None:
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4096)
    writer = LineWriter(pipe[1])
    writer.write_line("x" * 20_000)
    assert drain_all(pipe[0], writer) == b"x" * 20_000 + b"\n"


def test_a_reader_that_is_gone_is_an_error(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        LineWriter(pipe[1]).write_line("hello")
