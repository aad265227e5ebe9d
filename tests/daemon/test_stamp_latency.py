"""The latency of transmit stamps: what is usual now, and what was worst ever."""

from ptpstack.daemon.stamp_latency import KEPT, StampLatency
from ptpstack.time import MICROSECOND


def test_nothing_is_said_before_the_first_stamp() -> None:
    assert StampLatency().as_dict() == {"median_us": None, "max_us": None}


def test_the_median_is_of_the_newest_and_the_maximum_of_all() -> None:
    latency = StampLatency()
    latency.add(50_000 * MICROSECOND)
    for _ in range(KEPT):
        latency.add(20 * MICROSECOND)
    assert latency.as_dict() == {"median_us": 20, "max_us": 50_000}
