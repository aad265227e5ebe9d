"""Any packet that can be written, and octets that come near one."""

from __future__ import annotations

from hypothesis import strategies as st

from ntp.wire.extension_field import FieldType, NetworkCorrection, UnknownField
from ntp.wire.packet import Leap, Mac, Mode, Packet


def unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


def octets(*lengths: int) -> st.SearchStrategy[bytes]:
    return st.sampled_from(lengths).flatmap(lambda length: st.binary(min_size=length, max_size=length))


HEADER = {
    "leap": st.sampled_from(Leap),
    "mode": st.sampled_from(Mode),
    "stratum": unsigned(8),
    "poll": st.integers(-128, 127),
    "precision": st.integers(-128, 127),
    "root_delay": unsigned(32),
    "root_dispersion": unsigned(32),
    "reference_id": octets(4),
    "reference_timestamp": unsigned(64),
    "origin_timestamp": unsigned(64),
    "receive_timestamp": unsigned(64),
    "transmit_timestamp": unsigned(64),
}
_known = st.builds(NetworkCorrection, correction=unsigned(64), padding=octets(16, 20))
_unknown = st.builds(
    UnknownField, field_type=unsigned(16).filter(lambda number: number not in set(FieldType)), value=octets(24, 64)
)
_mac_4 = st.none() | st.builds(Mac, unsigned(32), octets(0, 16, 20))
_mac_3 = st.none() | st.builds(Mac, unsigned(32), octets(0, 16, 20, 32, 48, 64))

any_packet = st.builds(
    Packet, **HEADER, extension_fields=st.lists(_known | _unknown, max_size=3).map(tuple), mac=_mac_4
) | st.builds(Packet, **HEADER, version=st.integers(1, 3), mac=_mac_3)


@st.composite
def packet_like_octets(draw: st.DrawFn) -> bytes:
    """A header that often passes and field frames that often fit, around anything."""
    first = draw(st.integers(0, 255) | st.sampled_from([0x23, 0x24, 0x1B, 0xE4]))
    fields = b"".join(
        number.to_bytes(2, "big") + (len(value) + 4 + error).to_bytes(2, "big") + value
        for number, value, error in draw(
            st.lists(st.tuples(unsigned(16), octets(8, 12, 24, 28), st.sampled_from([0, 0, 0, 1, 4])), max_size=3)
        )
    )
    header = draw(st.binary(min_size=47, max_size=47))
    return bytes([first]) + header + fields + draw(octets(0, 4, 8, 20, 24, 36))
