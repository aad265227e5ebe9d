"""What an operator sets on unicast negotiation, resolved to plain values. Addresses are text as the sockets give it."""

from __future__ import annotations

import msgspec


class UnicastMaster(msgspec.Struct, frozen=True):
    """One row of unicastMasterTableDS (IEEE 1588-2019 17.4.2), and its rank where a profile has one."""

    address: str
    local_priority: int | None = None


class UnicastClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which masters a port asks for unicast messages, for how long, and how often it tries."""

    masters: tuple[UnicastMaster, ...]
    duration_s: int = 300
    log_query_interval: int = 0


class UnicastServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a port grants, and to whom. *allow* holds networks or MAC addresses; none at all allows everybody.

    With *batched* the driver sends a whole slot of the schedule at once (``outputs.UnicastBatch``). *slots_per_second*
    says into how many slots clients are spread: few make large batches, many keep Syncs apart, since some NICs hold
    one transmit stamp at a time. A slot is filled with *together* clients before another one is begun.
    """

    allow: tuple[str, ...] = ()
    max_clients: int = 1000
    max_duration_s: int = 1000
    max_messages_per_second: int = 65536
    min_log_announce_interval: int = -3
    min_log_sync_interval: int = -7
    min_log_delay_resp_interval: int = -7
    batched: bool = False
    slots_per_second: int = 1024
    together: int = 1
