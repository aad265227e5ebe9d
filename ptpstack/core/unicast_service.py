"""The granting side of unicast negotiation (IEEE 1588-2019 16.1): who gets what, for how long, and why not.

What lives here: requests, grants, refusals, cancellations, expiry, and the limits that keep memory and traffic bounded
whoever asks. What does not: when a grant's messages are due (``unicast_schedule``), what they contain
(``unicast_transmitter``), the asking side (``unicast_client``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import TypeAlias

import msgspec

from ptpstack.core.access_list import AccessList
from ptpstack.core.context import PortContext
from ptpstack.core.settings import DelayMechanism
from ptpstack.core.unicast_events import (
    UnicastGranted,
    UnicastGrantEnded,
    UnicastRefused,
    UnicastRenewed,
    UnicastServiceStopped,
)
from ptpstack.core.unicast_schedule import Schedule
from ptpstack.core.unicast_settings import UnicastServiceSettings
from ptpstack.engine.port_state import PortState
from ptpstack.engine.unicast_slot import Grant, Slot
from ptpstack.time import SECOND, MonotonicTime
from ptpstack.wire.header import Flag
from ptpstack.wire.messages.signaling import Signaling
from ptpstack.wire.tlvs import (
    AcknowledgeCancelUnicastTransmission,
    CancelUnicastTransmission,
    GrantUnicastTransmission,
    RequestUnicastTransmission,
)
from ptpstack.wire.types import MessageType, PortIdentity

GRANTABLE = (MessageType.ANNOUNCE, MessageType.SYNC, MessageType.DELAY_RESP)
"""What may be asked for; peer delay by unicast is not offered."""

CLIENTS_PER_ADDRESS = 16
"""Port identities that one address may make up."""

SLOWEST_LOG_INTERVAL = 10
TLVS_PER_SECOND = 96
"""TLVs in Signaling of one address in a second beyond which it gets no answer."""

ADDRESSES_WATCHED = 4096
VOID_TOLERATED = 256
"""Expiries of grants that are no more, beside as many as there may be grants, before they are looked for."""

RENEWAL_INVITED = 1

ClientKey: TypeAlias = tuple[str, PortIdentity]
"""A client is an address and a port identity: so nobody cancels from another address what this one was granted."""


class Client(msgspec.Struct, eq=False):
    """What one client holds."""

    address: str
    port_identity: PortIdentity
    grants: dict[MessageType, Grant]


class UnicastService:
    """The grants of one port."""

    def __init__(self, context: PortContext, settings: UnicastServiceSettings) -> None:
        self.settings = settings
        self.clients: dict[ClientKey, Client] = {}
        self.schedule = Schedule(settings.slots_per_second, settings.together)
        self.messages_per_second = 0.0
        self.refusals: Counter[str] = Counter()
        self.version = 0
        """Changes whenever a client gets or loses Delay_Resp."""
        self._context = context
        self._access = AccessList(settings.allow)
        self._clients_of: Counter[str] = Counter()
        self._expiries: list[tuple[MonotonicTime, int, Grant]] = []
        self._pushed = 0
        self._requests: Counter[str] = Counter()
        self._requests_since: MonotonicTime | None = None

    # -- what others read --------------------------------------------------------------------------

    def next_deadline(self) -> MonotonicTime | None:
        """Return when something is due, or expires."""
        due = self.schedule.next_deadline()
        expiry = self._expiries[0][0] if self._expiries else None
        return expiry if due is None or (expiry is not None and expiry < due) else due

    def grant_of(self, address: Hashable, port_identity: PortIdentity, message_type: MessageType) -> Grant | None:
        """Return what this client was granted of this type."""
        client = self.clients.get((str(address), port_identity))
        return client.grants.get(message_type) if client else None

    # -- signaling ---------------------------------------------------------------------------------

    def tolerates(self, address: str, tlvs: int, now: MonotonicTime) -> bool:
        """Whether one more Signaling message of *address*, with so many TLVs, is answered: a flood is not."""
        if self._requests_since is None or now - self._requests_since >= SECOND:
            self._requests.clear()
            self._requests_since = now
        if address not in self._requests and len(self._requests) >= ADDRESSES_WATCHED:
            return False
        self._requests[address] += max(1, tlvs)
        return self._requests[address] <= TLVS_PER_SECOND

    def request(
        self,
        request: RequestUnicastTransmission,
        sender: PortIdentity,
        address: str,
        state: PortState,
        now: MonotonicTime,
    ) -> GrantUnicastTransmission:
        """Grant or refuse, which is a grant for no time, and say which by an event."""
        held = self.clients.get((address, sender))
        reason = self._refusal(request, sender, address, state)
        if reason:
            self.refusals[reason] += 1
            self._context.tell(
                UnicastRefused,
                address=address,
                port_identity=sender,
                message=_name(request.message_type),
                log_interval=request.log_inter_message_period,
                reason=reason,
            )
            duration_s = 0
        else:
            kind = MessageType(request.message_type)
            duration_s = min(request.duration_field, self.settings.max_duration_s)
            renewed = held is not None and kind in held.grants
            self._hold(kind, request.log_inter_message_period, duration_s, (address, sender), now)
            self._context.tell(
                UnicastRenewed if renewed else UnicastGranted,
                address=address,
                port_identity=sender,
                message=kind.name,
                log_interval=request.log_inter_message_period,
                duration_s=duration_s,
            )
        return GrantUnicastTransmission(
            request.message_type,
            request.log_inter_message_period,
            duration_s,
            flags=0 if reason else RENEWAL_INVITED,
        )

    def _refusal(
        self, request: RequestUnicastTransmission, sender: PortIdentity, address: str, state: PortState
    ) -> str:
        """Return which limit *request* breaks, or nothing."""
        if not self._access.allows(address):
            return "the address is not in allow"
        if request.message_type not in GRANTABLE:
            return "this type of message is not served by unicast"
        kind = MessageType(request.message_type)
        if kind is MessageType.DELAY_RESP and self._context.settings.delay_mechanism is not DelayMechanism.E2E:
            return "this port does not use the delay request-response mechanism"
        if state is not PortState.MASTER:
            return f"this port is not a master, it is {state.name}"
        if request.duration_field == 0:
            return "asked for no time"
        return self._rate_refusal(kind, request.log_inter_message_period) or self._full((address, sender), request)

    def _rate_refusal(self, kind: MessageType, log_interval: int) -> str:
        """Return why this rate is never granted, or nothing."""
        settings = self.settings
        fastest = {
            MessageType.ANNOUNCE: settings.min_log_announce_interval,
            MessageType.SYNC: settings.min_log_sync_interval,
            MessageType.DELAY_RESP: settings.min_log_delay_resp_interval,
        }[kind]
        if log_interval < fastest:
            return f"more often than every 2^{fastest} s"
        if log_interval > SLOWEST_LOG_INTERVAL:
            return f"less often than every 2^{SLOWEST_LOG_INTERVAL} s"
        return ""

    def _full(self, key: ClientKey, request: RequestUnicastTransmission) -> str:
        """Return why there is no room for *request* beside the others', or nothing."""
        settings, kind = self.settings, MessageType(request.message_type)
        held = self.clients.get(key)
        if held is None:
            if len(self.clients) >= settings.max_clients:
                return f"max_clients = {settings.max_clients} are served"
            if self._clients_of[key[0]] >= CLIENTS_PER_ADDRESS:
                return f"{CLIENTS_PER_ADDRESS} clients are served at this address"
        before = held.grants.get(kind) if held else None
        rate = self.messages_per_second + _rate(kind, request.log_inter_message_period)
        if before is not None:
            rate -= _rate(kind, before.log_interval)
        if rate > settings.max_messages_per_second:
            return f"max_messages_per_second = {settings.max_messages_per_second} are granted"
        return ""

    def cancel(self, cancel: CancelUnicastTransmission, sender: PortIdentity, address: str) -> bool:
        """End what the client at *address* cancels; return whether that is to be acknowledged."""
        if cancel.maintain_request or not self._access.allows(address):
            return False
        client = self.clients.get((address, sender))
        grant = client.grants.get(MessageType(cancel.message_type)) if client and _is_known(cancel) else None
        if grant is not None:
            self._end(grant, "the client cancelled it")
        return True

    # -- grants ------------------------------------------------------------------------------------

    def _hold(self, kind: MessageType, log_interval: int, duration_s: int, key: ClientKey, now: MonotonicTime) -> None:
        client = self.clients.get(key)
        if client is None:
            client = self.clients[key] = Client(*key, {})
            self._clients_of[key[0]] += 1
        expires = now + duration_s * SECOND
        grant = client.grants.get(kind)
        if grant is not None and grant.log_interval == log_interval:
            if expires < grant.expires:  # the entry of before comes too late
                self._push_expiry(expires, grant)
            grant.expires = expires
            return
        sequence_id = 0
        if grant is not None:
            self._drop(grant)
            sequence_id = grant.sequence_id
        grant = Grant(*key, kind, log_interval, expires, sequence_id)
        client.grants[kind] = grant
        self.messages_per_second += _rate(kind, log_interval)
        self._push_expiry(expires, grant)
        if kind is MessageType.DELAY_RESP:
            self.version += 1
        else:
            self.schedule.add(grant, now)

    def _push_expiry(self, expires: MonotonicTime, grant: Grant) -> None:
        """Look at *grant* at *expires*; forget expiries that are void, of which a client may make any number."""
        self._pushed += 1
        heappush(self._expiries, (expires, self._pushed, grant))
        if len(self._expiries) > VOID_TOLERATED + 2 * len(GRANTABLE) * len(self.clients):
            earliest = {id(grant): entry for entry in sorted(self._expiries, reverse=True) if self._is_held(entry[2])}
            self._expiries = list(earliest.values())
            heapify(self._expiries)

    def _is_held(self, grant: Grant) -> bool:
        client = self.clients.get((grant.address, grant.port_identity))
        return client is not None and client.grants.get(grant.message_type) is grant

    def _drop(self, grant: Grant) -> None:
        """Take *grant* out of everything but its client and the heap, where it is found void."""
        self.messages_per_second -= _rate(grant.message_type, grant.log_interval)
        if grant.slot is not None:
            self.schedule.remove(grant)
        if grant.message_type is MessageType.DELAY_RESP:
            self.version += 1

    def _end(self, grant: Grant, reason: str) -> None:
        key = grant.address, grant.port_identity
        client = self.clients[key]
        self._drop(grant)
        del client.grants[grant.message_type]
        if not client.grants:
            del self.clients[key]
            self._clients_of[grant.address] -= 1
            if not self._clients_of[grant.address]:
                del self._clients_of[grant.address]
        self._context.tell(
            UnicastGrantEnded,
            address=grant.address,
            port_identity=grant.port_identity,
            message=grant.message_type.name,
            reason=reason,
        )

    def take_due(self, now: MonotonicTime) -> list[tuple[MessageType, Slot]]:
        """End what has expired, and return what is due."""
        while self._expiries and self._expiries[0][0] <= now:
            _, number, grant = heappop(self._expiries)
            if not self._is_held(grant):
                continue
            if grant.expires > now:
                heappush(self._expiries, (grant.expires, number, grant))  # it was renewed meanwhile
            else:
                self._end(grant, "it expired")
        return self.schedule.take_due(now)

    def stop(self, reason: str) -> None:
        """Cancel every grant, because this port is no master any more."""
        for client in self.clients.values():
            tlvs = tuple(CancelUnicastTransmission(kind) for kind in client.grants)
            self._context.send_general(
                self._context.new(Signaling, flags=Flag.UNICAST, target_port_identity=client.port_identity, tlvs=tlvs),
                address=client.address,
            )
        if self.clients:
            self._context.tell(UnicastServiceStopped, clients=len(self.clients), reason=reason)
        self.clear()

    def clear(self) -> None:
        """Forget every grant: nothing can be sent any more."""
        self.clients.clear()
        self.schedule.clear()
        self._clients_of.clear()
        self._expiries.clear()
        self.messages_per_second = 0.0
        self.version += 1


def acknowledgement(cancel: CancelUnicastTransmission) -> AcknowledgeCancelUnicastTransmission:
    """Return the answer to *cancel*: the same flags (16.1.4.4)."""
    return AcknowledgeCancelUnicastTransmission(cancel.message_type, cancel.flags)


def _is_known(tlv: CancelUnicastTransmission) -> bool:
    return tlv.message_type in GRANTABLE


def _name(message_type: int) -> str:
    return MessageType(message_type).name if message_type in set(MessageType) else f"messageType 0x{message_type:X}"


def _rate(kind: MessageType, log_interval: int) -> float:
    """Return the messages a second that a grant costs; a Sync has its Follow_Up."""
    return (2.0 if kind is MessageType.SYNC else 1.0) * 2.0**-log_interval
