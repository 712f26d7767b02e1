"""Which rows measured an allocator short of memory rather than a training step, by a rule that looks at no error.

The rule: where nothing limits how many layers FSDP gathers ahead (PyTorch before 1.13), the host asks for memory for
all of them. Where that and the plan's own peak are more than a search would fill, the allocator can only go on by
waiting for the device and giving back what it holds, again and again, at a cost that nobody measured. Such rows are in
no fit and no headline, however well they are predicted.
Source: PyTorch, pull request 83917 (allocations that are tried again).
"""

from __future__ import annotations

from sim.catalog import load_device, load_stack
from sim.errors import ScaletaxError
from sim.machines import kind_of
from sim.scenario.limits import MEMORY_MARGIN
from sim.scenario.types import Scenario, name_of

SHORT_OF_MEMORY = "gathers without a limit fill the memory: not scored"


def runs_short_of_memory(scenario: Scenario, name: str) -> bool:
    """Whether all layers, gathered, and the peak of its plan are more than a device has but for the usual margin.

    name: of the device.
    """
    device, stack = load_device(name), load_stack(name_of(scenario.system.stack))
    kind = kind_of(stack)
    try:
        asked = kind.asks_for_at_most(scenario, stack, device)
    except ScaletaxError:
        return False
    return asked > (1 - MEMORY_MARGIN) * kind.memory_of(device).size_bytes
