"""The loop waits: descriptors, absolute deadlines, signals; by epoll and timerfd or what a sandbox leaves of them."""

import os
import select
import signal
import socket
from collections.abc import Iterator
from typing import Never

import pytest

from ptpstack.daemon import loop as loop_module
from ptpstack.daemon.loop import STALL, Loop, monotonic_now
from ptpstack.time import MILLISECOND, SECOND


@pytest.fixture(params=["epoll and timerfd", "poll and timeout"])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    if request.param == "poll and timeout":

        def refused() -> Never:
            raise PermissionError("refused by the sandbox")

        monkeypatch.setattr(select, "epoll", refused)
        monkeypatch.setattr(loop_module, "_Alarm", refused)
    loop = Loop()
    yield loop
    loop.close()


def test_a_sandbox_without_epoll_and_timerfd_leaves_poll_and_its_timeout(
    loop: Loop, request: pytest.FixtureRequest
) -> None:
    poll_only = "poll and timeout" in request.node.name
    assert isinstance(loop._poller, loop_module._Poll if poll_only else select.epoll)
    assert (loop._alarm is None) == poll_only


def test_a_deadline_fires_once_and_not_early(loop: Loop) -> None:
    fired = []
    deadline = monotonic_now() + 5 * MILLISECOND
    loop.timer(lambda: fired.append(monotonic_now())).set(deadline)
    end = loop.timer(loop.stop)
    end.set(deadline + 20 * MILLISECOND)
    loop.run()
    assert len(fired) == 1
    assert fired[0] >= deadline


def test_deadlines_fire_in_any_order_they_are_set_and_a_moved_one_only_at_its_new_time(loop: Loop) -> None:
    order = []
    now = monotonic_now()
    late = loop.timer(lambda: (order.append("late"), loop.stop()))
    early = loop.timer(lambda: order.append("early"))
    moved = loop.timer(lambda: order.append("moved"))
    late.set(now + 30 * MILLISECOND)
    early.set(now + 5 * MILLISECOND)
    moved.set(now + 1 * MILLISECOND)
    moved.set(now + 15 * MILLISECOND)
    loop.run()
    assert order == ["early", "moved", "late"]


def test_deadlines_that_passed_meanwhile_fire_in_their_order_not_in_that_of_their_timers(loop: Loop) -> None:
    order: list[str] = []
    last = loop.timer(lambda: (order.append("last"), loop.stop()))
    middle = loop.timer(lambda: order.append("middle"))
    first = loop.timer(lambda: order.append("first"))
    now = monotonic_now()
    for timer, ago in ((middle, 2), (last, 1), (first, 3)):
        timer.set(now - ago * MILLISECOND)
    loop.run()
    assert order == ["first", "middle", "last"]


def test_a_cleared_and_a_closed_timer_never_fire(loop: Loop) -> None:
    cleared, closed = (loop.timer(lambda: pytest.fail("fired")) for _ in range(2))
    cleared.set(monotonic_now())
    closed.set(monotonic_now())
    cleared.set(None)
    closed.close()
    loop.timer(loop.stop).set(monotonic_now() + 5 * MILLISECOND)
    loop.run()


def test_a_deadline_in_the_past_fires_at_once(loop: Loop) -> None:
    loop.timer(loop.stop).set(monotonic_now() - SECOND)
    loop.run()


def test_after_a_stall_what_waits_in_descriptors_is_served_before_timers(loop: Loop) -> None:
    reader, writer = socket.socketpair()
    served: list[str] = []
    timer = loop.timer(lambda: served.append("timer"))

    def read() -> None:
        served.append(reader.recv(1).decode())
        if served[-1] == "a":  # as when a socket gives its frames in several portions
            timer.set(None)

    with reader, writer:
        loop.watch(reader.fileno(), read)
        timer.set(monotonic_now() - 10 * STALL)
        writer.send(b"xya")
        loop.run_once()
        loop.unwatch(reader.fileno())
    assert served == ["x", "y", "a"]


def test_a_timer_that_moves_another_due_timer_holds_it_back(loop: Loop) -> None:
    now = monotonic_now()
    second = loop.timer(loop.stop)
    first = loop.timer(lambda: second.set(now + 10 * MILLISECOND))
    loop._timers.reverse()
    first.set(now)
    second.set(now)
    loop.run()
    assert monotonic_now() >= now + 10 * MILLISECOND


def test_a_readable_descriptor_calls_back_until_it_is_unwatched(loop: Loop) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        got = []

        def read() -> None:
            got.append(ours.recv(1))
            if len(got) == 2:
                loop.unwatch(ours.fileno())
                loop.stop()

        loop.watch(ours.fileno(), read)
        theirs.send(b"abc")
        loop.run()
        assert got == [b"a", b"b"]


def test_a_writable_descriptor_calls_back_while_it_takes_data(loop: Loop) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop.watch(ours.fileno(), None, loop.stop)
        loop.run()


def test_a_descriptor_closed_by_an_earlier_callback_of_the_round_is_not_called(loop: Loop) -> None:
    a, b = os.pipe()
    c, d = os.pipe()

    def close_other(mine: int, other: int) -> None:
        os.read(mine, 1)
        loop.unwatch(other)
        loop.stop()

    loop.watch(a, lambda: close_other(a, c))
    loop.watch(c, lambda: close_other(c, a))
    os.write(b, b"x")
    os.write(d, b"x")
    loop.run()
    remaining = [fd for fd in (a, c) if select.select([fd], [], [], 0)[0]]
    assert len(remaining) == 1
    for fd in (a, b, c, d):
        os.close(fd)


def test_the_socket_error_queue_counts_as_readable(loop: Loop) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as x,
    ):
        x.bind(("127.0.0.1", 0))
        address = x.getsockname()
        x.close()
        ours.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        ours.connect(address)
        ours.send(b"nobody listens")
        loop.watch(ours.fileno(), loop.stop)
        loop.run()
        loop.unwatch(ours.fileno())


def test_a_signal_is_served_in_the_loop(loop: Loop) -> None:
    got = []
    loop.on_signal(signal.SIGUSR1, lambda: (got.append("usr1"), loop.stop()))
    loop.timer(lambda: os.kill(os.getpid(), signal.SIGUSR1)).set(monotonic_now())
    loop.run()
    assert got == ["usr1"]


def test_signal_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    loop = Loop()
    loop.on_signal(signal.SIGUSR1, loop.stop)
    assert signal.getsignal(signal.SIGUSR1) is not before
    loop.close()
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_failing_callback_goes_to_on_error_and_the_loop_goes_on() -> None:
    errors = []
    loop = Loop(errors.append)
    loop.timer(lambda: 1 / 0).set(monotonic_now())
    loop.timer(loop.stop).set(monotonic_now() + 5 * MILLISECOND)
    loop.run()
    loop.close()
    assert [type(error) for error in errors] == [ZeroDivisionError]


def test_without_on_error_a_failing_callback_ends_run(loop: Loop) -> None:
    loop.timer(lambda: 1 / 0).set(monotonic_now())
    with pytest.raises(ZeroDivisionError):
        loop.run()
