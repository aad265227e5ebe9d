"""Several masters on one link or in one table: who takes over, and who never may (IEEE 1588-2019 9.2, 17.5; PTSF)."""

from __future__ import annotations

from ptpstack.conform.dialect import clock_classes
from ptpstack.conform.following import begin, is_ignored, of_class
from ptpstack.conform.port_under_test import PortUnderTest, check, require
from ptpstack.conform.tester import FIRST, SECOND_MASTER, Tester

SIGNAL_FAIL_S = 10.0
"""After so long without what was due a master has failed; when, is a setting."""

DO_NOT_USE = 110
"""QL-DNU as a clockClass."""


def _between_two(port: PortUnderTest) -> Tester:
    """Let the port follow the better of two masters."""
    tester = begin(port, FIRST, SECOND_MASTER)
    tester.serve(6 * tester.announce_s, (FIRST, {}), (SECOND_MASTER, of_class(clock_classes(port.profile)[1])))
    require(tester.follows(), "it does not follow the better of two masters")
    return tester


@check
def the_next_best_takes_over_within_the_announce_timeout(port: PortUnderTest) -> None:
    """The other is parent after announceReceiptTimeout and up to one interval more (9.2.6.12)."""
    tester = _between_two(port)
    left = (SECOND_MASTER, of_class(clock_classes(port.profile)[1]))
    intervals = port.port_ds()["announceReceiptTimeout"] + 1.5
    tester.serve(intervals * tester.announce_s, left)
    require(tester.follows(SECOND_MASTER), f"it does not follow the other after {intervals:g} announce intervals")


@check
def the_better_master_is_followed_again(port: PortUnderTest) -> None:
    """9.3: once it qualifies anew, however long another was followed."""
    tester = begin(port, FIRST, SECOND_MASTER)
    worse = (SECOND_MASTER, of_class(clock_classes(port.profile)[1]))
    tester.serve(6 * tester.announce_s, worse)
    require(tester.follows(SECOND_MASTER), "it does not follow the only master")
    tester.serve(6 * tester.announce_s, worse, (FIRST, {}))
    require(tester.follows(), "it stays with the worse of two masters")


@check
def a_master_that_sends_no_syncs_is_left_for_the_next(port: PortUnderTest) -> None:
    """PTSF-lossSync: however well it announces."""
    tester = begin(port, FIRST, SECOND_MASTER)
    worse = (SECOND_MASTER, of_class(clock_classes(port.profile)[1]))
    tester.serve(6 * tester.announce_s + SIGNAL_FAIL_S, (FIRST, {}), worse, without_syncs=(FIRST,))
    require(tester.follows(SECOND_MASTER), "it does not follow a worse master although the best sends no Syncs")


@check
def a_master_that_answers_no_delay_reqs_is_left_for_the_next(port: PortUnderTest) -> None:
    """PTSF-lossDelayResp."""
    tester = begin(port, FIRST, SECOND_MASTER)
    tester.deaf = (FIRST,)
    worse = (SECOND_MASTER, of_class(clock_classes(port.profile)[1]))
    tester.serve(6 * tester.announce_s + SIGNAL_FAIL_S, (FIRST, {}), worse)
    require(tester.follows(SECOND_MASTER), "it does not follow a worse master although the best answers no Delay_Req")


@check
def who_is_not_acceptable_is_not_followed(port: PortUnderTest) -> None:
    """17.5: of two masters the one that is in acceptableMasterTableDS, however good the other."""
    tester = begin(port, FIRST, SECOND_MASTER, role="choosy")
    worse = (SECOND_MASTER, of_class(clock_classes(port.profile)[1]))
    tester.serve(6 * tester.announce_s, (FIRST, {}))
    require(not tester.follows(), "it follows a master that is not in its acceptable master table")
    tester.serve(6 * tester.announce_s, (FIRST, {}), worse)
    require(tester.follows(SECOND_MASTER), "it does not follow the master that is in its acceptable master table")


@check
def the_better_quality_level_wins(port: PortUnderTest) -> None:
    """ITU-T G.8265.1: clockClass tells the quality level, and nothing before it is compared."""
    tester = begin(port, FIRST, SECOND_MASTER)
    best, second, *_ = clock_classes(port.profile)
    tester.serve(
        6 * tester.announce_s,
        (SECOND_MASTER, of_class(best) | {"grandmaster_priority1": 255}),
        (FIRST, of_class(second) | {"grandmaster_priority1": 1}),
    )
    require(tester.follows(SECOND_MASTER), "of two masters it does not follow that of the better quality level")


@check
def a_level_not_to_be_used_is_ignored(port: PortUnderTest) -> None:
    """ITU-T G.8265.1: QL-DNU."""
    is_ignored(port, **of_class(DO_NOT_USE))
