"""The other end of the link: masters that announce and serve time, a neighbour that answers, by a check's wish."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from profiles.loader import Profile
from ptpstack.conform.dialect import announce_tlvs, clock_classes, follow_up_tlvs, grants_for
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
PEER_DELAY = (PdelayReq, PdelayResp, PdelayRespFollowUp)
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
    """Plays *masters*, each in a place of its own, and as many peers as ``responders``, which answer Pdelay_Req.

    They do so late by ``turnaround_error``, unless it is 0, and do not tell. Delay_Reqs are answered by whom the port
    follows. Where the profile negotiates unicast, masters grant what is asked of them, while ``grants`` says so. Of
    gPTP it says that it invokes it.
    """

    def __init__(self, port: PortUnderTest, masters: Sequence[PortIdentity] = (FIRST,)) -> None:
        self.port, self._masters = port, masters
        self.negotiates, self.is_gptp = negotiates(port.profile), is_gptp(port.profile)
        self.responders: tuple[PortIdentity, ...] = (FIRST,)
        self.turnaround_error: TimeInterval = 0
        self.grants = True
        self.deaf: Sequence[PortIdentity] = ()
        """Masters that answer no Delay_Req."""
        self._capable_s = 0.0
        self._sequence_ids: Counter[tuple[PortIdentity, type[Message]]] = Counter()
        self._taken: Counter[tuple[type[Message], int]] = Counter()
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

    def _place(self, sender: PortIdentity) -> int:
        """Return where *sender* speaks."""
        return self._masters.index(sender) if self.negotiates and sender in self._masters else 0

    def _places(self) -> Iterator[tuple[int, PortIdentity]]:
        """Yield each place that messages may come to, and who answers there."""
        if self.negotiates:
            yield from enumerate(self._masters)
            return
        followed = self._masters[0]
        with contextlib.suppress(NotTestable):
            parent = str(self.port.parent_ds()["parentPortIdentity"])
            followed = next((sender for sender in self._masters if str(self.real(sender)) == parent), followed)
        yield 0, followed

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
        quality = GOOD["grandmaster_clock_quality"]._replace(clock_class=clock_classes(self.port.profile)[0])
        told |= GOOD | {"grandmaster_clock_quality": quality}
        self.port.send(self.new(Announce, sender, **(told | fields)), self._place(sender))

    def tlvs(self, grandmaster: PortIdentity = FIRST) -> tuple[Tlv, ...]:
        """Return the TLVs without which the profile may ignore an Announce of *grandmaster*."""
        return announce_tlvs(self.port.profile, self.real(grandmaster).clock_identity)

    def sync(self, sender: PortIdentity = FIRST) -> None:
        """Send a two-step Sync with its Follow_Up."""
        log_interval = interval_in_use(self.port, "logSyncInterval")
        sync = self.new(Sync, sender, flag_field=Flag.TWO_STEP, log_message_interval=log_interval)
        left_ns = self.port.send(sync, self._place(sender))
        if left_ns is not None:
            self.port.send(
                self.new(
                    FollowUp,
                    sender,
                    sequence_id=sync.sequence_id,
                    log_message_interval=log_interval,
                    precise_origin_timestamp=PtpTime(left_ns * NANOSECOND),
                    tlvs=follow_up_tlvs(self.port.profile),
                ),
                self._place(sender),
            )

    def signal(self, *tlvs: Tlv, sender: PortIdentity = FIRST, target: PortIdentity = ALL_PORTS) -> None:
        """Send Signaling with *tlvs*."""
        self.port.send(self.new(Signaling, sender, target_port_identity=target, tlvs=tlvs), self._place(sender))

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
        without_syncs: Sequence[PortIdentity] = (),
    ) -> None:
        """Let *masters* announce (with these fields) and send Syncs for *seconds*; answer what is asked."""
        step_s = self.announce_s / STEPS_PER_INTERVAL
        sync_every = max(1, round(self.interval_s("logSyncInterval") / step_s))
        for step in range(max(1, round(seconds / step_s))):
            serving = self._heard_of(masters)
            for sender, fields in masters:
                if announces and step % STEPS_PER_INTERVAL == 0:
                    self.announce(sender, **fields)
                if syncs and step % sync_every == 0 and sender in serving and sender not in without_syncs:
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

    def wait_until_asked(self, longest_s: float) -> None:
        """Wait until the port has asked every master for Announces, now or in a check before."""
        places = set(range(len(self._masters)))
        for _ in range(round(longest_s / self.announce_s) + 1):
            if places <= self.port.served:
                return
            self.wait(self.announce_s)
        missing = len(places - self.port.served)
        raise NotTestable(
            f"within {longest_s:g} s the port asks nothing of {missing} of {len(places)} masters that are played: "
            "are they in its unicast master table?"
        )

    def _say_capable(self, seconds: float) -> None:
        self._capable_s -= seconds
        if self._capable_s <= 0:
            self._capable_s = CAPABLE_S
            self.signal(GptpCapable(0))

    def _grant(self) -> None:
        for place, master in self._places():
            for heard in self._new(Signaling, place):
                grants = tuple(grants_for(heard.message)) if self.grants else ()
                if any(grant.message_type == MessageType.ANNOUNCE for grant in grants):
                    self.port.served.add(place)
                if grants:
                    self.signal(*grants, sender=master, target=heard.message.source_port_identity)

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
        for place, master in self._places():
            for heard in self._new(DelayReq, place):
                if heard.stamp_ns is not None and master not in self.deaf:
                    answer = self.new(
                        DelayResp,
                        master,
                        sequence_id=heard.message.sequence_id,
                        log_message_interval=interval_in_use(self.port, "logMinDelayReqInterval"),
                        receive_timestamp=PtpTime(heard.stamp_ns * NANOSECOND),
                        requesting_port_identity=heard.message.source_port_identity,
                    )
                    self.port.send(answer, place)

    def _new(self, kind: type[M], place: int = 0) -> Sequence[Heard[M]]:
        """Return the messages of a *kind* that have come to a *place* since this was asked last."""
        heard = self.port.heard(kind, place)
        new, self._taken[kind, place] = heard[self._taken[kind, place] :], len(heard)
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
