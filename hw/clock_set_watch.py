"""Word from the kernel that CLOCK_REALTIME was set, by whomever: TFD_TIMER_CANCEL_ON_SET (timerfd_create(2))."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import time

from ptpstack.errors import HardwareError

_ABSTIME, _CANCEL_ON_SET = 1, 2
_NEVER_S = 1 << 40


class ClockSetWatch:
    """Becomes readable when the clock was set, also by this program. Raises ``HardwareError`` where there is none."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = int(self._libc.timerfd_create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC))
        if self._fd < 0:
            raise HardwareError("no timers on CLOCK_REALTIME", why=os.strerror(ctypes.get_errno()))
        self._arm()

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._fd

    def was_set(self) -> bool:
        """Tell whether the clock was set since the last call, and wait for the next time."""
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return False
        except OSError:  # ECANCELED
            self._arm()
            return True
        return False

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1

    def _arm(self) -> None:
        never = struct.pack("@4l", 0, 0, _NEVER_S, 0)
        if self._libc.timerfd_settime(self._fd, _ABSTIME | _CANCEL_ON_SET, never, None) < 0:
            number = ctypes.get_errno()
            self.close()
            raise HardwareError("cannot hear when CLOCK_REALTIME is set", why=os.strerror(number))
