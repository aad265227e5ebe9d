"""Words for people, from numbers."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """Return ``1 source``, ``2 sources``: *number* and *one* thing, or *several* of it where an s does not do."""
    return f"{number} {one if number == 1 else several or one + 's'}"
