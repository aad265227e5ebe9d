"""TLVs of the power profile through grandmaster, boundary and transparent clock (IEEE C37.238)."""

from __future__ import annotations

import pytest

from ptpstack.engine.port_state import PortState
from ptpstack.wire import messages
from ptpstack.wire.tlv import Tlv, UnknownTlv
from ptpstack.wire.tlvs import AlternateTimeOffsetIndicator, IeeeC37238, IeeeC37238Of2011, PathTrace
from ptpstack.wire.tlvs.ieee_c37_238 import UNKNOWN_INACCURACY_NS
from tests.core.bench import GM, OWN, Bench
from tests.core.relay import MASTER, Relay
from tests.core.test_boundary_clock import boundary

BERLIN = AlternateTimeOffsetIndicator(1, 3563, 3600, 1_774_746_037, b"CET")
OF_2017, OF_2011 = IeeeC37238(9, 250), IeeeC37238Of2011(9, 200, 30)


def test_a_grandmaster_sends_what_it_is_told_in_that_order_and_the_path_behind() -> None:
    bench = Bench(path_trace_enabled=True)
    bench.instance.set_announce_tlvs((OF_2017, BERLIN))
    bench.run(20)
    assert bench.sent(messages.Announce)[-1].tlvs == (OF_2017, BERLIN, PathTrace((OWN,)))


def test_a_clock_that_follows_sends_its_parents_and_not_its_own() -> None:
    bench = boundary(announce={"tlvs": (BERLIN,)})
    bench.instance.set_announce_tlvs((OF_2017,))
    bench.hear(4, tlvs=(BERLIN,))
    assert bench.sent(messages.Announce)[-1].tlvs == (BERLIN,)
    bench.run(30)
    assert bench.sent(messages.Announce)[-1].tlvs == (OF_2017,)


@pytest.mark.parametrize(
    ("tlv", "handed_on"),
    [(OF_2017, IeeeC37238(9, 350)), (OF_2011, IeeeC37238Of2011(9, 200, 130))],
    ids=["2017", "2011"],
)
class TestInaccuracy:
    def test_grows_in_a_boundary_clock_of_the_profile(self, tlv: Tlv, handed_on: Tlv) -> None:
        bench = boundary(announce={"tlvs": (tlv, BERLIN)}, extends_inaccuracy_by_ns=100)
        assert bench.sent(messages.Announce)[-1].tlvs == (handed_on, BERLIN)

    def test_is_not_known_of_a_boundary_clock_that_is_not_synchronized(self, tlv: Tlv, handed_on: Tlv) -> None:
        bench = boundary(announce={"tlvs": (tlv, BERLIN)}, extends_inaccuracy_by_ns=100)
        bench.instance.servo_locked(False, bench.now)
        bench.hear(2, tlvs=(tlv, BERLIN))
        told = bench.sent(messages.Announce)[-1].tlvs[0]
        assert told == tlv.with_added(UNKNOWN_INACCURACY_NS) != handed_on

    def test_ends_in_a_boundary_clock_of_another_profile(self, tlv: Tlv, handed_on: Tlv) -> None:
        del handed_on
        assert boundary(announce={"tlvs": (tlv, BERLIN)}).sent(messages.Announce)[-1].tlvs == (BERLIN,)

    def test_grows_in_a_transparent_clock_of_the_profile(self, tlv: Tlv, handed_on: Tlv) -> None:
        relay = Relay(ports=2, extends_inaccuracy_by_ns=100)
        (send,) = relay.receive(
            messages.Announce(source_port_identity=MASTER, tlvs=(tlv, BERLIN, UnknownTlv(0x42, b"")))
        )
        assert send.message.tlvs == (handed_on, BERLIN, UnknownTlv(0x42, b""))

    def test_passes_a_transparent_clock_of_another_profile_untouched(self, tlv: Tlv, handed_on: Tlv) -> None:
        del handed_on
        (send,) = Relay(ports=2).receive(messages.Announce(source_port_identity=MASTER, tlvs=(tlv,)))
        assert send.message.tlvs == (tlv,)


@pytest.mark.parametrize(
    ("tlvs", "is_heard"), [((), False), ((OF_2011,), False), ((BERLIN,), False), ((OF_2011, BERLIN), True)], ids=str
)
def test_in_the_profile_of_2011_an_announce_without_both_tlvs_is_ignored(tlvs: tuple[Tlv, ...], is_heard: bool) -> None:
    bench = Bench(slave_only=True, required_announce_tlvs=(IeeeC37238Of2011, AlternateTimeOffsetIndicator))
    bench.hear(10, tlvs=tlvs)
    assert bench.state() is (PortState.UNCALIBRATED if is_heard else PortState.LISTENING)
    assert (bench.instance.parent_ds.grandmaster_identity == GM) is is_heard
    ignored = [reason for reason in bench.instance.ports[1].counters.discarded if "TLV" in reason]
    assert bool(ignored) is not is_heard
