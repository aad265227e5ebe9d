"""Delay_Req and Delay_Resp through an end-to-end transparent clock (IEEE 1588-2019 10.2.2, 11.5.3).

A Delay_Req's residence time goes into the Delay_Resp that comes back by the port where the request left; that answer
goes to where the request came from, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ptpstack.core.transparent_clock_correction import corrected
from ptpstack.core.transparent_clock_memory import Memory
from ptpstack.core.transparent_clock_port import TransparentPort
from ptpstack.core.transparent_clock_rate import RateRatio
from ptpstack.time import SECOND, LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.messages.delay_req import DelayReq
from ptpstack.wire.messages.delay_resp import DelayResp
from ptpstack.wire.types import PortIdentity

REQUESTS_CAPACITY = 4096
REQUEST_LIFETIME: TimeInterval = 2 * SECOND
RESPONSES_MAX = 8
"""Clocks that may answer one request; one master does."""


class ForwardedRequest:
    """A Delay_Req that was handed on: how long it stayed before it left by each port, and the answers that came."""

    __slots__ = ("_rate_ratio", "_waiting", "answered", "ingress", "origin", "residences")

    def __init__(self, origin: TransparentPort, ingress: LocalTime, rate_ratio: RateRatio) -> None:
        self.origin = origin
        self.ingress = ingress
        self.residences: dict[int, TimeInterval] = {}
        self.answered: set[PortIdentity] = set()
        self._waiting: list[tuple[TransparentPort, DelayResp]] = []
        self._rate_ratio = rate_ratio

    def left(self, port: TransparentPort, egress: LocalTime, _now: MonotonicTime) -> None:
        """Take when the request left by *port*."""
        self.residences[port.number] = egress - self.ingress
        waiting, self._waiting = self._waiting, []
        for other, response in waiting:
            self.answer(other, response)

    def answer(self, port: TransparentPort, response: DelayResp) -> None:
        """Hand on the *response* that came in by *port*, as soon as it is known how long the request stayed."""
        residence = self.residences.get(port.number)
        if residence is None:
            self._waiting.append((port, response))
            return
        if self.origin.is_open:
            self.origin.context.send_general(corrected(response, self._rate_ratio.to_master(residence)))


class DelayRequestRelay:
    """Hands the Delay_Reqs of any slave on, and the answers back."""

    def __init__(self, rate_ratio: RateRatio) -> None:
        self._rate_ratio = rate_ratio
        self._requests: Memory[tuple[PortIdentity, int], ForwardedRequest] = Memory(REQUESTS_CAPACITY, REQUEST_LIFETIME)

    def clear(self) -> None:
        """Forget the requests under way: the clock was stepped."""
        self._requests.clear()

    def receive_request(
        self,
        port: TransparentPort,
        others: Sequence[TransparentPort],
        request: DelayReq,
        ingress: LocalTime,
        now: MonotonicTime,
    ) -> None:
        """Hand *request* on, once; the asymmetry of the link that it leaves by is taken off (11.6.3)."""
        key = request.source_port_identity, request.sequence_id
        if self._requests.get(key, now) is not Memory.NOTHING:
            port.context.discard(request, "came twice: a ring, or a duplicate")
            return
        forwarded = ForwardedRequest(port, ingress, self._rate_ratio)
        self._requests.put(key, forwarded, now)
        for other in others:
            asymmetry = other.context.settings.delay_asymmetry
            leaving = corrected(request, -asymmetry) if asymmetry else request
            other.context.send_event(leaving, partial(forwarded.left, other))

    def receive_response(self, port: TransparentPort, response: DelayResp, now: MonotonicTime) -> None:
        """Hand *response* back to where its request came from."""
        forwarded = self._requests.get((response.requesting_port_identity, response.sequence_id), now)
        if not isinstance(forwarded, ForwardedRequest) or forwarded.origin is port:
            port.context.discard(response, "no such Delay_Req has passed")
        elif response.source_port_identity in forwarded.answered:
            port.context.discard(response, "came twice: a ring, or a duplicate")
        elif len(forwarded.answered) == RESPONSES_MAX:
            port.context.discard(response, "too many answer")
        else:
            forwarded.answered.add(response.source_port_identity)
            forwarded.answer(port, response)
