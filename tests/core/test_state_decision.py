"""The state decision algorithm (IEEE 1588-2019 Figure 33)."""

import pytest
from msgspec.structs import replace

from ptpstack.core.comparison import ComparisonSet
from ptpstack.core.state_decision import DecisionCode, best_of, decide
from ptpstack.wire.types import ClockQuality, PortIdentity
from tests.core.test_comparison import BASE, identity

OWN = PortIdentity(identity(7), 0)
D0 = replace(BASE, grandmaster_identity=identity(7), sender=OWN, receiver=OWN)
D0_CLASS_6 = replace(D0, grandmaster_clock_quality=ClockQuality(6, 0x21, 0x4E5D))
BETTER = replace(BASE, grandmaster_priority1=1)
WORSE = replace(BASE, grandmaster_priority1=200, grandmaster_identity=identity(102))
SAME_GRANDMASTER_FARTHER = replace(BETTER, steps_removed=1, receiver=PortIdentity(identity(300), 2))
OTHER_GRANDMASTER = replace(BETTER, grandmaster_priority1=2, grandmaster_identity=identity(101))
OWN_FARTHER = replace(
    D0_CLASS_6, steps_removed=2, sender=PortIdentity(identity(9), 1), receiver=PortIdentity(identity(7), 1)
)


@pytest.mark.parametrize(
    ("d0", "erbest", "ebest", "code"),
    [
        # clockClass 1 to 127: never a slave; each port looks at its own Erbest only.
        (D0_CLASS_6, None, (2, BETTER), DecisionCode.M1),
        (D0_CLASS_6, WORSE, (2, BETTER), DecisionCode.M1),
        (D0_CLASS_6, OWN_FARTHER, (1, OWN_FARTHER), DecisionCode.M1),
        (D0_CLASS_6, BETTER, (1, BETTER), DecisionCode.P1),
        # clockClass 128 and above.
        (D0, None, None, DecisionCode.M2),
        (D0, WORSE, (1, WORSE), DecisionCode.M2),
        (D0, BETTER, (1, BETTER), DecisionCode.S1),
        (D0, None, (2, BETTER), DecisionCode.M3),
        (D0, SAME_GRANDMASTER_FARTHER, (2, BETTER), DecisionCode.P2),
        (D0, OTHER_GRANDMASTER, (2, BETTER), DecisionCode.M3),
        (D0, replace(BETTER, steps_removed=2), (2, BETTER), DecisionCode.M3),
    ],
)
def test_the_figure_decides(
    d0: ComparisonSet, erbest: ComparisonSet | None, ebest: tuple[int, ComparisonSet] | None, code: DecisionCode
) -> None:
    decision = decide(d0, 1, erbest, ebest)
    assert decision.code is code
    assert decision.rule


def test_the_best_of_all_ports_is_found_whatever_the_order() -> None:
    assert best_of({1: WORSE, 2: None, 3: BETTER, 4: OTHER_GRANDMASTER}) == (3, BETTER)
    assert best_of({4: OTHER_GRANDMASTER, 3: BETTER, 1: WORSE}) == (3, BETTER)
    assert best_of({1: None}) is None
