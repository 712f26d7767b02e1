"""Work for tests of sweeps, in a module that workers import quickly."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

from sim.scenario import Scenario
from sim.sweep.crew import Result
from sim.sweep.executors import Workplace

POINTS = """
schema = 1
title = "points"
[model]
name = "cerebras-gpt-111m"
[training]
tokens = 2e9
sequence = 512
global_batch = "48 sequences"
[[system]]
name = "one"
topology = "dgx-a100-superpod"
devices = 8
stack = "fsdp-2023"
[sweep]
seed = { range = [1, 12, 1] }
"training.sequence" = [256, 512]
"""
"""24 points of one system."""


def quick(scenario: Scenario) -> Result:
    """Work that takes no time: the numbers of the point; odd seeds above ten fail."""
    row = {"seed": scenario.seed, "sequence": scenario.training.sequence}
    return Result({"row": row | ({"error": "odd"} if scenario.seed == 11 else {})}, failed=scenario.seed == 11)


def deadly(scenario: Scenario) -> Result:
    """Work that kills its process at one point."""
    if scenario.seed == 3 and scenario.training.sequence == 256:
        os.kill(os.getpid(), signal.SIGKILL)
    return quick(scenario)


def threads() -> Workplace:
    """Two threads of this process."""
    return Workplace(lambda: ThreadPoolExecutor(2), lambda executor: executor.shutdown(), 2)
