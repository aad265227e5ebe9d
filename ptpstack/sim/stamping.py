"""How well a port stamps its frames: resolution, jitter, latencies, and TX stamps that come late or never."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ptpstack.time import LocalTime, TimeInterval, interval_from_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamping:
    """The faults of a stamping unit; the default has none. Times in ns, probabilities 0…1.

    *jitter_ns* is the half-width of a uniform error, *tail_ns* the mean size of a two-sided exponential one on top, as
    of stamps taken by software. The latencies lie between the stamping unit and the
    wire (IEEE 1588-2019 7.3.4.2). A TX stamp comes to the program *tx_delay_ns* after egress, or, with probability
    *tx_late*, *tx_late_delay_ns* after it; one that was lost is given up after *tx_timeout_ns*.
    """

    resolution_ns: float = 0.0
    jitter_ns: float = 0.0
    tail_ns: float = 0.0
    ingress_latency_ns: float = 0.0
    egress_latency_ns: float = 0.0
    tx_delay_ns: float = 30_000.0
    tx_loss: float = 0.0
    tx_timeout_ns: float = 100e6
    tx_late: float = 0.0
    tx_late_delay_ns: float = 50e6

    def ingress(self, local: LocalTime, random: Random) -> LocalTime:
        """Return the stamp of a frame that crossed the wire's end when the clock showed *local*."""
        return self._noisy(local + interval_from_ns(self.ingress_latency_ns), random)

    def egress(self, local: LocalTime, random: Random) -> LocalTime:
        """Return the stamp of a frame that left for the wire when the clock showed *local*."""
        return self._noisy(local - interval_from_ns(self.egress_latency_ns), random)

    def tx_wait(self, random: Random) -> tuple[bool, TimeInterval]:
        """Draw the fate of one TX stamp: whether it comes, and how long after egress that is known."""
        if random.random() < self.tx_loss:
            return False, interval_from_ns(self.tx_timeout_ns)
        late = random.random() < self.tx_late
        return True, interval_from_ns(self.tx_late_delay_ns if late else self.tx_delay_ns)

    def _noisy(self, local: LocalTime, random: Random) -> LocalTime:
        if self.jitter_ns:
            local += interval_from_ns(random.uniform(-self.jitter_ns, self.jitter_ns))
        if self.tail_ns:
            local += interval_from_ns(random.choice((-1, 1)) * random.expovariate(1 / self.tail_ns))
        if self.resolution_ns:
            resolution = interval_from_ns(self.resolution_ns)
            local -= int(local) % resolution
        return local
