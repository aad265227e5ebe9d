"""The 0.1 Hz measurement filters that split dynamic time error into its slow part dTE_L and its fast part dTE_H.

ITU-T G.8273.2 7.1 measures dTE_L "through a first-order low-pass filter with bandwidth of 0.1 Hz". Here that is
the analogue H(s) = 1 / (1 + s / (2 pi 0.1 Hz)) by the bilinear transform, prewarped: gain 1 at 0, -3.01 dB at
0.1 Hz at any sampling rate. With K = tan(pi 0.1 Hz tau0):

    y[k] = y[k-1] (1 - K) / (1 + K) + (x[k] + x[k-1]) K / (1 + K)

The high-pass x - y is then exactly the first-order high-pass of the same corner: gain 1 at the Nyquist frequency.
One pass forward, no phase correction. Start: the filter is first run over the first ten seconds backwards, so that
it begins near the level of the record and not at one noisy sample. While samples are missing it holds its output;
after more than a time constant without samples it starts anew.
"""

from __future__ import annotations

import math

import numpy as np

from ptpstack.stability.series import Floats

CORNER_HZ = 0.1
TAU0_MAX_S = 2.0
"""Sampled more slowly than this, a record holds too little around 0.1 Hz to be split there."""

PRIMING_S = 10.0


class LowPass:
    """The filter for one sample at a time; a missing one is NaN."""

    def __init__(self, tau0_s: float, corner_hz: float = CORNER_HZ) -> None:
        warped = math.tan(math.pi * corner_hz * tau0_s)
        self._pole = (1 - warped) / (1 + warped)
        self._gain = warped / (1 + warped)
        self._input = self._output = math.nan
        self._missing = 0
        self._missing_max = 1 / (2 * math.pi * corner_hz * tau0_s)

    @property
    def starting(self) -> bool:
        """Whether the next value will be taken as the level to start from."""
        return math.isnan(self._output)

    def add(self, value: float) -> float:
        """Return the output at the time of *value*: NaN when that is."""
        if math.isnan(value):
            self._missing += 1
            self._input = self._output  # an input that holds the output where it is
            if self._missing > self._missing_max:
                self._input = self._output = math.nan
            return math.nan
        self._missing = 0
        if math.isnan(self._output):
            self._input = self._output = value
        self._output = self._pole * self._output + self._gain * (value + self._input)
        self._input = value
        return self._output


def low_pass(values: Floats, tau0_s: float, corner_hz: float = CORNER_HZ) -> Floats:
    """Return *values* through the low-pass filter; what is missing stays missing."""
    inputs: list[float] = values.tolist()
    outputs: list[float] = []
    priming = math.ceil(PRIMING_S / tau0_s)
    filter_ = LowPass(tau0_s, corner_hz)
    for index, value in enumerate(inputs):
        if filter_.starting and not math.isnan(value):
            for earlier in inputs[index : index + priming][::-1]:
                if not math.isnan(earlier):
                    filter_.add(earlier)
        outputs.append(filter_.add(value))
    return np.array(outputs)
