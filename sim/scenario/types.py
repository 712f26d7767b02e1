"""What the user wrote, checked and resolved: one scenario is one model, one training recipe, one system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from sim.catalog import Model, Variation
from sim.scenario.axis_key import AxisKey
from sim.units import Rate

Recompute = Literal["none", "selective", "full"]
ScheduleName = Literal["gpipe", "1f1b", "interleaved", "zb-h1", "zb-h2", "zb-v", "dualpipe", "dualpipev"]
Resolution = Literal["auto", "folded", "full"]
FlopConvention = Literal["full-attention", "causal-attention"]


@dataclass(frozen=True, slots=True)
class Lora:
    """Low-rank adapters: the base weights are frozen."""

    rank: int
    targets: tuple[str, ...]
    """Of query, key, value, output, mlp."""


Element = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class RecipeRequest:
    """What is asked of the formats of training. name: of the catalogue's recipes; None: the stack's for the precision.

    The others: formats of single uses instead of the recipe's.
    """

    name: str | None = None
    attention: Element | None = None
    gradients: Element | None = None
    reductions: Element | None = None
    master: Literal["fp32", "none"] | None = None
    moments: Literal["fp32", "bf16", "int8"] | None = None

    @property
    def text(self) -> str:
        """As it stands behind a precision: " (recipe bf16, moments int8)"; empty where nothing is asked."""
        given = {"recipe" if use == "name" else use: name for use, name in asdict(self).items() if name is not None}
        return f" ({', '.join(f'{use} {name}' for use, name in given.items())})" if given else ""


@dataclass(frozen=True, slots=True)
class Training:
    """The recipe: what is trained on how much, in which steps."""

    tokens: float
    """Zero while tokens_per_parameter says it: the parameter count belongs to a room above."""
    sequence: int
    global_batch: int
    """Sequences per optimizer step."""
    precision: Literal["bf16", "fp16", "fp32", "tf32"] = "bf16"
    """Of the matrix products."""
    optimizer: str = "adam"
    method: Literal["pretrain", "finetune", "lora"] = "pretrain"
    lora: Lora | None = None
    tokens_per_parameter: float | None = None
    asked_batch_tokens: int | None = None
    """The batch in tokens as it was asked for, where that is no whole number of sequences."""
    recipe: RecipeRequest = RecipeRequest()


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What the user fixed of a plan; None means: to be chosen (rule) or inferred (product of the degrees)."""

    rule: Literal["best", "fixed"] = "best"
    tensor: int | None = None
    pipeline: int | None = None
    virtual_stages: int | None = None
    data: int | None = None
    micro_batch: int | None = None
    zero: int | None = None
    sequence_parallel: bool | None = None
    recompute: Recompute | None = None
    schedule: str | None = None
    layers_per_stage: tuple[int, ...] | None = None
    micro_batches: tuple[int, ...] | None = None
    """Of each replica, where they differ."""


@dataclass(frozen=True, slots=True)
class PlanLimit:
    """What a searched plan must keep to: a key, how it is compared (<=, >=, <, >, = or !=), and with what."""

    key: str
    comparison: str
    value: int | bool | str
    text: str
    """As messages write it."""


MEMORY_MARGIN = 0.05
"""Share of a device's memory that a search leaves free unless told otherwise. Assumed: of 36 plans tried on one H100,
none ran that reserved more than 95.4 %, and predicted peaks were up to 10 % off (docs/planner.md)."""


