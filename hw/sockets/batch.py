"""How many frames to ask a socket for at once.

To ask for one more than there are costs as much as to read one, and the poller tells when more wait. So a socket that
gives single frames is asked for one, and ever more seldom for a second one in vain; one that always has another is
asked for ever more.
"""

from __future__ import annotations

MOST = 128
"""So that a flood cannot hold the caller."""

CALLS_BEFORE_TWO, MOST_CALLS_BEFORE_TWO = 4, 256
"""How many calls in a row must find a frame before two are asked for; twice as many after each time in vain."""


class Batch:
    """The number of frames to take from one socket at the next call: :attr:`size`."""

    __slots__ = ("_calls_before_two", "_met", "size")

    def __init__(self) -> None:
        self.size = 1
        self._met = 0
        self._calls_before_two = CALLS_BEFORE_TWO

    def taken(self, frames: int) -> None:
        """Take how many there were; fewer than were asked for: that is all."""
        if frames < self.size:
            if self.size == 2:
                self._calls_before_two = min(2 * self._calls_before_two, MOST_CALLS_BEFORE_TWO)
            self.size, self._met = max(1, frames), 0
            return
        self._met += 1
        if self.size > 1:
            self._calls_before_two = CALLS_BEFORE_TWO
        elif self._met < self._calls_before_two:
            return
        self.size, self._met = min(2 * self.size, MOST), 0
