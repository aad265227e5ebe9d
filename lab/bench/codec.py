"""The codec and the engine alone, in one process: CPU time per message, no socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from lab.bench.rows import Row
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_discipline import ClockDiscipline
from ptpstack.arbiter.outputs import Steer
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import DelayMechanism, InstanceSettings, PortSettings
from ptpstack.engine.outputs import Measurement
from ptpstack.servo.filters import MovingMedian
from ptpstack.servo.registry import make_servo
from ptpstack.time import MILLISECOND, SECOND, LocalTime, MonotonicTime, PtpTime
from ptpstack.wire.message import Flag, decode, encode
from ptpstack.wire.messages import Announce, FollowUp, Sync
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

REPEATS = 20_000
MASTER = PortIdentity(ClockIdentity.from_text("0000bb.fffe.000001"), 1)
EPOCH = 1_700_000_000 * SECOND


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case."""
    sync = Sync(source_port_identity=MASTER, flag_field=Flag.TWO_STEP)
    payload = encode(sync)
    yield Row("codec", "decode a Sync", "µs", [_per_call_us(lambda: decode(payload)) for _ in range(rounds)], limit=2)
    yield Row("codec", "encode a Sync", "µs", [_per_call_us(lambda: encode(sync)) for _ in range(rounds)])
    for servo in ("auto", "pi"):
        path = [_path_us(servo) for _ in range(rounds)]
        yield Row("codec", f"Sync + Follow_Up to command of {servo}", "µs", path, limit=150)


def _per_call_us(function: Callable[[], object]) -> float:
    start = time.process_time_ns()
    for _ in range(REPEATS):
        function()
    return (time.process_time_ns() - start) / REPEATS / 1000


def _path_us(servo_name: str) -> float:
    """Return the CPU time from the two messages' bytes to the clock's command: engine, arbiter, servo and holdover.

    By the short way, as the daemon takes what is ordinary.
    """
    instance = PtpInstance(
        InstanceSettings(clock_identity=ClockIdentity.from_text("0000aa.fffe.000001"), slave_only=True),
        [PortSettings(port_number=1, delay_mechanism=DelayMechanism.NO_MECHANISM)],
        random=lambda: 0.5,
        delay_filter=MovingMedian,
    )
    now = MonotonicTime(0)
    instance.start(now)
    for sequence_id in (1, 2):
        announce = Announce(
            source_port_identity=MASTER,
            sequence_id=sequence_id,
            grandmaster_identity=MASTER.clock_identity,
            grandmaster_clock_quality=ClockQuality(6, 0x21, 0x4E5D),
        )
        instance.receive(1, announce, None, now)
    discipline = ClockDiscipline(make_servo(servo_name), ClockArbiter("clock", ["main"]))
    frames = [_frames(number) for number in range(2000)]
    start = time.process_time_ns()
    for number, (sync, follow_up) in enumerate(frames):
        now = MonotonicTime(number * 125 * MILLISECOND)
        ingress = LocalTime(EPOCH + number * 125 * MILLISECOND + number % 7)
        instance.receive_octets(1, sync, ingress, now)
        for output in instance.receive_octets(1, follow_up, None, now) or ():
            if isinstance(output, Measurement):
                for decided in discipline.take("main", output, ingress, now):
                    if isinstance(decided, Steer):
                        discipline.steered(decided, now, done=True)
    elapsed_ns = time.process_time_ns() - start
    assert discipline.commands == len(frames), "every Sync must lead to a decision about the clock"
    return elapsed_ns / len(frames) / 1000


def _frames(number: int) -> tuple[bytes, bytes]:
    sync = Sync(source_port_identity=MASTER, sequence_id=number, flag_field=Flag.TWO_STEP, log_message_interval=-3)
    follow_up = FollowUp(
        source_port_identity=MASTER,
        sequence_id=number,
        precise_origin_timestamp=PtpTime(EPOCH + number * 125 * MILLISECOND),
        log_message_interval=-3,
    )
    return encode(sync), encode(follow_up)
