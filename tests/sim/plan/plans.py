"""Plans for the tests, and the time errors of their last clock."""

import numpy as np

from ptpstack.sim.plan.chain import Chain
from ptpstack.sim.plan.model import Grandmaster, Hop, Plan, PlanFile


def plan(*hops: Hop, grandmaster: Grandmaster | None = None, **general: object) -> PlanFile:
    """Return a plan of short runs unless said otherwise."""
    settings = {"seconds": 300.0, "settle_s": 300.0, "seeds": 10} | general
    return PlanFile(plan=Plan(**settings), hop=hops, grandmaster=grandmaster or Grandmaster())


def errors_ns(file: PlanFile) -> np.ndarray:
    """Return the time errors by Sync, node and seed, after what settles."""
    chain = Chain(file)
    return np.concatenate([stretch.nodes_ns for stretch in chain.run()])[chain.syncs_to_settle :]
