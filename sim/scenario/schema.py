"""The structure of a scenario file: which tables there are, which keys each has, and of what type."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, model_validator

from sim.catalog.records import Position
from sim.errors import InputError, closest, shown, some_of
from sim.scenario.amounts import Batch, TokenBudget, batch, share, token_budget
from sim.scenario.entry_tables import Entries, EntryTable, PublishedTable
from sim.scenario.hardware_tables import NetworkTable, PartTable, SizesTable
from sim.scenario.limits import plan_limit
from sim.scenario.price_table import PriceTable
from sim.scenario.run_tables import (
    CheckpointTable,
    EvaluationTable,
    MaintenanceTable,
    RunTable,
    StorageTable,
    run_or_profile,
)
from sim.scenario.table import Count, Table, Text
from sim.scenario.types import MEMORY_MARGIN, Element, FlopConvention, PlanLimit, Recompute, Resolution, ScheduleName
from sim.scenario.variation_tables import SlowPlaceTable, SlowTable, StallsTable, VariationTable, name_or_table

SCHEMA = 1
_MOST_STEPS = 100_000
"""That are simulated where devices differ: enough for one percentile in a thousand, few enough to be held in memory."""


def _all_different(values: list[Any]) -> list[Any]:
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        raise InputError("", f"{some_of(repeated)} is there more than once", "write each name once")
    return values


def _known_schema(value: object) -> int:
    if value != SCHEMA or not isinstance(value, int) or isinstance(value, bool):
        raise InputError("", f"schema {shown(value)} is not known", f"write schema = {SCHEMA}")
    return SCHEMA


def _best_or_table(value: object) -> object:
    """None stands for "best", so that a table is the only thing left to check."""
    if value == "best":
        return None
    if isinstance(value, str):
        hint = closest(value, ["best"])
        raise InputError("", f"unknown plan '{value}'{hint}", 'write plan = "best", or a table [system.plan]')
    return value


def _name_or_recipe(value: object) -> object:
    """The name of a recipe stands for a table that says no more than that."""
    return {"name": value} if isinstance(value, str) else value


class ModelTable(Table):
    """[model]: a name on the shelf, or a config.json, or the fields of catalog.Model."""

    name: Text | None = Field(None, examples=['"cerebras-gpt-13b"'])
    config: Text | None = Field(None, examples=['"path/to/config.json"'])
    layers: Count | None = None
    hidden: Count | None = None
    heads: Count | None = None
    kv_heads: Count | None = None
    head_dim: Count | None = None
    ffn_hidden: Count | None = None
    vocab: Count | None = None
    max_sequence: Count | None = None
    gated_mlp: bool | None = None
    position: Position | None = None
    norm: Literal["layernorm", "rmsnorm"] | None = None
    norm_bias: bool | None = None
    final_norm: bool | None = None
    embedding_norm: bool | None = None
    attention_bias: bool | None = None
    attention_output_bias: bool | None = None
    mlp_bias: bool | None = None
    output_bias: bool | None = None
    parallel_block: bool | None = None
    norms_per_layer: Count | None = None
    tied_embeddings: bool | None = None
    dropout: bool | None = None
    published_parameters: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class LoraTable(Table):
    """[training.lora]."""

    rank: Count = Field(examples=["16"])
    targets: Annotated[
        list[Literal["query", "key", "value", "output", "mlp"]],
        Field(min_length=1),
        AfterValidator(_all_different),
    ] = Field(examples=['["query", "value"]'])


class RecipeTable(Table):
    """[training.recipe]: a recipe of the catalogue, and formats of single uses instead of its own."""

    name: Text | None = Field(None, examples=['"bf16-only"'])
    attention: Element | None = None
    gradients: Element | None = None
    reductions: Element | None = None
    master: Literal["fp32", "none"] | None = None
    moments: Literal["fp32", "bf16", "int8"] | None = None


class TrainingTable(Table):
    """[training]."""

    tokens: Annotated[TokenBudget, PlainValidator(token_budget)] = Field(
        examples=["257e9", '"1.4T"', '"20 per parameter"']
    )
    sequence: Count | None = Field(None, examples=["2048"])
    global_batch: Annotated[Batch, PlainValidator(batch)] = Field(examples=['"720 sequences"', '"4M tokens"'])
    precision: Literal["bf16", "fp16", "fp32", "tf32"] = "bf16"
    optimizer: Text = Field("adam", examples=['"adam"'])
    method: Literal["pretrain", "finetune", "lora"] = "pretrain"
    lora: LoraTable | None = None
    recipe: Annotated[RecipeTable | None, BeforeValidator(_name_or_recipe)] = None


class PlanTable(Table):
    """[system.plan]: what the user fixes; the rest is inferred."""

    tensor: Count | None = None
    pipeline: Count | None = None
    virtual_stages: Count | None = None
    data: Count | None = None
    micro_batch: Count | None = None
    zero: Annotated[int, Field(ge=0, le=3)] | None = None
    sequence_parallel: bool | None = None
    recompute: Recompute | None = None
    schedule: ScheduleName | None = None
    layers_per_stage: Annotated[list[Count], Field(min_length=1)] | None = Field(None, examples=["[11, 10, 10, 9]"])
    micro_batches: Annotated[list[Count], Field(min_length=1)] | None = Field(None, examples=["[12, 12, 10]"])


class SearchTable(Table):
    """[system.search]: limits of the search for the best plan."""

    only: list[Annotated[PlanLimit, PlainValidator(plan_limit)]] | None = Field(
        None, examples=['["tensor <= 8", "recompute != full"]']
    )
    memory_margin: Annotated[float, PlainValidator(share)] = Field(MEMORY_MARGIN, examples=['"10 %"'])


def _not_beside_parts(value: object, others: ValidationInfo) -> object:
    """What every part says for itself is not said of the whole system as well."""
    if value is not None and others.data.get("part"):
        raise InputError(
            "",
            f"'{others.field_name}' and [[system.part]] are both given",
            f"leave '{others.field_name}' out, here and in [sweep] and --set: every part says its own",
        )
    return value


class SystemTable(Table):
    """One [[system]]; topology, devices and sizes are None where it has parts."""

    name: Text = Field(examples=['"cluster"'])
    # Before what it is an alternative to, which looks whether it is there.
    part: Annotated[list[PartTable], Field(min_length=1)] | None = None
    topology: Annotated[Text | None, AfterValidator(_not_beside_parts)] = Field(
        examples=['"dgx-a100-superpod"', '"my-topology.toml"']
    )
    devices: Annotated[Count | None, AfterValidator(_not_beside_parts)] = Field(examples=["64"])
    stack: Text = Field(examples=['"megatron-2022"'])
    sizes: Annotated[SizesTable | None, AfterValidator(_not_beside_parts)] = None
    plan: Annotated[PlanTable | None, BeforeValidator(_best_or_table)] = None
    search: SearchTable | None = None
    jitter: Annotated[float, PlainValidator(share)] = Field(0.0, examples=['"0.5 %"'])
    resolution: Resolution = "auto"
    variation: Annotated[VariationTable | None, BeforeValidator(name_or_table)] = None
    run: Annotated[RunTable | None, BeforeValidator(run_or_profile)] = None
    price: PriceTable | None = None
    network: NetworkTable = NetworkTable()

    @model_validator(mode="before")
    @classmethod
    def _parts_say_the_hardware(cls, raw: object) -> object:
        return {"topology": None, "devices": None, **raw} if isinstance(raw, dict) and "part" in raw else raw


class ComparisonTable(Table):
    """[report.comparison]: the points that the other systems are measured against."""

    system: Text = Field(examples=['"CS-2"'])
    devices: Annotated[list[Count], Field(min_length=1)] = Field(examples=["[1, 16]"])


class ReportTable(Table):
    """[report]."""

    flop_convention: FlopConvention = "full-attention"
    charts: bool = True
    comparison: ComparisonTable | None = None


def _different_names(systems: list[SystemTable]) -> list[SystemTable]:
    names = [system.name for system in systems]
    for name in names:
        if names.count(name) > 1:
            raise InputError("", f"{names.count(name)} systems are named '{name}'", "give each its own name")
    return systems


class Document(Table):
    """The whole file."""

    schema_version: Annotated[int, PlainValidator(_known_schema)] = Field(alias="schema", examples=[str(SCHEMA)])
    base: Text | None = Field(None, examples=['"claim"', '"other.toml"'])
    title: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    steps: Annotated[Count, Field(le=_MOST_STEPS)] = Field(100, examples=["100"])
    model: ModelTable = Field(examples=['{ name = "cerebras-gpt-13b" }'])
    training: TrainingTable = Field(examples=['{ tokens = 257e9, global_batch = "720 sequences" }'])
    system: Annotated[list[SystemTable], Field(min_length=1), AfterValidator(_different_names)]
    report: ReportTable = ReportTable()
    entry: Entries | None = None
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)


TABLES: Mapping[tuple[str, ...], type[Table]] = MappingProxyType(
    {
        (): Document,
        ("model",): ModelTable,
        ("training",): TrainingTable,
        ("training", "lora"): LoraTable,
        ("training", "recipe"): RecipeTable,
        ("system",): SystemTable,
        ("system", "sizes"): SizesTable,
        ("system", "network"): NetworkTable,
        ("system", "part"): PartTable,
        ("system", "part", "sizes"): SizesTable,
        ("system", "plan"): PlanTable,
        ("system", "search"): SearchTable,
        ("system", "variation"): VariationTable,
        ("system", "variation", "stalls"): StallsTable,
        ("system", "variation", "slow_devices"): SlowTable,
        ("system", "variation", "slow_nodes"): SlowTable,
        ("system", "variation", "slow_links"): SlowTable,
        ("system", "variation", "slow"): SlowPlaceTable,
        ("system", "run"): RunTable,
        ("system", "run", "checkpoint"): CheckpointTable,
        ("system", "run", "storage"): StorageTable,
        ("system", "run", "evaluation"): EvaluationTable,
        ("system", "run", "maintenance"): MaintenanceTable,
        ("system", "price"): PriceTable,
        ("report",): ReportTable,
        ("report", "comparison"): ComparisonTable,
        ("entry",): EntryTable,
        ("entry", "published"): PublishedTable,
    }
)

# Tables that stand in a list without names: no dotted key leads into one, the list is set as a whole.
LISTED = (("system", "part"), ("system", "variation", "slow"), ("entry",))

_NO_EXPERTS = "mixtures of experts are not simulated yet, and no dense model stands for one"
# Keys and values that have a meaning in this format but nothing behind them yet.
RESERVED_KEYS: Mapping[tuple[str, ...], str] = MappingProxyType(
    {
        ("model", "experts"): _NO_EXPERTS,
        ("model", "experts_per_token"): _NO_EXPERTS,
        ("system", "plan", "context"): "context parallelism is not simulated yet",
        ("system", "plan", "expert"): "expert parallelism is not simulated yet",
        ("system", "plan", "offload"): "offloading to the host is not simulated yet",
    }
)
_NO_NARROW_PRODUCTS = "training with products of less than 16 bits is not simulated yet"
RESERVED_VALUES: Mapping[tuple[str, ...], Mapping[str, str]] = MappingProxyType(
    {
        ("system", "plan", "schedule"): {"zero-bubble": "the zero-bubble schedule is not simulated yet"},
        ("training", "precision"): dict.fromkeys(("fp8", "mxfp8", "fp4", "mxfp4", "nvfp4"), _NO_NARROW_PRODUCTS),
    }
)


def keys_of(table: tuple[str, ...]) -> list[str]:
    """Names of the keys of one table, as written in the file."""
    return [field.alias or name for name, field in TABLES[table].model_fields.items()]


def examples_of(table: tuple[str, ...], key: str) -> list[str]:
    """Examples of values of one key, as written in the file; empty where none is given."""
    for name, field in TABLES[table].model_fields.items():
        if key == (field.alias or name):
            return list(field.examples or [])
    return []
