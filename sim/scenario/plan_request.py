"""[system.plan]: what the user fixes of a plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import Field, ValidatorFunctionWrapHandler

from sim.errors import InputError, closest
from sim.scenario.bounds import LARGEST_COUNT
from sim.scenario.table import Count, Internal, ReadAs, Several, Table, like

Recompute = Literal["none", "selective", "full"]
ScheduleName = Literal["gpipe", "1f1b", "interleaved", "zb-h1", "zb-h2", "zb-v", "dualpipe", "dualpipev"]
_Layers = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
BY_HAND = "by hand"
"""Marks what no search tries, so that no limit of one is about it."""


@dataclass(frozen=True, slots=True)
class PlanRequest(Table):
    """What the user fixed of a plan; None means: to be chosen (rule) or inferred (product of the degrees)."""

    rule: Internal[Literal["best", "fixed"]] = "best"
    tensor: Count | None = None
    pipeline: Count | None = None
    virtual_stages: Count | None = None
    data: Count | None = None
    micro_batch: Count | None = None
    zero: Annotated[int, Field(ge=0, le=3)] | None = None
    zero_group: Annotated[Count | None, BY_HAND] = field(default=None, kw_only=True)
    """Neighbouring replicas that sharded states are shared out among; all of them by default."""
    sequence_parallel: bool | None = None
    recompute: Recompute | None = None
    schedule: Annotated[str, ReadAs(ScheduleName)] | None = None
    layers_per_stage: Annotated[Several[_Layers] | None, like("[11, 10, 10, 9]"), BY_HAND] = None
    """0 where the first or the last of several chunks of a stage is embedding or head alone."""
    first_stage_layers: Annotated[Count | None, BY_HAND] = None
    last_stage_layers: Annotated[Count | None, BY_HAND] = None
    """Of the first and the last stage, where only those differ; the others share the rest."""
    micro_batches: Annotated[Several[Count] | None, like("[12, 12, 10]"), BY_HAND] = None
    """Of each replica, where they differ."""


def best_or_table(value: object, check: ValidatorFunctionWrapHandler) -> PlanRequest:
    """Read plan = "best", or a table, which fixes the plan even where it is empty. Raises InputError."""
    if value == "best":
        return PlanRequest()
    if isinstance(value, str):
        hint = closest(value, ["best"])
        raise InputError("", f"unknown plan '{value}'{hint}", 'write plan = "best", or a table [system.plan]')
    plan: PlanRequest = check(value)
    return replace(plan, rule="fixed")
