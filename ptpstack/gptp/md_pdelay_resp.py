"""MDPdelayResp: answers the neighbour's Pdelay_Reqs, always in two steps (IEEE 802.1AS-2020 11.2.20, Figure 11-10)."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from ptpstack.engine.outputs import Destination
from ptpstack.engine.port_messages import LOG_INTERVAL_UNSPECIFIED, NANOSECOND_FRACTION, PortMessages
from ptpstack.gptp.machine import Machine
from ptpstack.time import LocalTime, MonotonicTime, ptp_from_local
from ptpstack.wire.message import Flag
from ptpstack.wire.messages import PdelayReq, PdelayResp, PdelayRespFollowUp


class State(Enum):
    """The states of the figure."""

    NOT_ENABLED = auto()
    INITIAL_WAITING_FOR_PDELAY_REQ = auto()
    SENT_PDELAY_RESP_WAITING_FOR_TIMESTAMP = auto()
    WAITING_FOR_PDELAY_REQ = auto()


class MdPdelayResp(Machine):
    """The responder of one link. A second request before the stamp of the first answer is answered as well."""

    def __init__(self, messages: PortMessages) -> None:
        super().__init__(State.NOT_ENABLED)
        self.port_enabled = False
        self._messages = messages
        self._requests: deque[tuple[PdelayReq, LocalTime]] = deque()
        self._awaited = 0

    def receive_request(self, request: PdelayReq, ingress: LocalTime, now: MonotonicTime) -> None:
        """Take a Pdelay_Req."""
        self._requests.append((request, ingress))
        self.run(now)

    def clock_stepped(self) -> None:
        """Wait no more for the stamps of before."""
        self._awaited = 0

    def _is_disabled(self) -> bool:
        return not self.port_enabled

    def _is_enabled(self) -> bool:
        return self.port_enabled

    def _has_request(self) -> bool:
        return bool(self._requests)

    def _has_stamps(self) -> bool:
        return self._awaited == 0

    def _disable(self) -> None:
        self._requests.clear()
        self._awaited = 0

    def _answer(self) -> None:
        """Send t2; a correctionField holds what is below a nanosecond, and is added."""
        request, ingress = self._requests.popleft()
        receipt = ptp_from_local(ingress)
        fraction = int(receipt) & NANOSECOND_FRACTION
        response = self._messages.new(
            PdelayResp,
            sequence_id=request.sequence_id,
            flags=Flag.TWO_STEP,
            log_message_interval=LOG_INTERVAL_UNSPECIFIED,
            request_receipt_timestamp=receipt - fraction,
            correction_field=fraction,
            requesting_port_identity=request.source_port_identity,
        )
        self._awaited += 1

        def left(egress: LocalTime, now: MonotonicTime) -> None:
            self._follow(request, egress)
            gone(now)

        def gone(now: MonotonicTime) -> None:
            self._awaited = max(0, self._awaited - 1)
            self.run(now)

        self._messages.send_event(response, left, Destination.PEER_DELAY, on_loss=gone)

    def _follow(self, request: PdelayReq, egress: LocalTime) -> None:
        """Send t3."""
        origin = ptp_from_local(egress)
        fraction = int(origin) & NANOSECOND_FRACTION
        self._messages.send_general(
            self._messages.new(
                PdelayRespFollowUp,
                sequence_id=request.sequence_id,
                log_message_interval=LOG_INTERVAL_UNSPECIFIED,
                response_origin_timestamp=origin - fraction,
                correction_field=fraction,
                requesting_port_identity=request.source_port_identity,
            ),
            Destination.PEER_DELAY,
        )

    ROWS = (
        (None, _is_disabled, State.NOT_ENABLED),
        (State.NOT_ENABLED, _is_enabled, State.INITIAL_WAITING_FOR_PDELAY_REQ),
        (State.INITIAL_WAITING_FOR_PDELAY_REQ, _has_request, State.SENT_PDELAY_RESP_WAITING_FOR_TIMESTAMP),
        (State.WAITING_FOR_PDELAY_REQ, _has_request, State.SENT_PDELAY_RESP_WAITING_FOR_TIMESTAMP),
        (State.SENT_PDELAY_RESP_WAITING_FOR_TIMESTAMP, _has_request, State.SENT_PDELAY_RESP_WAITING_FOR_TIMESTAMP),
        (State.SENT_PDELAY_RESP_WAITING_FOR_TIMESTAMP, _has_stamps, State.WAITING_FOR_PDELAY_REQ),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.NOT_ENABLED: _disable,
        State.SENT_PDELAY_RESP_WAITING_FOR_TIMESTAMP: _answer,
    }
