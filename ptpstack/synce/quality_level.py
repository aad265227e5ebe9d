"""The quality levels of a network option, as data: names, codes and order (``quality_levels.toml``)."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from ptpstack.wire.esmc import NOT_ENHANCED

NetworkOption: TypeAlias = Literal[1, 2]


class QualityLevel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One level. *category* is the grade of its frequency for PTP, 0: none. *enhanced_clock*: it is an eEEC's own."""

    name: str
    ssm: int
    enhanced_ssm: int = NOT_ENHANCED
    category: int = 0
    enhanced_clock: bool = False

    def __str__(self) -> str:
        return f"QL-{self.name}"


class QualityLevels:
    """The levels of one network option, the best first; the last one says not to use the signal."""

    def __init__(self, levels: tuple[QualityLevel, ...]) -> None:
        self._levels = levels
        self._by_name = {level.name: level for level in levels}
        self._rank = {level: rank for rank, level in enumerate(levels)}
        self._by_code = {(level.ssm, level.enhanced_ssm): level for level in levels}

    @property
    def names(self) -> list[str]:
        """The levels' names, the best first."""
        return list(self._by_name)

    @property
    def do_not_use(self) -> QualityLevel:
        """DNU or DUS."""
        return self._levels[-1]

    def named(self, name: str) -> QualityLevel:
        """Return the level called *name*; raises KeyError."""
        return self._by_name[name]

    def of_codes(self, ssm: int, enhanced_ssm: int = NOT_ENHANCED) -> QualityLevel | None:
        """Return the level that the codes mean, of its plain code where the enhanced one is unknown; None: invalid."""
        return self._by_code.get((ssm, enhanced_ssm)) or self._by_code.get((ssm, NOT_ENHANCED))

    def rank(self, level: QualityLevel) -> int:
        """Return the place of *level*, 0 for the best."""
        return self._rank[level]

    def is_usable(self, level: QualityLevel) -> bool:
        """Whether a signal of *level* may be used at all."""
        return level is not self.do_not_use


@functools.cache
def quality_levels(option: NetworkOption) -> QualityLevels:
    """Return the levels of network *option*."""
    table = tomllib.loads((Path(__file__).parent / "quality_levels.toml").read_text(encoding="utf-8"))
    return QualityLevels(msgspec.convert(table[f"option{option}"], tuple[QualityLevel, ...]))
