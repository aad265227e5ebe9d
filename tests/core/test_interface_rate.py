"""The interface rate TLV of ITU-T G.8275.2 Annex D: told with grants, heeded as asymmetry of the path."""

import pytest

from ptpstack.core.unicast_events import InterfaceRateHeeded
from ptpstack.time import NANOSECOND
from ptpstack.wire.message import decode, encode
from ptpstack.wire.messages import Signaling
from ptpstack.wire.tlvs import GrantUnicastTransmission, InterfaceRate, RequestUnicastTransmission
from tests.core.unicast_bench import (
    ANNOUNCE,
    FIRST,
    FIRST_PORT,
    SYNC,
    US,
    ClientBench,
    ServiceBench,
    signaling,
)

GIGABIT, TEN_GIGABIT = 1_000_000_000, 100_000_000
TOLD = {"interface_rate_tlv": True, "interface_bit_period": GIGABIT}


def test_the_tlv_is_as_the_annex_has_it() -> None:
    octets = encode(signaling(FIRST_PORT, InterfaceRate(GIGABIT)))[44:]
    assert octets.hex() == "0003001200" + "19a7000002" + "000000003b9aca00" + "004002d0"
    message = decode(encode(signaling(FIRST_PORT, InterfaceRate(GIGABIT))))
    assert message.tlvs == (InterfaceRate(GIGABIT, 64, 720),)


@pytest.mark.parametrize(("port", "told"), [(TOLD, True), ({**TOLD, "interface_bit_period": 0}, False), ({}, False)])
def test_it_goes_along_with_a_grant_of_syncs(port: dict[str, int], told: bool) -> None:
    bench = ServiceBench(port=port)
    for kind in (ANNOUNCE, SYNC):
        if kind is ANNOUNCE or not told:
            bench.ask(kind)
        else:
            bench.receive(signaling(FIRST_PORT, RequestUnicastTransmission(SYNC, 0, 60)), address="10.0.0.9")
    rates = [tlv for send in bench.sends(Signaling) for tlv in send.message.tlvs if isinstance(tlv, InterfaceRate)]
    assert rates == ([InterfaceRate(GIGABIT)] if told else [])


@pytest.mark.parametrize(("theirs", "asymmetry_ns"), [(TEN_GIGABIT, -295.2), (GIGABIT, 0.0), (10 * GIGABIT, 2952.0)])
def test_a_master_on_another_speed_makes_the_path_asymmetric(theirs: int, asymmetry_ns: float) -> None:
    bench = ClientBench(of_port=TOLD)
    grant = GrantUnicastTransmission(ANNOUNCE, 0, 60)
    bench.receive(signaling(FIRST_PORT, grant, InterfaceRate(theirs), target=US), address=FIRST)
    negotiation = bench.instance.ports[1].negotiation
    assert negotiation is not None
    assert negotiation.client is not None
    assert negotiation.client.masters.rate_asymmetry(FIRST_PORT) / NANOSECOND == pytest.approx(asymmetry_ns, abs=0.01)
    assert len(bench.events(InterfaceRateHeeded)) == (asymmetry_ns != 0)


@pytest.mark.parametrize("address", [FIRST, "10.9.9.9"])
@pytest.mark.parametrize("rate", [InterfaceRate((1 << 64) - 1), InterfaceRate(TEN_GIGABIT, 0, 0)])
def test_what_cannot_be_is_not_heeded(rate: InterfaceRate, address: str) -> None:
    bench = ClientBench(of_port=TOLD)
    bench.receive(signaling(FIRST_PORT, rate, target=US), address=address)
    assert bench.events(InterfaceRateHeeded) == []
