"""The messages of one gPTP port: the header fields that IEEE 802.1AS fixes (IEEE 802.1AS-2020 10.6.2, 11.4.2)."""

from __future__ import annotations

from typing import Any, TypeVar

from ptpstack.engine.outputs import Destination, Output
from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.settings import LinkSettings
from ptpstack.wire.message import Flag, Message
from ptpstack.wire.messages.signaling import Signaling
from ptpstack.wire.types import ALL_PORTS, PortIdentity

M = TypeVar("M", bound=Message)


class GptpMessages(PortMessages):
    """Every message goes to the group that bridges do not forward; all say whether its time is TAI (ptpTimescale)."""

    def __init__(
        self,
        port_identity: PortIdentity,
        outputs: list[Output],
        settings: LinkSettings,
        *,
        sdo_id: int,
        domain_number: int,
    ) -> None:
        super().__init__(
            port_identity,
            outputs,
            sdo_id=sdo_id,
            domain_number=domain_number,
            minor_version_number=settings.minor_version_number,
            ingress_latency=settings.ingress_latency,
            egress_latency=settings.egress_latency,
        )
        self.ptp_timescale = True
        """Of the present grandmaster."""
        self._of_2011 = settings.minor_version_number == 0

    def new(self, message_type: type[M], *, sequence_id: int | None = None, flags: int = 0, **body: Any) -> M:  # noqa: ANN401 (the fields of each type)
        """Return a message of this port; controlField is 0 but for neighbours of 2011."""
        if not self._of_2011:
            body["control_field"] = 0
        flags |= Flag.PTP_TIMESCALE * self.ptp_timescale
        return super().new(message_type, sequence_id=sequence_id, flags=flags, **body)

    def concerns(self, message: Signaling) -> bool:
        """Whether a neighbour says *message* to this port; one to or from elsewhere is discarded."""
        if message.target_port_identity not in (ALL_PORTS, self.port_identity):
            self.discard(message, "to another port")
            return False
        if message.source_port_identity.clock_identity == self.port_identity.clock_identity:
            self.discard(message, "sent by this system")
            return False
        return True

    def send_general(
        self, message: Message, destination: Destination = Destination.PEER_DELAY, address: object = None
    ) -> None:
        """Send a general message."""
        super().send_general(message, destination, address)
