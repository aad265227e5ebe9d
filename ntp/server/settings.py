"""What the timing process tells the server's processes at their start."""

from __future__ import annotations

import msgspec


class NtsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the keys of cookies are, which the server of NTS-KE made."""

    master_key_file: str


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How time is served. ``time_fd`` is the memory of ``time_state``, inherited."""

    time_fd: int
    listen: tuple[str, ...]
    port: int = 123
    interface: str = ""
    namespace: str = ""
    hardware_stamps: bool = False
    dscp: int = 0
    workers: int = 1
    user: str = ""
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    rate_interval_s: float = 0.0
    """0: no limit."""
    rate_burst: int = 8
    leak_one_in: int = 4
    kiss_one_in: int = 0
    client_table_bits: int = 12
    keys: tuple[tuple[int, str, bytes], ...] = ()
    """Number, kind and secret of each symmetric key."""
    gather_us: int = 1000
    nts: NtsSettings | None = None
