"""The unicast master table of a port (IEEE 1588-2019 17.4): who stands in it, found by address or by portIdentity.

What does not live here: what is asked of them and when (``unicast_client``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import msgspec

from ptpstack.core.unicast_contract import Contract
from ptpstack.core.unicast_settings import UnicastMaster
from ptpstack.time import TimeInterval
from ptpstack.wire.types import MessageType, PortIdentity


class Master(msgspec.Struct, eq=False):
    """One master of the table, and what it owes."""

    address: str
    local_priority: int | None
    contracts: dict[MessageType, Contract]
    port_identity: PortIdentity | None = None
    rate_asymmetry: TimeInterval = 0
    """What its link's speed, other than ours, adds to the asymmetry of the path."""

    @property
    def serves(self) -> bool:
        """Whether time can be had of it: all that is needed was granted and comes."""
        return all(contract.served for kind, contract in self.contracts.items() if kind is not MessageType.ANNOUNCE)


class UnicastMasters:
    """The masters of *rows*, each with a contract for every one of *kinds*."""

    def __init__(self, rows: Sequence[UnicastMaster], kinds: Collection[MessageType]) -> None:
        self._by_address = {
            row.address: Master(row.address, row.local_priority, {kind: Contract(kind) for kind in kinds})
            for row in rows
        }
        self._by_identity: dict[PortIdentity, Master] = {}
        self.at = self._by_address.get
        """Return the master at an address, None where there is none."""
        self.named = self._by_identity.get
        """Return the master that sends under a portIdentity, None where there is none."""

    def __iter__(self) -> Iterator[Master]:
        """Go through all in the order of the table."""
        return iter(self._by_address.values())

    def name(self, master: Master, sender: PortIdentity) -> None:
        """Let *master* go by *sender* from now on."""
        if master.port_identity is not None and self._by_identity.get(master.port_identity) is master:
            del self._by_identity[master.port_identity]
        master.port_identity = sender
        self._by_identity[sender] = master

    def forget(self) -> None:
        """Forget what every master goes by and has granted."""
        self._by_identity.clear()
        for master in self:
            master.contracts = {kind: Contract(kind) for kind in master.contracts}
            master.port_identity = None

    def serves(self, port_identity: PortIdentity) -> bool:
        """Whether time can be had of this master now; one that is not of the table is not asked."""
        master = self._by_identity.get(port_identity)
        return master is None or master.serves

    def delay_address(self, parent: PortIdentity) -> str | None:
        """Return where Delay_Reqs to *parent* go, None while it has not granted answers."""
        master = self._by_identity.get(parent)
        contract = master.contracts.get(MessageType.DELAY_RESP) if master else None
        return master.address if master and contract and contract.expires is not None else None

    def local_priority(self, address: str) -> int | None:
        """Return the rank of the master at *address*, if it has one of its own."""
        master = self._by_address.get(address)
        return master.local_priority if master else None

    def rate_asymmetry(self, parent: PortIdentity) -> TimeInterval:
        """Return what different link speeds add to the asymmetry of the path from *parent*."""
        master = self._by_identity.get(parent)
        return master.rate_asymmetry if master else 0
