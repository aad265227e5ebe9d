"""A port that negotiates, on the bench: the test is its masters or its clients."""

from __future__ import annotations

from typing import Any, TypeVar

from ptpstack.core.settings import SignalFailSettings
from ptpstack.core.unicast_contract import Contract
from ptpstack.core.unicast_negotiation import Negotiation
from ptpstack.core.unicast_settings import UnicastClientSettings, UnicastMaster, UnicastServiceSettings
from ptpstack.engine.outputs import Send
from ptpstack.time import NANOSECOND, SECOND, PtpTime, interval_from_seconds
from ptpstack.wire.message import Flag
from ptpstack.wire.messages import Announce, DelayReq, DelayResp, Signaling, Sync
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import (
    CancelUnicastTransmission,
    GrantUnicastTransmission,
    RequestUnicastTransmission,
)
from ptpstack.wire.types import ALL_PORTS, ClockIdentity, ClockQuality, MessageType, PortIdentity
from tests.core.bench import GM, OTHER, OWN, Bench

T = TypeVar("T", bound=Tlv)

FIRST, SECOND_MASTER = "10.0.0.1", "10.0.0.2"
FIRST_PORT, SECOND_PORT = PortIdentity(GM, 1), PortIdentity(OTHER, 1)
PORT_OF = {FIRST: FIRST_PORT, SECOND_MASTER: SECOND_PORT}
US = PortIdentity(OWN, 1)
ANNOUNCE, SYNC, DELAY_RESP = MessageType.ANNOUNCE, MessageType.SYNC, MessageType.DELAY_RESP


SIGNAL_FAIL = SignalFailSettings(
    sync_timeout=2 * SECOND,
    delay_resp_timeout=2 * SECOND,
    jitter_limit_ns=0,
    offset_limit_ns=0,
    heeds_uncertain=False,
    wait_to_restore=5 * SECOND,
)


def signaling(sender: PortIdentity, *tlvs: Tlv, target: PortIdentity = ALL_PORTS) -> Signaling:
    return Signaling(
        source_port_identity=sender, flag_field=Flag.UNICAST, target_port_identity=target, tlvs=tuple(tlvs)
    )


