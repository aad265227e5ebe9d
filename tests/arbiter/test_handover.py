"""PTP lost, NTP takes over and gives back, by the real servo in virtual time: what the clock is off meanwhile."""

import math
import random
from statistics import median

import pytest

from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_discipline import ClockDiscipline
from ptpstack.arbiter.outputs import Output, Steer
from ptpstack.engine.outputs import Measurement
from ptpstack.servo.auto import AutoServo, FilterBankSettings
from ptpstack.time import SECOND, LocalTime, MonotonicTime, PtpTime, interval_from_ns
from ptpstack.wire.types import ClockIdentity, PortIdentity

NAMES = "main", "ntp"
INTERVAL_S = {"main": 0.125, "ntp": 16.0}
PARENT = {
    name: PortIdentity(ClockIdentity.from_text(f"001b19.fffe.00000{number}"), 1) for number, name in enumerate(NAMES)
}
PTP_NOISE_NS, NTP_NOISE_NS, NTP_BIAS_NS = 300.0, 10_000.0, 5_000.0
LOST_S, BACK_S, END_S = 60.0, 180.0, 240.0


class Clock:
    """12 ppm fast and walking by *wander_ppb* in a second, read by PTP and, from half a minute on, by NTP."""

    def __init__(self, seed: int, wander_ppb: float) -> None:
        self.chance = random.Random(seed)
        self.wander_ppb = wander_ppb
        settings = FilterBankSettings(max_frequency_ppb=100_000.0)
        self.discipline = ClockDiscipline(AutoServo(settings), ClockArbiter("it", NAMES))
        self.now_s = self.off_s = self.steered_ppb = 0.0
        self.error_ppb = 12_000.0

    def courses(self) -> list[tuple[float, float]]:
        """Return instants in seconds and how far off the clock was at them, in ns."""
        course, due_s = list[tuple[float, float]](), {"main": 0.01, "ntp": 37.3}
        while self.now_s < END_S:
            name = min(due_s, key=due_s.__getitem__)
            deadline = self.discipline.next_deadline()
            if deadline is not None and deadline / SECOND <= due_s[name]:
                self._run_until(max(self.now_s, deadline / SECOND))
                self._do(self.discipline.handle_deadline(self._now()))
                continue
            self._run_until(due_s[name])
            due_s[name] += INTERVAL_S[name]
            course.append((self.now_s, self.off_s * 1e9))
            if name == "ntp" or not LOST_S <= self.now_s < BACK_S:
                self._measure(name)
        return course

    def _now(self) -> MonotonicTime:
        return MonotonicTime(round(self.now_s * SECOND))

    def _run_until(self, end_s: float) -> None:
        elapsed_s = end_s - self.now_s
        self.off_s += elapsed_s * (self.error_ppb + self.steered_ppb) * 1e-9
        self.error_ppb += self.chance.gauss(0.0, self.wander_ppb * math.sqrt(elapsed_s))
        self.now_s = end_s

    def _measure(self, name: str) -> None:
        noise_ns = (
            self.chance.gauss(0.0, PTP_NOISE_NS) if name == "main" else self.chance.gauss(NTP_BIAS_NS, NTP_NOISE_NS)
        )
        local = LocalTime(round((1000.0 + self.now_s + self.off_s) * SECOND))
        measurement = Measurement(
            port_number=1,
            parent_port_identity=PARENT[name],
            t1=PtpTime(0),
            t2=local,
            offset_from_master=interval_from_ns(self.off_s * 1e9 + noise_ns),
            mean_delay=interval_from_ns(500),
            log_sync_interval=round(math.log2(INTERVAL_S[name])),
        )
        self._do(self.discipline.take(name, measurement, local, self._now()))

    def _do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Steer):
                self.steered_ppb = output.frequency_ppb
                self.off_s += output.step / SECOND
                self._do(self.discipline.steered(output, self._now(), done=True))


@pytest.mark.parametrize(
    ("wander_ppb", "by_ntp_us", "back_us"),
    # With the last command of PTP in force until five answers of NTP, of 16 s, had come: 6, 51 and 288 µs.
    [(0.0, 5.0, 1.0), (100.0, 40.0, 1.5), (500.0, 150.0, 2.5)],
)
def test_a_clock_that_ntp_takes_over_is_kept_and_given_back(
    wander_ppb: float, by_ntp_us: float, back_us: float
) -> None:
    by_ntp, back = [], []
    for seed in range(9):
        course = Clock(seed, wander_ppb).courses()
        by_ntp.append(max(abs(off_ns) for at_s, off_ns in course if LOST_S < at_s < BACK_S) / 1e3)
        back.append(max(abs(off_ns) for at_s, off_ns in course if at_s > BACK_S + 15.0) / 1e3)
    assert median(by_ntp) < by_ntp_us, by_ntp
    assert median(back) < back_us, back
