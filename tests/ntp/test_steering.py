"""A clock that follows what its servers say, by the daemon's default servo, in virtual time: the loop is stable."""

from __future__ import annotations

import pytest

from ntp.accuracy import plan
from ntp.candidate import Policy
from ntp.client.sample import Sample
from ntp.ensemble import Ensemble, SourceOptions
from ntp.jumps import ClockFoundElsewhere
from ptpstack.config.servo_settings import servo_settings
from ptpstack.config.servo_table import Servo as ServoTable
from ptpstack.servo.interface import ServoState
from ptpstack.servo.registry import make_servo
from ptpstack.time import MICROSECOND, MILLISECOND, SECOND, LocalTime, TimeInterval, interval_from_log2_seconds

from .test_simulation import CRYSTAL_WANDER_PPB, INTERNET, LAN, rms
from .world import Server, SimulatedClock, World, us


class SteeredWorld(World):
    """A world whose clock follows the ensemble of its associations, as ``NtpDriver`` and ``ClockDriver`` do it."""

    def follow(self, *, hours: float, warm_up_s: float) -> list[float]:
        """Run, and return the clock's true error each 10 s after the warm-up, in us."""
        ensemble = Ensemble(Policy())
        for name, association in self.associations.items():
            ensemble.add(name, association, SourceOptions())
        settings = servo_settings(ServoTable(), max_frequency_ppb=500_000, hardware_timestamping=False)
        servo = make_servo("auto", settings, 0.0, packet_selection=False)
        self.start()
        errors: list[float] = []
        self.steps: list[TimeInterval] = []
        log_interval: int | None = None
        taken = 0
        commanded = 0.0
        for tick in range(round(hours * 36_000)):
            self.run(0.1)
            new, taken = self.outputs[taken:], len(self.outputs)
            for name, output in new:
                selection, events = ensemble.judge(self.local(), self.now)
                combined = selection.combined
                self.rearm()
                if any(isinstance(event, ClockFoundElsewhere) for event in events):
                    servo.reset(clock_moved=True)
                if not isinstance(output, Sample) or combined is None or not ensemble.is_due(combined, name, self.now):
                    continue
                exponent = ensemble.members[combined.best].poll.exponent
                if exponent != log_interval:
                    log_interval = exponent
                    servo.set_sync_interval(interval_from_log2_seconds(exponent))
                command = servo.sample(combined.offset, LocalTime(int(self.local())))
                if command.state is not ServoState.UNLOCKED:
                    local = self.local()
                    self.clock.frequency_ppb += command.frequency_ppb - commanded
                    ensemble.frequency_changed(command.frequency_ppb - commanded, local)
                    commanded = command.frequency_ppb
                    if command.step:
                        self.clock.offset += command.step
                        ensemble.clock_stepped(command.step)
                        self.steps.append(command.step)
            self.local()
            if tick % 100 == 0 and tick > warm_up_s * 10:
                errors.append(us(self.clock.offset))
        return errors


def steered(servers: list[Server], accuracy: TimeInterval, *, seed: int = 1) -> SteeredWorld:
    needed = plan(accuracy)
    polls = {"min_poll": needed.min_poll, "max_poll": needed.max_poll}
    settings = {"min_samples": needed.min_samples, "poll_target": needed.poll_target, **polls}
    clock = SimulatedClock(offset=3 * SECOND, frequency_ppb=20_000)
    return SteeredWorld(clock, servers, settings=settings, wander_ppb=CRYSTAL_WANDER_PPB, seed=seed)


CASES = {
    "100 us from a LAN": ([Server("a", **LAN)], 100 * MICROSECOND),
    "1 ms from a LAN": ([Server("a", **LAN)], MILLISECOND),
    "1 ms from four servers on the internet": ([Server(name, **INTERNET) for name in "abcd"], MILLISECOND),
    "10 ms from four servers on the internet": ([Server(name, **INTERNET) for name in "abcd"], 10 * MILLISECOND),
}


def test_a_clock_that_is_seconds_off_is_right_within_a_quarter_of_a_minute() -> None:
    errors = steered([Server(name, **INTERNET) for name in "abcd"], 10 * MILLISECOND).follow(hours=0.02, warm_up_s=14)
    assert max(map(abs, errors)) < us(10 * MILLISECOND)


@pytest.mark.parametrize(("servers", "accuracy"), CASES.values(), ids=CASES)
def test_the_accuracy_asked_for_is_kept(servers: list[Server], accuracy: TimeInterval) -> None:
    errors = steered(servers, accuracy).follow(hours=3, warm_up_s=3600)
    assert max(map(abs, errors)) < us(accuracy)
    assert rms(errors) < us(accuracy) / 4


def test_a_machine_that_stood_still_is_set_right_by_its_only_server_with_one_step() -> None:
    """The last of 15 minutes shows it right again, whatever the interval between requests was by then."""
    world = steered([Server("a", **LAN)], MILLISECOND)

    def stand_still() -> None:
        world.clock.advance(world.elapsed)
        world.clock.offset -= 37 * SECOND

    world.at(1800 * SECOND, stand_still)
    errors = world.follow(hours=0.75, warm_up_s=2640)
    assert [round(step / SECOND) for step in world.steps] == [-3, 37]
    assert max(map(abs, errors)) < us(MILLISECOND)
