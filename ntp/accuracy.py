"""What an accuracy costs: from ``accuracy = "1ms"`` follow polls, sources, samples and stamps.

The network is used no more than the accuracy needs. Between two requests an ordinary quartz leaves its line by up
to :data:`WANDER` (a warm room; the line itself removes its constant error); that may take a quarter of the
accuracy. The rest is left to the path, whose delay no interval makes shorter.

What lives here: one pure function and its constants. What does not: ranges of the configuration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntp.client.sample import StampSource
from ptpstack.time import MICROSECOND, MILLISECOND, SECOND, TimeInterval, interval_to_seconds

WANDER = 1e-6
"""How fast a quartz leaves the line of the last minutes, as a ratio: 1 ppm."""

SHARE_OF_WANDER = 4
SHORTEST_POLL, LONGEST_POLL = -2, 12
"""Four requests a second are the most that a server on the own network should be asked; 68 minutes the least."""

_POLL_RANGE = 4
_INTERLEAVED_BELOW = 200 * MICROSECOND
_MORE_SOURCES_BELOW = SECOND
"""A second may come from a single server; below it a falseticker must be outvoted."""

_AVERAGING_BELOW = MILLISECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How servers are asked for an accuracy. Polls are exponents of two, in seconds."""

    min_poll: int
    max_poll: int
    sources: int
    min_samples: int
    poll_target: int
    interleaved: bool
    stamps: StampSource


def plan(accuracy: TimeInterval) -> Plan:
    """Return what *accuracy* needs.

    ========  ============  =======  ========  ===========  ===========
    accuracy  poll (s)      sources  samples   interleaved  stamps
    ========  ============  =======  ========  ===========  ===========
    1 s       256 … 4096    1        4 … 6     no           daemon
    100 ms    256 … 4096    4        4 … 6     no           daemon
    10 ms     128 … 2048    4        4 … 6     no           daemon
    1 ms      8 … 128       4        4 … 6     no           kernel
    100 us    1 … 16        4        6 … 12    yes          kernel
    10 us     1/4 … 2       4        6 … 12    yes          kernel
    1 us      1/4           4        6 … 12    yes          hardware
    ========  ============  =======  ========  ===========  ===========

    (samples: the least that the line goes through, and how many the poll interval aims at)
    """
    longest = math.floor(math.log2(interval_to_seconds(accuracy) / SHARE_OF_WANDER / WANDER))
    max_poll = min(max(longest, SHORTEST_POLL), LONGEST_POLL)
    averages = accuracy < _AVERAGING_BELOW
    return Plan(
        min_poll=max(max_poll - _POLL_RANGE, SHORTEST_POLL),
        max_poll=max_poll,
        sources=4 if accuracy < _MORE_SOURCES_BELOW else 1,
        min_samples=6 if averages else 4,
        poll_target=12 if averages else 6,
        interleaved=accuracy < _INTERLEAVED_BELOW,
        stamps=_stamps(accuracy),
    )


def _stamps(accuracy: TimeInterval) -> StampSource:
    """Return the cheapest stamps that are good enough: the daemon is often held up, the kernel hardly ever."""
    for source, margin in ((StampSource.DAEMON, 100), (StampSource.KERNEL, 2)):
        if source.error * margin <= accuracy:
            return source
    return StampSource.HARDWARE
