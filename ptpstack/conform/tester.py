"""The other end of the link: masters that announce and serve time, a neighbour that answers, by a check's wish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from profiles.loader import Profile
from ptpstack.conform.dialect import announce_tlvs, clock_class, follow_up_tlvs, grants_for
from ptpstack.conform.port_under_test import (
    TESTERS,
    Heard,
    NotTestable,
    PortUnderTest,
    interval_in_use,
    is_gptp,
    negotiates,
)
from ptpstack.time import NANOSECOND, PtpTime, TimeInterval, interval_from_log2_seconds, interval_to_seconds
from ptpstack.wire.message import Flag, Message
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Signaling,
    Sync,
)
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import CancelUnicastTransmission, RequestUnicastTransmission
from ptpstack.wire.tlvs.ieee_802_1as import GptpCapable
from ptpstack.wire.types import ALL_PORTS, ClockIdentity, ClockQuality, MessageType, PortIdentity

M = TypeVar("M", bound=Message)
FIRST = PortIdentity(ClockIdentity.from_text("02cfbb.fffe.000001"), 1)
SECOND_MASTER = PortIdentity(ClockIdentity.from_text("02cfcc.fffe.000001"), 1)
UNSPECIFIED = 0x7F
STEPS_PER_INTERVAL = 8
ASKED_S = 300
"""For how long the tester asks, where a check does not care."""
CAPABLE_S = 1.0
"""How often the tester says that it invokes gPTP."""

INTERVALS = {
    MessageType.ANNOUNCE: "logAnnounceInterval",
    MessageType.SYNC: "logSyncInterval",
    MessageType.DELAY_RESP: "logMinDelayReqInterval",
}
"""What is granted by unicast, and the member of portDS that it is asked for by."""

GOOD: dict[str, Any] = {
    "grandmaster_priority1": 10,
    "grandmaster_priority2": 128,
    "grandmaster_clock_quality": ClockQuality(6, 0x21, 0x4E5D),
}
"""A grandmaster that every clock by its defaults prefers to itself."""


def has_static_roles(profile: Profile) -> bool:
    """Whether ports of *profile* have the roles that were set, and choose none (AVnu Automotive 6.2.1.1)."""
    return "static_roles" in profile.gptp_rules


class Tester:
    """Plays masters, as many as asked for, and as many peers as ``responders``, which answer Pdelay_Req.

    They do so late by ``turnaround_error``, unless it is 0, and do not tell. Where the profile negotiates unicast,
    FIRST grants what is asked of it, while ``grants`` says so. Of gPTP it says that it invokes it.
    """

    def __init__(self, port: PortUnderTest) -> None:
        self.port = port
        self.negotiates, self.is_gptp = negotiates(port.profile), is_gptp(port.profile)
        self.responders: tuple[PortIdentity, ...] = (FIRST,)
        self.turnaround_error: TimeInterval = 0
        self.grants = True
        self._capable_s = 0.0
        self._sequence_ids: Counter[tuple[PortIdentity, type[Message]]] = Counter()
        self._taken: Counter[type[Message]] = Counter()
        self._withdraw()

    # -- intervals of the profile ----------------------------------------------------------------------------

    def interval_s(self, attribute: str) -> float:
        """Return an interval in use by the port, named as in portDS (``logAnnounceInterval``), in s."""
        return interval_to_seconds(interval_from_log2_seconds(interval_in_use(self.port, attribute)))

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
        if octets[:2] != TESTERS or octets[5] != 0:
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
        message = kind(**(header | fields))
        return replace(message, flag_field=message.flag_field | Flag.UNICAST) if self.negotiates else message

    def announce(self, sender: PortIdentity = FIRST, **fields: Any) -> None:  # noqa: ANN401 (as of new)
        """Send one Announce of a good master, but for *fields*."""
        told = {
            "grandmaster_identity": self.real(sender).clock_identity,
            "log_message_interval": interval_in_use(self.port, "logAnnounceInterval"),
            "flag_field": Flag.PTP_TIMESCALE,
            "tlvs": self.tlvs(sender),
        }
        quality = GOOD["grandmaster_clock_quality"]._replace(clock_class=clock_class(self.port.profile))
        told |= GOOD | {"grandmaster_clock_quality": quality}
        self.port.send(self.new(Announce, sender, **(told | fields)))

    def tlvs(self, grandmaster: PortIdentity = FIRST) -> tuple[Tlv, ...]:
        """Return the TLVs without which the profile may ignore an Announce of *grandmaster*."""
        return announce_tlvs(self.port.profile, self.real(grandmaster).clock_identity)

    def sync(self, sender: PortIdentity = FIRST) -> None:
        """Send a two-step Sync with its Follow_Up."""
        log_interval = interval_in_use(self.port, "logSyncInterval")
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
                    tlvs=follow_up_tlvs(self.port.profile),
                )
            )

    def signal(self, *tlvs: Tlv, target: PortIdentity = ALL_PORTS) -> None:
        """Send Signaling with *tlvs*."""
        self.port.send(self.new(Signaling, target_port_identity=target, tlvs=tlvs))

    def ask(self, kind: MessageType, log_interval: int | None = None, duration_s: int = ASKED_S) -> None:
        """Ask for a message by unicast, at the interval that the port has by itself unless another is said."""
        if log_interval is None:
            log_interval = interval_in_use(self.port, INTERVALS[kind])
        self.signal(RequestUnicastTransmission(kind, log_interval, duration_s))
        self.port.held.append((self.real(FIRST), kind))

    def _withdraw(self) -> None:
        """Cancel what the check before has asked for."""
        for sender, kind in self.port.held:
            self.port.send(
                self.new(Signaling, sender, target_port_identity=ALL_PORTS, tlvs=(CancelUnicastTransmission(kind),))
            )
        self.port.held.clear()

    # -- time passes -----------------------------------------------------------------------------------------------

    def serve(
        self,
        seconds: float,
        *masters: tuple[PortIdentity, dict[str, Any]],
        announces: bool = True,
        syncs: bool = True,
    ) -> None:
        """Let *masters* announce (with these fields) and send Syncs for *seconds*; answer what is asked."""
        if self.negotiates and len(masters) > 1:
            raise NotTestable("needs several masters, and by unicast each has an address of its own")
        step_s = self.announce_s / STEPS_PER_INTERVAL
        sync_every = max(1, round(self.interval_s("logSyncInterval") / step_s))
        for step in range(max(1, round(seconds / step_s))):
            serving = self._heard_of(masters)
            for sender, fields in masters:
                if announces and step % STEPS_PER_INTERVAL == 0:
                    self.announce(sender, **fields)
                if syncs and step % sync_every == 0 and sender in serving:
                    self.sync(sender)
            self.run(step_s)

    def _heard_of(self, masters: Sequence[tuple[PortIdentity, dict[str, Any]]]) -> Sequence[PortIdentity]:
        """Return who of *masters* sends Syncs: on a gPTP link, which has one neighbour, the one that is followed."""
        senders = [sender for sender, _ in masters]
        if len(senders) == 1 or not self.is_gptp:
            return senders
        return [sender for sender in senders if self.follows(sender)] or senders[:1]

    def run(self, seconds: float) -> None:
        """Let time pass, and answer what the port asked meanwhile."""
        self.port.run(seconds)
        if self.is_gptp:
            self._say_capable(seconds)
            self._answer_peer()
            return
        self._answer_peer()
        self._answer_slave()
        if self.negotiates:
            self._grant()

    def wait(self, seconds: float) -> None:
        """Let time pass in steps, so that nothing waits long for its answer."""
        step_s = self.announce_s / STEPS_PER_INTERVAL
        for _ in range(max(1, round(seconds / step_s))):
            self.run(step_s)

    def _say_capable(self, seconds: float) -> None:
        self._capable_s -= seconds
        if self._capable_s <= 0:
            self._capable_s = CAPABLE_S
            self.signal(GptpCapable(0))

    def _grant(self) -> None:
        for heard in self._new(Signaling):
            grants = tuple(grants_for(heard.message)) if self.grants else ()
            if grants:
                self.signal(*grants, target=heard.message.source_port_identity)

    def _answer_peer(self) -> None:
        for heard in self._new(PdelayReq):
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
                    origin = PtpTime(left_ns * NANOSECOND - self.turnaround_error)
                    self.port.send(self.new(PdelayRespFollowUp, responder, response_origin_timestamp=origin, **asked))

    def _answer_slave(self) -> None:
        for heard in self._new(DelayReq):
            if heard.stamp_ns is not None:
                self.port.send(
                    self.new(
                        DelayResp,
                        sequence_id=heard.message.sequence_id,
                        log_message_interval=interval_in_use(self.port, "logMinDelayReqInterval"),
                        receive_timestamp=PtpTime(heard.stamp_ns * NANOSECOND),
                        requesting_port_identity=heard.message.source_port_identity,
                    )
                )

    def _new(self, kind: type[M]) -> Sequence[Heard[M]]:
        """Return the messages of a *kind* that have come since this was asked last."""
        heard = self.port.heard(kind)
        new, self._taken[kind] = heard[self._taken[kind] :], len(heard)
        return new

    def forget(self) -> None:
        """Forget what was heard."""
        self.port.forget()
        self._taken.clear()

    # -- what the port makes of it -----------------------------------------------------------------------------------

    def follows(self, sender: PortIdentity = FIRST) -> bool:
        """Whether *sender* is the port's parent, where it chooses one."""
        if has_static_roles(self.port.profile):
            raise NotTestable("roles are set in this profile and not chosen")
        return str(self.port.parent_ds()["parentPortIdentity"]) == str(self.real(sender))

    def settle_as_master(self) -> None:
        """Wait until nobody else is heard any more and the port serves, if need be because it was asked to."""
        self.wait(self.timeout_s + 6 * self.announce_s)
        if self.negotiates:
            for kind in INTERVALS:
                self.ask(kind)
            self.wait(2 * self.announce_s)
