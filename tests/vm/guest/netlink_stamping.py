"""What an interface stamps, set by ethtool's netlink (ETHTOOL_MSG_TSCONFIG_SET, Linux 6.14) as by ioctl."""

import errno
import socket
import struct

from pyroute2.netlink import NLM_F_ACK, NLM_F_REQUEST, NetlinkError, genlmsg
from pyroute2.netlink.generic import GenericNetlinkSocket

from hw.netlink import ETHTOOL_FLAG_COMPACT_BITSETS, ETHTOOL_GENL_NAME, Bitset, EthtoolHeader, bitset_value
from hw.timestamping import RxFilter, TxType
from tests.vm.guest.bed import get_stamping, set_stamping

ETHTOOL_MSG_TSCONFIG_GET, ETHTOOL_MSG_TSCONFIG_SET = 46, 47


class TsConfig(genlmsg):
    """ETHTOOL_A_TSCONFIG_*."""

    nla_map = (
        ("ETHTOOL_A_TSCONFIG_UNSPEC", "none"),
        ("ETHTOOL_A_TSCONFIG_HEADER", "ethtool_header"),
        ("ETHTOOL_A_TSCONFIG_HWTSTAMP_PROVIDER", "hex"),
        ("ETHTOOL_A_TSCONFIG_TX_TYPES", "bitset"),
        ("ETHTOOL_A_TSCONFIG_RX_FILTERS", "bitset"),
        ("ETHTOOL_A_TSCONFIG_HWTSTAMP_FLAGS", "hex"),
    )
    ethtool_header = EthtoolHeader
    bitset = Bitset


def one_bit(number: int) -> dict[str, object]:
    attributes = [("ETHTOOL_A_BITSET_NOMASK", True), ("ETHTOOL_A_BITSET_SIZE", 32)]
    return {"attrs": [*attributes, ("ETHTOOL_A_BITSET_VALUE", struct.pack("=I", 1 << number))]}


def ask(interface: str, command: int, flags: int, *attributes: tuple[str, object]) -> list[TsConfig]:
    message = TsConfig()
    message["cmd"], message["version"] = command, 1
    index = socket.if_nametoindex(interface)
    header = [("ETHTOOL_A_HEADER_DEV_INDEX", index), ("ETHTOOL_A_HEADER_FLAGS", ETHTOOL_FLAG_COMPACT_BITSETS)]
    message["attrs"] += [("ETHTOOL_A_TSCONFIG_HEADER", {"attrs": header}), *attributes]
    with GenericNetlinkSocket() as ethtool:
        ethtool.bind(ETHTOOL_GENL_NAME, TsConfig)
        return list(ethtool.nlm_request(message, msg_type=ethtool.prid, msg_flags=flags))


def set_by_netlink(interface: str, tx_type: int, rx_filter: int) -> None:
    wanted = (("ETHTOOL_A_TSCONFIG_TX_TYPES", one_bit(tx_type)), ("ETHTOOL_A_TSCONFIG_RX_FILTERS", one_bit(rx_filter)))
    ask(interface, ETHTOOL_MSG_TSCONFIG_SET, NLM_F_REQUEST | NLM_F_ACK, *wanted)


def get_by_netlink(interface: str) -> tuple[int, int]:
    (answer,) = ask(interface, ETHTOOL_MSG_TSCONFIG_GET, NLM_F_REQUEST)
    tx_types, rx_filters = (
        bitset_value(answer.get_attr(f"ETHTOOL_A_TSCONFIG_{name}")) for name in ("TX_TYPES", "RX_FILTERS")
    )
    return tx_types.bit_length() - 1, rx_filters.bit_length() - 1


def check_stamps_asked_for_by_netlink_are_what_the_ioctl_tells() -> None:
    for tx_type in (TxType.ON, TxType.ONESTEP_SYNC, TxType.OFF):
        for wanted, granted in (
            (RxFilter.ALL, RxFilter.ALL),
            (RxFilter.PTP_V2_L2_SYNC, RxFilter.PTP_V2_EVENT),
            (RxFilter.NONE, RxFilter.NONE),
        ):
            set_by_netlink("vptp0", tx_type, wanted)
            assert get_stamping("vptp0") == (tx_type, granted)


def check_stamps_asked_for_by_ioctl_are_what_netlink_tells() -> None:
    for asked in ((TxType.ON, RxFilter.PTP_V2_EVENT), (TxType.OFF, RxFilter.NONE)):
        set_stamping("vptp0", *asked)
        assert get_by_netlink("vptp0") == asked


def check_what_the_card_cannot_do_is_refused_by_netlink_too() -> None:
    set_by_netlink("vptp0", TxType.ON, RxFilter.ALL)
    try:
        set_by_netlink("vptp0", TxType.ONESTEP_P2P, RxFilter.ALL)
    except NetlinkError as error:
        refusal = error.code
    else:
        refusal = None
    assert refusal == errno.ERANGE
    assert get_by_netlink("vptp0") == (TxType.ON, RxFilter.ALL)
