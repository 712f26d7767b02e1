"""A job that one slow node held up, as measured and as simulated with that node as slow as it was alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from sim.catalog import SlowPlace, Variation, load_model
from sim.page.numbers import percent
from sim.prepare import prepare
from sim.scenario.types import PlanRequest, Recompute, Report, Scenario, System, Training
from sim.simulate import simulate
from sim.validation.rows import read_rows

_OWN_WORK = ("useful", "recompute", "sharding_loss", "kernel_loss")
"""Lines of the account that a device's own work is on."""


@dataclasses.dataclass(frozen=True, slots=True)
class SlowNode:
    """Step times of a job before and while one of its nodes was slow, and times of that node by itself.

    alone_s, slow_alone_s: a benchmark of one node, on the other nodes and on the slow one.
    """

    id: str
    source: str
    note: str
    step_time_s: float
    slow_step_time_s: float
    alone_s: float
    slow_alone_s: float
    scenario: Scenario

    @property
    def cost(self) -> float:
        """What the slow node added to the job's step, as a share."""
        return self.slow_step_time_s / self.step_time_s - 1.0

    @property
    def slowdown_alone(self) -> float:
        """How much longer the slow node took by itself, as a share."""
        return self.slow_alone_s / self.alone_s - 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class SlowNodeComparison:
    """What a slow node costs the simulated job.

    slowdown: of that node. cost_at: node -> share added to the step. own_work: share of the step in which a device
    does work of its own, over all devices; a slow device can slow down no more than that.
    """

    measured: SlowNode
    slowdown: float
    cost_at: dict[int, float]
    own_work: float

    @property
    def needed_slowdown(self) -> float:
        """How slow the node at the dearest place would have to be for the measured cost; cost grows in a line."""
        return self.slowdown * self.measured.cost / max(self.cost_at.values())


def read_slow_nodes() -> list[SlowNode]:
    """Read all rows that the project carries."""
    return [_slow_node(raw) for raw in read_rows("slow_node.csv")]


def _slow_node(raw: dict[str, str]) -> SlowNode:
    batch, sequence = int(raw["global_batch"]), int(raw["sequence"])
    request = PlanRequest(
        rule="fixed",
        tensor=int(raw["tensor"]),
        pipeline=int(raw["pipeline"]),
        micro_batch=int(raw["micro_batch"]),
        recompute=cast(Recompute, raw["recompute"]),
        layers_per_stage=tuple(int(layers) for layers in raw["layers_per_stage"].split("+")),
    )
    precision = cast(Literal["bf16", "fp16"], raw["precision"])
    scenario = Scenario(
        raw["id"],
        Path("slow_node.csv"),
        load_model(raw["model"], raw["id"]),
        Training(tokens=float(batch * sequence), sequence=sequence, global_batch=batch, precision=precision),
        System(raw["id"], raw["topology"], int(raw["devices"]), raw["stack"], request),
        Report(),
        steps=1,
    )
    times = {name: float(raw[name]) for name in ("step_time_s", "slow_step_time_s", "alone_s", "slow_alone_s")}
    return SlowNode(raw["id"], raw["source"], raw["note"], **times, scenario=scenario)


def compare_slow_node(measured: SlowNode, nodes: Sequence[int] | None = None) -> SlowNodeComparison:
    """Simulate the job with one slow node and no other variation. nodes: where it lies, one after the other.

    By default the first node of every stage.
    """
    scenario = measured.scenario
    alike = simulate(scenario)
    stages = scenario.system.plan.pipeline or 1
    (domain,) = prepare(scenario).domains
    places = nodes or range(0, scenario.system.devices // domain, scenario.system.devices // stages // domain)
    cost_at = {}
    for node in places:
        slow = Variation("slow node", "one slow node", slow=(SlowPlace(measured.slowdown_alone, node=node),))
        varied = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, variation=slow))
        cost_at[node] = simulate(varied).step_time_s / alike.step_time_s - 1.0
    own_work = sum(alike.ledger.share(line) for line in _OWN_WORK)
    return SlowNodeComparison(measured, measured.slowdown_alone, cost_at, own_work)


def slow_node_summary(found: SlowNodeComparison) -> str:
    """Measured and simulated cost in a paragraph."""
    measured, costs = found.measured, sorted(found.cost_at.values())
    devices, middle = measured.scenario.system.devices, costs[len(costs) // 2]
    return (
        f"{measured.id}: one slow node among {devices} devices, {percent(found.slowdown)} slower by itself. Measured:"
        f" the step took {percent(measured.cost)} longer. Simulated, that node in each stage in turn:"
        f" {percent(costs[0])} to {percent(costs[-1])} longer, median {percent(middle)}; a device's own work is"
        f" {percent(found.own_work, 0)} of a step. For what was measured, its own work would have to be"
        f" {percent(found.needed_slowdown)} slower."
    )
