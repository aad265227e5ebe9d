"""When each reply of a batch will leave: the transmit timestamp has to be written before.

The kernel sends the datagrams of one sendmmsg one after the other, some microseconds each. When that call returns is
known of every chunk and costs nothing: from it is learnt how long the call takes, by how many replies, which follows
the machine and its load within milliseconds. How long before the return a reply left, which hardly changes, the
kernel's own stamps of a few replies tell. What is found is the middle of each, not the mean, which a process that is
put off now and then would spoil.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CHUNK = 256
"""Replies whose departures are foretold from one reading of the clock: the more, the cheaper and the less exactly."""

_UNITS_PER_NS = (1 << 32) / 1e9
_ERA = 1 << 64
_LEARNING_RATE = 0.2
_BIGGEST_LESSON_NS = 6_000.0
"""More than this is not learnt at once: so the middle of all is found."""

_BEGINNING = 8
"""The first lessons may be bigger, and weigh more."""

_BIGGEST_FIRST_LESSON_NS = 100_000.0
_ONCE_VARIES_NS, _SPACING_VARIES_NS = 5_000.0, 300.0
"""What is not as expected is ascribed to what happens once a call and to each further reply by how these vary."""

_SEALING_OVERHEAD = 4
"""What is done once for all that are sealed at once takes about as long as sealing so many."""

_MOST_NS, _MOST_SPACING_NS = 500_000.0, 50_000.0
_RAMP = np.arange(CHUNK, dtype=np.uint64)


class Departures:
    """The delays of chunks that are sent alike, begun with *lead_ns* and *spacing_ns* from one reply to the next.

    Where replies are sealed before the first of them is sent, the time for that, *sealing_ns* each to begin with, is
    learnt apart, by how many they are.
    """

    def __init__(self, lead_ns: float = 8_000.0, spacing_ns: float = 3_000.0, sealing_ns: float = 0.0) -> None:
        self._spacing_ns = spacing_ns
        self._return_ns = 3_000.0
        """From the departure of the last reply to the return of the call."""
        self._took_ns = lead_ns + self._return_ns
        """What the call takes for one reply; each further one takes the spacing."""
        self._early_ns = 0.0
        """How much earlier than by the spacing the first of several leaves: the second is what the cold delays."""
        self._sendings = 0
        self._stamps = 0
        self.error_ns = 0.0
        """Mean of the last errors, without sign."""
        self._sealing_ns = [sealing_ns * (count + _SEALING_OVERHEAD) for count in range(CHUNK + 1)]

    def after_ns(self, place: int, count: int) -> int:
        """Return how long after the clock was read the reply at *place* of *count* is expected to leave."""
        early_ns = self._early_ns if count > 1 and not place else 0.0
        return max(int(self._lead_ns() + self._spacing_ns * place - early_ns), 0)

    def sealing_ns(self, count: int) -> int:
        """Return how long it takes until *count* replies are sealed."""
        return int(self._sealing_ns[count])

    def sealed(self, count: int, took_ns: int) -> None:
        """Take that it took so long to seal *count* replies; one that was put off meanwhile says little."""
        self._sealing_ns[count] += _lesson(took_ns - self._sealing_ns[count])

    def times(self, begun: int, count: int) -> npt.NDArray[np.uint64]:
        """Return the transmit timestamps of *count* replies, most significant octet first; *begun* is the clock's."""
        times: npt.NDArray[np.uint64] = _RAMP[:count] * np.uint64(self._spacing_ns * _UNITS_PER_NS)
        times += np.uint64(_later(begun, self._lead_ns()))
        times[0] = _later(begun, self.after_ns(0, count))
        return times.byteswap(inplace=True)

    def sent(self, count: int, took_ns: int) -> None:
        """Take that the call that sent *count* replies returned so long after the clock was read, or they sealed."""
        self._sendings += 1
        further = count - 1
        lesson_ns = _lesson(took_ns - self._took_ns - self._spacing_ns * further, self._sendings)
        once, each = _shares(further)
        self._took_ns = min(max(self._took_ns + lesson_ns * once, 0.0), _MOST_NS)
        self._space(self._spacing_ns + lesson_ns * each)

    def learn(self, place: int, count: int, late_ns: float, return_ns: float) -> None:
        """Take that the reply at *place* of *count* left so much later than expected, and so long before the return."""
        self._stamps += 1
        self.error_ns += (abs(late_ns) - self.error_ns) / min(self._stamps, 64)
        further = count - 1 - place
        more_ns = return_ns - self._return_ns - self._spacing_ns * further
        if count > 1 and not place:
            early_ns = self._early_ns + _lesson(more_ns - self._early_ns)
            self._early_ns = min(max(early_ns, 0.0), _MOST_SPACING_NS)
            return
        lesson_ns = _lesson(more_ns, self._stamps)
        once, each = _shares(further)
        self._return_ns += lesson_ns * once
        took_ns = self._took_ns + self._spacing_ns * (count - 1)
        self._space(self._spacing_ns + lesson_ns * each)
        self._took_ns = max(took_ns - self._spacing_ns * (count - 1), 0.0)  # the whole is known better by ``sent``

    def _space(self, spacing_ns: float) -> None:
        self._spacing_ns = min(max(spacing_ns, 0.0), _MOST_SPACING_NS)

    def _lead_ns(self) -> float:
        return max(self._took_ns - self._return_ns, 0.0)


def _later(begun: int, by_ns: float) -> int:
    """Return the timestamp that is *by_ns* after *begun*."""
    return (begun + int(by_ns * _UNITS_PER_NS)) % _ERA


def _shares(further: int) -> tuple[float, float]:
    """Return how much of a lesson is ascribed to what happens once, and to each of so many further replies."""
    once, each = _ONCE_VARIES_NS**2, _SPACING_VARIES_NS**2 * further
    whole = once + each * further
    return once / whole, each / whole


def _lesson(late_ns: float, number: int = _BEGINNING) -> float:
    """Return how much is learnt from what was so late, as the lesson of this *number*."""
    if number < _BEGINNING:
        return min(max(late_ns, -_BIGGEST_FIRST_LESSON_NS), _BIGGEST_FIRST_LESSON_NS) / (number + 1)
    return min(max(late_ns, -_BIGGEST_LESSON_NS), _BIGGEST_LESSON_NS) * _LEARNING_RATE
