"""AUTOSAR's TLV in Follow_Ups: its CRCs are made, checked, and made anew by a relay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ptpstack.engine.port_state import PortState
from ptpstack.gptp.autosar_crc import ALL_FIELDS, CrcTimeFlag, crc8h2f, secured, time_secured
from ptpstack.gptp.events import AutosarContentChanged
from ptpstack.gptp.settings import AutosarSettings, CrcCheck
from ptpstack.sim.world import World
from ptpstack.time import NANOSECOND, PtpTime
from ptpstack.wire.message import decode, encode
from ptpstack.wire.messages import FollowUp, Sync
from ptpstack.wire.tlvs import AutosarTimeSync, FollowUpInformation
from ptpstack.wire.tlvs.autosar import OffsetTime, Status, SubTlv, TimeSecured, UserData
from tests.gptp.car import add_static, master_rig, slave_rig
from tests.gptp.network import CABLE, port_of
from tests.gptp.rig import NEIGHBOR, Rig

DATA_IDS = tuple(range(0x21, 0x31))
CONTENT: tuple[SubTlv, ...] = (
    Status(0x01, secured=True),
    UserData(2, b"\xca\xfe\x00", secured=True),
    OffsetTime(17, 5, 600_000_000, secured=True),
)
SECURED = AutosarSettings(crc_time_flags=ALL_FIELDS, data_ids=DATA_IDS, crc_check=CrcCheck.VALIDATED, sub_tlvs=CONTENT)


def autosar_of(message: FollowUp) -> AutosarTimeSync:
    (tlv,) = (tlv for tlv in message.tlvs if isinstance(tlv, AutosarTimeSync))
    return tlv


class TestCrc:
    def test_it_is_the_crc_of_autosar(self) -> None:
        assert crc8h2f(b"123456789") == 0xDF  # the check value of CRC8H2F

    def test_it_is_the_remainder_of_a_division(self) -> None:
        octets = b"\x01\x00\x5a\xff"
        remainder = 0xFF
        for octet in octets:
            for place in range(7, -1, -1):
                feedback = (remainder >> 7) ^ (octet >> place & 1)
                remainder = (remainder << 1 & 0xFF) ^ (0x2F if feedback else 0)
        assert crc8h2f(octets) == remainder ^ 0xFF

    @pytest.mark.parametrize("flag", list(CrcTimeFlag), ids=lambda flag: flag.name)
    def test_each_flag_covers_its_field_and_no_other(self, flag: CrcTimeFlag) -> None:
        changes: dict[CrcTimeFlag, dict[str, Any]] = {
            CrcTimeFlag.MESSAGE_LENGTH: {"tlvs": (FollowUpInformation(), FollowUpInformation())},
            CrcTimeFlag.DOMAIN_NUMBER: {"domain_number": 3},
            CrcTimeFlag.CORRECTION_FIELD: {"correction_field": 77},
            CrcTimeFlag.SOURCE_PORT_IDENTITY: {"source_port_identity": NEIGHBOR},
            CrcTimeFlag.SEQUENCE_ID: {"sequence_id": 9},
            CrcTimeFlag.PRECISE_ORIGIN_TIMESTAMP: {"precise_origin_timestamp": PtpTime(4 * NANOSECOND)},
        }
        plain = FollowUp(tlvs=(FollowUpInformation(),))
        expected = time_secured(encode(plain), flag, 0x55)
        for changed, fields in changes.items():
            crcs = time_secured(encode(replace(plain, **fields)), flag, 0x55)
            assert (crcs != expected) is (changed is flag), changed.name

    @given(st.integers(0, 255), st.integers(0, 255))
    def test_another_data_id_is_another_crc(self, one: int, other: int) -> None:
        octets = encode(FollowUp())
        same = time_secured(octets, ALL_FIELDS, one) == time_secured(octets, ALL_FIELDS, other)
        assert same is (one == other)


class TestLayout:
    def test_time_secured_is_odd_and_where_autosar_has_it(self) -> None:
        message = FollowUp(tlvs=(FollowUpInformation(), AutosarTimeSync((TimeSecured(0x3F, 0xAA, 0xBB),))))
        octets = encode(message)
        assert octets[76:].hex() == "0003000b" + "1a75fb605676" + "28033faabb"
        assert decode(octets) == message

    def test_the_others_in_a_row(self) -> None:
        tlv = AutosarTimeSync((Status(1, 0x11, secured=True), UserData(3, b"abc"), OffsetTime(16, 1 << 40, 7, crc=9)))
        expected = "1a75fb605676 50020111 61050361626300 3411 10 010000000000 00000007 00 00000000 09"
        assert tlv.to_value() == bytes.fromhex(expected)


class TestSending:
    def master(self, autosar: AutosarSettings) -> list[FollowUp]:
        rig = master_rig(settings={"autosar": autosar})
        rig.run(1)
        return rig.sent_of(FollowUp)

    def test_a_grandmaster_secures_each_follow_up_by_the_data_id_of_its_sequence(self) -> None:
        sent = self.master(SECURED)
        assert len(sent) >= 32
        for message in sent:
            data_id = DATA_IDS[message.sequence_id % 16]
            time, *rest = autosar_of(message).sub_tlvs
            assert time == time_secured(encode(message), ALL_FIELDS, data_id)
            assert tuple(rest) == tuple(secured(sub_tlv, data_id) for sub_tlv in CONTENT)

    def test_without_crc_and_content_there_is_no_tlv(self) -> None:
        assert {len(message.tlvs) for message in self.master(AutosarSettings())} == {1}


class TestReceiving:
    def receive(self, check: CrcCheck, change: Any = None, *, sub_tlvs: tuple[SubTlv, ...] | None = None) -> Rig:
        rig = slave_rig(settings={"autosar": replace(SECURED, crc_check=check)})
        self.sync(rig, change, sub_tlvs)
        return rig

    def sync(self, rig: Rig, change: Any = None, sub_tlvs: tuple[SubTlv, ...] | None = None) -> None:
        rig.syncs(5, follow_up=False)
        follow_up = FollowUp(
            **rig.header(sequence_id=5, log_message_interval=-3),
            precise_origin_timestamp=PtpTime(5000_000_000_000 * NANOSECOND),
            tlvs=(FollowUpInformation(),),
        )
        data_id = DATA_IDS[5]
        told = tuple(secured(sub_tlv, data_id) for sub_tlv in CONTENT)
        follow_up.tlvs = (*follow_up.tlvs, AutosarTimeSync((TimeSecured(ALL_FIELDS, 0, 0), *told)))
        crcs = time_secured(encode(follow_up), ALL_FIELDS, data_id)
        follow_up.tlvs = (follow_up.tlvs[0], AutosarTimeSync((crcs, *told) if sub_tlvs is None else sub_tlvs))
        if change is not None:
            follow_up = replace(follow_up, **change)
        rig.receive(follow_up, stamped=False)

    @pytest.mark.parametrize("check", [CrcCheck.VALIDATED, CrcCheck.OPTIONAL, CrcCheck.IGNORED])
    def test_what_is_right_is_used(self, check: CrcCheck) -> None:
        assert len(self.receive(check).measurements) == 1

    @pytest.mark.parametrize(
        "change",
        [{"correction_field": 1}, {"precise_origin_timestamp": PtpTime(1 << 16)}],
        ids=lambda change: next(iter(change)),
    )
    @pytest.mark.parametrize(
        ("check", "used"), [(CrcCheck.VALIDATED, 0), (CrcCheck.OPTIONAL, 0), (CrcCheck.IGNORED, 1)]
    )
    def test_a_field_that_was_changed_is_noticed(self, check: CrcCheck, used: int, change: Any) -> None:
        rig = self.receive(check, change)
        assert len(rig.measurements) == used
        reasons = [reason for reason in rig.port.counters.discarded if "CRC of Time Secured" in reason]
        assert len(reasons) == 1 - used

    @pytest.mark.parametrize(
        ("check", "used"),
        [(CrcCheck.VALIDATED, 0), (CrcCheck.OPTIONAL, 1), (CrcCheck.NOT_VALIDATED, 1), (CrcCheck.IGNORED, 1)],
    )
    def test_one_without_crcs(self, check: CrcCheck, used: int) -> None:
        assert len(self.receive(check, sub_tlvs=(Status(1),)).measurements) == used

    def test_one_with_crcs_where_none_are_wanted(self) -> None:
        assert not self.receive(CrcCheck.NOT_VALIDATED).measurements

    @pytest.mark.parametrize(
        ("check", "used"),
        [(CrcCheck.VALIDATED, 1), (CrcCheck.OPTIONAL, 2), (CrcCheck.NOT_VALIDATED, 1), (CrcCheck.IGNORED, 2)],
    )
    def test_one_in_one_step_is_checked_as_well(self, check: CrcCheck, used: int) -> None:
        rig = self.receive(check)
        rig.run(0.1)
        rig.receive(
            Sync(
                **rig.header(sequence_id=6, log_message_interval=-3),
                origin_timestamp=PtpTime(5000_000_000_000 * NANOSECOND),
                tlvs=(FollowUpInformation(),),
            ),
            stamped=True,
        )
        assert len(rig.measurements) == used
        if check is CrcCheck.OPTIONAL:
            assert rig.events_of(AutosarContentChanged)[-1].content == ()

    @pytest.mark.parametrize("place", range(3))
    def test_a_wrong_crc_of_content_is_noticed(self, place: int) -> None:
        right = [secured(sub_tlv, DATA_IDS[5]) for sub_tlv in CONTENT]
        right[place] = replace(right[place], crc=right[place].crc ^ 1)
        assert not self.receive(CrcCheck.OPTIONAL, sub_tlvs=tuple(right)).measurements

    def test_what_is_said_is_told_once(self) -> None:
        rig = self.receive(CrcCheck.VALIDATED)
        self.sync(rig)
        (event,) = rig.events_of(AutosarContentChanged)
        assert event.content == ("status 0x01", "user data cafe", "domain 17 5.600000000 s ahead")


def test_a_relay_hands_on_what_was_said_with_crcs_of_its_own() -> None:
    world = World(3)
    silent = {"autosar": replace(SECURED, sub_tlvs=())}
    master = add_static(world, "gm", [PortState.MASTER], settings={"autosar": SECURED})
    relay = add_static(world, "relay", [PortState.SLAVE, PortState.MASTER], frequency_error_ppm=9, settings=silent)
    end = add_static(world, "end", [PortState.SLAVE], settings=silent)
    world.connect(master.port(), relay.port(1), conditions=CABLE)
    world.connect(relay.port(2), end.port(), conditions=CABLE)
    world.start()
    world.run(3)
    port = port_of(end)
    assert port.counters.received["FollowUp"] > 90
    assert not [reason for reason in port.counters.discarded if "AUTOSAR" in reason]
    assert port.autosar is not None
    assert [type(sub_tlv) for sub_tlv in port.autosar.received] == [Status, UserData, OffsetTime]
    (event,) = world.events_of(AutosarContentChanged, end)
    assert event.content[1] == "user data cafe"
