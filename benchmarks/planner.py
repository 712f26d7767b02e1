"""Prints how fast plans are screened and chosen, and with --exhaustive how good the choice is. `make bench` runs it.

Figures, not verdicts: machines differ. --exhaustive simulates every plan that fits on small clusters: some minutes.
"""

from __future__ import annotations

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from planner_cases import CASES, Case

from sim.catalog import Gpu, GpuStack
from sim.cost.compute import Machine
from sim.cost.step import step_costs
from sim.hardware.network import Network, NetworkTable
from sim.hardware.topology import Topology
from sim.planner.race import raced_step_s
from sim.planner.screen import Screen
from sim.planner.search import Search, search
from sim.planner.space import legal_plans, plan_at, plans_with_fewer_replicas
from sim.planning import plan_study
from sim.prepare import look_up
from sim.scenario import Scenario

_JOBS = 2
_GOAL_PLANS_PER_S = 1e6
_GOAL_PLAN_S = 1.5


def gpt3(devices: int, stack: str) -> Scenario:
    """GPT-3 175B with a batch of 1,536 on A100s."""
    return Case("gpt3-175b", "dgx-a100-superpod", devices, stack, 1536).scenario()


def looked_up(scenario: Scenario) -> tuple[Scenario, Machine, Topology]:
    """What a search needs."""
    found = look_up(scenario)
    assert isinstance(found.devices[0], Gpu)
    assert isinstance(found.stack, GpuStack)
    machine = Machine(found.devices[0], found.stack, scenario.training.precision)
    return found.scenario, machine, found.topologies[0]


def screening(devices: int, stack: str) -> tuple[int, float]:
    """Plans of GPT-3, and seconds to screen them on one core: memory of all of them, the step of those that fit.

    Every plan there is, also those that leave replicas out. What groups of devices cost is asked for once before: it is
    the network's, and the same for any number of plans.
    """
    scenario, machine, topology = looked_up(gpt3(devices, stack))
    screen = Screen(scenario, machine, NetworkTable(Network(topology)))
    blocks = [*legal_plans(scenario, machine.stack), *plans_with_fewer_replicas(scenario, machine.stack)]
    capacity_bytes = machine.gpu.hbm_bytes

    def screened() -> None:
        for block in blocks:
            screen.screened(block, capacity_bytes)

    screened()
    return sum(map(len, blocks)), median_s(screened)


def median_s(work: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time of some work, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def exhaustive(case: Case) -> tuple[float, float, float, int, Search]:
    """One small cluster: (chosen over best, rank correlation, mean error of the closed form, plans, the search)."""
    scenario, machine, topology = looked_up(case.scenario())
    found = search(scenario, machine, topology)
    network, estimated_s, simulated_s = Network(topology), [], []
    gc.disable()
    for one in found.fitting:
        for row in range(len(one.plans)):
            plan = plan_at(scenario, machine.stack, one.plans, row)
            costs = step_costs(scenario.model, scenario.training, plan, machine, network)
            simulated_s.append(raced_step_s(plan, costs, machine.stack, network))
            estimated_s.append(float(one.step_s[row]))
    gc.enable()
    ranks = [np.argsort(np.argsort(values)) for values in (estimated_s, simulated_s)]
    correlation = float(np.corrcoef(*ranks)[0, 1])
    error = float(np.mean(np.abs(np.array(estimated_s) / np.array(simulated_s) - 1)))
    return found.best.step_s / min(simulated_s), correlation, error, len(simulated_s), found


def print_exhaustive() -> None:
    """A line for each small cluster, and what all of them come to."""
    results = []
    for case in CASES:
        over_best, correlation, error, plans, found = exhaustive(case)
        results.append((over_best, correlation, error, plans))
        print(
            f"{case.name:78s} {plans:5d} plans  chosen / best {over_best:.5f}  rank {correlation:.4f}"
            f"  mean error {error:6.2%}  {found.best.plan.summary()}",
            flush=True,
        )
    over_best, correlations, errors, plans = (np.array(column) for column in zip(*results, strict=True))
    print(f"\n{len(results)} clusters, {plans.sum():,} plans simulated")
    print(f"  chosen plan over the true best: worst {over_best.max():.5f} (goal 1.01 in all)")
    print(f"  chosen plan is the true best in {np.mean(over_best <= 1 + 1e-9):.0%} (goal 80 %)")
    print(f"  rank correlation of the closed form: least {correlations.min():.4f} (goal 0.98)")
    print(f"  mean error of the closed form: largest {errors.max():.2%} (goal 4 %)")


def main() -> None:
    """Print a line per figure: what, its value, and the goal."""
    for devices in (512, 4096):
        plans, seconds = screening(devices, "megatron-2022")
        rate = plans / seconds
        print(
            f"screening {plans:9,} plans of GPT-3 175B on {devices:5,} A100  {rate / 1e6:6.2f} million plans/s"
            f"   goal {_GOAL_PLANS_PER_S / 1e6:g}, ratio {rate / _GOAL_PLANS_PER_S:.2f}"
        )
    for stack in ("megatron-2022", "megatron-core-2024"):
        for devices in (512, 1024, 4096):
            scenario = gpt3(devices, stack)
            seconds = median_s(lambda scenario=scenario: plan_study(scenario, 8, _JOBS), 3)
            print(
                f"plan for GPT-3 175B on {devices:5,} A100, {stack:20s} {seconds:6.2f} s   goal {_GOAL_PLAN_S:g} s,"
                f" ratio {seconds / _GOAL_PLAN_S:.2f}"
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if "--exhaustive" in sys.argv:
        print_exhaustive()


if __name__ == "__main__":
    main()
