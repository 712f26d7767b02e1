"""[system.plan]: what the user fixes of a plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import Field, ValidatorFunctionWrapHandler

from sim.errors import InputError, closest
from sim.scenario.bounds import LARGEST_COUNT
from sim.scenario.table import Count, Internal, ReadAs, Several, Table, like

Recompute = Literal["none", "selective", "full"]
OptimizerOffload = Literal["none", "cpu"]
"""Where optimizer states are, and the optimizer runs: on the devices, or on their hosts."""
ScheduleName = Literal["gpipe", "1f1b", "interleaved", "zb-h1", "zb-h2", "zb-v", "dualpipe", "dualpipev"]
_Layers = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
BY_HAND = "by hand"
"""Marks what no search tries, so that no limit of one is about it."""


@dataclass(frozen=True, slots=True)
class PlanRequest(Table):
    """[system.plan]. What is fixed of a plan; the rest is chosen, or follows from the product of the degrees."""

    rule: Internal[Literal["best", "fixed"]] = "best"
    tensor: Count | None = None
    """Devices that split every layer among them (tensor parallelism)."""
    pipeline: Count | None = None
    """Stages of the pipeline."""
    virtual_stages: Count | None = None
    """Chunks of layers that each stage of an interleaved pipeline has."""
    data: Count | None = None
    """Replicas of the model (data parallelism)."""
    micro_batch: Count | None = None
    """Sequences in one micro-batch of one replica."""
    zero: Annotated[int, Field(ge=0, le=3)] | None = None
    """ZeRO stage: what the replicas share out. 1: optimizer states, 2: and gradients, 3: and weights (FSDP)."""
    zero_group: Annotated[Count | None, BY_HAND] = field(default=None, kw_only=True)
    """Neighbouring replicas that sharded states are shared out among; all of them by default."""
    sequence_parallel: bool | None = None
    """Whether tensor-parallel devices split the norms and dropouts along the sequence."""
    recompute: Recompute | None = None
    """Activations that the backward pass computes again."""
    schedule: Annotated[str, ReadAs(ScheduleName)] | None = None
    """Order of the micro-batches in the pipeline."""
    layers_per_stage: Annotated[Several[_Layers] | None, like("[11, 10, 10, 9]"), BY_HAND] = None
    """Layers of each stage, in order; 0 where the first or last of a stage's chunks is embedding or head alone."""
    first_stage_layers: Annotated[Count | None, BY_HAND] = None
    """Layers of the first stage, where only the first and the last differ; the others share the rest."""
    last_stage_layers: Annotated[Count | None, BY_HAND] = None
    """Layers of the last stage, where only the first and the last differ; the others share the rest."""
    micro_batches: Annotated[Several[Count] | None, like("[12, 12, 10]"), BY_HAND] = None
    """Micro-batches of each replica, where they differ."""
    offload_layers: Annotated[Annotated[int, Field(ge=0, le=LARGEST_COUNT)] | None, BY_HAND] = field(
        default=None, kw_only=True
    )
    """Layers of each stage whose activations wait for their backward in the host's memory."""
    optimizer_offload: Annotated[OptimizerOffload | None, BY_HAND] = field(default=None, kw_only=True)
    """Where the optimizer runs and keeps its states: "cpu" is the host."""


def best_or_table(value: object, check: ValidatorFunctionWrapHandler) -> PlanRequest:
    """Read plan = "best", or a table, which fixes the plan even where it is empty. Raises InputError."""
    if value == "best":
        return PlanRequest()
    if isinstance(value, str):
        hint = closest(value, ["best"])
        raise InputError("", f"unknown plan '{value}'{hint}", 'write plan = "best", or a table [system.plan]')
    plan: PlanRequest = check(value)
    return replace(plan, rule="fixed")
