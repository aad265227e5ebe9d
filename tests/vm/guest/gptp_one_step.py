"""gPTP end stations whose Syncs carry the time of departure: from the start, and once the neighbour asks for it.

Ours at both ends: ptp4l 3.1.1 takes a Sync with a TLV for a bad message. Without one it follows (``robust_master``).
"""

from lab.vptp import read_truth
from tests.vm.guest.bed import soon
from tests.vm.guest.daemons import (
    SETTLE_S,
    largest,
    make_imperfect,
    node,
    parameters,
    record_offsets,
    rms,
    say,
    wait_for_lock,
)
from tests.vm.guest.programs import Daemon

PARAMETERS = parameters(pairs=2)
SECONDS = 15
RMS_NS, LARGEST_NS = 15, 60
"""As behind any one-step master (``robust_master``)."""

MASTERS = """
[instance.always]
profile = "gptp"
priority1 = 1
free_running = true
[[instance.always.port]]
interface = "vptp0"
two_step = false

[instance.on_request]
profile = "gptp"
priority1 = 1
free_running = true
[[instance.on_request.port]]
interface = "vptp2"
two_step = false
one_step_on_request = true
"""
STATIONS = """
[instance.first]
profile = "gptp"
slave_only = true
[[instance.first.port]]
interface = "vptp1"

[instance.second]
profile = "gptp"
slave_only = true
[[instance.second.port]]
interface = "vptp3"
request_log_sync_interval = -3
"""


def check_a_gptp_grandmaster_sends_in_one_step_always_or_once_it_is_asked_to() -> None:
    make_imperfect(0, 1, 2, 3)
    node("grandmasters", 0, 2)
    node("stations", 1, 3)
    with Daemon("grandmasters", MASTERS, namespace="grandmasters") as masters:
        masters.wait_until_ready()
        assert sent(masters, "always")[0]
        assert not sent(masters, "on_request")[0], "nobody has asked for it"
        with Daemon("stations", STATIONS, namespace="stations"):
            soon(lambda: sent(masters, "on_request")[0], 60)
            wait_for_lock(1, 3)
            _, follow_ups, syncs = sent(masters, "on_request")
            record_offsets(SETTLE_S)
            for slave, offsets in zip((1, 3), record_offsets(SECONDS, 1, 3), strict=True):
                say(f"behind port {slave - 1}: {rms(offsets):.1f} ns RMS, {largest(offsets):.1f} ns at most")
                assert rms(offsets) < RMS_NS
                assert largest(offsets) < LARGEST_NS
                assert read_truth().clocks[slave - 1].frequency_error_ppb == 0  # nobody steers the master
            _, later_follow_ups, later_syncs = sent(masters, "on_request")
            assert later_follow_ups == follow_ups
            assert sent(masters, "always")[1] == 0
            assert later_syncs > syncs


def sent(masters: Daemon, instance: str) -> tuple[bool, int, int]:
    """Return whether a master's port sends in one step now, and how many Follow_Ups and Syncs it has sent."""
    port = masters.status()["instances"][instance]["ports"][0]
    counters = port["counters"]["sent"]
    return port["portDS"]["oneStepTxOper"], counters.get("FollowUp", 0), counters.get("Sync", 0)
