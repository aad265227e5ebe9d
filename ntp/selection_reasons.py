"""Why a source is used or not: the table, each row with the sentence that status and ``why`` print."""

from __future__ import annotations

from enum import Enum

from ntp.candidate import Candidate
from ptpstack.time import TimeInterval, interval_to_seconds


class Reason(Enum):
    """A symbol for the table's first column, whether the source is used, and the sentence."""

    BEST = ("*", True, "used, the best: the local clock is {} ahead")
    COMBINED = ("+", True, "used: the local clock is {} ahead")
    NOT_TO_BE_SELECTED = ("N", False, "only watched: noselect is set")
    SENT_AWAY = ("D", False, "not asked any more: the server sent {}")
    NOT_AUTHENTICATED = ("A", False, 'not used: it has no key, and authentication is "{}"')
    NEVER_ANSWERED = ("?", False, "not used: no answer yet ({})")
    NO_SAMPLES = ("M", False, "not used: it answers, but nothing could be measured yet ({})")
    TOO_OLD = ("o", False, "not used: the newest sample is {} old, {} are allowed ({})")
    UNSYNCHRONIZED = ("s", False, "not used: it says that it is not synchronized")
    TOO_DISTANT = ("d", False, "not used: it may be wrong by {}, {} are allowed")
    TOO_NOISY = ("~", False, "not used: its samples scatter by {}, {} are allowed")
    ORPHAN = ("O", False, "not used: at stratum {} no source keeps it, and this machine had one within {}")
    ORPHAN_FOLLOWER = ("O", False, "not used: at stratum {} it follows an orphan, and says nothing new")
    ORPHAN_OUTRANKED = ("O", False, "not used: an orphan, and {} leads, whose reference identifier is less")
    NO_MAJORITY = ("x", False, "not used: no majority of {} sources agrees; this one says {}")
    FALSETICKER = ("x", False, "not used, a falseticker: it says {}, the majority {}")
    TOO_FEW = ("w", False, "waits: {}, min_sources is {}")
    REQUIRED_MISSING = ("W", False, "waits: none of the required sources agrees ({})")
    DOUBTED = ("J", False, "not used yet: it is alone in saying that the clock jumped by {}, in {} of {} samples")
    OTHERS_PREFERRED = ("P", False, "agrees, not used: {} is preferred")
    ORPHAN_LEADER = ("*", True, "used: nothing else counts, and it leads the orphans; the local clock is {} ahead")
    MUCH_FARTHER = ("-", False, "agrees, not used: it may be wrong by {}, {} by {} only")

    def __init__(self, symbol: str, used: bool, sentence: str) -> None:
        self.symbol = symbol
        self.used = used
        self.sentence = sentence


USELESS = frozenset({Reason.FALSETICKER, Reason.UNSYNCHRONIZED, Reason.TOO_DISTANT, Reason.TOO_NOISY})
"""Why a source is not used that answers, has no vote, and that another server might do better than."""


def where(candidate: Candidate) -> str:
    """Return where *candidate* says that the local clock is."""
    assert candidate.offset is not None
    return f"{seconds(candidate.offset, '+')} ± {seconds(candidate.root_distance)}"


def seconds(interval: TimeInterval, sign: str = "") -> str:
    """Return *interval* for people: three digits and the unit that suits them; whole seconds from 1000 on."""
    value = interval_to_seconds(interval)
    if abs(value) >= 999.5:
        return f"{value:{sign}.0f} s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(value) >= 0.9995 * size:
            return f"{value / size:{sign}.3g} {unit}"
    return f"{value / 1e-9:{sign}.3g} ns"
