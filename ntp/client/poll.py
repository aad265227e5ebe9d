"""How often a server is asked: no more than the clock needs and the server allows.

The interval grows while the line through the samples stays straight for longer than the target, and shrinks
when the line bends or a sample lies off it. Silence makes it grow too: a server in trouble needs no more requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ntp.wire.timestamp import interval_from_log2
from ptpstack.time import SECOND, TimeInterval

LONGEST_POLL = 17
"""The largest exponent of a poll interval (RFC 5905 7.2 MAXPOLL)."""

BURST_INTERVAL: TimeInterval = 2 * SECOND
_NO_REPLY = 0.25
_BAD_REPLY = 0.1
_JITTER = 0.02
"""Requests are spread by this share, so that the clients of one server do not march in step."""


class Poll:
    """The poll interval of one association, 2**exponent seconds. *random* returns a number in [0, 1)."""

    def __init__(self, least: int, most: int, *, target: int, random: Callable[[], float]) -> None:
        self.least = least
        self.most = max(least, most)
        self.exponent = least
        self._target = target
        self._random = random
        self._score = 0.0
        self.spacing: TimeInterval | None = None
        """How far apart requests are now, while that is less than the poll interval."""

    @property
    def interval(self) -> TimeInterval:
        """The interval itself."""
        return interval_from_log2(self.exponent)

    def next_interval(self, *, burst: bool) -> TimeInterval:
        """Return how long to wait from one request to the next.

        After a burst intervals double up to the poll interval: the line through a burst alone tells the frequency of
        the clock too badly to leave it alone for long.
        """
        if burst:
            interval = min(BURST_INTERVAL, self.interval)
        elif self.spacing is None:
            interval = self.interval
        else:
            interval = min(2 * self.spacing, self.interval)
        self.spacing = interval if burst or interval < self.interval else None
        return interval + round(interval * _JITTER * (2 * self._random() - 1))

    def good_sample(self, used: int, prediction_error: TimeInterval | None, distance: TimeInterval) -> None:
        """Take in that a sample was accepted: the line goes through *used*, which missed this one by an error."""
        if prediction_error is not None and prediction_error > distance > 0:
            self._adjust(-math.log2(prediction_error / distance))
            return
        adjustment = (used / self._target - 1) / self._target
        self._adjust(adjustment if adjustment > 0 else 2 * adjustment)

    def bad_reply(self) -> None:
        """Take in that a reply could not be used."""
        self._adjust(_BAD_REPLY)

    def no_reply(self) -> None:
        """Take in that a request was not answered."""
        self._adjust(_NO_REPLY)

    def slow_down(self, asked: int) -> None:
        """Obey a kiss of RATE: ask half as often as now, for good, or as seldom as the server says (*asked*)."""
        self.least = min(max(self.exponent + 1, min(asked, self.most)), LONGEST_POLL)
        self.most = max(self.most, self.least)
        self.exponent = self.least
        self._score = 0.0

    def restart(self) -> None:
        """Ask as often as allowed again: the clock or the path is not what it was."""
        self.exponent = self.least
        self._score = 0.0

    def _adjust(self, change: float) -> None:
        self._score += change
        steps = math.floor(self._score)
        if steps:
            wanted = self.exponent + steps
            self.exponent = min(max(wanted, self.least), self.most)
            self._score = self._score - steps if self.exponent == wanted else 0.0
