"""A chain passes on what it must, and nothing else."""

import numpy as np
import pytest

from ptpstack.sim.plan.chain import Chain
from ptpstack.sim.plan.model import Grandmaster, Hop
from ptpstack.sim.plan.result import simulate
from tests.sim.plan.plans import errors_ns, plan

STAMPED = {"jitter_ns": 10.0, "resolution_ns": 8.0}


def boundary(count: int = 1, **keys: object) -> Hop:
    return Hop(kind="boundary", count=count, **keys)


def transparent(count: int = 1, **keys: object) -> Hop:
    return Hop(kind="transparent", count=count, **({"frequency_error_ppm": 0.0} | keys))


def test_a_chain_without_faults_is_without_error() -> None:
    perfect = boundary(3, device="g8273.2-c", servo="pi")
    chain = Chain(plan(perfect, transparent(2), boundary(servo="pi"), delay_mechanism="p2p", seeds=1))
    assert chain.constant_ns.shape == (7, 1)
    still = errors_ns(plan(transparent(3, oscillator="ocxo", residence_ms=0), boundary(oscillator="ocxo"), seeds=1))
    assert np.abs(still[:, :3]).max() == 0
    assert np.abs(still[:, 3]).max() < 0.1  # what the oscillator does between Syncs


def test_the_same_seed_gives_the_same_run_and_another_another() -> None:
    runs = [errors_ns(plan(boundary(3, **STAMPED), seed=seed, seconds=50, settle_s=10)) for seed in (1, 1, 2)]
    assert (runs[0] == runs[1]).all()
    assert not (runs[0] == runs[2]).any()


def test_constant_errors_add_up_hop_by_hop() -> None:
    file = plan(
        boundary(4, asymmetry_ns=50, constant_error_ns=20, oscillator="ocxo"), seeds=200, seconds=10, settle_s=10
    )
    chain = Chain(file)
    means = errors_ns(file).mean(axis=0)
    assert means == pytest.approx(chain.constant_ns[1:], abs=0.1)
    spread = np.sqrt(np.arange(1, 5) * (50**2 + 20**2) / 3)
    assert means.std(axis=1) == pytest.approx(spread, rel=0.15)
    assert np.abs(means).max() <= 4 * 70


def test_the_asymmetry_before_a_transparent_clock_counts_as_that_before_a_boundary_clock() -> None:
    through = errors_ns(
        plan(
            transparent(5, asymmetry_ns=30),
            boundary(oscillator="ocxo"),
            delay_mechanism="p2p",
            seeds=300,
            seconds=20,
            settle_s=60,
        )
    )
    assert through.mean(axis=0)[-1].std() == pytest.approx(np.sqrt(5 * 30**2 / 3), rel=0.1)


def test_a_free_transparent_clock_errs_by_its_frequency_times_the_residence() -> None:
    free = transparent(1, frequency_error_ppm=10, residence_ms=2, turnaround_ms=0)
    errors = errors_ns(
        plan(free, boundary(oscillator="ocxo"), delay_mechanism="p2p", seeds=500, seconds=20, settle_s=10)
    )[:, 0]
    assert errors.mean(axis=0).std() == pytest.approx(10e3 * 2e-3 / np.sqrt(3), rel=0.1)
    assert np.abs(errors).max() <= 1.5 * 10e3 * 2e-3 + 0.2


def test_a_syntonized_transparent_clock_does_not() -> None:
    settled = transparent(1, frequency_error_ppm=10, residence_ms=2, syntonized=True)
    errors = errors_ns(
        plan(settled, boundary(oscillator="ocxo"), delay_mechanism="p2p", seeds=50, seconds=50, settle_s=10)
    )[:, 0]
    assert np.abs(errors).max() < 0.1


def test_the_turnaround_of_peers_that_run_unalike_is_measured_wrong() -> None:
    ring = transparent(1, frequency_error_ppm=10, residence_ms=0, turnaround_ms=4)
    errors = errors_ns(
        plan(ring, boundary(oscillator="ocxo"), delay_mechanism="p2p", seeds=500, seconds=20, settle_s=10)
    )
    assert errors[:, 0].mean(axis=0).std() == pytest.approx(10e3 * 4e-3 / 2 / np.sqrt(3), rel=0.1)


def test_noise_of_independent_hops_adds_up_less_than_linearly() -> None:
    rms = np.sqrt(
        np.mean(errors_ns(plan(boundary(10, oscillator="ocxo", servo="bandwidth", **STAMPED))) ** 2, axis=(0, 2))
    )
    assert 1.5 < rms[-1] / rms[0] < 6


def test_synce_spares_a_clock_the_wander_of_its_oscillator() -> None:
    def rms(**keys: object) -> float:
        device = boundary(3, device="g8273.2-d", servo="bandwidth", **keys)
        alone = errors_ns(plan(device, seeds=20)) - errors_ns(plan(device, seeds=20)).mean(axis=0)
        return float(np.sqrt(np.mean(alone[:, -1] ** 2)))

    held, free = rms(oscillator="crystal", synce=True), rms(oscillator="crystal")
    assert held == pytest.approx(rms(), rel=0.1)
    assert free > 3 * held


def test_each_transparent_clock_tells_what_came_to_it_and_its_own() -> None:
    file = plan(
        boundary(1, asymmetry_ns=100, oscillator="ocxo"),
        transparent(1, asymmetry_ns=10),
        boundary(1, oscillator="ocxo"),
        delay_mechanism="p2p",
        seeds=100,
        seconds=20,
    )
    first, passed, last = errors_ns(file).mean(axis=0)
    assert np.abs(passed - first).max() <= 10
    assert last == pytest.approx(passed, abs=0.5)


def test_what_settles_is_not_judged() -> None:
    outcome = simulate(plan(boundary(2, **STAMPED), seconds=20, settle_s=20, seeds=3, log_sync_interval=-3))
    assert outcome.last_ns.shape == (160, 3)
    assert outcome.max_abs_te_ns[-1] == pytest.approx(np.abs(outcome.last_ns).max(axis=0))
    assert outcome.rms_ns[-1] == pytest.approx(np.sqrt(np.mean(outcome.last_ns**2, axis=0)))
    assert outcome.mean_ns[-1] == pytest.approx(outcome.last_ns.mean(axis=0))


def test_the_worst_case_is_worse_than_every_seed() -> None:
    outcome = simulate(
        plan(boundary(5, device="g8273.2-a", asymmetry_ns=10), grandmaster=Grandmaster(device="g8272-prtc-b"), seeds=50)
    )
    assert (outcome.worst_case_ns >= outcome.max_abs_te_ns.max(axis=1)).all()
    assert outcome.constant_most_ns.tolist() == pytest.approx([20 + 60 * hop for hop in range(6)])


def test_the_seed_at_a_percentile_is_that_of_max_abs_te() -> None:
    outcome = simulate(plan(boundary(1, asymmetry_ns=100), seeds=11, seconds=20, settle_s=0))
    assert outcome.seed_at(100) == outcome.max_abs_te_ns[-1].argmax()
    assert outcome.max_abs_te_ns[-1, outcome.seed_at(50)] == np.median(outcome.max_abs_te_ns[-1])
