"""The base of every event: what the program decided, from which inputs, by which rule.

Each package defines its own events beside the code that decides (``core/events.py``, ``servo/events.py``,
…); this file holds what they share. ``observe`` stamps, stores and prints them; logs, ``ptpstack why``,
metrics and the tests read the same objects.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar

from msgspec import Struct


class Severity(IntEnum):
    """How much a person must care, with syslog's numbers."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


class Event(Struct, frozen=True, kw_only=True):
    """One decision or observation. Subclasses add the inputs as fields and say the sentence in ``__str__``."""

    severity: ClassVar[Severity] = Severity.INFO

    def as_dict(self) -> dict[str, Any]:
        """Return ``{"event": class name, field: value, …}`` of plain JSON values."""
        return {"event": type(self).__name__} | {name: _plain(getattr(self, name)) for name in self.__struct_fields__}


def _plain(value: Any) -> Any:  # noqa: ANN401 (any field type is allowed)
    if isinstance(value, IntEnum):
        return value.name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [_plain(item) for item in value]
    return str(value)
