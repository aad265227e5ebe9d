"""When each reply of a batch will leave: the transmit timestamp has to be written before.

The kernel sends the datagrams of one sendmmsg one after the other, some microseconds each. So for each place in a chunk
it is learnt how long after the clock was read a reply leaves, from the kernel's own stamps of a few replies: this
follows the machine and its load. What is found is the middle of the delays, not their mean, which a process that is put
off now and then would spoil.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CHUNK = 64
"""Replies whose departures are foretold from one reading of the clock."""

_UNITS_PER_NS = (1 << 32) / 1e9
_LEARNING_RATE = 0.2
_BIGGEST_LESSON_NS = 2_000.0
"""More than this is not learnt from one stamp: so the middle of all is found."""

_BEGINNING = 32
"""The first lessons may be bigger."""

_SEALING_OVERHEAD = 4
"""What is done once for all that are sealed at once takes about as long as sealing so many."""

_MOST_NS = 500_000.0
_REACH = 6.0
"""A lesson about one place holds for its neighbours too, less with distance: this many places to 1/e."""


class Departures:
    """The delay of each place, begun with *lead_ns* and *spacing_ns* from one to the next.

    Where replies are sealed before the first of them is sent, the time for that, *sealing_ns* each to begin with, is
    learnt apart, by how many they are: it is known of every chunk, without a stamp.
    """

    def __init__(self, lead_ns: float = 8_000.0, spacing_ns: float = 3_000.0, sealing_ns: float = 0.0) -> None:
        self.delays_ns = lead_ns + spacing_ns * np.arange(CHUNK)
        self.error_ns = 0.0
        """Mean of the last errors, without sign."""
        self.learnt = 0
        distances = np.abs(np.subtract.outer(np.arange(CHUNK), np.arange(CHUNK)))
        self._weights = np.exp(-distances / _REACH) * _LEARNING_RATE
        self._ramp: npt.NDArray[np.uint64] = np.empty(CHUNK, np.uint64)
        self._make_ramp()
        self._sealing_ns = [sealing_ns * (count + _SEALING_OVERHEAD) for count in range(CHUNK + 1)]

    def after_ns(self, place: int) -> int:
        """Return how long after the clock was read the reply at *place* of a chunk is expected to leave."""
        return self._delays[place]

    def sealing_ns(self, count: int) -> int:
        """Return how long it takes until *count* replies are sealed."""
        return int(self._sealing_ns[count])

    def sealed(self, count: int, took_ns: int) -> None:
        """Take that it took so long to seal *count* replies; one that was put off meanwhile says little."""
        expected_ns = self._sealing_ns[count]
        self._sealing_ns[count] += (min(took_ns, 2 * expected_ns) - expected_ns) * _LEARNING_RATE

    def times(self, first: int, count: int) -> npt.NDArray[np.uint64]:
        """Return the transmit timestamps of *count* replies, most significant octet first; *first* is the first's."""
        times: npt.NDArray[np.uint64] = self._ramp[:count] + np.uint64(first)
        return times.byteswap(inplace=True)

    def learn(self, place: int, late_ns: float) -> None:
        """Take that the reply at *place* left *late_ns* later than was expected."""
        self.learnt += 1
        self.error_ns += (abs(late_ns) - self.error_ns) / min(self.learnt, 64)
        most_ns = _BIGGEST_LESSON_NS * (10 if self.learnt < _BEGINNING else 1)
        self.delays_ns += self._weights[place] * min(max(late_ns, -most_ns), most_ns)
        np.maximum.accumulate(self.delays_ns, out=self.delays_ns)
        np.clip(self.delays_ns, 0.0, _MOST_NS, out=self.delays_ns)
        self._make_ramp()

    def _make_ramp(self) -> None:
        self._delays: list[int] = self.delays_ns.astype(np.int64).tolist()
        self._ramp = ((self.delays_ns - self.delays_ns[0]) * _UNITS_PER_NS).astype(np.uint64)
