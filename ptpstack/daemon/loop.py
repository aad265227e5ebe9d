"""The timing process's own loop: descriptors, absolute deadlines and signals, one callback at a time.

What lives here: waiting. What does not: what is waited for. A descriptor that reports an error (a transmit
stamp on a socket's error queue) counts as readable. By epoll where it is allowed, else poll, whose masks are
the same; deadlines by a timerfd where there is one, else by the timeout of poll, whose millisecond makes them
up to 1 ms late.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from ptpstack.time import MILLISECOND, NANOSECOND, MonotonicTime, TimeInterval

Callback = Callable[[], None]

STALL: TimeInterval = 50 * MILLISECOND
"""A timer that is later than this has waited for the process, not for its time."""

ROUNDS_AFTER_STALL = 16
"""How often descriptors are served then before timers, so that a flood does not hold these up for ever."""


def monotonic_now() -> MonotonicTime:
    """Return the host's CLOCK_MONOTONIC."""
    return MonotonicTime(time.monotonic_ns() * NANOSECOND)


class Timer:
    """One deadline that can be moved; made by :meth:`Loop.timer`, it fires once each time it is set."""

    __slots__ = ("_callback", "_loop", "deadline")

    def __init__(self, loop: Loop, callback: Callback) -> None:
        self._loop = loop
        self._callback = callback
        self.deadline: MonotonicTime | None = None

    def set(self, deadline: MonotonicTime | None) -> None:
        """Fire at *deadline* instead of any earlier one; ``None``: not at all."""
        before, self.deadline = self.deadline, deadline
        if deadline != before:
            self._loop.moved(before, deadline)

    def close(self) -> None:
        """Leave the loop for good."""
        self.set(None)
        self._loop.forget(self)

    def fire(self) -> None:
        """Clear the deadline and call back."""
        self.set(None)
        self._callback()


class Loop:
    """Run callbacks for descriptors, timers and signals until :meth:`stop`.

    An exception of a callback goes to *on_error* and the loop goes on; without one it ends :meth:`run`.
    """

    def __init__(self, on_error: Callable[[Exception], None] | None = None) -> None:
        self._on_error = on_error
        self._poller = _make_poller()
        self._watched: dict[int, tuple[Callback | None, Callback | None]] = {}
        self._timers: list[Timer] = []
        self._next: MonotonicTime | None = None
        self._next_is_known = True
        self._alarm = _make_alarm()
        self._stopped = False
        self._signals: dict[int, Callback] = {}
        self._handlers_before: dict[int, Any] = {}
        self._wakeup_fd_before = -1
        self._signal_pair: tuple[socket.socket, socket.socket] | None = None
        if self._alarm is not None:
            self.watch(self._alarm.fileno(), self._alarm.acknowledge)

    def watch(self, fd: int, on_readable: Callback | None, on_writable: Callback | None = None) -> None:
        """Call *on_readable* while *fd* has data or an error, *on_writable* while it takes data; give at least one.

        Watching a descriptor again replaces its callbacks.
        """
        wanted = (select.POLLIN if on_readable else 0) | (select.POLLOUT if on_writable else 0)
        if fd in self._watched:
            self._poller.modify(fd, wanted)
        else:
            self._poller.register(fd, wanted)
        self._watched[fd] = on_readable, on_writable

    def unwatch(self, fd: int) -> None:
        """Forget *fd*; do so before closing it. Nothing happens when it is not watched."""
        if self._watched.pop(fd, None) is not None:
            with contextlib.suppress(KeyError, ValueError, OSError):
                self._poller.unregister(fd)

    def timer(self, callback: Callback) -> Timer:
        """Return a timer without a deadline."""
        timer = Timer(self, callback)
        self._timers.append(timer)
        return timer

    def moved(self, before: MonotonicTime | None, deadline: MonotonicTime | None) -> None:
        """Take that a timer was set to *deadline* instead of *before* (see :meth:`Timer.set`)."""
        if deadline is not None and (self._next is None or deadline < self._next):
            self._next = deadline
        elif before == self._next:
            self._next_is_known = False

    def forget(self, timer: Timer) -> None:
        """Remove *timer* (see :meth:`Timer.close`)."""
        with contextlib.suppress(ValueError):
            self._timers.remove(timer)

    def on_signal(self, number: int, callback: Callback) -> None:
        """Call back in the loop, not in the handler, when signal *number* comes. Main thread only."""
        if self._signal_pair is None:
            self._signal_pair = socket.socketpair()
            for end in self._signal_pair:
                end.setblocking(False)
            wakeup_fd = self._signal_pair[1].fileno()
            self._wakeup_fd_before = signal.set_wakeup_fd(wakeup_fd, warn_on_full_buffer=False)
            self.watch(self._signal_pair[0].fileno(), self._take_signals)
        self._signals[number] = callback
        before = signal.signal(number, lambda _number, _frame: None)
        self._handlers_before.setdefault(number, before)

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        self._stopped = False
        while not self._stopped:
            self.run_once()

    def run_once(self) -> None:
        """Wait for whatever comes first, and serve everything that is due then.

        Timers fire in the order of their deadlines, however late. After a stall descriptors come first: what waits in
        them may be just what a timer is about to miss.
        """
        self._serve_descriptors(self._timeout_s())
        deadline, now = self._next_deadline(), monotonic_now()
        if deadline is None or deadline > now:
            return
        due = [timer for timer in self._timers if timer.deadline is not None and timer.deadline <= now]
        if any(timer.deadline is not None and now - timer.deadline > STALL for timer in due):
            for _ in range(ROUNDS_AFTER_STALL):
                if not self._serve_descriptors(0):
                    break
        for timer in sorted(due, key=lambda timer: timer.deadline or now):
            if timer.deadline is not None and timer.deadline <= now:  # not moved by one that fired before it
                self._call(timer.fire)

    def _serve_descriptors(self, timeout_s: float | None) -> bool:
        """Wait up to *timeout_s* for descriptors and serve them; return whether there were any."""
        ready = self._poller.poll(timeout_s)
        for fd, mask in ready:
            on_readable, on_writable = self._watched.get(fd, (None, None))  # an earlier one may have closed it
            if mask & ~select.POLLOUT and on_readable is not None:
                self._call(on_readable)
            if mask & ~select.POLLIN and on_writable is not None and fd in self._watched:
                self._call(on_writable)
        return bool(ready)

    def stop(self) -> None:
        """End :meth:`run` after the current round."""
        self._stopped = True

    def close(self) -> None:
        """Give back descriptors and signal handlers."""
        if self._signal_pair is not None:
            signal.set_wakeup_fd(self._wakeup_fd_before)
            for number, handler in self._handlers_before.items():
                signal.signal(number, handler)
            for end in self._signal_pair:
                end.close()
        if not isinstance(self._poller, _Poll):
            self._poller.close()
        if self._alarm is not None:
            self._alarm.close()

    def _call(self, callback: Callback) -> None:
        try:
            callback()
        except Exception as error:
            if self._on_error is None:
                raise
            self._on_error(error)

    def _next_deadline(self) -> MonotonicTime | None:
        if not self._next_is_known:
            self._next = min((timer.deadline for timer in self._timers if timer.deadline is not None), default=None)
            self._next_is_known = True
        return self._next

    def _timeout_s(self) -> float | None:
        deadline = self._next_deadline()
        if self._alarm is not None:
            self._alarm.set(deadline)
            return None
        return None if deadline is None else max(0.0, (deadline - monotonic_now()) / (NANOSECOND * 1_000_000_000))

    def _take_signals(self) -> None:
        assert self._signal_pair is not None
        for number in self._signal_pair[0].recv(64):
            if number in self._signals:
                self._signals[number]()


