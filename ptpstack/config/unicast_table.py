"""The tables of unicast negotiation below a port: whom it asks, and whom it serves."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.table import Table


class UnicastMaster(Table, frozen=True):
    """A master that this port asks for Announce, Sync and Delay_Resp by unicast (unicast discovery)."""

    address: Annotated[
        str, Meta(min_length=1, description="Its address as the transport has it: IPv4, IPv6 or MAC; no name.")
    ]
    local_priority: Annotated[
        Annotated[int, Meta(ge=1, le=0xFF)] | UnsetType,
        Meta(description="Its rank among the others, here only (telecom profiles); otherwise the port's."),
    ] = UNSET


class UnicastService(Table, frozen=True):
    """That this port, while it is a master, grants unicast messages to whoever asks, within these limits."""

    allow: Annotated[
        tuple[str, ...],
        Meta(description='Networks and addresses that may ask, as ["10.0.0.0/8", "02:00:00:00:00:01"]; none: all may.'),
    ] = ()
    max_clients: Annotated[int, Meta(ge=1, le=100_000, description="Clients served at once; more are refused.")] = 1000
    max_duration_s: Annotated[
        int, Meta(ge=10, le=100_000, description="Longest grant, seconds; who asks for more gets this.")
    ] = 1000
    max_messages_per_second: Annotated[
        int,
        Meta(ge=1, le=10_000_000, description="Messages a second granted to all together, Follow_Ups counted."),
    ] = 65536
    min_log_announce_interval: Annotated[
        int, Meta(ge=-7, le=10, description="Shortest Announce interval granted, log2 seconds.")
    ] = -3
    min_log_sync_interval: Annotated[
        int, Meta(ge=-7, le=10, description="Shortest Sync interval granted, log2 seconds.")
    ] = -7
    min_log_delay_resp_interval: Annotated[
        int, Meta(ge=-7, le=10, description="Shortest Delay_Resp interval granted, log2 seconds.")
    ] = -7
