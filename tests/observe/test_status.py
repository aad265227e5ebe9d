"""What `ptpstack status` is made of."""

import json
import random

import pytest

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.engine.port_state import PortState
from ptpstack.observe.status import data_set, exit_code, instance_data_sets, standard_name, verdict
from ptpstack.servo.filters import NoFilter
from ptpstack.time import MonotonicTime, interval_from_ns
from ptpstack.wire.types import ClockIdentity


@pytest.fixture
def instance() -> PtpInstance:
    settings = InstanceSettings(clock_identity=ClockIdentity.from_text("001b19.fffe.000001"), domain_number=3)
    ports = [PortSettings(port_number=1, delay_asymmetry=interval_from_ns(-25))]
    return PtpInstance(settings, ports, random=random.random, delay_filter=NoFilter)


@pytest.mark.parametrize(
    ("ours", "standards"),
    [
        ("log_min_pdelay_req_interval", "logMinPdelayReqInterval"),
        ("sdo_id", "sdoId"),
        ("leap59", "leap59"),
        ("default_ds", "defaultDS"),
        ("offset_scaled_log_variance", "offsetScaledLogVariance"),
    ],
)
def test_the_standards_spelling_follows_from_ours(ours: str, standards: str) -> None:
    assert standard_name(ours) == standards


def test_data_sets_are_plain_values_in_the_standards_spelling(instance: PtpInstance) -> None:
    data_sets = instance_data_sets(instance)
    assert json.loads(json.dumps(data_sets)) == data_sets
    assert data_sets["defaultDS"]["domainNumber"] == 3
    assert data_sets["defaultDS"]["clockQuality"] == {
        "clockClass": 248,
        "clockAccuracy": 0xFE,
        "offsetScaledLogVariance": 0xFFFF,
    }
    assert data_sets["parentDS"]["parentPortIdentity"] == "001b19.fffe.000001-0"
    assert data_sets["timePropertiesDS"]["timeSource"] == "INTERNAL_OSCILLATOR"


def test_time_intervals_are_nanoseconds_with_their_sign(instance: PtpInstance) -> None:
    instance.start(MonotonicTime(0))
    port_ds = data_set(instance.ports[1].port_ds)
    assert port_ds["delayAsymmetry"] == -25.0
    assert port_ds["portState"] == "LISTENING"
    assert port_ds["delayMechanism"] == "E2E"


S, C = PortState, ClockState


@pytest.mark.parametrize(
    ("states", "clock", "measures_only", "word", "code"),
    [
        ([S.SLAVE], C.LOCKED, False, "locked", 0),
        ([S.MASTER, S.SLAVE], C.LOCKED, False, "locked", 0),
        ([S.MASTER], C.FREE_RUNNING, False, "serving", 0),
        ([S.MASTER, S.PASSIVE], C.FREE_RUNNING, False, "serving", 0),
        ([S.UNCALIBRATED], C.FREE_RUNNING, False, "acquiring", 1),
        ([S.UNCALIBRATED], C.ACQUIRING, False, "acquiring", 1),
        ([S.LISTENING], C.HOLDOVER_IN_SPEC, False, "holdover in-spec", 1),
        ([S.FAULTY], C.HOLDOVER_IN_SPEC, False, "holdover in-spec", 1),
        ([S.MASTER], C.HOLDOVER_IN_SPEC, False, "holdover in-spec", 1),
        ([S.LISTENING], C.FREE_RUNNING, False, "free-running", 2),
        ([S.UNCALIBRATED], C.FREE_RUNNING, True, "free-running", 2),
    ],
)
def test_an_instance_is_judged_by_its_ports_and_its_clock(
    states: list[PortState], clock: ClockState, measures_only: bool, word: str, code: int
) -> None:
    assert verdict(states, clock, measures_only=measures_only) == word
    assert exit_code([word]) == code


def test_the_worst_instance_decides_the_exit_code_and_none_is_not_good() -> None:
    assert exit_code(["locked", "holdover out-of-spec", "serving"]) == 1
    assert exit_code([]) == 2