class ClientBench(Bench):
    """A slave with two masters in its table; *priority* ranks the first and the second."""

    def __init__(
        self,
        priorities: tuple[int | None, int | None] = (None, None),
        of_port: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        rows = zip((FIRST, SECOND_MASTER), priorities, strict=True)
        client = UnicastClientSettings(masters=tuple(UnicastMaster(*row) for row in rows), duration_s=60)
        if priorities != (None, None):
            settings = {"local_priority": 128, **settings}
        port = {
            "unicast_client": client,
            "multicast": False,
            "local_priority": settings.get("local_priority"),
            "log_sync_interval": -4,
            "log_min_delay_req_interval": -4,
            **(of_port or {}),
        }
        settings.setdefault("signal_fail", SIGNAL_FAIL)
        self.answering = {FIRST, SECOND_MASTER}
        super().__init__(port=port, **({"slave_only": True} | settings))

    def run(self, seconds: float) -> None:
        """Let time pass, while the masters in ``answering`` answer Delay_Reqs; all clocks show the monotonic time."""
        end = self.now + interval_from_seconds(seconds)
        while (deadline := self.instance.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            for output in self._take(self.instance.handle_deadline(self.now)):
                if isinstance(output, Send) and isinstance(output.message, DelayReq):
                    self._answer(output, output.message)
        self.now = end

    def _answer(self, send: Send, request: DelayReq) -> None:
        self.stamp(send, int(self.now))
        if send.address in self.answering:
            response = DelayResp(
                source_port_identity=PORT_OF[str(send.address)],
                sequence_id=request.sequence_id,
                flag_field=Flag.UNICAST,
                log_message_interval=0x7F,
                requesting_port_identity=US,
                receive_timestamp=PtpTime(self.whole_ns()),
            )
            self.receive(response, address=send.address)

    def whole_ns(self) -> int:
        return int(self.now) // NANOSECOND * NANOSECOND

    def negotiation(self) -> Negotiation:
        """What the only port has negotiated."""
        negotiation = self.instance.ports[1].negotiation
        assert negotiation is not None
        return negotiation

    def contract(self, address: str, kind: MessageType = ANNOUNCE) -> Contract:
        """The contract with the master at *address*."""
        client = self.negotiation().client
        assert client is not None
        master = client.masters.at(address)
        assert master is not None
        return master.contracts[kind]

    def asked(self, kind: type[T], address: str | None = None) -> list[T]:
        """The TLVs of this kind that were sent so far, to *address* or anybody."""
        return [
            tlv
            for send in self.sends(Signaling)
            if address in (None, send.address)
            for tlv in send.message.tlvs
            if isinstance(tlv, kind)
        ]

    def requests(self, address: str | None = None) -> list[MessageType]:
        return [MessageType(tlv.message_type) for tlv in self.asked(RequestUnicastTransmission, address)]

    def cancels(self, address: str | None = None) -> list[MessageType]:
        return [MessageType(tlv.message_type) for tlv in self.asked(CancelUnicastTransmission, address)]

    def grant(self, address: str, kind: MessageType, *, duration_s: int = 60, log: int = 0, **fields: Any) -> None:
        sender = fields.pop("sender", PORT_OF[address])
        tlv = GrantUnicastTransmission(kind, log, duration_s, **fields)
        self.receive(signaling(sender, tlv, target=US), address=address)

    def announce_from(self, address: str, clock_class: int = 6, **fields: Any) -> None:
        sender = PORT_OF[address]
        message = self.from_master(
            Announce,
            sender,
            flag_field=Flag.UNICAST | Flag.PTP_TIMESCALE,
            grandmaster_identity=sender.clock_identity,
            grandmaster_clock_quality=ClockQuality(clock_class, 0x21, 0x4E5D),
            grandmaster_priority1=128,
            grandmaster_priority2=128,
            log_message_interval=0x7F,
            **fields,
        )
        self.receive(message, address=address)

    def sync_from(self, address: str) -> None:
        now = self.whole_ns()
        fields = {"flag_field": Flag.UNICAST, "log_message_interval": 0x7F, "origin_timestamp": PtpTime(now)}
        self.receive(self.from_master(Sync, PORT_OF[address], **fields), now, address=address)

    def serve(self, address: str) -> None:
        """Grant Sync and Delay_Resp, and send a first Sync."""
        self.grant(address, SYNC, log=-4)
        self.grant(address, DELAY_RESP, log=-4)
        self.sync_from(address)

    def parent(self) -> PortIdentity:
        return self.instance.parent_ds.parent_port_identity

    def announce_for(self, seconds: int, *addresses: str, **fields: Any) -> None:
        """An Announce a second of each of *addresses*, with Syncs of whom is followed."""
        for _ in range(seconds):
            for address in addresses:
                self.announce_from(address, **fields)
                if PORT_OF[address] == self.parent():
                    self.sync_from(address)
            self.run(1)


class ServiceBench(Bench):
    """A grandmaster that grants."""

    def __init__(
        self, *, wait: bool = True, multicast: bool = False, port: dict[str, Any] | None = None, **limits: Any
    ) -> None:
        service = UnicastServiceSettings(**limits)
        port = {"unicast_service": service, "multicast": multicast, **(port or {})}
        super().__init__(port=port, clock_quality=ClockQuality(6, 0x21, 0x4E5D))
        if wait:
            self.run(8)

    def ask(
        self,
        kind: int,
        *,
        address: str = "10.0.0.9",
        log: int = 0,
        duration_s: int = 60,
        sender: PortIdentity = FIRST_PORT,
    ) -> GrantUnicastTransmission:
        """Ask, and return the answer."""
        before = len(self.sends(Signaling))
        request = RequestUnicastTransmission(kind, log, duration_s)
        self.receive(signaling(sender, request), address=address)
        [answer] = self.sends(Signaling)[before:]
        assert answer.address == address
        assert answer.message.target_port_identity == sender
        [tlv] = answer.message.tlvs
        assert isinstance(tlv, GrantUnicastTransmission)
        return tlv

    def clients(self) -> int:
        negotiation = self.instance.ports[1].negotiation
        assert negotiation is not None
        assert negotiation.service is not None
        return len(negotiation.service.clients)


def client_identity(number: int) -> PortIdentity:
    return PortIdentity(ClockIdentity((0x0300_0000_0000_0000 + number).to_bytes(8, "big")), 1)
