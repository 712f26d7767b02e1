"""Full resolution: every device of a program has its own clock, advanced as numpy arrays."""

from sim.engine.lanes.advance import Extra, LaneRun, run_lanes
from sim.engine.lanes.held_up import NETWORK, NOBODY, Culprit
from sim.engine.lanes.turns import Lanes, Order, order_of

__all__ = ["NETWORK", "NOBODY", "Culprit", "Extra", "LaneRun", "Lanes", "Order", "order_of", "run_lanes"]
