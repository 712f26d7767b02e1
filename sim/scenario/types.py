"""What the user wrote, checked and resolved: one scenario is one model, one training recipe, one system."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
    field_serializer,
    model_validator,
)

from sim.catalog import Model, Variation
from sim.errors import InputError
from sim.scenario.amounts import share
from sim.scenario.axis_key import AxisKey
from sim.scenario.entry_tables import Published
from sim.scenario.hardware_tables import Devices, NetworkChange, Part, Sizes, TopologyName, name_of
from sim.scenario.limits import PlanLimit, Search
from sim.scenario.offers import OrList, OrWord
from sim.scenario.plan_request import OptimizerOffload, PlanRequest, Recompute, ScheduleName, best_or_table
from sim.scenario.prices import Prices
from sim.scenario.run_request import RunRequest
from sim.scenario.stack_request import StackName, StackRequest
from sim.scenario.table import (
    NUMBER_OR_TEXT,
    As,
    Count,
    Internal,
    NamedBy,
    ReadAs,
    Several,
    Table,
    Text,
    like,
    unless,
)
from sim.scenario.training import Element, Lora, RecipeRequest, Training
from sim.scenario.variation import VariationTable, written_variation

__all__ = [
    "ComparedWith",
    "Element",
    "FlopConvention",
    "Lora",
    "NetworkChange",
    "OptimizerOffload",
    "Part",
    "PlanLimit",
    "PlanRequest",
    "Prices",
    "Published",
    "RecipeRequest",
    "Recompute",
    "Report",
    "Resolution",
    "RunRequest",
    "Scenario",
    "ScheduleName",
    "Search",
    "StackRequest",
    "System",
    "Training",
    "name_of",
]

Resolution = Literal["auto", "folded", "full"]
FlopConvention = Literal["full-attention", "causal-attention"]


_BY_PARTS = object()
"""Stands for what every part of a system says for itself."""


def _not_beside_parts(value: object, check: ValidatorFunctionWrapHandler, others: ValidationInfo) -> Any:
    """What every part says for itself is not said of the whole system as well."""
    parts = others.data.get("parts")
    if value is _BY_PARTS:
        return "" if others.field_name == "topology" else sum(part.devices for part in parts or ())
    checked = check(value)
    if parts:
        raise InputError(
            "",
            f"'{others.field_name}' and [[system.part]] are both given",
            f"leave '{others.field_name}' out, here and in [sweep] and --set: every part says its own",
        )
    return checked


@dataclass(frozen=True, slots=True)
class System(Table):
    """One [[system]]: a machine and how it is used."""

    name: Annotated[Text, like('"cluster"')]
    # Before what it is an alternative to, which looks whether it is there.
    parts: Annotated[Several[Part], Field(alias="part")] = field(default=(), kw_only=True)
    """Hardware of several kinds, in the order of the pipeline's stages."""
    topology: Annotated[TopologyName, WrapValidator(_not_beside_parts)]
    """Name on the shelf, or a path ending in .toml."""
    # Already resolved from the scenario file, or a Topology; empty with parts.
    devices: Annotated[Devices, WrapValidator(_not_beside_parts)]
    """How many there are."""
    sizes: Annotated[Sizes, WrapValidator(_not_beside_parts)] = field(default_factory=dict, kw_only=True)
    """Sizes of the topology to use instead of its file's."""
    stack: Annotated[StackName, OrList(), like('"megatron-2022"', '"my-stack.toml"', '["megatron-2022", "vtrain"]')]
    """Software: a name in the catalogue, a path ending in .toml, or a list of several to show the range."""
    stack_is_default: Internal[bool] = field(default=False, kw_only=True)
    """Whether nobody named the stack, so that it is a guess at what will run."""
    plan: Annotated[
        PlanRequest,
        WrapValidator(best_or_table),
        OrWord("best"),
        WrapSerializer(lambda plan, write: "best" if plan.rule == "best" else write(plan)),
    ] = field(default=PlanRequest())
    search: Annotated[Search, unless(Search())] = field(default=Search(), kw_only=True)
    """Where the best plan is looked for."""
    jitter: Annotated[float, As(share, types=NUMBER_OR_TEXT), like('"0.5 %"')] = 0.0
    """Coefficient of variation of the compute time of one replica's step."""
    resolution: Resolution = field(default="auto", kw_only=True)
    """folded: one actor for all devices that are alike. full: one for each. auto: full where devices differ."""
    variation: Annotated[
        Variation,
        ReadAs(VariationTable, write=written_variation),
        NamedBy(
            "profile",
            "is not a variation",
            'write for example variation = "well-run" (scaletax list variations), or a table [system.variation]',
        ),
    ] = field(default=Variation(), kw_only=True)
    """In what devices, nodes and links differ."""
    run: Annotated[
        RunRequest,
        NamedBy(
            "reliability",
            "is no run",
            'write for example run = "none" (scaletax list reliability), or a table [system.run]',
        ),
        unless(RunRequest()),
    ] = field(default=RunRequest(), kw_only=True)
    """How often it fails, and what is done about it."""
    prices: Annotated[Prices, unless(Prices()), Field(alias="price")] = field(default=Prices(), kw_only=True)
    """What its devices cost and draw."""
    network: Annotated[NetworkChange, unless(NetworkChange())] = field(default=NetworkChange(), kw_only=True)
    """How much faster or slower every link is than the topology has it."""

    @model_validator(mode="before")
    @classmethod
    def _parts_say_the_hardware(cls, raw: object) -> object:
        if not isinstance(raw, dict) or "part" not in raw:
            return raw
        return {"topology": _BY_PARTS, "devices": _BY_PARTS, **raw}

    @field_serializer("devices")
    def _written_devices(self, devices: int) -> int | None:
        return None if self.parts else devices

    @property
    def stack_options(self) -> str:
        """Options that are asked of the stack, as they stand behind its name: " (cuda_graph full)"."""
        return self.stack.text if isinstance(self.stack, StackRequest) else ""

    @property
    def every_part(self) -> tuple[Part, ...]:
        """Its parts; hardware of one kind is a single one."""
        return self.parts or (Part(self.topology, self.devices, self.sizes),)


