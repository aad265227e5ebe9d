"""Any message there can be, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from ptpstack.time import PtpTime
from ptpstack.wire import messages, tlvs
from ptpstack.wire.message import Message
from ptpstack.wire.tlv import TlvType, UnknownTlv, _registry
from ptpstack.wire.tlvs import autosar
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity, TimeSource


def unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


def signed(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)


def even_octets(maximum: int = 64) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=maximum // 2).map(lambda half: half + half)


clock_identities = st.binary(min_size=8, max_size=8).map(ClockIdentity)
port_identities = st.builds(PortIdentity, clock_identities, unsigned(16))
ptp_times = st.builds(
    lambda seconds, nanoseconds: PtpTime((seconds * 1_000_000_000 + nanoseconds) << 16),
    unsigned(48),
    st.integers(0, 999_999_999),
)
clock_qualities = st.builds(ClockQuality, unsigned(8), unsigned(8), unsigned(16))

three_octets = st.binary(min_size=3, max_size=3)
autosar_sub_tlvs: st.SearchStrategy[autosar.SubTlv] = st.one_of(
    st.builds(autosar.TimeSecured, unsigned(8), unsigned(8), unsigned(8)),
    st.builds(autosar.Status, unsigned(8), unsigned(8), st.booleans()),
    st.builds(autosar.UserData, unsigned(8), three_octets, unsigned(8), st.booleans()),
    st.builds(
        autosar.OffsetTime,
        unsigned(8),
        unsigned(48),
        unsigned(32),
        unsigned(8),
        st.builds(autosar.UserData, unsigned(8), three_octets),
        unsigned(8),
        st.booleans(),
    ),
    st.builds(
        autosar.UnknownSubTlv, unsigned(8).filter(lambda kind: kind not in autosar._LENGTHS), st.binary(max_size=9)
    ),
)

any_tlv = st.one_of(
    st.builds(UnknownTlv, unsigned(16).filter(lambda tlv_type: (tlv_type, None, None) not in _registry), even_octets()),
    st.builds(
        tlvs.OrganizationExtension,
        st.sampled_from([0x0003, 0x4000, 0x8000]),
        st.binary(min_size=3, max_size=3),
        unsigned(24),
        even_octets(),
    ),
    st.builds(tlvs.PathTrace, st.lists(clock_identities, max_size=5).map(tuple)),
    st.builds(
        tlvs.AlternateTimeOffsetIndicator,
        unsigned(8),
        signed(32),
        signed(32),
        unsigned(48),
        st.binary(max_size=10),
    ),
    st.builds(tlvs.RequestUnicastTransmission, unsigned(4), signed(8), unsigned(32), unsigned(4)),
    st.builds(
        tlvs.GrantUnicastTransmission, unsigned(4), signed(8), unsigned(32), unsigned(8), unsigned(8), unsigned(4)
    ),
    st.builds(tlvs.CancelUnicastTransmission, unsigned(4), unsigned(4), unsigned(8)),
    st.builds(tlvs.AcknowledgeCancelUnicastTransmission, unsigned(4), unsigned(4), unsigned(8)),
    st.builds(tlvs.ManagementTlv, unsigned(16), even_octets()),
    st.builds(tlvs.ManagementErrorStatus, unsigned(16), unsigned(16), unsigned(32), even_octets()),
    st.builds(tlvs.Pad, even_octets()),
    st.builds(tlvs.FollowUpInformation, signed(32), unsigned(16), signed(96), signed(32)),
    st.builds(tlvs.MessageIntervalRequest, signed(8), signed(8), signed(8), unsigned(8)),
    st.builds(tlvs.GptpCapable, signed(8), unsigned(8)),
    st.builds(tlvs.GptpCapableIntervalRequest, signed(8)),
    st.builds(tlvs.AutosarTimeSync, st.lists(autosar_sub_tlvs, max_size=4).map(tuple)),
)

FIELDS: dict[str, st.SearchStrategy[object]] = {
    "major_sdo_id": unsigned(4),
    "minor_version_ptp": unsigned(4),
    "version_ptp": st.just(2),
    "domain_number": unsigned(8),
    "minor_sdo_id": unsigned(8),
    "flag_field": unsigned(16),
    "correction_field": signed(64),
    "message_type_specific": unsigned(32),
    "source_port_identity": port_identities,
    "sequence_id": unsigned(16),
    "control_field": unsigned(8),
    "log_message_interval": signed(8),
    "tlvs": st.lists(any_tlv, max_size=4).map(tuple),
    "origin_timestamp": ptp_times,
    "precise_origin_timestamp": ptp_times,
    "receive_timestamp": ptp_times,
    "request_receipt_timestamp": ptp_times,
    "response_origin_timestamp": ptp_times,
    "requesting_port_identity": port_identities,
    "target_port_identity": port_identities,
    "current_utc_offset": signed(16),
    "grandmaster_priority1": unsigned(8),
    "grandmaster_clock_quality": clock_qualities,
    "grandmaster_priority2": unsigned(8),
    "grandmaster_identity": clock_identities,
    "steps_removed": unsigned(16),
    "time_source": unsigned(8).map(TimeSource),
    "starting_boundary_hops": unsigned(8),
    "boundary_hops": unsigned(8),
    "action_field": unsigned(4),
    "reserved_bits": unsigned(4),
    "reserved": unsigned(8),
}


def messages_of(message_class: type[Message]) -> st.SearchStrategy[Message]:
    of_class = {name: FIELDS[name] for name in message_class.__struct_fields__}
    if message_class is messages.PdelayReq:
        of_class["reserved"] = st.binary(min_size=10, max_size=10)
    return st.builds(message_class, **of_class)


any_message = st.one_of([messages_of(getattr(messages, name)) for name in messages.__all__])

_tlv_type_numbers = st.one_of(st.sampled_from(list(TlvType)), unsigned(16))


@st.composite
def message_like_octets(draw: st.DrawFn) -> bytes:
    """Octets with a header that often passes and TLV frames that often fit, around anything."""
    tlv_octets = b"".join(
        tlv_type.to_bytes(2, "big") + (len(value) + error).to_bytes(2, "big") + value
        for tlv_type, value, error in draw(
            st.lists(st.tuples(_tlv_type_numbers, st.binary(max_size=24), st.sampled_from([0, 0, 0, 2])), max_size=3)
        )
    )
    body_length = draw(st.sampled_from([10, 14, 20, 30, 30]))
    octets = bytearray(draw(st.binary(min_size=34 + body_length, max_size=34 + body_length)) + tlv_octets)
    octets[1] = octets[1] & 0xF0 | 2
    octets[2:4] = (len(octets) - draw(st.sampled_from([0, 0, 0, 1]))).to_bytes(2, "big")
    octets[40] &= 0x3B
    return bytes(octets)
