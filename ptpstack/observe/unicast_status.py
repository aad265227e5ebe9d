"""What `ptpstack status` says of a port's unicast contracts, as plain values."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ptpstack.core.unicast_contract import Contract, ContractState
from ptpstack.core.unicast_masters import Master
from ptpstack.core.unicast_negotiation import Negotiation
from ptpstack.core.unicast_service import UnicastService
from ptpstack.time import MonotonicTime, interval_to_seconds

CLIENTS_LISTED = 32
"""A service may have thousands: of so many it tells each, of the others the number."""


def unicast_status(negotiation: Negotiation, now: MonotonicTime) -> dict[str, Any]:
    """Return the masters that are asked and the clients that are served."""
    status: dict[str, Any] = {}
    if negotiation.client is not None:
        status["masters"] = [_master(master, now) for master in negotiation.client.masters]
    if negotiation.service is not None:
        status["service"] = _service(negotiation.service, now)
    return status


def _master(master: Master, now: MonotonicTime) -> dict[str, Any]:
    return {
        "address": master.address,
        "portIdentity": str(master.port_identity) if master.port_identity else None,
        "localPriority": master.local_priority,
        "serves": master.serves,
        "contracts": {kind.name: _contract(contract, now) for kind, contract in master.contracts.items()},
    }


def _contract(contract: Contract, now: MonotonicTime) -> dict[str, Any]:
    granted, timer = contract.expires is not None, contract.timer
    asks = contract.state in (ContractState.REQUESTED, ContractState.WAITING)
    return {
        "state": contract.state.value,
        "logInterMessagePeriod": contract.log_interval if granted else None,
        "unanswered": contract.unanswered,
        "lacking": contract.lacking,
        "nextTry_s": round(interval_to_seconds(timer - now), 1) if asks and timer is not None else None,
        "left_s": round(interval_to_seconds(contract.expires - now), 1) if contract.expires is not None else None,
        "lastHeard_s": round(interval_to_seconds(now - contract.heard), 3) if contract.heard is not None else None,
    }


def _service(service: UnicastService, now: MonotonicTime) -> dict[str, Any]:
    grants: Counter[str] = Counter()
    for client in service.clients.values():
        grants.update(kind.name for kind in client.grants)
    return {
        "clients": len(service.clients),
        "maxClients": service.settings.max_clients,
        "grants": dict(grants),
        "messagesPerSecond": service.messages_per_second,
        "maxMessagesPerSecond": service.settings.max_messages_per_second,
        "refusals": dict(service.refusals),
        "listed": [
            {
                "address": client.address,
                "portIdentity": str(client.port_identity),
                "grants": {
                    kind.name: {
                        "logInterMessagePeriod": grant.log_interval,
                        "left_s": round(interval_to_seconds(grant.expires - now), 1),
                    }
                    for kind, grant in client.grants.items()
                },
            }
            for client in list(service.clients.values())[:CLIENTS_LISTED]
        ],
    }
