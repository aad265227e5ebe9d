"""A Kalman filter over phase, frequency and drift of a steered clock, in plain Python: three states need no numpy.

What lives here: prediction and update. What does not: where the noises come from (``kalman``, ``auto``).

Variances are in units of the measurement noise's own, so that what a filter believes of the ratio of wander to
noise makes its gains, and the noise itself may be unknown.
"""

from __future__ import annotations

import math
from copy import copy

IRREGULAR_SHARE = 1 / 16
"""A sample that is earlier or later by less than this share of a filter's memory changes no gain that matters."""


class ClockFilter:
    """Estimates ``phase_ns`` (local - master), ``frequency_ppb`` (of the unsteered clock) and ``drift`` in ppb/s.

    The process noises are spectral densities over the variance of the measurement: *white_fm* (ns²/s), *wander*
    (of the frequency's random walk, ppb²/s), *drift_wander* ((ppb/s)²/s; without it there is no drift to estimate).

    With noises that stay and after many regular samples the predicted covariances come to rest, as they do not depend
    on what is measured. Then they are not computed any more: after *rests_after* regular samples, of which half are
    forgotten at an irregular one. What is regular is a matter of the filter's memory.
    """

    # Without them a copy has its attributes in a dictionary, which makes a sample cost half as much again.
    __slots__ = (
        "cov_frequency_drift",
        "cov_phase_drift",
        "cov_phase_frequency",
        "drift",
        "drift_wander",
        "frequency_ppb",
        "is_at_rest",
        "loss",
        "memory_s",
        "phase_ns",
        "predicted_cov_phase_drift",
        "predicted_cov_phase_frequency",
        "predicted_var_phase",
        "regular_samples",
        "rests_after",
        "unseen_s",
        "var_drift",
        "var_frequency",
        "var_phase",
        "wander",
        "white_fm",
    )

    def __init__(self, phase_ns: float, frequency_ppb: float) -> None:
        self.phase_ns = phase_ns
        self.frequency_ppb = frequency_ppb
        self.drift = 0.0
        self.var_phase = self.predicted_var_phase = 1.0
        self.cov_phase_frequency = self.predicted_cov_phase_frequency = 0.0
        self.cov_phase_drift = self.predicted_cov_phase_drift = 0.0
        self.var_frequency = 0.0
        self.cov_frequency_drift = 0.0
        self.var_drift = 0.0
        self.rests_after: float = math.inf
        self.regular_samples = 0
        self.is_at_rest = False
        self.unseen_s = 0.0
        """For how long samples were missing at rest."""
        self.white_fm = self.wander = self.drift_wander = 0.0
        self.memory_s = 1.0
        self.loss = 0.0
        """How badly it predicted lately; kept by its owner."""

    def copy(self) -> ClockFilter:
        """Return a filter that goes on from here for itself."""
        return copy(self)

    def start_over_from(self, other: ClockFilter) -> None:
        """Take the estimate of *other* and its uncertainty, keep what is believed of the noises."""
        self.phase_ns, self.frequency_ppb = other.phase_ns, other.frequency_ppb
        self.var_phase, self.cov_phase_frequency = other.var_phase, other.cov_phase_frequency
        self.var_frequency = other.var_frequency
        drifts = bool(self.drift_wander)
        self.drift = other.drift if drifts else 0.0
        self.cov_phase_drift = other.cov_phase_drift if drifts else 0.0
        self.cov_frequency_drift = other.cov_frequency_drift if drifts else 0.0
        self.var_drift = max(other.var_drift, self.drift_wander * self.memory_s)
        self.regular_samples, self.unseen_s = 0, other.unseen_s

    def restart(self, phase_ns: float, frequency_ppb: float, measured_over_s: float | None = None) -> None:
        """Forget the phase; with *measured_over_s* also the frequency, which two samples so far apart just gave."""
        self.phase_ns, self.frequency_ppb = phase_ns, frequency_ppb
        self.regular_samples, self.unseen_s = 0, 0.0
        self.var_phase = 1.0
        self.cov_phase_frequency = self.cov_phase_drift = 0.0
        if measured_over_s is not None:
            self.cov_phase_frequency = 1.0 / measured_over_s
            self.var_frequency = 2.0 / measured_over_s**2
            self.cov_frequency_drift = 0.0
            self.var_drift = self.drift_wander * self.memory_s

    def shake(self, variance: float) -> None:
        """Take that the phase is less certain by *variance*, for a reason that is no noise of the filter's own."""
        self.var_phase += variance
        self.regular_samples = 0

    def scale_variances(self, factor: float) -> None:
        """Take that the noise, whose variance is their unit, has another one."""
        self.var_phase *= factor
        self.cov_phase_frequency *= factor
        self.cov_phase_drift *= factor
        self.var_frequency *= factor
        self.cov_frequency_drift *= factor
        self.var_drift *= factor
        self.regular_samples = 0

    def predict(self, dt: float, steered_ppb: float, irregular_s: float = math.inf) -> None:
        """Let *dt* seconds pass on the clock, steered by *steered_ppb*; they are *irregular_s* from what is usual."""
        frequency_ppb = self.frequency_ppb
        if self.drift_wander:
            self.frequency_ppb += dt * self.drift
            frequency_ppb += dt * self.drift / 2.0
        rate_ppb = frequency_ppb + steered_ppb + frequency_ppb * steered_ppb * 1e-9
        self.phase_ns += dt * rate_ppb / (1.0 + rate_ppb * 1e-9)  # dt is the clock's own time
        if irregular_s > IRREGULAR_SHARE * self.memory_s:
            self.regular_samples //= 2
        self.is_at_rest = self.regular_samples > self.rests_after
        if not self.is_at_rest:
            self._predict_covariances(dt + self.unseen_s)
            self.unseen_s = 0.0

    def pass_over(self, dt: float) -> None:
        """Take no measurement after the prediction over *dt*."""
        if self.is_at_rest:
            self.unseen_s += dt
        if max(dt, self.unseen_s) > IRREGULAR_SHARE * self.memory_s:
            self.regular_samples //= 2

    def _predict_covariances(self, dt: float) -> None:
        if self.drift_wander:
            self._predict_with_drift(dt)
        else:
            pf, ff, grown = self.cov_phase_frequency, self.var_frequency, self.wander * dt
            self.var_phase += dt * (2.0 * pf + dt * (ff + grown / 3.0) + self.white_fm)
            self.cov_phase_frequency = pf + dt * (ff + grown / 2.0)
            self.var_frequency = ff + grown
        if self.var_phase < 0.0 or self.var_frequency < 0.0:
            self._begin_unsure()
        self.predicted_var_phase, self.predicted_cov_phase_frequency = self.var_phase, self.cov_phase_frequency
        self.predicted_cov_phase_drift = self.cov_phase_drift

    def _begin_unsure(self) -> None:
        """Do without the covariances: one was so large that the rounding of it is all that is left, below 0."""
        self.var_phase, self.var_frequency, self.var_drift = 1.0, abs(self.var_frequency), abs(self.var_drift)
        self.cov_phase_frequency = self.cov_phase_drift = self.cov_frequency_drift = 0.0

    def _predict_with_drift(self, dt: float) -> None:
        half = dt * dt / 2.0
        pf, pd, fd, dd = self.cov_phase_frequency, self.cov_phase_drift, self.cov_frequency_drift, self.var_drift
        moved_pf = pf + dt * self.var_frequency + half * fd
        moved_pd = pd + dt * fd + half * dd
        moved_fd = fd + dt * dd
        moved_ff = self.var_frequency + dt * fd
        grown, wandered = self.drift_wander * dt, self.wander * dt
        self.var_phase += (
            dt * (pf + moved_pf + self.white_fm) + half * (pd + moved_pd) + half * (half * grown / 5.0 + wandered / 1.5)
        )
        self.cov_phase_frequency = moved_pf + dt * moved_pd + half * (dt * grown / 4.0 + wandered / dt)
        self.cov_phase_drift = moved_pd + half * grown / 3.0
        self.var_frequency = moved_ff + dt * moved_fd + dt * dt * grown / 3.0 + wandered
        self.cov_frequency_drift = moved_fd + dt * grown / 2.0
        self.var_drift = dd + grown

    def update(self, error_ns: float, variance: float = 1.0) -> None:
        """Take a measurement *error_ns* above the predicted phase, of *variance* (1: the usual noise)."""
        if self.is_at_rest:
            step = error_ns / (variance + self.predicted_var_phase)
            self.phase_ns += self.predicted_var_phase * step
            self.frequency_ppb += self.predicted_cov_phase_frequency * step
            if self.drift_wander:
                self.drift += self.predicted_cov_phase_drift * step
            self.unseen_s = 0.0
            return
        self.regular_samples += 1
        pp, pf = self.var_phase, self.cov_phase_frequency
        share = 1.0 / (variance + pp)
        gain = pf * share
        self.phase_ns += pp * share * error_ns
        self.frequency_ppb += gain * error_ns
        self.var_phase = variance * pp * share
        self.cov_phase_frequency = variance * gain
        self.var_frequency -= gain * pf
        if self.drift_wander:
            pd = self.cov_phase_drift
            drift_gain = pd * share
            self.drift += drift_gain * error_ns
            self.cov_phase_drift = variance * drift_gain
            self.cov_frequency_drift -= gain * pd
            self.var_drift -= drift_gain * pd
