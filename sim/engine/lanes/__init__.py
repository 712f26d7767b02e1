"""Full resolution: every device of a program has its own clock, advanced as numpy arrays."""

from sim.engine.lanes.advance import Extra, LaneRun, run_lanes
from sim.engine.lanes.held_up import NETWORK, NOBODY, STALLS, WORK, Culprit
from sim.engine.lanes.turns import Lanes, Order, order_of

__all__ = [
    "NETWORK",
    "NOBODY",
    "STALLS",
    "WORK",
    "Culprit",
    "Extra",
    "LaneRun",
    "Lanes",
    "Order",
    "order_of",
    "run_lanes",
]
