"""What `ptpstack status` says of gPTP: the grandmaster, the rate of its clock, and why a port is not asCapable."""

from __future__ import annotations

from typing import Any

import pytest

from ptpstack.cli.status_gptp import gptp_lines, gptp_ports, gptp_reasons, is_gptp
from ptpstack.observe.status import data_set, instance_data_sets
from ptpstack.time import SECOND, TimeInterval, interval_from_ns
from tests.gptp.car import relay_rig, slave_rig
from tests.gptp.rig import Rig, nothing


def status(rig: Rig) -> dict[str, Any]:
    """The status of the instance of a rig, as the daemon makes it."""
    port_ds = data_set(rig.port.port_ds)
    ports = [{"interface": "eth0", "open": True, "stamps": "hardware stamps", "portDS": port_ds}]
    return {"profile": "gptp", "state": "locked", **instance_data_sets(rig.instance), "ports": ports}


def test_a_follower_names_the_way_and_the_rate_of_the_grandmaster() -> None:
    rig = Rig(gptp_capable_state_machines_enabled=False, neighbor_rate_ppm=8)
    rig.run(3.2)
    rig.announces()
    rig.syncs(1)
    told = status(rig)
    assert is_gptp(told)
    *_, line = gptp_lines("main", told)
    assert "020000.fffe.000001 by 020000.fffe.000001-1, 1 step away, running +8.000 ppm by the own clock" in line
    assert gptp_ports(told) == [("1", "eth0", "SLAVE", "yes", "300", "+8.000", "hardware stamps")]
    assert list(gptp_reasons(told)) == []


def test_a_port_that_is_not_capable_says_why_and_what_to_do() -> None:
    rig = Rig(link_delay_ns=2500)
    rig.run(3)
    reason, counted = gptp_reasons(status(rig))
    assert counted.endswith("2 delay beyond the threshold")
    assert reason == (
        "  port 1 is not asCapable: delay above threshold: meanLinkDelay 2500 ns, threshold 800 ns; if no device "
        "without gPTP is on the link, set mean_link_delay_thresh_ns = 5000"
    )


def test_no_system_that_may_be_grandmaster_is_told_as_such() -> None:
    rig = Rig(settings={"priority1": 255})
    *_, line = gptp_lines("main", status(rig))
    assert line == "  grandmaster     none: no system that may be one is heard of"


def test_in_a_car_a_port_that_is_capable_whatever_is_wrong_says_what_is() -> None:
    rig = slave_rig(strategy=nothing)
    rig.run(15)
    *_, grandmaster = gptp_lines("main", status(rig))
    assert grandmaster == "  grandmaster     none yet: no Sync has come to the port that is set to be a slave"
    reason, _counted = gptp_reasons(status(rig))
    assert reason.startswith("  port 1 is asCapable: link up: a link that is up is enough here; no response: ")


def test_in_a_car_a_port_that_is_measured_has_nothing_to_say() -> None:
    rig = slave_rig()
    rig.run(3)
    assert list(gptp_reasons(status(rig))) == []


def test_a_relay_that_serves_its_own_time_says_so() -> None:
    rig = relay_rig(settings={"default_time_after": SECOND})
    rig.run(0.9)
    *_, line = gptp_lines("main", status(rig))
    assert line.endswith("set to be a slave")
    rig.run(0.2)
    *_, line = gptp_lines("main", status(rig))
    assert line.endswith("set to be a slave; serves its own clock's time meanwhile")


def test_a_grandmaster_that_is_silent_is_told_as_such() -> None:
    rig = slave_rig()
    rig.run(3)
    rig.syncs(1)
    *_, line = gptp_lines("main", status(rig))
    assert line.endswith("by the own clock")
    rig.run(0.4)
    *_, line = gptp_lines("main", status(rig))
    assert line.endswith("by the own clock; silent now: no Sync comes")


@pytest.mark.parametrize(("kept", "shown"), [(None, "-"), (interval_from_ns(120), "120 (kept)")])
def test_what_was_not_measured_is_not_shown_as_a_measurement(kept: TimeInterval | None, shown: str) -> None:
    rig = slave_rig(strategy=nothing, link={"kept_mean_link_delay": kept})
    rig.run(3)
    assert gptp_ports(status(rig)) == [("1", "eth0", "SLAVE", "yes", shown, "-", "hardware stamps")]


def test_a_link_that_is_down_has_no_measurement_any_more() -> None:
    rig = slave_rig()
    rig.run(3)
    assert gptp_ports(status(rig))[0][4:6] == ("300", "+8.000")
    rig.take(rig.instance.link_changed(1, False, rig.now))
    assert gptp_ports(status(rig))[0][4:6] == ("-", "-")


def test_members_have_their_standard_names() -> None:
    told = status(Rig())
    assert {"gmCapable", "externalPortConfigurationEnabled", "sdoId"} <= set(told["defaultDS"])
    assert {"lastGmPhaseChange", "gmTimebaseIndicator", "gmChangeCount"} <= set(told["currentDS"])
    assert {"asCapable", "isMeasuringDelay", "neighborRateRatio", "meanLinkDelayThresh", "syncLocked"} <= set(
        told["ports"][0]["portDS"]
    )
    assert told["ports"][0]["portDS"]["meanLinkDelayThresh"] == 800
