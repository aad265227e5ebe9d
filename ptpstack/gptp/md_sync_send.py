"""MDSyncSendSM: a PortSyncSync goes out as Sync and Follow_Up, or as one (IEEE 802.1AS-2020 11.2.15, Figure 11-7).

In one step the NIC writes the instant into the Sync as it leaves. Nobody can write how long a Sync stayed in this
system then, so only a grandmaster sends in one step; a NIC stamps all its Syncs one way, so only end stations are
set to it. Whether they do: ``one_step_tx_oper_setting.py``.
"""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.engine.outputs import Destination
from ptpstack.engine.port_messages import NANOSECOND_FRACTION, PortMessages
from ptpstack.gptp.autosar_time_sync import AutosarTimeSyncPort
from ptpstack.gptp.machine import Machine
from ptpstack.gptp.md_sync_receive import CORRECTION_MAX
from ptpstack.gptp.sync_data import PortSyncSync
from ptpstack.gptp.variables import PortVariables
from ptpstack.time import SECOND, LocalTime, MonotonicTime, PtpTime, TimeInterval, ptp_from_local
from ptpstack.wire.message import Flag
from ptpstack.wire.messages import FollowUp, Sync
from ptpstack.wire.tlvs.ieee_802_1as import RATE_ONE, FollowUpInformation

TIMESTAMP_RANGE: TimeInterval = SECOND << 48
"""Where a timestamp begins again at 0."""


class State(Enum):
    """The states of the figure."""

    INITIALIZING = auto()
    SEND_SYNC_TWO_STEP = auto()
    SEND_FOLLOW_UP = auto()
    SEND_SYNC_ONE_STEP = auto()


class MdSyncSend(Machine):
    """Sends what PortSyncSyncSend gives it."""

    def __init__(self, port: PortVariables, messages: PortMessages, autosar: AutosarTimeSyncPort | None = None) -> None:
        super().__init__(State.INITIALIZING)
        self._port = port
        self._messages = messages
        self._autosar = autosar
        self._given: tuple[PortSyncSync, int] | None = None
        self._sent: tuple[PortSyncSync, int, int] | None = None
        self._egress: LocalTime | None = None

    def send(self, sync: PortSyncSync, log_sync_interval: int, now: MonotonicTime) -> None:
        """Send *sync*, and say that the next one follows after *log_sync_interval*."""
        self._given = sync, log_sync_interval
        self.run(now)

    def clock_stepped(self) -> None:
        """Give up the Sync whose stamp is awaited."""
        self._sent = None

    def _is_disabled(self) -> bool:
        return not self._port.is_active

    def _sends_in_two_steps(self) -> bool:
        return self._given is not None and not self._port.one_step_tx_oper

    def _sends_in_one_step(self) -> bool:
        return self._given is not None and self._port.one_step_tx_oper

    def _has_stamp(self) -> bool:
        return self._egress is not None and self._sent is not None

    def _initialize(self) -> None:
        self._given = self._sent = self._egress = None

    def _send_sync(self) -> None:
        assert self._given is not None
        (sync, log_interval), self._given = self._given, None
        message = self._messages.new(Sync, flags=Flag.TWO_STEP, log_message_interval=log_interval)
        sequence_id = message.sequence_id
        self._sent, self._egress = (sync, log_interval, sequence_id), None

        def left(egress: LocalTime, now: MonotonicTime) -> None:
            if self._sent is not None and self._sent[2] == sequence_id:
                self._egress = egress
                self.run(now)

        self._messages.send_event(message, left, Destination.PEER_DELAY)

    def _send_follow_up(self) -> None:
        """Tell when the Sync left by the grandmaster's clock (setFollowUp, 11.2.15.2.3)."""
        if self._sent is None or self._egress is None:
            raise AssertionError("the rows let nothing in without a stamp")
        (sync, log_interval, sequence_id), egress = self._sent, self._egress
        self._sent = self._egress = None
        origin, correction = _grandmaster_time(sync, egress)
        follow_up = self._messages.new(
            FollowUp,
            sequence_id=sequence_id,
            log_message_interval=log_interval,
            precise_origin_timestamp=origin,
            correction_field=correction,
            tlvs=(_information(sync),),
        )
        if self._autosar is not None:
            self._autosar.extend(follow_up, sync.autosar)
        self._messages.send_general(follow_up)

    def _send_one_step(self) -> None:
        assert self._given is not None
        (sync, log_interval), self._given = self._given, None
        message = self._messages.new(Sync, log_message_interval=log_interval, tlvs=(_information(sync),))
        self._messages.send_event(message, None, Destination.PEER_DELAY)

    ROWS = (
        (None, _is_disabled, State.INITIALIZING),
        (tuple(State), _sends_in_two_steps, State.SEND_SYNC_TWO_STEP),
        (tuple(State), _sends_in_one_step, State.SEND_SYNC_ONE_STEP),
        (State.SEND_SYNC_TWO_STEP, _has_stamp, State.SEND_FOLLOW_UP),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.INITIALIZING: _initialize,
        State.SEND_SYNC_TWO_STEP: _send_sync,
        State.SEND_FOLLOW_UP: _send_follow_up,
        State.SEND_SYNC_ONE_STEP: _send_one_step,
    }


def _grandmaster_time(sync: PortSyncSync, egress: LocalTime) -> tuple[PtpTime, TimeInterval]:
    """Return preciseOriginTimestamp and correctionField of a Sync that left at *egress*."""
    if sync.upstream_tx_time is None:
        instant = ptp_from_local(egress)
        fraction = int(instant) & NANOSECOND_FRACTION
        return instant - fraction, fraction
    residence = round(sync.rate_ratio * (egress - sync.upstream_tx_time))
    origin, correction = sync.precise_origin_timestamp, sync.follow_up_correction_field + residence
    if abs(correction) <= CORRECTION_MAX:
        return origin, correction
    whole_s, rest = divmod(correction, SECOND)  # of a relay that went on for a day with the last time it had
    return PtpTime((int(origin) + whole_s * SECOND) % TIMESTAMP_RANGE), rest


def _information(sync: PortSyncSync) -> FollowUpInformation:
    return FollowUpInformation(
        cumulative_scaled_rate_offset=scaled_rate(sync.rate_ratio - 1.0),
        gm_time_base_indicator=sync.gm_time_base_indicator,
        last_gm_phase_change=sync.last_gm_phase_change,
        scaled_last_gm_freq_change=scaled_rate(sync.last_gm_freq_change),
    )


def scaled_rate(offset: float) -> int:
    """Return a rate offset as the 32 bits of a TLV hold it, or the greatest that they hold (976 ppm)."""
    return max(-(1 << 31), min((1 << 31) - 1, round(offset * RATE_ONE)))
