"""SSM quality levels that clockClass carries in a network by ITU-T G.8265.1 (Table 1; unverified)."""

from __future__ import annotations

from collections.abc import Mapping

QUALITY_LEVELS: Mapping[int, str] = {
    80: "QL-PRS",
    82: "QL-STU/UNK",
    84: "QL-PRC",
    86: "QL-ST2",
    90: "QL-SSU-A/TNC",
    96: "QL-SSU-B",
    100: "QL-ST3E",
    102: "QL-EEC2/ST3",
    104: "QL-EEC1/SEC",
    106: "QL-SMC",
    108: "QL-PROV",
    110: "QL-DNU/DUS",
}
"""By clockClass; the lower is the better one, of either option of G.781."""

DO_NOT_USE = 110


def quality_level(clock_class: int) -> str:
    """Return the name of the level that *clock_class* stands for, with the number."""
    name = QUALITY_LEVELS.get(clock_class)
    return f"{name} (clockClass {clock_class})" if name else f"of clockClass {clock_class}"


def is_usable(clock_class: int) -> bool:
    """Whether a clock of this class may be followed: it names a level, and not that it is not to be used."""
    return clock_class in QUALITY_LEVELS and clock_class < DO_NOT_USE
