"""The other end of the link: masters that announce and serve time, a neighbour that answers, by a check's wish."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

from ptpstack.conform.port_under_test import PortUnderTest
from ptpstack.time import NANOSECOND, PtpTime, interval_from_log2_seconds, interval_to_seconds
from ptpstack.wire.message import Flag, Message
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Sync,
)
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import AlternateTimeOffsetIndicator, IeeeC37238, IeeeC37238Of2011
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

M = TypeVar("M", bound=Message)
OURS = b"\x02\xcf"
"""The first octets of the clocks that the tester plays: locally administered."""

FIRST = PortIdentity(ClockIdentity.from_text("02cfbb.fffe.000001"), 1)
SECOND_MASTER = PortIdentity(ClockIdentity.from_text("02cfcc.fffe.000001"), 1)
UNSPECIFIED = 0x7F
STEPS_PER_INTERVAL = 8

GOOD: dict[str, Any] = {
    "grandmaster_priority1": 10,
    "grandmaster_priority2": 128,
    "grandmaster_clock_quality": ClockQuality(6, 0x21, 0x4E5D),
}
"""A grandmaster that every clock by its defaults prefers to itself."""


class Tester:
    """Plays masters *as* many as asked for, and as many peers as ``responders``, which answer Pdelay_Req."""

    def __init__(self, port: PortUnderTest) -> None:
        self.port = port
        self.responders: tuple[PortIdentity, ...] = (FIRST,)
        self._sequence_ids: Counter[tuple[PortIdentity, type[Message]]] = Counter()
        self._answered = 0
        self._requests = 0

    # -- intervals of the profile ----------------------------------------------------------------------------

    def interval_s(self, attribute: str) -> float:
        """Return an interval in use by the port, named as in portDS (``logAnnounceInterval``), in s."""
        return interval_to_seconds(interval_from_log2_seconds(self.port.port_ds()[attribute]))

    @property
    def announce_s(self) -> float:
        """The announce interval."""
        return self.interval_s("logAnnounceInterval")

    @property
    def timeout_s(self) -> float:
        """The announce receipt timeout, with the part that is left to chance (9.2.6.12)."""
        return float((self.port.port_ds()["announceReceiptTimeout"] + 1) * self.announce_s)

    def real(self, sender: PortIdentity) -> PortIdentity:
        """Return by what name a clock of ours goes in this check; any other keeps its own."""
        octets = sender.clock_identity
        if octets[:2] != OURS:
            return sender
        return sender._replace(clock_identity=ClockIdentity(octets[:5] + bytes((self.port.epoch & 0xFF,)) + octets[6:]))

    # -- messages -----------------------------------------------------------------------------------------------

    def new(self, kind: type[M], sender: PortIdentity = FIRST, **fields: Any) -> M:  # noqa: ANN401 (fields of each type)
        """Return a message of *sender* in the port's domain, with the next sequenceId of its type."""
        default, sender = self.port.default_ds(), self.real(sender)
        sequence_id = self._sequence_ids[sender, kind]
        self._sequence_ids[sender, kind] = (sequence_id + 1) & 0xFFFF
        header = {
            "major_sdo_id": default["sdoId"] >> 8,
            "minor_sdo_id": default["sdoId"] & 0xFF,
            "minor_version_ptp": 1,
            "domain_number": default["domainNumber"],
            "source_port_identity": sender,
            "sequence_id": sequence_id,
            "log_message_interval": UNSPECIFIED,
        }
        return kind(**(header | fields))

    def announce(self, sender: PortIdentity = FIRST, **fields: Any) -> None:  # noqa: ANN401 (as of new)
        """Send one Announce of a good master, but for *fields*."""
        told = {
            "grandmaster_identity": self.real(sender).clock_identity,
            "log_message_interval": self.port.port_ds()["logAnnounceInterval"],
            "flag_field": Flag.PTP_TIMESCALE,
            "tlvs": self.tlvs(),
        }
        self.port.send(self.new(Announce, sender, **(told | GOOD | fields)))

    def tlvs(self) -> tuple[Tlv, ...]:
        """Return the TLVs without which the profile may ignore an Announce."""
        local_time = AlternateTimeOffsetIndicator(1, 3563, 3600, 1_774_746_037, b"CET")
        match self.port.profile.announce_tlv:
            case "ieee_c37_238_2017":
                return (IeeeC37238(7, 200), local_time)
            case "ieee_c37_238_2011":
                return (IeeeC37238Of2011(7, 200), local_time)
        return ()

    def sync(self, sender: PortIdentity = FIRST) -> None:
        """Send a two-step Sync with its Follow_Up."""
        log_interval = self.port.port_ds()["logSyncInterval"]
        sync = self.new(Sync, sender, flag_field=Flag.TWO_STEP, log_message_interval=log_interval)
        left_ns = self.port.send(sync)
        if left_ns is not None:
            self.port.send(
                self.new(
                    FollowUp,
                    sender,
                    sequence_id=sync.sequence_id,
                    log_message_interval=log_interval,
                    precise_origin_timestamp=PtpTime(left_ns * NANOSECOND),
                )
            )

    # -- time passes -----------------------------------------------------------------------------------------------

    def serve(self, seconds: float, *masters: tuple[PortIdentity, dict[str, Any]]) -> None:
        """Let *masters* announce (with these fields) and send Syncs for *seconds*; answer what is asked."""
        step_s = self.announce_s / STEPS_PER_INTERVAL
        sync_every = max(1, round(self.interval_s("logSyncInterval") / step_s))
        for step in range(max(1, round(seconds / step_s))):
            for sender, fields in masters:
                if step % STEPS_PER_INTERVAL == 0:
                    self.announce(sender, **fields)
                if step % sync_every == 0:
                    self.sync(sender)
            self.run(step_s)

    def run(self, seconds: float) -> None:
        """Let time pass, and answer what the port asked meanwhile."""
        self.port.run(seconds)
        self._answer_peer()
        self._answer_slave()

    def wait(self, seconds: float) -> None:
        """Let time pass in steps, so that nothing waits long for its answer."""
        step_s = self.announce_s / STEPS_PER_INTERVAL
        for _ in range(max(1, round(seconds / step_s))):
            self.run(step_s)

    def _answer_peer(self) -> None:
        requests = self.port.heard(PdelayReq)
        new, self._answered = requests[self._answered :], len(requests)
        for heard in new:
            request = heard.message
            for responder in self.responders if heard.stamp_ns is not None else ():
                asked = {
                    "sequence_id": request.sequence_id,
                    "requesting_port_identity": request.source_port_identity,
                }
                response = self.new(
                    PdelayResp,
                    responder,
                    flag_field=Flag.TWO_STEP,
                    request_receipt_timestamp=PtpTime((heard.stamp_ns or 0) * NANOSECOND),
                    **asked,
                )
                left_ns = self.port.send(response)
                if left_ns is not None:
                    origin = PtpTime(left_ns * NANOSECOND)
                    self.port.send(self.new(PdelayRespFollowUp, responder, response_origin_timestamp=origin, **asked))

    def _answer_slave(self) -> None:
        requests = self.port.heard(DelayReq)
        new, self._requests = requests[self._requests :], len(requests)
        for heard in new:
            if heard.stamp_ns is not None:
                self.port.send(
                    self.new(
                        DelayResp,
                        sequence_id=heard.message.sequence_id,
                        log_message_interval=self.port.port_ds()["logMinDelayReqInterval"],
                        receive_timestamp=PtpTime(heard.stamp_ns * NANOSECOND),
                        requesting_port_identity=heard.message.source_port_identity,
                    )
                )

    def forget(self) -> None:
        """Forget what was heard."""
        self.port.forget()
        self._answered = self._requests = 0

    # -- what the port makes of it -----------------------------------------------------------------------------------

    def follows(self, sender: PortIdentity = FIRST) -> bool:
        """Whether *sender* is the port's parent."""
        return str(self.port.parent_ds()["parentPortIdentity"]) == str(self.real(sender))

    def settle_as_master(self) -> None:
        """Wait until nobody else is heard any more and the port serves."""
        self.wait(self.timeout_s + 6 * self.announce_s)
