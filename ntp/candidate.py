"""What the selection is given: sources, each as it stands at one instant, and what the operator asks of them.

What lives here: data, and how old a sample may be. What does not: judging (``selection``), and where the numbers come
from (``ensemble``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ntp.wire.packet import Leap
from ptpstack.time import SECOND, TimeInterval


class SourceClass(Enum):
    """What kind of source it is, and after how many of its intervals without a sample it counts no more.

    Never before *least_age*: a source that measures eight times a second may skip a beat.
    """

    NETWORK = ("NTP", 8, 16 * SECOND)
    PTP = ("PTP", 8, 2 * SECOND)
    REFERENCE = ("reference clock", 4, 4 * SECOND)

    def __init__(self, label: str, intervals: int, least_age: TimeInterval) -> None:
        self.label = label
        self.intervals = intervals
        self.least_age = least_age

    def age_limit(self, interval: TimeInterval) -> TimeInterval:
        """Return how old the newest sample may be when samples are due each *interval*."""
        return max(self.least_age, self.intervals * interval)


class Authentication(Enum):
    """Whether sources without proof of who they are count: by what is *configured*, never by who answers."""

    REQUIRE = "require"
    PREFER = "prefer"
    MIX = "mix"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One source at one instant. *offset* (local − source) is None as long as nothing was measured."""

    name: str
    source_class: SourceClass = SourceClass.NETWORK
    offset: TimeInterval | None
    root_distance: TimeInterval = 0
    deviation: TimeInterval = 0
    frequency_ppb: float = 0.0
    skew_ppb: float = 0.0
    age: TimeInterval = 0
    interval: TimeInterval = SECOND
    stratum: int = 1
    leap: Leap = Leap.NONE
    reachable: bool = True
    stopped_by: str = ""
    trouble: str = "no reply"
    authenticated: bool = False
    prefer: bool = False
    trust: bool = False
    require: bool = False
    noselect: bool = False
    reference_id: bytes = b""
    """By which its followers name it, where it is an NTP server."""
    own_reference_id: bytes = b""
    """By which it would name this machine."""

    def interval_ends(self) -> tuple[TimeInterval, TimeInterval]:
        """Return the least and the largest offset that the source holds possible."""
        assert self.offset is not None
        return self.offset - self.root_distance, self.offset + self.root_distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A source that is configured and cannot be asked now: no address, no keys. Who keeps it away gains nothing."""

    name: str
    authenticated: bool = False
    require: bool = False
    noselect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an operator asks of the sources together."""

    min_sources: int = 1
    max_distance: TimeInterval = 3 * SECOND
    max_deviation: TimeInterval = SECOND
    authentication: Authentication = Authentication.PREFER
