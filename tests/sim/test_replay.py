"""Field logs under another servo, held against logs of the simulator, which knows what would have been."""

import json
from pathlib import Path

import numpy as np
import pytest

from ptpstack.cli.sim_events import EventLog
from ptpstack.config.servo_settings import servo_settings
from ptpstack.config.servo_table import Servo as ServoTable
from ptpstack.servo.interface import Servo, ServoState
from ptpstack.servo.registry import make_servo
from ptpstack.sim import experiment
from ptpstack.sim.replay import FieldSample, Recording, ReplayError, recorded, recordings, replay
from ptpstack.sim.scenario.load import load

SCENARIO = """\
duration = "3 min"
[servo]
type = "{servo}"
[stamping]
jitter_ns = 40
[host.gm]
instance.main.priority1 = 10
[host.slave]
start_offset_ns = 5e6
oscillator = {{ preset = "tcxo", frequency_error_ppb = 3000, random_walk_fm_ppb = 5 }}
instance.main.slave_only = true
[[link]]
between = ["gm", "slave"]
delay_ns = 2000
{more}
"""


def record(tmp_path: Path, servo: str, more: str = "") -> Recording:
    """What a daemon would have written, had it been there."""
    scenario, log = tmp_path / "s.toml", tmp_path / f"{servo}.jsonl"
    scenario.write_text(SCENARIO.format(servo=servo, more=more))
    with log.open("w") as file:
        events = EventLog(file)
        experiment.run(load(scenario), 3, on_event=events.on_event, on_sample=events.on_sample)
    with log.open() as lines:
        (recording,) = recordings(lines, str(log))
    return recording


def servo_of(name: str) -> Servo:
    table = ServoTable(type=name)
    return make_servo(name, servo_settings(table, max_frequency_ppb=500_000, hardware_timestamping=True))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("name", ["pi", "linreg", "kalman", "auto"])
def test_the_same_servo_gives_the_same_offsets_again(tmp_path: Path, name: str) -> None:
    recording = record(tmp_path, name)
    before, after = recorded(recording), replay(recording, servo_of(name))
    locked = before.times_s >= before.locked_from_s + 10
    assert before.steps == after.steps == 1
    assert after.locked_from_s == before.locked_from_s
    assert rms(after.offsets_ns[locked] - before.offsets_ns[locked]) < 0.1 * rms(before.offsets_ns[locked])
    assert np.abs(after.frequencies_ppb - before.frequencies_ppb)[locked].max() < 5


@pytest.mark.parametrize(("first", "second"), [("pi", "kalman"), ("auto", "pi"), ("linreg", "auto")])
def test_another_servo_gives_what_it_would_have_given(tmp_path: Path, first: str, second: str) -> None:
    foretold = replay(record(tmp_path, first), servo_of(second))
    really = recorded(record(tmp_path, second))
    late = 60.0
    wanted = rms(really.offsets_ns[really.times_s >= late])
    assert rms(foretold.offsets_ns[foretold.times_s >= late]) == pytest.approx(wanted, rel=0.1)


def test_what_was_set_in_holdover_is_part_of_the_sum(tmp_path: Path) -> None:
    silence = (
        '[[at]]\ntime = "80 s"\nhost = "gm"\nrunning = false\n[[at]]\ntime = "120 s"\nhost = "gm"\nrunning = true\n'
    )
    recording = record(tmp_path, "pi", silence)
    assert recording.held
    free_ns, times_s = recording.free_offsets_ns(), recorded(recording).times_s
    slope_ppb = np.polyfit(times_s[5:], free_ns[5:], 1)[0]
    assert slope_ppb == pytest.approx(3000, abs=100)
    assert np.abs(free_ns - np.polyval(np.polyfit(times_s, free_ns, 2), times_s)).max() < 5_000


def test_the_clock_alone_is_offset_less_all_commands() -> None:
    locked = ServoState.LOCKED
    samples = [
        FieldSample(0, 100.0, 10.0, ServoState.UNLOCKED, 0),
        FieldSample(1_000_000_000, 160.0, -20.0, ServoState.JUMP, 0, step_ns=-160.0),
        FieldSample(2_000_000_000, 30.0, 0.0, locked, 0),
    ]
    recording = Recording("main", "phc", samples, held=[(1_500_000_000, -50.0)])
    # 10 ppb for 1 s; then a step by -160 ns, half a second each of -20 and -50 ppb
    assert recording.free_offsets_ns() == pytest.approx([100.0, 150.0, 30.0 - 10 + 160 + 10 + 25])


GOOD = {
    "event": "OffsetSample",
    "instance": "main",
    "clock": "phc",
    "monotonic_ns": 1,
    "offset_ns": 1.0,
    "frequency_ppb": 0.0,
    "state": "LOCKED",
    "log_sync_interval": 0,
    "steering": True,
}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "nothing to replay (no two OffsetSamples that steered a clock)"),
        ([json.dumps(GOOD)], "nothing to replay"),
        ([json.dumps(GOOD | {"steering": False})] * 3, "nothing to replay"),
        (["ptp4l[1.2]: rms 3"], "log:1: not JSON"),
        (["[1]"], "log:1: not a JSON object"),
        ([json.dumps(GOOD), json.dumps(GOOD | {"state": "HAPPY"})], "log:2: is no event of the daemon"),
        ([json.dumps({k: v for k, v in GOOD.items() if k != "offset_ns"})], "without a usable 'offset_ns'"),
    ],
)
def test_a_log_that_cannot_be_replayed_says_why(lines: list[str], said: str) -> None:
    with pytest.raises(ReplayError) as caught:
        recordings(lines, "log")
    assert said in str(caught.value)
