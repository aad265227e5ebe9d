"""Who may ask: prefixes that allow and deny, the longest that fits decides.

Compiled once to the borders between stretches of addresses that are treated alike; an address is found between them by
bisection, one or a whole array of them. Where any prefix is allowed, others are not.
"""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

import numpy as np
import numpy.typing as npt

Network = IPv4Network | IPv6Network


class Access:
    """The rules for addresses of *family*; ``is_open``: everybody may ask."""

    def __init__(self, family: int, allow: Sequence[str], deny: Sequence[str]) -> None:
        self._octets = 16 if family == socket.AF_INET6 else 4
        version = 6 if family == socket.AF_INET6 else 4
        rules = [(ip_network(text, strict=False), True) for text in allow]
        rules += [(ip_network(text, strict=False), False) for text in deny]
        mine = [(network, allowed) for network, allowed in rules if network.version == version]
        default = not allow
        self.is_open = default and not any(not allowed for _, allowed in mine)
        borders = {0}
        for network, _ in mine:
            borders.add(int(network.network_address))
            borders.add(int(network.broadcast_address) + 1)
        starts = sorted(border for border in borders if border < 1 << 8 * self._octets)
        self._starts = [start.to_bytes(self._octets, "big") for start in starts]
        self._allowed = [_decide(start, mine, default=default) for start in starts]
        self._start_array = np.array(self._starts, f"S{self._octets}")
        self._allowed_array = np.array(self._allowed, bool)

    def allows(self, address: bytes) -> bool:
        """Tell whether *address* (4 or 16 octets) may ask."""
        return self._allowed[bisect_right(self._starts, address) - 1]

    def allow(self, addresses: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Tell it for each row of *addresses*."""
        texts = np.ascontiguousarray(addresses).view(f"S{self._octets}").ravel()
        found: npt.NDArray[np.bool_] = self._allowed_array[np.searchsorted(self._start_array, texts, "right") - 1]
        return found


def _decide(address: int, rules: Sequence[tuple[Network, bool]], *, default: bool) -> bool:
    """Return what the longest prefix around *address* says; of two alike the one that denies."""
    fitting = [
        (network.prefixlen, not allowed)
        for network, allowed in rules
        if int(network.network_address) <= address <= int(network.broadcast_address)
    ]
    return not max(fitting)[1] if fitting else default
