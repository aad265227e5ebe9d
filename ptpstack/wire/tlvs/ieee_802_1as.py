"""The TLVs of IEEE 802.1AS (organizationId 00-80-C2): Follow_Up information, and what neighbours ask of each other.

What lives here: the layouts that are known. What does not: the Drift_Tracking TLV of IEEE 802.1AS-2025, whose octets
are not known here, and the CSN TLV, which belongs to media that this program does not serve.
"""

from __future__ import annotations

from struct import Struct
from typing import Self

import msgspec

from ptpstack.time import TimeInterval
from ptpstack.wire.tlv import Tlv, TlvType, expect_at_least, expect_length, register

ORGANIZATION_ID = b"\x00\x80\xc2"

NO_CHANGE, INITIAL_INTERVAL, STOP = -128, 126, 127
"""Values of a requested interval beside its logarithm (IEEE 802.1AS-2020 10.6.4.3)."""

RATE_ONE = 1 << 41
"""A rate offset of 1 as rate fields are scaled."""

_IDENTIFIERS = Struct(">3s3s")
_FOLLOW_UP = Struct(">iH12si")
_INTERVALS = Struct(">bbbB2s")
_CAPABLE = Struct(">bB4s")
_INTERVAL = Struct(">b")


def _identifiers(sub_type: int) -> bytes:
    return _IDENTIFIERS.pack(ORGANIZATION_ID, sub_type.to_bytes(3, "big"))


@register(TlvType.ORGANIZATION_EXTENSION, organization_id=ORGANIZATION_ID, organization_sub_type=1)
class FollowUpInformation(Tlv, msgspec.Struct):
    """How the grandmaster's rate compares to the sender's, and what became of its time base (11.4.4.3).

    ``cumulative_scaled_rate_offset`` is (grandmaster / sender − 1) · 2⁴¹, ``scaled_last_gm_freq_change`` likewise.
    """

    tlv_type = TlvType.ORGANIZATION_EXTENSION

    cumulative_scaled_rate_offset: int = 0
    gm_time_base_indicator: int = 0
    last_gm_phase_change: TimeInterval = 0
    scaled_last_gm_freq_change: int = 0

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fields."""
        expect_length(tlv_type, value, _IDENTIFIERS.size + _FOLLOW_UP.size)
        rate, indicator, phase, frequency = _FOLLOW_UP.unpack_from(value, _IDENTIFIERS.size)
        return cls(rate, indicator, int.from_bytes(phase, "big", signed=True), frequency)

    def to_value(self) -> bytes:
        """Return the fields; lastGmPhaseChange is a ScaledNs of 96 bits."""
        phase = self.last_gm_phase_change.to_bytes(12, "big", signed=True)
        return _identifiers(1) + _FOLLOW_UP.pack(
            self.cumulative_scaled_rate_offset, self.gm_time_base_indicator, phase, self.scaled_last_gm_freq_change
        )


@register(TlvType.ORGANIZATION_EXTENSION, organization_id=ORGANIZATION_ID, organization_sub_type=2)
class MessageIntervalRequest(Tlv, msgspec.Struct):
    """To a neighbour: send Pdelay_Req, Sync and Announce at these intervals from now on (10.6.4.3).

    Intervals are log2 seconds, or one of :data:`NO_CHANGE`, :data:`INITIAL_INTERVAL` and :data:`STOP`. Which bit of
    ``flags`` says what differs between the editions of the standard: see :class:`IntervalRequestFlags`.
    """

    tlv_type = TlvType.ORGANIZATION_EXTENSION

    link_delay_interval: int = NO_CHANGE
    time_sync_interval: int = NO_CHANGE
    announce_interval: int = NO_CHANGE
    flags: int = 0
    reserved: bytes = bytes(2)

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fields."""
        expect_length(tlv_type, value, _IDENTIFIERS.size + _INTERVALS.size)
        return cls(*_INTERVALS.unpack_from(value, _IDENTIFIERS.size))

    def to_value(self) -> bytes:
        """Return the fields."""
        return _identifiers(2) + _INTERVALS.pack(
            self.link_delay_interval, self.time_sync_interval, self.announce_interval, self.flags, self.reserved
        )


class IntervalRequestFlags(msgspec.Struct, frozen=True):
    """The bits of ``MessageIntervalRequest.flags`` by one edition; 0 where that has none. Unverified."""

    compute_neighbor_rate_ratio: int
    compute_mean_link_delay: int
    one_step_receive_capable: int


INTERVAL_REQUEST_FLAGS = {
    "2011": IntervalRequestFlags(0x02, 0x04, 0),
    "2020": IntervalRequestFlags(0x01, 0x02, 0x04),
}
"""Other implementations disagree about these bits, so the edition is a setting."""


@register(TlvType.ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE, organization_id=ORGANIZATION_ID, organization_sub_type=4)
class GptpCapable(Tlv, msgspec.Struct):
    """To a neighbour: this port invokes gPTP, and says so at this interval (10.6.4.4)."""

    tlv_type = TlvType.ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE

    log_gptp_capable_message_interval: int = 0
    flags: int = 0
    reserved: bytes = bytes(4)

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the fields."""
        expect_length(tlv_type, value, _IDENTIFIERS.size + _CAPABLE.size)
        return cls(*_CAPABLE.unpack_from(value, _IDENTIFIERS.size))

    def to_value(self) -> bytes:
        """Return the fields."""
        return _identifiers(4) + _CAPABLE.pack(self.log_gptp_capable_message_interval, self.flags, self.reserved)


@register(TlvType.ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE, organization_id=ORGANIZATION_ID, organization_sub_type=5)
class GptpCapableIntervalRequest(Tlv, msgspec.Struct):
    """To a neighbour: say that you are capable at this interval from now on (10.6.4.5). Its length is unverified."""

    tlv_type = TlvType.ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE

    log_gptp_capable_message_interval: int = NO_CHANGE
    reserved: bytes = bytes(3)

    @classmethod
    def from_value(cls, tlv_type: int, value: bytes) -> Self:
        """Read the interval and keep what follows, of whatever length."""
        expect_at_least(tlv_type, value, _IDENTIFIERS.size + 1)
        (interval,) = _INTERVAL.unpack_from(value, _IDENTIFIERS.size)
        return cls(interval, value[_IDENTIFIERS.size + 1 :])

    def to_value(self) -> bytes:
        """Return the fields."""
        return _identifiers(5) + _INTERVAL.pack(self.log_gptp_capable_message_interval) + self.reserved
