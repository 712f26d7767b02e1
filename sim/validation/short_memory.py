"""Which rows measured an allocator short of memory rather than a training step, by a rule that looks at no error.

The rule: where nothing limits how many layers FSDP gathers ahead (PyTorch before 1.13), the host asks for memory for
all of them. Where that and the plan's own peak are more than a search would fill, the allocator can only go on by
waiting for the device and giving back what it holds, again and again, at a cost that nobody measured. Such rows are in
no fit and no headline, however well they are predicted.
Source: PyTorch, pull request 83917 (allocations that are tried again).
"""

from __future__ import annotations

from sim.catalog import Gpu, GpuStack, load_device, load_stack
from sim.cost.compute import Machine
from sim.errors import ScaletaxError
from sim.parallel.check import check_plan
from sim.parallel.memory import plan_memory, run_ahead_bytes
from sim.scenario.limits import MEMORY_MARGIN
from sim.scenario.types import Scenario, name_of

SHORT_OF_MEMORY = "gathers without a limit fill the memory: not scored"


def runs_short_of_memory(scenario: Scenario, device: str) -> bool:
    """Whether all layers, gathered, and the peak of its plan are more than a device has but for the usual margin."""
    training, gpu, stack = scenario.training, load_device(device), load_stack(name_of(scenario.system.stack))
    if not isinstance(gpu, Gpu) or not isinstance(stack, GpuStack) or stack.limited_gathers:
        return False
    try:
        plan = check_plan(scenario.system.plan, scenario, stack)
    except ScaletaxError:
        return False
    style = Machine(gpu, stack, training.precision).style
    peak = max(float(stage.total) for stage in plan_memory(scenario.model, training, plan, stack, style))
    ahead = run_ahead_bytes(scenario.model, plan, stack, stack.recipes[training.precision])
    return bool(peak + (1 + stack.fragmentation) * ahead > (1 - MEMORY_MARGIN) * gpu.hbm_bytes)
