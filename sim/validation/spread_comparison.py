"""Simulated spread of step times beside the measured one, for the GPT-3 submissions.

The simulated cluster has the submission's number of devices and about its step time, not its software: GPT-3 175B in
bf16, tensor 8, pipeline 8, two virtual stages, micro-batches of one sequence, states sharded over the replicas. The
submissions ran fp8 on other plans, which is why delays are compared in seconds and not only over the median.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.catalog import Variation, load_model, load_variation
from sim.engine.lanes import Order
from sim.engine.lanes.advance import advance
from sim.engine.lanes.draws import StepDraws, lasting
from sim.page.blocks import Column, Table, table, words
from sim.page.numbers import fixed, whole
from sim.scenario.types import PlanRequest, Report, Scenario, System, Training
from sim.simulate import order_of_step, prepare, simulate
from sim.validation.step_spread import Spread, SpreadRow, read_step_spread, spread_of

MODEL, STACK, SEQUENCE = "gpt3-175b", "megatron-2022", 2048
TENSOR, PIPELINE, VIRTUAL_STAGES = 8, 8, 2
PROFILE = "well-run"
STEPS = 300
"""About half as many as were measured: it takes a minute for all rows."""
_STRAIGHT = 2 * PIPELINE, 4 * PIPELINE
"""Micro-batches from which the step grows in a straight line."""
_MOST_AT_ONCE = 64
"""Steps that are advanced together, which bounds memory."""
_CLOCKS_AT_ONCE = 4096
"""Clocks of one stage in all of them: with more, a stall in one step costs time in too many others."""


@dataclasses.dataclass(frozen=True, slots=True)
class SpreadComparison:
    """One measured and one simulated spread. micro_batches: of each replica, chosen for the step time."""

    row: SpreadRow
    simulated: Spread
    micro_batches: int


@dataclasses.dataclass(frozen=True, slots=True)
class Cluster:
    """A simulated cluster whose steps can be drawn again and again."""

    order: Order
    devices: int
    domain: int
    micro_batches: int

    def times_s(self, variation: Variation, steps: int, seed: int = 0) -> NDArray[np.float64]:
        """(S,) step times: those of a full simulation, which also finds out who held everyone up in each.

        That takes several times as long as the steps themselves, and nobody asks for it here.
        """
        always = lasting(variation, seed, self.devices, self.domain)
        stage = max(lanes.tensor * lanes.replicas for lanes in self.order.lanes)
        size = min(_MOST_AT_ONCE, max(1, _CLOCKS_AT_ONCE // stage))
        found = []
        for first in range(0, steps, size):
            draws = StepDraws(variation, always, self.order, seed, range(first, min(first + size, steps)))
            found.append(advance(self.order, draws).step_times_s(self.order))
        return np.concatenate(found)


def compared_profile() -> Variation:
    """The default profile of a cluster that is looked after, without the jitter of single kernels.

    Thousands of kernels a step average it out: it adds less than 0.02 % to a step's coefficient of variation, and
    drawing it takes nine tenths of the time.
    """
    return dataclasses.replace(load_variation(PROFILE), kernel_jitter=0.0)


def compare_spread(
    rows: Sequence[SpreadRow] | None = None, variation: Variation | None = None, steps: int = STEPS
) -> list[SpreadComparison]:
    """Simulate GPT-3 rows, by default all of them."""
    varying = variation or compared_profile()
    found = []
    for row in gpt3_rows() if rows is None else rows:
        cluster = cluster_of(row)
        spread = spread_of(cluster.times_s(varying, steps))
        found.append(SpreadComparison(row, spread, cluster.micro_batches))
    return found


def gpt3_rows(role: str = "") -> list[SpreadRow]:
    """The GPT-3 rows, or those of one role."""
    return [row for row in read_step_spread() if row.benchmark == "gpt3" and role in ("", row.role)]


def cluster_of(row: SpreadRow) -> Cluster:
    """The simulated cluster for a row."""
    micro_batches = _micro_batches(row)
    scenario = scenario_of(row, micro_batches)
    prepared = prepare(scenario)
    return Cluster(order_of_step(prepared), prepared.plan.devices, prepared.domains[0], micro_batches)


def scenario_of(row: SpreadRow, micro_batches: int, variation: Variation | None = None, steps: int = 1) -> Scenario:
    """GPT-3 175B on the devices of a row. micro_batches: of each replica."""
    batch = micro_batches * (row.devices // (TENSOR * PIPELINE))
    request = PlanRequest(
        rule="fixed",
        tensor=TENSOR,
        pipeline=PIPELINE,
        virtual_stages=VIRTUAL_STAGES,
        micro_batch=1,
        zero=1,
        recompute="selective",
    )
    return Scenario(
        row.id,
        Path("step_spread.csv"),
        load_model(MODEL, row.id),
        Training(tokens=float(batch * SEQUENCE), sequence=SEQUENCE, global_batch=batch),
        System(row.id, row.topology, row.devices, STACK, request, variation=variation or Variation()),
        Report(),
        steps=steps,
    )


def _micro_batches(row: SpreadRow) -> int:
    """Micro-batches with which equal devices take nearest to the measured median.

    Interleaving takes them in multiples of the pipeline's depth; with fewer than that most of a step would be bubble.
    """
    low_s, high_s = (_alike_s(row.topology, row.devices, count) for count in _STRAIGHT)
    each_s = (high_s - low_s) / (_STRAIGHT[1] - _STRAIGHT[0])
    nearest = _STRAIGHT[0] + (row.spread.median_s - low_s) / each_s
    return PIPELINE * max(1, round(nearest / PIPELINE))


@cache
def _alike_s(topology: str, devices: int, micro_batches: int) -> float:
    """The step of equal devices."""
    row = next(row for row in gpt3_rows() if (row.topology, row.devices) == (topology, devices))
    return simulate(scenario_of(row, micro_batches)).step_time_s


def spread_table(comparisons: Sequence[SpreadComparison]) -> Table:
    """Measured and simulated statistics, row by row, from few devices to many."""

    def both(
        title: str, write: Callable[[float], str], value: Callable[[Spread], float], from_width: int = 0
    ) -> Column[SpreadComparison]:
        def cell(pair: SpreadComparison) -> str:
            return " / ".join(write(value(one)) for one in (pair.row.spread, pair.simulated))

        return Column(title, cell, from_width=from_width)

    columns: list[Column[SpreadComparison]] = [
        words("row", lambda pair: pair.row.name, key=True),
        words("role", lambda pair: pair.row.role),
        Column("devices", lambda pair: whole(pair.row.devices)),
        both("median [s]", fixed, lambda one: one.median_s),
        both("cv [%]", fixed, lambda one: 100 * one.coefficient_of_variation),
        both("p95 [%]", fixed, lambda one: 100 * (one.p95_over_median - 1)),
        both("p99 [%]", fixed, lambda one: 100 * (one.p99_over_median - 1)),
        both("p95 [ms]", whole, lambda one: 1e3 * one.p95_delay_s, 100),
        both("p99 [ms]", whole, lambda one: 1e3 * one.p99_delay_s, 100),
    ]
    return table(sorted(comparisons, key=lambda pair: (pair.row.devices, pair.row.id)), columns)


SPREAD_LEGEND = "Measured / simulated; p95 and p99 are beyond the median, in per cent of it and in milliseconds."


def spread_headline(comparisons: Sequence[SpreadComparison]) -> str:
    """Simulated over measured delays, on the geometric mean of the rows that nothing was fitted on."""
    checks = [pair for pair in comparisons if pair.row.role == "check"]

    def ratio(name: str) -> str:
        logs = [np.log(getattr(pair.simulated, name) / getattr(pair.row.spread, name)) for pair in checks]
        return f"{fixed(np.exp(np.mean(logs)))} (x/ {fixed(np.exp(np.std(logs)), 1)})"

    return (
        f"{len(checks)} check rows, simulated over measured, geometric mean and spread:"
        f" p95 - median {ratio('p95_delay_s')}, p99 - median {ratio('p99_delay_s')},"
        f" standard deviation {ratio('deviation_s')}"
    )
