"""Assisted partial timing against the truth: a receiver is lost for hours, and the path to PTP is asymmetric."""

from random import Random

import numpy as np

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.events import AssistedPathChanged, AsymmetryLearnt, AsymmetryUsed, WriterChosen
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.servo.registry import make_servo
from ptpstack.sim.host import Host
from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.oscillator import MODELS
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.world import World

GNSS = "source.gnss"
ASYMMETRY_NS = 2000.0
PATH = LinkConditions(delay_ns=50_000.0, asymmetry_ns=ASYMMETRY_NS, jitter_ns=300.0)
GOOD_S, LOST_S = 2400.0, 2 * 3600.0


class Site:
    """A grandmaster, a path without timing support, and a slave on a TCXO with a receiver."""

    def __init__(self, seed: int = 1, *, assisted: bool = True) -> None:
        self.world = World(seed, keep_measurements=False)
        self.random = Random(seed)
        stamping = Stamping(resolution_ns=8.0)
        master = self.world.add_host("master", stamping=stamping)
        self.slave: Host = self.world.add_host(
            "slave",
            model=MODELS["tcxo"],
            frequency_error_ppb=300.0,
            stamping=stamping,
            servo=make_servo("auto"),
            references=(GNSS,) if assisted else (),
        )
        for host, priority1 in ((master, 10), (self.slave, 200)):
            host.add_instance(
                InstanceSettings(clock_identity=host.clock_identity, priority1=priority1),
                [PortSettings(port_number=1, log_sync_interval=-1, log_min_delay_req_interval=-1)],
            )
        self.link: Link = self.world.connect(master.port(), self.slave.port(), conditions=PATH)
        self.world.start()
        self.bounds: list[tuple[float, float]] = []
        """True error and stated bound while PTP keeps the clock, ns."""

    def run(self, seconds: float, *, gnss: bool) -> None:
        for second in range(int(seconds)):
            self.world.run(1.0)
            if gnss:
                self.slave.pulse(GNSS, self.random.gauss(0.0, 10.0))
            elif second > 60:
                self._state_bound()

    def _state_bound(self) -> None:
        discipline, now = self.slave.discipline, self.slave.monotonic()
        assert discipline is not None
        measured, asymmetry = discipline.bound_ns(now), discipline.asymmetry_bound_ns
        if measured is not None and asymmetry is not None:
            self.bounds.append((self.world.offset_ns(self.slave), measured + asymmetry))

    def errors_ns(self, last_s: float) -> np.ndarray:
        return self.world.offsets_ns(self.slave, last_s=last_s, tau0_s=1.0)[1]


def test_hours_without_a_receiver_over_an_asymmetric_path() -> None:
    site = Site()
    site.run(GOOD_S, gnss=True)
    (learnt,) = site.world.events_of(AsymmetryLearnt)
    assert abs(learnt.asymmetry_ns - ASYMMETRY_NS) < 100
    assert np.abs(site.errors_ns(600)).max() < 100
    site.run(LOST_S, gnss=False)
    errors = site.errors_ns(LOST_S - 60)
    assert np.abs(errors).max() < 400  # uncorrected it would be 2000
    assert abs(errors.mean()) < 100
    assert len(site.bounds) > 0.9 * (LOST_S - 60)
    assert all(abs(error) <= bound for error, bound in site.bounds)
    assert np.median([bound for _, bound in site.bounds]) < 1500
    assert site.slave.discipline is not None
    assert site.slave.discipline.arbiter.state is ClockState.LOCKED
    (used,) = site.world.events_of(AsymmetryUsed)
    assert used.instance == "0"
    assert site.world.events_of(WriterChosen)[-1].writer == "0"


def test_without_learning_the_asymmetry_is_the_error() -> None:
    site = Site(assisted=False)
    site.run(600, gnss=False)
    assert 1800 < np.abs(site.errors_ns(200)).mean() < 2200


def test_the_receiver_comes_back_and_steers_again() -> None:
    site = Site()
    site.run(600, gnss=True)
    site.run(300, gnss=False)
    site.run(300, gnss=True)
    assert site.world.events_of(WriterChosen)[-1].writer == GNSS
    assert np.abs(site.errors_ns(100)).max() < 100


def test_a_path_that_changes_while_the_receiver_is_lost_widens_the_bound() -> None:
    site = Site()
    site.run(900, gnss=True)
    site.run(120, gnss=False)
    before = site.bounds[-1][1]
    site.link.conditions = LinkConditions(delay_ns=53_000.0, asymmetry_ns=ASYMMETRY_NS + 3000.0, jitter_ns=300.0)
    site.run(300, gnss=False)
    (changed,) = site.world.events_of(AssistedPathChanged)
    assert abs(changed.mean_delay_ns - changed.learnt_delay_ns - 3000) < 300
    assert site.bounds[-1][1] > before + 2500
    error, bound = site.bounds[-1]
    assert abs(error) > 2000
    assert abs(error) < bound


def test_a_path_that_was_not_watched_for_long_enough_is_not_corrected() -> None:
    site = Site()
    site.run(120, gnss=True)
    assert site.world.events_of(AsymmetryLearnt) == []
    assert site.slave.discipline is not None
    assert site.slave.discipline.asymmetry_bound_ns is None