class _Poll:
    """``select.poll`` with the timeout of ``select.epoll``: seconds."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register, self.modify, self.unregister = self._poll.register, self._poll.modify, self._poll.unregister

    def poll(self, timeout_s: float | None) -> list[tuple[int, int]]:
        return self._poll.poll(None if timeout_s is None else math.ceil(timeout_s * 1000))


def _make_poller() -> select.epoll | _Poll:
    """Return epoll, or poll where a sandbox refuses it."""
    try:
        return select.epoll()
    except (AttributeError, OSError):
        return _Poll()


class _Alarm:
    """A timerfd on CLOCK_MONOTONIC that is told one absolute deadline at a time."""

    def __init__(self) -> None:
        self._deadline: MonotonicTime | None = None
        self._went_off = False
        if sys.version_info >= (3, 13):
            self._fd = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)
        else:
            self._settime = ctypes.CDLL(None, use_errno=True).timerfd_settime
            create = ctypes.CDLL(None, use_errno=True).timerfd_create
            self._fd = int(create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
            if self._fd < 0:
                raise OSError(ctypes.get_errno(), "timerfd_create")

    def fileno(self) -> int:
        return self._fd

    def set(self, deadline: MonotonicTime | None) -> None:
        if deadline == self._deadline and not self._went_off:
            return
        self._deadline, self._went_off = deadline, False
        deadline_ns = 0 if deadline is None else max(1, -(-int(deadline) // NANOSECOND))  # 0 would disarm
        if sys.version_info >= (3, 13):
            os.timerfd_settime_ns(self._fd, flags=os.TFD_TIMER_ABSTIME, initial=deadline_ns)
        else:
            seconds, nanoseconds = divmod(deadline_ns, 1_000_000_000)
            self._settime(self._fd, 1, struct.pack("@4l", 0, 0, seconds, nanoseconds), None)  # 1: TFD_TIMER_ABSTIME

    def acknowledge(self) -> None:
        """Take that it went off: it calls until it is set anew, which the loop does before it waits."""
        self._went_off = True

    def close(self) -> None:
        os.close(self._fd)


def _make_alarm() -> _Alarm | None:
    """Return a timerfd, or ``None`` where a sandbox or kernel has none."""
    try:
        return _Alarm()
    except (AttributeError, OSError):
        return None
