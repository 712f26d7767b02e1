"""What the user wrote, checked and resolved: one scenario is one model, one training recipe, one system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
    field_serializer,
    model_validator,
)

from sim.catalog import Model, Variation
from sim.errors import InputError, some_of
from sim.scenario.amounts import Batch, TokenBudget, batch, share, token_budget
from sim.scenario.axis_key import AxisKey
from sim.scenario.hardware_tables import NetworkChange, SizesTable
from sim.scenario.limits import PlanLimit, Search
from sim.scenario.plan_request import PlanRequest, Recompute, ScheduleName, best_or_table
from sim.scenario.prices import Prices
from sim.scenario.published import Published
from sim.scenario.run_request import RunRequest, run_or_profile
from sim.scenario.table import As, Checked, Count, Internal, ReadAs, Several, Table, Text, unless
from sim.scenario.variation import VariationTable, name_or_table, written_variation

__all__ = [
    "ComparedWith",
    "Element",
    "FlopConvention",
    "Lora",
    "NetworkChange",
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
    "System",
    "Training",
]

Resolution = Literal["auto", "folded", "full"]
FlopConvention = Literal["full-attention", "causal-attention"]


def _all_different(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise InputError("", f"{some_of(repeated)} is there more than once", "write each name once")
    return values


@dataclass(frozen=True, slots=True)
class Lora(Table):
    """[training.lora]. Low-rank adapters: the base weights are frozen."""

    rank: Annotated[Count, Field(examples=["16"])]
    targets: Annotated[
        Several[Literal["query", "key", "value", "output", "mlp"]],
        AfterValidator(_all_different),
        Field(examples=['["query", "value"]']),
    ]


Element = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class RecipeRequest(Table):
    """[training.recipe]. What is asked of the formats of training, and what only single uses are to have.

    name: of the catalogue's recipes; None: the stack's for the precision. The others: formats instead of the recipe's.
    """

    name: Annotated[Text | None, Field(examples=['"bf16-only"'])] = None
    attention: Element | None = None
    gradients: Element | None = None
    reductions: Element | None = None
    master: Literal["fp32", "none"] | None = None
    moments: Literal["fp32", "bf16", "int8"] | None = None


def _name_or_recipe(value: object) -> object:
    """The name of a recipe stands for a table that says no more than that."""
    return {"name": value} if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Training(Table):
    """[training]. The recipe: what is trained on how much, in which steps."""

    tokens: Annotated[float, As(token_budget), Field(examples=["257e9", '"1.4T"', '"20 per parameter"'])]
    """Zero while tokens_per_parameter says it: the parameter count belongs to a room above."""
    sequence: Annotated[Count, Field(default=0, examples=["2048"])]
    """Zero while the file says nothing: as many as the model has."""
    global_batch: Annotated[int, As(batch), Field(examples=['"720 sequences"', '"4M tokens"'])]
    """Sequences per optimizer step. Zero while asked_batch_tokens says it."""
    precision: Literal["bf16", "fp16", "fp32", "tf32"] = "bf16"
    """Of the matrix products."""
    optimizer: Annotated[Text, Field(examples=['"adam"'])] = "adam"
    method: Literal["pretrain", "finetune", "lora"] = "pretrain"
    lora: Lora | None = None
    tokens_per_parameter: Internal[float | None] = None
    asked_batch_tokens: Internal[int | None] = None
    """The batch in tokens as it was asked for, where that is no whole number of sequences."""
    recipe: Annotated[RecipeRequest, BeforeValidator(_name_or_recipe), unless(RecipeRequest())] = field(
        default=RecipeRequest()
    )

    @model_validator(mode="after")
    def _amounts_by_their_units(self) -> Training:
        """What was read of one key goes to the field of its unit."""
        tokens, size = cast("TokenBudget", self.tokens), cast("Batch", self.global_batch)
        in_tokens = size.unit == "tokens"
        return replace(
            self,
            tokens=tokens.tokens,
            tokens_per_parameter=tokens.per_parameter,
            global_batch=0 if in_tokens else size.count,
            asked_batch_tokens=size.count if in_tokens else None,
        )

    @field_serializer("tokens")
    def _written_tokens(self, tokens: float) -> float | str:
        per_parameter = self.tokens_per_parameter
        return tokens if tokens or per_parameter is None else f"{per_parameter!r} per parameter"

    @field_serializer("global_batch")
    def _written_batch(self, sequences: int) -> str:
        asked = self.asked_batch_tokens
        return f"{sequences} sequences" if asked is None else f"{asked} tokens"


class Named(Protocol):
    """An object of one's own in place of a name."""

    @property
    def name(self) -> str: ...


