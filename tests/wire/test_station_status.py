"""AVnu's Test Status message, and what Wireshark makes of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ptpstack.errors import WireError
from ptpstack.wire.station_status import SIZE, StationState, StationStatus, decode

STATUS = StationStatus(
    mac=bytes.fromhex("020000000001"),
    sequence_id=0x1234,
    link_up_count=3,
    link_down_count=2,
    gm_changed_count=5,
    message_timestamp_ns=1_700_000_000_123_456_789,
    station_state=StationState.AVB_SYNC,
)


def test_the_fields_are_where_the_profile_has_them() -> None:
    octets = STATUS.encode()
    assert len(octets) == SIZE
    assert octets[:4].hex() == "fb010094"
    assert octets[4:10] == STATUS.mac
    assert octets[20:32].hex() == "1234" + "8029" + "00090000" + "00000023"
    assert octets[32:40].hex() == "00000003" + "00000002"
    assert octets[52:56].hex() == "00000005"
    assert int.from_bytes(octets[128:136], "big") == STATUS.message_timestamp_ns
    assert octets[136] == 2


def test_it_comes_back() -> None:
    assert decode(STATUS.encode() + bytes(6)) == STATUS


@given(
    st.binary(max_size=200) | st.binary(min_size=SIZE - 4, max_size=SIZE).map(lambda rest: STATUS.encode()[:4] + rest)
)
def test_anything_else_is_refused_or_read(octets: bytes) -> None:
    try:
        status = decode(octets)
    except WireError:
        return
    assert decode(status.encode()) == status
