"""The program of one step of a GPU plan, whichever kind of plan it is."""

from __future__ import annotations

from sim.catalog import GpuStack
from sim.cost.step import StepCosts
from sim.engine.pipeline_program import pipeline_program
from sim.engine.program import Program
from sim.engine.sharded_program import sharded_program
from sim.parallel.plan import Plan, shards_by_layer


def gpu_program(plan: Plan, costs: StepCosts, stack: GpuStack) -> Program:
    """Build the program of one step: of fully sharded layers, or of a pipeline, which may have one stage."""
    build = sharded_program if shards_by_layer(plan, stack) else pipeline_program
    return build(plan, costs, stack)
