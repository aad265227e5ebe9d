"""Our daemon as the master of ptp4l, by every transport and delay mechanism, with Follow_Ups and without."""

from lab.vptp import read_truth
from tests.vm.guest.daemons import (
    SETTLE_S,
    Link,
    Ours,
    Ptp4l,
    largest,
    make_imperfect,
    parameters,
    record_offsets,
    rms,
    say,
    wait_for_lock,
)

PARAMETERS = parameters(pairs=2)
SECONDS = 40
RMS_NS, LARGEST_NS = {"e2e": 10, "p2p": 15}, {"e2e": 40, "p2p": 60}
"""As of ptp4l that follows ptp4l here."""


def check_ptp4l_follows_us_on_ethernet_end_to_end_and_on_udp_peer_to_peer() -> None:
    follow({1: Link("l2", "e2e"), 3: Link("udpv4", "p2p")})


def check_ptp4l_follows_one_step_syncs_on_ethernet_peer_to_peer_and_on_udp_end_to_end() -> None:
    sent = follow({1: Link("l2", "p2p", two_step=False), 3: Link("udpv4", "e2e", two_step=False)})
    assert all("FollowUp" not in counters for counters in sent), sent


def follow(links: dict[int, Link]) -> list[dict[str, int]]:
    """Let ptp4l on each port follow our master on the one before; return what the master sent by kind."""
    for slave in links:
        make_imperfect(slave - 1, slave)
    first, second = links
    with (
        Ours("master", {slave - 1: link for slave, link in links.items()}) as masters,
        Ptp4l("slave", first, links[first]),
        Ptp4l("slave", second, links[second]),
    ):
        wait_for_lock(*links)
        record_offsets(SETTLE_S)
        for (slave, link), offsets in zip(links.items(), record_offsets(SECONDS, *links), strict=True):
            say(f"{link}: {rms(offsets):.1f} ns RMS, {largest(offsets):.1f} ns at most")
            assert rms(offsets) < RMS_NS[link.mechanism]
            assert largest(offsets) < LARGEST_NS[link.mechanism]
            assert read_truth().clocks[slave - 1].frequency_error_ppb == 0  # nobody steers the master
        return [masters.port_status(slave - 1)["counters"]["sent"] for slave in links]
