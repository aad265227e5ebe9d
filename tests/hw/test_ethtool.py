import re
import shutil
import subprocess

import pytest

from hw import ethtool
from hw.ethtool import (
    CAPABILITY_WORDS,
    HARDWARE_STAMPS,
    SOFTWARE_STAMPS,
    Capability,
    TimestampingInfo,
    ethtool_word,
)
from hw.link import interface_names
from hw.timestamping import RxFilter, TxType
from lab.namespaces import Node
from ptpstack.errors import HardwareError


class TestMasks:
    def test_a_gigabit_nic_with_a_phc(self) -> None:
        info = TimestampingInfo.from_masks(0x5F, 0, 0b11, 0b11)
        assert info.capabilities == HARDWARE_STAMPS | SOFTWARE_STAMPS
        assert info.tx_types == {TxType.OFF, TxType.ON}
        assert info.rx_filters == {RxFilter.NONE, RxFilter.ALL}
        assert info.stamps_in_hardware
        assert info.stamps_in_software

    def test_bits_that_have_no_name_here_are_left_out(self) -> None:
        every = TimestampingInfo.from_masks(0xFFFFFFFF, 3, 0xFFFFFFFF, 0xFFFFFFFF)
        assert set(every.capabilities) == set(Capability)
        assert every.tx_types == set(TxType)
        assert every.rx_filters == set(RxFilter)

    @pytest.mark.parametrize(
        ("capabilities", "phc_index", "tx_types"),
        [
            (0x5F & ~Capability.TX_HARDWARE, 0, 0b11),
            (0x5F & ~Capability.RX_HARDWARE, 0, 0b11),
            (0x5F & ~Capability.RAW_HARDWARE, 0, 0b11),
            (0x5F, -1, 0b11),
            (0x5F, 0, 0b01),
        ],
    )
    def test_hardware_stamps_need_both_ways_a_clock_and_a_mode(
        self, capabilities: int, phc_index: int, tx_types: int
    ) -> None:
        assert not TimestampingInfo.from_masks(capabilities, phc_index, tx_types, 0b11).stamps_in_hardware

    @pytest.mark.parametrize("missing", list(SOFTWARE_STAMPS))
    def test_software_stamps_need_all_three_flags(self, missing: Capability) -> None:
        assert not TimestampingInfo.from_masks(SOFTWARE_STAMPS & ~missing, -1, 0, 0).stamps_in_software

    def test_words_are_those_of_ethtool(self) -> None:
        assert ethtool_word(RxFilter.PTP_V2_L4_DELAY_REQ) == "ptpv2-l4-delay-req"
        assert ethtool_word(RxFilter.PTP_V1_L4_EVENT) == "ptpv1-l4-event"
        assert ethtool_word(RxFilter.NTP_ALL) == "ntp-all"
        assert ethtool_word(TxType.ONESTEP_SYNC) == "onestep-sync"
        assert set(CAPABILITY_WORDS) == set(Capability)


class TestQuestions:
    def test_loopback_stamps_in_software_and_has_no_driver_and_no_speed(self) -> None:
        assert ethtool.timestamping_info("lo") == TimestampingInfo(SOFTWARE_STAMPS)
        assert ethtool.driver("lo") == ethtool.Driver()
        assert ethtool.link_speed_mbps("lo") is None

    def test_an_interface_that_is_not_there_is_a_clear_error(self) -> None:
        with pytest.raises(HardwareError, match="nothere0: no such interface"):
            ethtool.timestamping_info("nothere0")

    def test_all_interfaces_stamp_what_the_ethtool_program_says(self) -> None:
        if not shutil.which("ethtool"):
            pytest.skip("no ethtool program")
        for name in interface_names():
            shown = subprocess.run(["ethtool", "-T", name], capture_output=True, text=True, check=True).stdout
            capabilities = ethtool.timestamping_info(name).capabilities
            ours = {word for flag, word in CAPABILITY_WORDS.items() if flag in capabilities}
            assert ours == set(re.findall(r"^\t([a-z-]+)", shown.partition("PTP Hardware Clock")[0], re.MULTILINE))

    @pytest.mark.namespaces
    def test_a_veth_and_a_bridge(self, node: Node) -> None:
        node.run(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"])
        node.run(["ip", "link", "add", "br0", "type", "bridge"])
        assert node.inside(lambda: ethtool.driver("va").name) == "veth"
        assert node.inside(lambda: ethtool.link_speed_mbps("va")) == 10_000
        assert node.inside(lambda: ethtool.timestamping_info("va")).stamps_in_software
        assert Capability.TX_SOFTWARE not in node.inside(lambda: ethtool.timestamping_info("br0")).capabilities
