"""What all tables of the configuration file share."""

from __future__ import annotations

from msgspec import Struct


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table: keyword arguments only, unknown keys refused."""
