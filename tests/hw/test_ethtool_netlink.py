"""ETHTOOL_MSG_TSINFO_GET: the answers of NICs that are not here are laid out by hand from the kernel's uapi headers."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw import ethtool
from hw.ethtool import HARDWARE_STAMPS, SOFTWARE_STAMPS, Capability, TimestampingInfo
from hw.link import interface_index, interface_names
from hw.netlink import EthtoolSocket, TsInfo
from hw.timestamping import RxFilter, TxType
from lab.namespaces import Node

NESTED = 0x8000
HEADER, TIMESTAMPING, TX_TYPES, RX_FILTERS, PHC_INDEX = 1, 2, 3, 4, 5
NOMASK, SIZE, BITS, VALUE, MASK = 1, 2, 3, 4, 5
BIT = 1
BIT_INDEX, BIT_NAME, BIT_VALUE = 1, 2, 3

TWO_STEP_NIC = TimestampingInfo(
    HARDWARE_STAMPS | SOFTWARE_STAMPS,
    phc_index=2,
    tx_types=frozenset({TxType.OFF, TxType.ON}),
    rx_filters=frozenset({RxFilter.NONE, RxFilter.PTP_V2_L4_EVENT, RxFilter.PTP_V2_L2_EVENT, RxFilter.PTP_V2_EVENT}),
)


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload.ljust((len(payload) + 3) & ~3, b"\0")


def compact(value: int, size: int = 32) -> bytes:
    words = struct.pack(f"={(size + 31) // 32}I", *((value >> shift) & 0xFFFFFFFF for shift in range(0, size, 32)))
    return attribute(NOMASK, b"") + attribute(SIZE, struct.pack("=I", size)) + attribute(VALUE, words)


def verbose(value: int, size: int = 32) -> bytes:
    bits = b"".join(
        attribute(BIT | NESTED, attribute(BIT_INDEX, struct.pack("=I", index)) + attribute(BIT_NAME, b"bit-name\0"))
        for index in range(size)
        if value >> index & 1
    )
    return attribute(NOMASK, b"") + attribute(SIZE, struct.pack("=I", size)) + attribute(BITS | NESTED, bits)


def with_mask(value: int, size: int = 32) -> bytes:
    """Verbose, every bit listed, those that are set with a VALUE flag."""
    bits = b"".join(
        attribute(
            BIT | NESTED,
            attribute(BIT_INDEX, struct.pack("=I", index)) + (attribute(BIT_VALUE, b"") if value >> index & 1 else b""),
        )
        for index in range(size)
    )
    return attribute(SIZE, struct.pack("=I", size)) + attribute(BITS | NESTED, bits)


def answer(*attributes: bytes) -> TimestampingInfo:
    header = attribute(HEADER | NESTED, attribute(1, struct.pack("=I", 4)) + attribute(2, b"eth0\0"))
    body = struct.pack("=BBH", 25, 1, 0) + header + b"".join(attributes)
    message = TsInfo(struct.pack("=IHHII", 16 + len(body), 0x15, 0, 1, 0) + body)
    message.decode()
    return message.timestamping_info()


@pytest.mark.parametrize("bitset", [compact, verbose, with_mask])
def test_a_hardware_nic_in_every_encoding_of_bit_sets(bitset) -> None:  # noqa: ANN001 (one of three functions above)
    assert (
        answer(
            attribute(TIMESTAMPING | NESTED, bitset(0x5F)),
            attribute(TX_TYPES | NESTED, bitset(0b11)),
            attribute(RX_FILTERS | NESTED, bitset(1 << 0 | 1 << 6 | 1 << 9 | 1 << 12)),
            attribute(PHC_INDEX, struct.pack("=I", 2)),
        )
        == TWO_STEP_NIC
    )


def test_an_interface_without_a_phc_leaves_out_what_it_has_not() -> None:
    assert answer(attribute(TIMESTAMPING | NESTED, compact(0x1A))) == TimestampingInfo(SOFTWARE_STAMPS)


def test_phc_zero_is_a_clock() -> None:
    assert answer(attribute(PHC_INDEX, struct.pack("=I", 0))).phc_index == 0


def test_attributes_of_later_kernels_are_passed_over() -> None:
    statistics = attribute(6 | NESTED, attribute(1, struct.pack("=Q", 12)))
    provider = attribute(7 | NESTED, attribute(1, struct.pack("=I", 0)) + attribute(2, struct.pack("=I", 1)))
    info = answer(attribute(TIMESTAMPING | NESTED, compact(0x1A)), statistics, provider)
    assert info == TimestampingInfo(SOFTWARE_STAMPS)


def test_bit_sets_longer_than_a_word_keep_the_order_of_their_words() -> None:
    info = answer(attribute(TIMESTAMPING | NESTED, compact(1 << 40 | 0x1A, size=64)))
    assert info.capabilities == SOFTWARE_STAMPS


@given(st.integers(0, 0x7F), st.integers(0, 0xF), st.integers(0, 0xFFFF))
def test_compact_and_verbose_say_the_same(capabilities: int, tx_types: int, rx_filters: int) -> None:
    compactly, verbosely = (
        answer(
            attribute(TIMESTAMPING | NESTED, bitset(capabilities)),
            attribute(TX_TYPES | NESTED, bitset(tx_types)),
            attribute(RX_FILTERS | NESTED, bitset(rx_filters)),
        )
        for bitset in (compact, verbose)
    )
    assert compactly == verbosely == TimestampingInfo.from_masks(capabilities, -1, tx_types, rx_filters)


@pytest.mark.namespaces
def test_the_kernel_says_the_same_by_netlink_and_by_ioctl(node: Node) -> None:
    node.run(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"])
    node.run(["ip", "link", "add", "br0", "type", "bridge"])

    def ask() -> None:
        with EthtoolSocket() as sock:
            sock.bind_ethtool()
            for name in interface_names():
                info = sock.timestamping_info(interface_index(name))
                assert info == ethtool.timestamping_info(name)
                assert Capability.SOFTWARE in info.capabilities

    node.inside(ask)
