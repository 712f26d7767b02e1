"""Wafers that stream their weights: purely data parallel, with nothing to choose but how much goes through at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from sim.catalog import Wafer, WaferStack, load_optimizer
from sim.cost.wafer import WAFER_STYLE, WaferCosts, wafer_costs
from sim.engine.length import check_length
from sim.engine.program import Program
from sim.engine.wafer_program import wafer_instructions, wafer_program
from sim.errors import InputError
from sim.hardware.network import Network
from sim.machines.kind import DeviceMemory, MachineKind
from sim.machines.prepared import Equipment, LookedUp, Prepared
from sim.machines.study import PlanRow, PlanStudy, mfu
from sim.outcome.outcome import Memory
from sim.parallel.wafer_plan import WaferPlan, plan_wafers, wafer_memory_bytes
from sim.planner.wafer_search import wafer_choices, wafer_effort
from sim.scenario.types import Training
from sim.workload.flops import StepFlops, layers_flops, model_flops
from sim.workload.kinds import LayerKind


class WaferCluster(MachineKind):
    """Wafer-scale systems around a store of weights."""

    records = (Wafer, WaferStack, WaferPlan)
    label, word, one, plural = "wafer", "wafer", "one wafer-scale system", "wafers"
    default_stack = "cerebras-r2"
    columns = ("systems", "micro-batch", "passes")
    caption = (
        "Step time of every legal plan whose memory is there, sorted. A plan: how many sequences a system takes at"
        " once."
    )

    def check_stack(self, stack: WaferStack, device: Wafer, where: str) -> None:
        """It is numbers alone."""

    def with_recipe(self, stack: WaferStack, training: Training, where: str) -> WaferStack:
        """The stack itself; it updates weights one by one, as they stream."""
        if load_optimizer(training.optimizer).states_each is None:
            problem = f"what '{training.optimizer}' does with whole matrices is not simulated on wafers"
            raise InputError(f"{where} optimizer", problem, "use adam or sgd")
        asked: WaferStack = super().with_recipe(stack, training, where)
        return asked

    def prepare(self, found: LookedUp, *, has_run: bool) -> Prepared:
        """Split the batch evenly; memory decides how much of a share goes through at once, also where it has run."""
        scenario, (wafer, stack) = found.scenario, _records(found.devices[0], found.stack)
        plan = plan_wafers(scenario, wafer, stack, WAFER_STYLE)
        check_length(wafer_instructions(plan, scenario.model.layers), plan, f"{scenario.where}.plan")
        kept = wafer_memory_bytes(scenario.model, scenario.training.sequence, plan.micro_batch, stack, WAFER_STYLE)
        memory = Memory(({"activations": kept},), (wafer.sram_bytes,))
        only = Equipment(found.topologies[0], wafer, found.topologies[0])
        return Prepared(self, scenario, (only,), stack, plan, memory)

    def study(self, found: LookedUp, top: int, jobs: int) -> PlanStudy:
        """A handful of plans, so the engine tries all."""
        scenario, (wafer, stack) = found.scenario, _records(found.devices[0], found.stack)
        plan = plan_wafers(scenario, wafer, stack, WAFER_STYLE)
        choices = wafer_choices(scenario, plan, wafer, stack, Network(found.topologies[0]))
        flops = model_flops(scenario.model, scenario.training, WAFER_STYLE, "none")
        rows = tuple(
            PlanRow(one.plan, one.step_s, one.peak_bytes, mfu(found, flops, one.step_s), one.tax)
            for one in choices
            if one.step_s is not None
        )
        step_s, ones = np.array([row.step_s for row in rows]), np.ones(len(rows), dtype=np.int64)
        return PlanStudy(found, wafer.sram_bytes, rows, _smaller_for_slower(rows), wafer_effort(choices), step_s, ones)

    def costs(self, prepared: Prepared) -> WaferCosts:
        """What the instructions of a step cost."""
        scenario, (wafer, stack) = prepared.scenario, _records(prepared.parts[0].device, prepared.stack)
        (network,), jitter = prepared.networks, scenario.system.jitter
        return wafer_costs(scenario.model, scenario.training, _plan(prepared), wafer, stack, network, jitter)

    def program(self, prepared: Prepared) -> Program:
        """What every system does in a step."""
        return wafer_program(_plan(prepared), prepared.costs)

    def flops(self, prepared: Prepared, layers: Mapping[LayerKind, int], *, head: bool) -> StepFlops:
        """FLOPs of a step; what layers run again on the array is a loss of its kernels."""
        return layers_flops(prepared.scenario.model, prepared.scenario.training, WAFER_STYLE, "none", layers, head=head)

    def passes(self, plan: WaferPlan, layers: int) -> int:
        """Micro-batches through the layers."""
        return plan.micro_batches * layers

    def without_jitter(self, costs: WaferCosts) -> WaferCosts:
        """The costs of a step whose systems are alike."""
        return dataclasses.replace(costs, straggler_s=0.0)

    def with_unlimited_memory(self, plan: WaferPlan) -> WaferPlan:
        """The whole share in one pass."""
        return dataclasses.replace(plan, micro_batch=plan.micro_batch * plan.micro_batches, micro_batches=1)

    def cells(self, plan: WaferPlan) -> tuple[str, ...]:
        """Systems, sequences at once, and passes."""
        return f"{plan.systems:,}", f"{plan.micro_batch:,}", f"{plan.micro_batches:,}"

    def settings(self, plan: WaferPlan) -> dict[str, str]:
        """Systems, and sequences at once."""
        return {"replicas": f"{plan.systems:,}", "micro-batch": f"{plan.micro_batch:,}"}

    def memory_of(self, device: Wafer) -> DeviceMemory:
        """On the wafer itself."""
        return DeviceMemory("SRAM", device.sram_bytes, device.sram_bytes_per_s)

    def stack_facts(self, stack: WaferStack) -> tuple[str, str, str, str]:
        """Nothing is sharded, and both directions of the stream run beside compute."""
        return ("-", "-", "-", "weights, gradients")


def _records(device: object, stack: object) -> tuple[Wafer, WaferStack]:
    assert isinstance(device, Wafer)
    assert isinstance(stack, WaferStack)
    return device, stack


def _plan(prepared: Prepared) -> WaferPlan:
    assert isinstance(prepared.plan, WaferPlan)
    return prepared.plan


def _smaller_for_slower(rows: Sequence[PlanRow]) -> tuple[PlanRow, ...]:
    """Of rows in order of their steps, those that are smaller than all before."""
    kept: list[PlanRow] = []
    for row in rows:
        if not kept or row.peak_bytes < kept[-1].peak_bytes:
            kept.append(row)
    return tuple(kept)
