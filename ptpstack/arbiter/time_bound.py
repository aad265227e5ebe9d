"""How far off true time a clock may be: what measurements show, and what no measurement of its own can.

What lives here: the sum. What does not: the part that measurements show (``clock_prediction``).
"""

from __future__ import annotations

from typing import NamedTuple

FIRST_CODE, LAST_CODE = 0x17, 0x30
_STEPS_NS = (1e-3, 2.5e-3, 1e-2, 2.5e-2, 1e-1, 2.5e-1, 1.0, 2.5, 10.0, 25.0, 100.0, 250.0)
CLOCK_ACCURACY_NS = {
    **{FIRST_CODE + number: ns for number, ns in enumerate(_STEPS_NS)},
    **{0x23 + number: ns for number, ns in enumerate((1e3, 2.5e3, 1e4, 2.5e4, 1e5, 2.5e5, 1e6, 2.5e6, 1e7, 2.5e7))},
    **{0x2D + number: ns for number, ns in enumerate((1e8, 2.5e8, 1e9, 1e10))},
}
"""clockAccuracy as a bound (IEEE 1588-2019 Table 5); other codes tell none."""


class TimeBound(NamedTuple):
    """Parts in ns, to be added: none of them knows of the others."""

    measured_ns: float
    """Distance from the reference by noise, oscillator and time since the last measurement."""
    asymmetry_ns: float
    """What the path may be longer one way than the other."""
    reference_ns: float | None
    """What the reference itself may be off; None: nobody tells."""

    @property
    def total_ns(self) -> float:
        """The bound; against the reference where nobody tells how far that is off."""
        return self.measured_ns + self.asymmetry_ns + (self.reference_ns or 0.0)