@dataclass(frozen=True, slots=True)
class Search:
    """Limits of the search for the best plan.

    only: every one of them holds. memory_margin: share of a device's memory that a plan leaves free.
    """

    only: tuple[PlanLimit, ...] = ()
    memory_margin: float = MEMORY_MARGIN

    def usable_bytes(self, capacity_bytes: float) -> float:
        """Of a device's memory, what a plan may take."""
        return capacity_bytes * (1 - self.memory_margin)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is asked of the run over days. None, and an empty text: as the catalogue or the topology has it.

    profile: of the catalogue's reliability. changes: fields of it -> other values. checkpoint_rule: "best", "never", or
    empty where a number of steps or seconds says how often. evaluation_every_steps: 0 for never. runs: drawn.
    """

    profile: str = ""
    changes: Mapping[str, float | bool | Rate] = field(default_factory=dict)
    checkpoint_rule: Literal["best", "never", ""] = "best"
    checkpoint_steps: int = 0
    checkpoint_s: float = 0.0
    storage_write_bytes_per_s: float | None = None
    storage_read_bytes_per_s: float | None = None
    storage_bytes: float | None = None
    spares: int | None = None
    evaluation_every_steps: int = 0
    evaluation_s: float = 0.0
    runs: int = 1000


@dataclass(frozen=True, slots=True)
class Prices:
    """What the devices of a system cost and draw where the scenario says so; None: as the catalogue has it.

    rental_usd_per_s, purchase_usd, power_watts: of one device, with its share of the node. power_watts: while it
    trains. date: of the prices given, ISO; empty where none is. in_use: share of the amortisation that is paid for.
    """

    rental_usd_per_s: float | None = None
    purchase_usd: float | None = None
    power_watts: float | None = None
    pue: float | None = None
    electricity_usd_per_joule: float | None = None
    amortisation_s: float | None = None
    in_use: float | None = None
    date: str = ""


@dataclass(frozen=True, slots=True)
class NetworkChange:
    """What a system's network is beside what its topology says: rates and latencies at so many times theirs."""

    rate_times: float = 1.0
    latency_times: float = 1.0


class Named(Protocol):
    """An object of one's own in place of a name."""

    @property
    def name(self) -> str: ...


def name_of(given: str | Named) -> str:
    """The name of what is given by its name or path, or as an object."""
    return given if isinstance(given, str) else given.name


@dataclass(frozen=True, slots=True)
class Part:
    """Hardware of one kind, on which consecutive stages of a pipeline run."""

    topology: Any
    """As of a System."""
    devices: int
    sizes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class System:
    """A machine and how it is used."""

    name: str
    topology: Any
    """Name on the shelf, a path ending in .toml, already resolved from the scenario file, or a Topology; empty with
    parts."""
    devices: int
    """All of them."""
    stack: Any
    """Name in the catalogue, or the stack itself."""
    plan: PlanRequest = PlanRequest()
    jitter: float = 0.0
    """Coefficient of variation of the compute time of one replica's step."""
    sizes: Mapping[str, float] = field(default_factory=dict)
    """Sizes of the topology to use instead of its file's."""
    resolution: Resolution = "auto"
    """folded: one actor for all devices that are alike. full: one for each. auto: full where devices differ."""
    variation: Variation = field(default_factory=Variation)
    """In what devices, nodes and links differ."""
    parts: tuple[Part, ...] = ()
    """In the order of the pipeline's stages; empty where all hardware is of one kind."""
    search: Search = Search()
    """Where the best plan is looked for."""
    run: RunRequest = RunRequest()
    """How often it fails, and what is done about it."""
    prices: Prices = Prices()
    """What its devices cost and draw."""
    network: NetworkChange = NetworkChange()
    """How much faster or slower every link is than the topology has it."""

    @property
    def every_part(self) -> tuple[Part, ...]:
        """Its parts; hardware of one kind is a single one."""
        return self.parts or (Part(self.topology, self.devices, self.sizes),)


@dataclass(frozen=True, slots=True)
class ComparedWith:
    """Points of one system, by its name and their sizes, that the other systems are measured against."""

    system: str
    devices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What is drawn and by which conventions. comparison: None where no report of one is asked for."""

    flop_convention: FlopConvention = "full-attention"
    charts: bool = True
    comparison: ComparedWith | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What was published of an experiment, to show beside the prediction; None where nothing was.

    source: a key of the catalogue's sources, or a citation. clean: whether time and device-hours are those of a run
    without downtime; None where that is not known. remembered: not read in the source, so never a check.
    """

    time_s: float | None = None
    device_hours: float | None = None
    cost_usd: float | None = None
    loss: float | None = None
    source: str = ""
    note: str = ""
    clean: bool | None = None
    remembered: bool = False


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
