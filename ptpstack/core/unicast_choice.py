"""After each state decision: from which unicast masters time is to be had, over all ports of an instance."""

from __future__ import annotations

from collections.abc import Mapping

from ptpstack.core.comparison import ComparisonSet
from ptpstack.core.port import Port
from ptpstack.core.signal_fail import SignalFail
from ptpstack.core.state_decision import DecisionCode, best_of, decide
from ptpstack.time import MonotonicTime
from ptpstack.wire.types import PortIdentity


def negotiate(active: Mapping[int, Port], d0: ComparisonSet, parent: PortIdentity, now: MonotonicTime) -> None:
    """Have time from *parent*, and from who will be it as soon as it serves, on those *active* ports that negotiate."""
    asking = [port for port in active.values() if port.negotiation is not None]
    if not asking:
        return
    best = best_of({number: port.announces.best_that_announces() for number, port in active.items()})
    wanted = [parent]
    if best is not None and decide(d0, best[0], best[1], best).code is DecisionCode.S1:
        wanted.append(best[1].sender)
    for port in asking:
        silent = port.signal_fails.failing(SignalFail.LOSS_SYNC)  # their Syncs show whether they come again
        port.want([*wanted, *silent], now)
