"""Groups of rows of today's training, and how much a narrow format gained where both formats were measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from sim.validation.compare import Comparison
from sim.validation.conventions import family_of
from sim.validation.errors import Errors, step_errors
from sim.validation.labels import label_of
from sim.validation.obstacles import is_narrow, precision_of
from sim.validation.table import Row


@dataclass(frozen=True, slots=True)
class RecentGroup:
    """Rows that one figure to reach is about. limit: of the mean absolute error of the step time, as a share."""

    name: str
    limit: float
    holds: Callable[[Row], bool]


def _narrow_of(*labels: str) -> Callable[[Row], bool]:
    return lambda row: label_of(row.source) in labels and is_narrow(row)


_TORCHTITAN = (
    "torchtitan-2024-perf.md", "torchtitan-2024-12", "torchtitan-asyncTP-2025-06", "torchtitan-h200-2025-06",
    "torchtitan-mxfp8-2025",
)  # fmt: skip
_MLPERF = ("mlperf-3.0", "mlperf-3.1", "mlperf-4.0", "mlperf-4.1", "mlperf-5.0", "mlperf-5.1")
_BRIDGE = "megatron-bridge-2025"

GROUPS: tuple[RecentGroup, ...] = (
    RecentGroup("Megatron-Bridge, dense", 0.06, lambda row: label_of(row.source) == _BRIDGE),
    RecentGroup("NeMo 24, fp8", 0.07, _narrow_of("nemo-24.03", "nemo-24.07")),
    RecentGroup("torchtitan, fp8 and mxfp8", 0.07, _narrow_of(*_TORCHTITAN)),
    RecentGroup("llm-foundry, fp8", 0.07, _narrow_of("llm-foundry")),
    RecentGroup("Megatron-LM, Llama 3, fp8", 0.07, _narrow_of("megatron-llama3-fp8-2025")),
    RecentGroup(
        "CPU optimizer, ml-engineering", 0.15, lambda row: label_of(row.source) == "ml-engineering-h200-b200-2026"
    ),
    RecentGroup("MaxText, TPU", 0.10, lambda row: label_of(row.source) == "maxtext-2024" and family_of(row) == "tpu"),
    RecentGroup("MLPerf, dense", 0.15, lambda row: label_of(row.source) in _MLPERF),
)
"""With the figure that each is to reach, stated before any of their rows was simulated."""


def parts_of(group: RecentGroup, rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of a group by precision and device ("mxfp8 on gb300"); none where all are of one kind."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if group.holds(row):
            found[f"{precision_of(row) or 'precision not said'} on {family_of(row)}"].append(row)
    return dict(sorted(found.items())) if len(found) > 1 else {}


@dataclass(frozen=True, slots=True)
class RecentErrors:
    """What is reached on a group, or on a part of one, over rows of one role. limit: None of a part."""

    name: str
    limit: float | None
    errors: Errors | None
    rows: tuple[str, ...]
    """Ids of all its rows that can be simulated, whatever their role."""


def recent_errors(compared: Sequence[Comparison], rows: Sequence[Row]) -> tuple[RecentErrors, ...]:
    """Errors of every group and of its parts. rows: all that can be simulated."""
    errors = {one.row.id: one for one in compared}

    def of(name: str, limit: float | None, members: Sequence[Row]) -> RecentErrors:
        ids = tuple(row.id for row in members)
        return RecentErrors(name, limit, step_errors([errors[row] for row in ids if row in errors]), ids)

    found: list[RecentErrors] = []
    for group in GROUPS:
        found.append(of(group.name, group.limit, [row for row in rows if group.holds(row)]))
        found += [of(name, None, members) for name, members in parts_of(group, rows).items()]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Speedup:
    """Two rows that differ in nothing but the format: how much faster the narrow one is, measured and predicted."""

    wide: str
    narrow: str
    source: str
    stack: str
    format: str
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """Predicted minus measured ratio."""
        return self.predicted - self.measured


def speedups(compared: Sequence[Comparison]) -> tuple[Speedup, ...]:
    """Every pair of rows of a source that ran one plan in half precision and in a narrower format."""
    alike: dict[Hashable, list[Comparison]] = defaultdict(list)
    for one in compared:
        alike[_but_format(one)].append(one)
    return tuple(
        Speedup(
            wide.row.id,
            narrow.row.id,
            label_of(narrow.row.source),
            narrow.stack,
            narrow.row.recipe or precision_of(narrow.row),
            wide.measured_s / narrow.measured_s,
            wide.predicted_s / narrow.predicted_s,
        )
        for members in alike.values()
        for wide in members
        if not is_narrow(wide.row)
        for narrow in members
        if is_narrow(narrow.row)
    )


def _but_format(one: Comparison) -> Hashable:
    """What two rows of a pair have in common."""
    row, training, model = one.row, one.case.scenario.training, one.case.scenario.model
    flags = (row.cuda_graph, row.tensor_overlap, row.offload_layers, row.optimizer_offload, row.megatron_fsdp)
    plan = (one.case.scenario.system.plan, training.sequence, training.global_batch, training.method)
    return label_of(row.source), one.stack, row.gpu, one.case.scenario.system.devices, model, plan, flags
