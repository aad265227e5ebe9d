"""Who may ask for unicast service: networks and MAC addresses."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


class AccessList:
    """The networks and MAC addresses of *entries*; none at all lets everybody in. Raises ``ValueError``."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._everybody = not entries
        self._exact = {entry.lower() for entry in entries if "/" not in entry}
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(entry) for entry in entries if "/" in entry]

    def allows(self, address: str) -> bool:
        """Whether *address*, as a socket gives it, is among them."""
        if self._everybody or address in self._exact:
            return True
        try:
            host = ip_address(address)
        except ValueError:
            return False  # a MAC address
        return any(host in network for network in self._networks)
