"""A real driver on a card that QEMU emulates: discovery and ioctls. Its clock stands still or errs: no servo on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from hw.discovery import Interface, discover
from hw.phc import Phc
from hw.timestamping import RxFilter, TxType
from ptpstack.time import NANOSECOND, SECOND, LocalTime
from tests.vm.guest.bed import get_stamping, open_event_socket, run, set_stamping, wait_until


def card() -> Interface:
    return next(interface for interface in discover() if interface.driver in ("igb", "e1000e"))


@contextmanager
def clock() -> Iterator[Phc]:
    phc = Phc(card().phc.device)
    try:
        yield phc
    finally:
        phc.close()


def check_our_discovery_finds_the_card_and_its_clock() -> None:
    found = card()
    assert found.kind == "physical"
    assert found.timestamping.stamps_in_hardware
    assert found.phc.access == "read-write"
    assert f"PTP Hardware Clock: {found.phc.index}" in run("ethtool", "-T", found.name)


def check_its_filters_can_be_set_and_read_back() -> None:
    name = card().name
    assert set_stamping(name, TxType.OFF, RxFilter.NONE) == (TxType.OFF, RxFilter.NONE)
    tx_type, rx_filter = set_stamping(name, TxType.ON, RxFilter.PTP_V2_EVENT)
    assert tx_type == TxType.ON
    assert rx_filter in (RxFilter.PTP_V2_EVENT, RxFilter.ALL)
    assert get_stamping(name) == (tx_type, rx_filter)


def check_our_sockets_get_hardware_stamps_granted() -> None:
    name = card().name
    run("ip", "link", "set", name, "up")
    port_socket = wait_until(lambda: open_event_socket(name), 5)
    assert str(port_socket.granted).startswith("hardware stamps")
    port_socket.close()


def check_its_clock_is_set_and_stepped() -> None:
    with clock() as phc:
        phc.set_time(LocalTime(1_000 * SECOND))
        phc.step(-100 * SECOND + 8 * NANOSECOND)
        assert 900 * SECOND <= int(phc.time()) < 920 * SECOND


def check_its_frequency_takes_what_its_limit_says_and_reads_it_back() -> None:
    with clock() as phc:
        for wanted_ppb in (phc.max_frequency_ppb, -1_000.0, 0.0):
            phc.set_frequency(wanted_ppb)
            assert abs(phc.frequency_ppb() - wanted_ppb) < 0.02


def check_it_is_compared_with_the_system_clock_by_the_best_method_it_has() -> None:
    with clock() as phc:
        cross = phc.cross_timestamp()
        assert 0 < cross.uncertainty_ns < 1e6