@dataclass(frozen=True, slots=True)
class ComparedWith(Table):
    """[report.comparison]: points of one system, by its name and their sizes, that the others are measured against."""

    system: Annotated[Text, like('"CS-2"')]
    devices: Annotated[Several[Count], AfterValidator(lambda sizes: tuple(dict.fromkeys(sizes))), like("[1, 16]")]


@dataclass(frozen=True, slots=True)
class Report(Table):
    """[report]: what is drawn and by which conventions. comparison: None where no report of one is asked for."""

    flop_convention: FlopConvention = "full-attention"
    """Attention that MFU counts: of all pairs of tokens, or of those that a causal mask leaves."""
    charts: bool = True
    """Whether charts are drawn."""
    comparison: ComparedWith | None = None
    """The points that report.md measures the other systems against."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One point: everything that one simulation needs."""

    title: str
    path: Path
    model: Model
    training: Training
    system: System
    report: Report
    seed: int = 0
    axes: dict[AxisKey, Any] = field(default_factory=dict)
    """Values of the sweep axes at this point, by dotted key."""
    steps: int = 100
    """Optimizer steps that are simulated where devices differ."""
    entry: str = ""
    """Name of the experiment in a file that has several; empty in one that has none."""
    published: Published | None = None

    @property
    def where(self) -> str:
        """How messages name this scenario's system."""
        return self.where_of("")

    def where_of(self, table: str) -> str:
        """How messages name a table of it, as ".variation"."""
        entry = f'[entry "{self.entry}"] ' if self.entry else ""
        return f'{self.path}: {entry}[system "{self.system.name}"{table}]'