def name_of(given: str | Named) -> str:
    """The name of what is given by its name or path, or as an object."""
    return given if isinstance(given, str) else given.name


Sizes = Annotated[Mapping[str, float], ReadAs(SizesTable)]
_Topology = Annotated[
    Any,
    Checked(Text, lambda topology: name_of(topology) or None),
    Field(examples=['"dgx-a100-superpod"', '"my-topology.toml"']),
]
_Devices = Annotated[Count, Field(examples=["64"])]


@dataclass(frozen=True, slots=True)
class Part(Table):
    """One [[system.part]]: hardware of one kind, on which consecutive stages of a pipeline run."""

    topology: _Topology
    """As of a System."""
    devices: _Devices
    sizes: Sizes = field(default_factory=dict)


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

    name: Annotated[Text, Field(examples=['"cluster"'])]
    # Before what it is an alternative to, which looks whether it is there.
    parts: Annotated[Several[Part], Field(alias="part")] = field(default=(), kw_only=True)
    """In the order of the pipeline's stages; empty where all hardware is of one kind."""
    topology: Annotated[_Topology, WrapValidator(_not_beside_parts)]
    """Name on the shelf, a path ending in .toml, already resolved from the scenario file, or a Topology; empty with
    parts."""
    devices: Annotated[_Devices, WrapValidator(_not_beside_parts)]
    """All of them."""
    sizes: Annotated[Sizes, WrapValidator(_not_beside_parts)] = field(default_factory=dict, kw_only=True)
    """Sizes of the topology to use instead of its file's."""
    stack: Annotated[Any, Checked(Text, name_of), Field(examples=['"megatron-2022"'])]
    """Name in the catalogue, or the stack itself."""
    plan: Annotated[
        PlanRequest,
        WrapValidator(best_or_table),
        WrapSerializer(lambda plan, write: "best" if plan.rule == "best" else write(plan)),
    ] = field(default=PlanRequest())
    search: Annotated[Search, unless(Search())] = field(default=Search(), kw_only=True)
    """Where the best plan is looked for."""
    jitter: Annotated[float, As(share), Field(examples=['"0.5 %"'])] = 0.0
    """Coefficient of variation of the compute time of one replica's step."""
    resolution: Resolution = field(default="auto", kw_only=True)
    """folded: one actor for all devices that are alike. full: one for each. auto: full where devices differ."""
    variation: Annotated[
        Variation, ReadAs(VariationTable, lambda table: table, written_variation), BeforeValidator(name_or_table)
    ] = field(default=Variation(), kw_only=True)
    """In what devices, nodes and links differ."""
    run: Annotated[RunRequest, BeforeValidator(run_or_profile), unless(RunRequest())] = field(
        default=RunRequest(), kw_only=True
    )
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
    def every_part(self) -> tuple[Part, ...]:
        """Its parts; hardware of one kind is a single one."""
        return self.parts or (Part(self.topology, self.devices, self.sizes),)


@dataclass(frozen=True, slots=True)
class ComparedWith(Table):
    """[report.comparison]: points of one system, by its name and their sizes, that the others are measured against."""

    system: Annotated[Text, Field(examples=['"CS-2"'])]
    devices: Annotated[
        Several[Count], AfterValidator(lambda sizes: tuple(dict.fromkeys(sizes))), Field(examples=["[1, 16]"])
    ]


@dataclass(frozen=True, slots=True)
class Report(Table):
    """[report]: what is drawn and by which conventions. comparison: None where no report of one is asked for."""

    flop_convention: FlopConvention = "full-attention"
    charts: bool = True
    comparison: ComparedWith | None = None


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
