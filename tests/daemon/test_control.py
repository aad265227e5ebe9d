"""The control socket answers, and nothing a client does holds up the loop or the daemon."""

import contextlib
import json
import os
import resource
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ptpstack.daemon import control as control_module
from ptpstack.daemon.control import CLIENTS_MAX, ControlError, ControlServer
from ptpstack.daemon.events import Unavailable
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, UtcTime

STATUS = {"pid": 1, "padding": "x" * 3000}
LIMIT = 20 * SECOND


class Served:
    """A server and the means to run its loop until a condition holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.loop = Loop()
        self.recorder = Recorder(monotonic_now, lambda: UtcTime(0))
        self.server = ControlServer(
            self.loop,
            str(path),
            mode=0o600,
            status=lambda: STATUS,
            recorder=self.recorder,
            times=lambda clock: {"of": clock},
        )
        self.loop.timer(lambda: None).set(monotonic_now() + LIMIT)

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.setblocking(False)
        client.connect(str(self.path))
        return client

    def run_until(self, condition: Callable[[], bool]) -> None:
        deadline = monotonic_now() + LIMIT
        tick = self.loop.timer(lambda: None)
        while not condition():
            assert monotonic_now() < deadline, "it never happened"
            tick.set(monotonic_now() + SECOND // 1000)
            self.loop.run_once()
        tick.close()

    def read(self, client: socket.socket, lines: int) -> list[dict[str, Any]]:
        data = bytearray()

        def enough() -> bool:
            with contextlib.suppress(BlockingIOError):
                data.extend(client.recv(1 << 16))
            return data.count(b"\n") >= lines

        self.run_until(enough)
        return [json.loads(line) for line in data.splitlines()]

    def is_dropped(self, client: socket.socket) -> bool:
        def ended() -> bool:
            try:
                while client.recv(1 << 16):
                    pass
            except BlockingIOError:
                return False
            except ConnectionError:
                return True
            return True

        self.run_until(ended)
        return True

    def notice(self, number: int) -> None:
        self.recorder.record(Unavailable(what=str(number), why="a test"), f"i{number}")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "run" / "control.sock")
    yield served
    served.server.close()
    served.loop.close()


def signals(answers: list[dict[str, Any]]) -> list[str]:
    return [answer["event"]["what"] for answer in answers if "event" in answer]


def test_status_is_one_line(served: Served) -> None:
    with served.connect() as client:
        client.send(b'{"get": "status"}\n')
        assert served.read(client, 1) == [{"status": STATUS}]


def test_the_last_events_come_oldest_first_and_end(served: Served) -> None:
    for number in range(30):
        served.notice(number)
    with served.connect() as client:
        client.send(b'{"get": "events", "last": 20}\n')
        answers = served.read(client, 21)
    assert signals(answers) == [str(number) for number in range(10, 30)]
    assert answers[-1] == {"end": True}


def test_a_follower_gets_every_event_once_and_in_order(served: Served) -> None:
    for number in range(20):
        served.notice(number)
    with served.connect() as client:
        client.send(b'{"get": "events", "last": 20, "follow": true}\n')
        answers = served.read(client, 8)  # not all are written yet
        for number in range(20, 25):
            served.notice(number)
        answers += served.read(client, 25 - len(answers))
        served.notice(25)
        answers += served.read(client, 1)
    assert signals(answers) == [str(number) for number in range(26)]


def test_requests_sent_together_are_answered_in_order(served: Served) -> None:
    with served.connect() as client:
        client.send(b'{"get": "status"}\nrubbish\n{"get": "events"}\n')
        first, second, third = served.read(client, 3)
    assert "status" in first
    assert "error" in second
    assert third == {"end": True}


@pytest.mark.parametrize(
    "line",
    [b"", b"rubbish", b"[]", b"{}", b'{"get": "world"}', b"\xff\xfe", b"[" * 4000, b'{"get": ["status"]}', b"null"],
)
def test_what_is_no_request_is_told_so_and_the_connection_lives(served: Served, line: bytes) -> None:
    with served.connect() as client:
        client.send(line + b'\n{"get": "status"}\n')
        error, status = served.read(client, 2)
    assert "not a request" in error["error"]
    assert "status" in status


@pytest.mark.parametrize("last", ["-5", "1e3", '"all"', "null", "true", "10000000000000000000000"])
def test_an_odd_number_of_events_is_no_harm(served: Served, last: str) -> None:
    served.notice(1)
    with served.connect() as client:
        client.send(f'{{"get": "events", "last": {last}}}\n'.encode())
        answers = served.read(client, 1)
        if "end" not in answers[-1]:
            answers += served.read(client, 1)
    assert answers[-1] == {"end": True}


def test_a_line_without_an_end_is_cut_off(served: Served) -> None:
    with served.connect() as client:
        client.send(b"x" * 10_000)
        assert served.is_dropped(client)


def test_a_client_that_asks_and_never_reads_is_not_waited_for(served: Served) -> None:
    with served.connect() as greedy, served.connect() as polite:
        greedy.send(b'{"get": "status"}\n' * 200)
        rounds = 0

        def some_rounds() -> bool:
            nonlocal rounds
            rounds += 1
            return rounds > 300

        served.run_until(some_rounds)
        polite.send(b'{"get": "status"}\n')
        assert served.read(polite, 1) == [{"status": STATUS}]
        assert served.read(greedy, 200) == [{"status": STATUS}] * 200


def test_a_follower_that_never_reads_is_dropped(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_module, "WAITING_MAX", 10_000)
    with served.connect() as client:
        client.send(b'{"get": "events", "follow": true}\n')
        served.run_until(lambda: len(served.recorder._sinks) == 1)
        for number in range(20_000):
            served.notice(number)
            if not served.recorder._sinks:
                break
        assert not served.recorder._sinks
        assert served.is_dropped(client)


def test_a_follower_that_goes_away_is_forgotten(served: Served) -> None:
    client = served.connect()
    client.send(b'{"get": "events", "follow": true}\n')
    served.run_until(lambda: len(served.recorder._sinks) == 1)
    client.close()
    served.run_until(lambda: not served.server._clients)
    assert not served.recorder._sinks


def test_a_client_that_is_killed_while_it_is_answered_is_forgotten(served: Served) -> None:
    client = served.connect()
    client.send(b'{"get": "status"}\n' * 200)
    served.run_until(lambda: bool(served.server._clients))
    client.close()
    served.run_until(lambda: not served.server._clients)


def test_more_clients_than_there_is_room_for_are_turned_away_and_the_others_stay(served: Served) -> None:
    clients = [served.connect() for _ in range(CLIENTS_MAX)]
    served.run_until(lambda: len(served.server._clients) == CLIENTS_MAX)
    with served.connect() as extra:
        assert served.is_dropped(extra)
    clients[0].send(b'{"get": "status"}\n')
    assert served.read(clients[0], 1) == [{"status": STATUS}]
    for client in clients:
        client.close()


def test_without_a_descriptor_left_a_client_is_turned_away_and_the_loop_stays_quiet(served: Served) -> None:
    with served.connect() as client, served.connect() as later:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
        filled = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        try:
            with contextlib.suppress(OSError):
                while True:
                    filled.append(os.open(os.devnull, os.O_RDONLY))
            assert served.is_dropped(client)
            assert served.is_dropped(later)
            assert not served.server._clients
        finally:
            for descriptor in filled:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with served.connect() as again:
        again.send(b'{"get": "status"}\n')
        assert served.read(again, 1) == [{"status": STATUS}]


def test_the_socket_has_the_mode_it_was_given_from_the_start(served: Served) -> None:
    assert stat.S_IMODE(served.path.stat().st_mode) == 0o600


def test_the_socket_file_is_removed_at_the_end(served: Served) -> None:
    served.server.close()
    assert not served.path.exists()


def test_a_socket_file_that_nobody_serves_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    served = Served(path)
    with served.connect() as client:
        client.send(b'{"get": "status"}\n')
        assert served.read(client, 1) == [{"status": STATUS}]
    served.server.close()
    served.loop.close()


def test_a_socket_that_somebody_serves_is_an_error_that_says_so(served: Served) -> None:
    with pytest.raises(ControlError) as caught:
        Served(served.path)
    assert str(caught.value) == (
        f"{served.path}: another ptpstack is running (it answers at this control socket)\n"
        "  next: stop it, or give this one another [control] socket"
    )
    assert served.path.exists()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ControlError, match="is a file, not a socket"):
        Served(path)
    assert path.read_text() == "data"


def test_a_path_that_cannot_be_made_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlError, match="cannot serve the control socket"):
        Served(tmp_path / "file" / "control.sock")


def test_a_path_too_long_for_a_socket_is_an_error_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="AF_UNIX path too long"):
        Served(tmp_path / ("x" * 120))


def test_many_clients_at_once_all_get_their_answers(served: Served) -> None:
    answers: list[bytes] = []

    def ask() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(served.path))
            client.sendall(b'{"get": "status"}\n')
            answers.append(client.makefile("rb").readline())

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS_MAX - 1)]
    for thread in threads:
        thread.start()
    served.run_until(lambda: len(answers) == len(threads))
    for thread in threads:
        thread.join()
    assert {json.loads(answer)["status"]["pid"] for answer in answers} == {1}


@pytest.mark.parametrize(
    ("request_line", "clock"),
    [
        (b'{"get": "time"}', None),
        (b'{"get": "time", "clock": "system"}', "system"),
        (b'{"get":"time","clock":[1]}', None),
    ],
)
def test_time_is_asked_for_by_clock_or_for_all(served: Served, request_line: bytes, clock: str | None) -> None:
    with served.connect() as client:
        client.send(request_line + b"\n")
        assert served.read(client, 1) == [{"time": {"of": clock}}]
