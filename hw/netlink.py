"""What pyroute2 lacks: the timestamping question of ethtool's generic netlink (ETHTOOL_MSG_TSINFO_GET).

What lives here: the message, its bit sets in both encodings, and a socket that asks. Importing this file imports
pyroute2 (0.25 s, 20 MB), so only discovery does, while it runs.
"""

from __future__ import annotations

from typing import Any

from pyroute2.netlink import NLA_F_NESTED, NLM_F_REQUEST, genlmsg, nla
from pyroute2.netlink.generic import GenericNetlinkSocket

from hw.ethtool import TimestampingInfo

# linux/ethtool_netlink.h
ETHTOOL_GENL_NAME = "ethtool"
ETHTOOL_GENL_VERSION = 1
ETHTOOL_MSG_TSINFO_GET = 25
ETHTOOL_FLAG_COMPACT_BITSETS = 1


class EthtoolHeader(nla):  # type: ignore[misc]  # pyroute2 is untyped
    """ETHTOOL_A_HEADER_*: which interface, and how to answer."""

    nla_flags = NLA_F_NESTED
    nla_map = (
        ("ETHTOOL_A_HEADER_UNSPEC", "none"),
        ("ETHTOOL_A_HEADER_DEV_INDEX", "uint32"),
        ("ETHTOOL_A_HEADER_DEV_NAME", "asciiz"),
        ("ETHTOOL_A_HEADER_FLAGS", "uint32"),
    )


class Bit(nla):  # type: ignore[misc]  # pyroute2 is untyped
    """ETHTOOL_A_BITSET_BIT_*: one bit; in a list with a mask it is set only where VALUE is there."""

    nla_flags = NLA_F_NESTED
    nla_map = (
        ("ETHTOOL_A_BITSET_BIT_UNSPEC", "none"),
        ("ETHTOOL_A_BITSET_BIT_INDEX", "uint32"),
        ("ETHTOOL_A_BITSET_BIT_NAME", "asciiz"),
        ("ETHTOOL_A_BITSET_BIT_VALUE", "flag"),
    )


class Bits(nla):  # type: ignore[misc]  # pyroute2 is untyped
    """ETHTOOL_A_BITSET_BITS_*: a list of bits."""

    nla_flags = NLA_F_NESTED
    nla_map = (("ETHTOOL_A_BITSET_BITS_UNSPEC", "none"), ("ETHTOOL_A_BITSET_BITS_BIT", "bit"))
    bit = Bit


class Bitset(nla):  # type: ignore[misc]  # pyroute2 is untyped
    """ETHTOOL_A_BITSET_*: compact as 32-bit words in VALUE, or verbose as one BIT after another."""

    nla_flags = NLA_F_NESTED
    nla_map = (
        ("ETHTOOL_A_BITSET_UNSPEC", "none"),
        ("ETHTOOL_A_BITSET_NOMASK", "flag"),
        ("ETHTOOL_A_BITSET_SIZE", "uint32"),
        ("ETHTOOL_A_BITSET_BITS", "bits"),
        ("ETHTOOL_A_BITSET_VALUE", "cdata"),
        ("ETHTOOL_A_BITSET_MASK", "cdata"),
    )
    bits = Bits


class TsInfo(genlmsg):  # type: ignore[misc]  # pyroute2 is untyped
    """ETHTOOL_A_TSINFO_*: the question and the answer."""

    nla_map = (
        ("ETHTOOL_A_TSINFO_UNSPEC", "none"),
        ("ETHTOOL_A_TSINFO_HEADER", "ethtool_header"),
        ("ETHTOOL_A_TSINFO_TIMESTAMPING", "bitset"),
        ("ETHTOOL_A_TSINFO_TX_TYPES", "bitset"),
        ("ETHTOOL_A_TSINFO_RX_FILTERS", "bitset"),
        ("ETHTOOL_A_TSINFO_PHC_INDEX", "uint32"),
    )
    ethtool_header = EthtoolHeader
    bitset = Bitset

    def timestamping_info(self) -> TimestampingInfo:
        """What the answer says. What is left out means none, as the kernel does for an interface without a PHC."""
        phc_index = self.get_attr("ETHTOOL_A_TSINFO_PHC_INDEX")
        return TimestampingInfo.from_masks(
            bitset_value(self.get_attr("ETHTOOL_A_TSINFO_TIMESTAMPING")),
            -1 if phc_index is None else phc_index,
            bitset_value(self.get_attr("ETHTOOL_A_TSINFO_TX_TYPES")),
            bitset_value(self.get_attr("ETHTOOL_A_TSINFO_RX_FILTERS")),
        )


def bitset_value(bitset: Any) -> int:  # noqa: ANN401 (pyroute2 is untyped)
    """The bits of a ``Bitset`` as a number, from either encoding; 0 for None."""
    if bitset is None:
        return 0
    words = bitset.get_attr("ETHTOOL_A_BITSET_VALUE")
    if words is not None:
        return sum(word << 32 * number for number, word in enumerate(memoryview(words).cast("I")))
    listed_means_set = bitset.get_attr("ETHTOOL_A_BITSET_NOMASK") is not None
    bits = bitset.get_attr("ETHTOOL_A_BITSET_BITS")
    value = 0
    for bit in [] if bits is None else bits.get_attrs("ETHTOOL_A_BITSET_BITS_BIT"):
        if listed_means_set or bit.get_attr("ETHTOOL_A_BITSET_BIT_VALUE") is not None:
            value |= 1 << bit.get_attr("ETHTOOL_A_BITSET_BIT_INDEX")
    return value


class EthtoolSocket(GenericNetlinkSocket):  # type: ignore[misc]  # pyroute2 is untyped
    """A generic-netlink socket that asks ethtool. Use as a context manager, after ``bind_ethtool``."""

    def bind_ethtool(self) -> None:
        """Find the family. Raises OSError or pyroute2's NetlinkError where netlink is refused or too old."""
        self.bind(ETHTOOL_GENL_NAME, TsInfo)

    def timestamping_info(self, index: int) -> TimestampingInfo:
        """What the interface with this index can stamp. Raises pyroute2's NetlinkError."""
        question = TsInfo()
        question["cmd"] = ETHTOOL_MSG_TSINFO_GET
        question["version"] = ETHTOOL_GENL_VERSION
        header = (("ETHTOOL_A_HEADER_DEV_INDEX", index), ("ETHTOOL_A_HEADER_FLAGS", ETHTOOL_FLAG_COMPACT_BITSETS))
        question["attrs"].append(("ETHTOOL_A_TSINFO_HEADER", {"attrs": header}))
        (answer,) = self.nlm_request(question, msg_type=self.prid, msg_flags=NLM_F_REQUEST)
        info: TimestampingInfo = answer.timestamping_info()
        return info
