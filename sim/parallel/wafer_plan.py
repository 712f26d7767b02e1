"""A plan for wafers: pure data parallelism, and how much of a batch goes through at once."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from sim.catalog import Model, Wafer, WaferStack
from sim.errors import DoesNotFit, InputError
from sim.page.numbers import gibibytes
from sim.scenario.bounds import divisors
from sim.scenario.types import PlanRequest, Scenario, Search
from sim.workload.kinds import model_kinds
from sim.workload.layer import Slice
from sim.workload.operations import Style


@dataclass(frozen=True, slots=True)
class WaferPlan:
    """How one step is split over wafers."""

    systems: int
    micro_batch: int
    micro_batches: int
    chosen_by: str = "user"

    @property
    def devices(self) -> int:
        """Systems that the plan uses."""
        return self.systems

    def request(self) -> PlanRequest:
        """The plan as a user would write it down."""
        return PlanRequest(rule="fixed", micro_batch=self.micro_batch)

    def summary(self) -> str:
        """One line for tables."""
        passes = f"{self.micro_batches} pass{'es' if self.micro_batches > 1 else ''} of mb{self.micro_batch}"
        return f"DP{self.systems} {passes}" if self.systems > 1 else passes


def wafer_memory_bytes(model: Model, sequence: int, micro_batch: int, stack: WaferStack, style: Style) -> float:
    """Bytes on the wafer for one pass: an input with one layer's inner activations, or with the logits.

    Weights, gradients and optimizer states never stay on the wafer. Inputs of the other layers are offloaded while
    they wait (cerebras-software-2.0) or, before release 2, thinned out by checkpointing: batches configured by the
    maker (Cerebras/modelzoo) are up to twice of what would fit with all of them on the wafer, and fit like this. What
    the compiler really keeps is not published. The traffic, 2 h bytes a token and layer, hides behind 24 h^2 FLOPs
    from a width of about 1,100 on; narrower models have room for theirs.
    """
    tokens = micro_batch * sequence
    part = Slice(sequence, micro_batch)
    layer = max(float(kind.working_bytes(model, part, style, "full")) for kind in model_kinds(model))
    head = stack.activation_bytes * tokens * model.vocab
    return stack.activation_bytes * tokens * model.hidden + max(layer, head)


def plan_wafers(scenario: Scenario, wafer: Wafer, stack: WaferStack, style: Style) -> WaferPlan:
    """Split the batch evenly; the micro-batch is the largest divisor that fits the wafer's memory.

    A micro_batch in the request is taken as it is. With plan = "best" systems that cannot share the batch evenly are
    left unused. Raises InputError for a batch that cannot be divided, DoesNotFit when not even one sequence fits.
    """
    request, batch = scenario.system.plan, scenario.training.global_batch
    where = f"{scenario.where}.plan"
    _refuse_gpu_keys(scenario)
    systems = scenario.system.devices
    if request.rule == "best":
        systems = divisors(batch, systems)[-1]
    elif batch % systems:
        raise InputError(
            where,
            f"a global batch of {batch} sequences cannot be divided over {systems} systems",
            f"change the batch to a multiple of {systems}, or the number of systems",
        )
    share = batch // systems
    micro_batch = request.micro_batch or _largest_that_fits(scenario, share, wafer, stack, style)
    if share % micro_batch:
        raise InputError(
            where,
            f"micro_batch {micro_batch} does not divide the {share} sequences of each system",
            f"use a divisor of {share}",
        )
    _check_fit(scenario, micro_batch, wafer, stack, style)
    return WaferPlan(systems, micro_batch, share // micro_batch, "rule" if request.rule == "best" else "user")


_UNSPLIT = {
    "tensor": 1,
    "pipeline": 1,
    "virtual_stages": 1,
    "zero": 0,
    "zero_group": None,
    "sequence_parallel": False,
    "recompute": "none",
    "schedule": None,
    "layers_per_stage": None,
    "first_stage_layers": None,
    "last_stage_layers": None,
    "micro_batches": None,
    "offload_layers": 0,
    "optimizer_offload": "none",
}
"""Keys of a GPU plan, and the value that asks for nothing."""


def _refuse_gpu_keys(scenario: Scenario) -> None:
    request = scenario.system.plan
    for key, nothing in _UNSPLIT.items():
        value = getattr(request, key)
        if value is not None and value != nothing:
            raise InputError(
                f"{scenario.where}.plan {key}",
                f"{key} = {value} is not something a wafer does",
                "wafers are purely data parallel: allowed are micro_batch and plan = 'best'",
            )
    if scenario.system.search != Search():
        raise InputError(
            f"{scenario.where} search",
            "limits of a search, but on a wafer there is only the size of a pass to choose",
            "leave [system.search] out, or write [system.plan] micro_batch",
        )
    if request.data not in (None, scenario.system.devices):
        raise InputError(
            f"{scenario.where}.plan data",
            f"data {request.data}, but the system has {scenario.system.devices} devices",
            "leave data out",
        )


def _largest_that_fits(scenario: Scenario, share: int, wafer: Wafer, stack: WaferStack, style: Style) -> int:
    def needed(size: int) -> float:
        return wafer_memory_bytes(scenario.model, scenario.training.sequence, size, stack, style)

    sizes = divisors(share, share)
    fitting = bisect.bisect_right(sizes, wafer.sram_bytes, key=needed)
    return sizes[max(fitting - 1, 0)]


def _check_fit(scenario: Scenario, micro_batch: int, wafer: Wafer, stack: WaferStack, style: Style) -> None:
    needed = wafer_memory_bytes(scenario.model, scenario.training.sequence, micro_batch, stack, style)
    if needed > wafer.sram_bytes:
        single = wafer_memory_bytes(scenario.model, scenario.training.sequence, 1, stack, style)
        remedy = (
            f"one sequence needs {gibibytes(single)}: use a smaller micro_batch"
            if single <= wafer.sram_bytes
            else f"one sequence alone needs {gibibytes(single)}: shorten the sequence"
        )
        raise DoesNotFit(
            scenario.where,
            f"a micro-batch of {micro_batch} needs {gibibytes(needed)} of the {gibibytes(wafer.sram_bytes)}"
            f" on a {wafer.title}",
            remedy,
        )
