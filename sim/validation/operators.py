"""Measured operators of a transformer on one GPU, by shape, and what the kernel model says of them.

Roles are given by a rule, not by looking at errors. "fit": of the products of queries and keys with few elements a
head, in the order of their times, every second; the device's file says what is fitted on them. All others are checks.
Of each operator the table carries shapes that lie evenly in the order of the measured forward times, from 50 us on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from pydantic import TypeAdapter

from sim.catalog import Model, load_device, load_recipe, load_stack
from sim.hardware.kernel import Kernel, kernel_time_s
from sim.machines.gpu import gpu_machine
from sim.page.blocks import Column, Table, table, words
from sim.page.numbers import percent, signed_percent, whole
from sim.validation.rows import read_rows
from sim.workload.layer import embedding_operations, head_operations, layer_operations
from sim.workload.operations import Operation, Slice, Style

SHORT_US = 50.0
"""Shorter operators are launches more than kernels, and the tables do not say which of the two they timed."""
CLASSES = ((SHORT_US, 200.0), (200.0, 1000.0), (1000.0, float("inf")))
"""Classes of measured times, in microseconds: from, and below."""
_VOCABULARY = 50_257
_PRECISION = "fp16"


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """One measured operator. hidden: of the whole model, before the tensor group splits it.

    heads, sequence and hidden are 0 where the operator has none; backward_us is None where it has no backward pass.
    """

    id: str
    role: str
    operator: str
    device: str
    tensor: int
    micro_batch: int
    heads: int
    sequence: int
    hidden: int
    forward_us: float
    backward_us: float | None
    source: str


@dataclass(frozen=True, slots=True)
class _Part:
    """Which kernels of which operation an operator of the table is; all of a pass where none are named.

    fused, flash: what the stack has.
    """

    operation: str
    forward: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()
    fused: bool = True
    flash: bool = False


_PARTS = {
    "qkv": _Part("qkv"),
    "attention output": _Part("attention output"),
    "mlp in": _Part("mlp in"),
    "mlp out": _Part("mlp out"),
    "vocabulary": _Part("vocabulary"),
    "scores": _Part("attention", ("scores",), ("d queries", "d keys")),
    "context": _Part("attention", ("context",), ("d scores", "d values")),
    "softmax": _Part("attention", ("softmax",), ("softmax backward",)),
    "attention": _Part("attention", (), ("attention backward", "attention gradients"), flash=True),
    "norm": _Part("norm 0"),
    "activation": _Part("activation"),
    "residual": _Part("residual 0"),
    "rotary": _Part("rotary", fused=False),
    "embedding": _Part("embedding"),
    "loss": _Part("loss"),
}
"""The source calls them linear1 to linear4, linear_final, baddbmm, bmm, ScaledUpperTriangMaskedSoftmax, flash_atten,
layernorm, gelu, res_add, RoPE, embedding and parallel_cross_entropy_128."""


@dataclass(frozen=True, slots=True)
class OperatorComparison:
    """One pass of a measured operator, and the predicted time. backward: which of the two passes."""

    row: OperatorRow
    backward: bool
    measured_us: float
    predicted_us: float

    @property
    def error(self) -> float:
        """Signed relative error of the time: negative means predicted too fast."""
        return self.predicted_us / self.measured_us - 1.0


_READER = TypeAdapter(OperatorRow)


def read_operators() -> list[OperatorRow]:
    """Read all rows that the project carries."""
    counts = ("heads", "sequence", "hidden")
    return [
        _READER.validate_python(
            {**raw, **{name: raw[name] or 0 for name in counts}, "backward_us": raw["backward_us"] or None}
        )
        for raw in read_rows("operators.csv")
    ]


def _model(row: OperatorRow) -> Model:
    """A model of one layer in which the operator has its measured shape."""
    heads = row.heads or 16
    hidden = row.hidden or 64 * heads
    return Model(
        "measured", 1, hidden, heads, heads, hidden // heads, 4 * hidden, _VOCABULARY, row.sequence,
        position="rotary", attention_output_bias=False, mlp_bias=False, tied_embeddings=False,
    )  # fmt: skip


def _style(part: _Part, loss_traffic_bytes: float) -> Style:
    """Everything in half precision, logits and gradients too, gradients written afresh, vocabulary padded to 128."""
    recipe = load_recipe(_PRECISION)
    loss_bytes = loss_traffic_bytes * recipe.activations.bytes / 4.0
    return Style(
        recipe, part.flash, causal_skip=False, window_skip=False, fused_elementwise=part.fused,
        loss_traffic_bytes=loss_bytes, weight_gradient_bytes=recipe.gradients.bytes, vocabulary_multiple=128,
    )  # fmt: skip


def operator_kernels(row: OperatorRow, loss_traffic_bytes: float) -> tuple[tuple[Kernel, ...], tuple[Kernel, ...]]:
    """The kernels of an operator's forward and backward pass, as a layer of that shape has them.

    loss_traffic_bytes: of a logit in fp32, both passes together.
    """
    part, model = _PARTS[row.operator], _model(row)
    style, piece = _style(part, loss_traffic_bytes), Slice(row.sequence, row.micro_batch, row.tensor)
    operations: tuple[Operation, ...] = (
        *layer_operations(model, piece, style),
        *head_operations(model, piece, style),
        *embedding_operations(model, piece, style),
    )
    own = next(one for one in operations if one.name == part.operation)

    def named(kernels: tuple[Kernel, ...], names: tuple[str, ...]) -> tuple[Kernel, ...]:
        return tuple(one for one in kernels if not names or one.name in names)

    return named(own.forward, part.forward), named(own.backward, part.backward)


def compare_operators(rows: Sequence[OperatorRow] | None = None) -> list[OperatorComparison]:
    """Predict both passes of every row; passes shorter than SHORT_US are left out."""
    # Dropout, sharding and launches are not timed here: of the stack only its attention and its loss count.
    found = []
    for row in read_operators() if rows is None else rows:
        machine = gpu_machine(load_device(row.device, "operators.csv"), load_stack("megatron-2022"), _PRECISION)
        gpu, stack = machine.gpu, replace(machine.stack, attention_kernel="flash-2")
        passes, measured = operator_kernels(row, stack.loss_traffic_bytes), (row.forward_us, row.backward_us)
        for backward, (kernels, us) in enumerate(zip(passes, measured, strict=True)):
            if us is not None and us >= SHORT_US:
                predicted_us = 1e6 * sum(float(kernel_time_s(one, gpu, stack, _PRECISION)) for one in kernels)
                found.append(OperatorComparison(row, bool(backward), us, predicted_us))
    return found


@dataclass(frozen=True, slots=True)
class OperatorErrors:
    """Signed errors of the check rows of one pass of an operator. sized: class of measured time -> those in it."""

    operator: str
    backward: bool
    errors: tuple[float, ...]
    sized: tuple[tuple[float, ...], ...]


def operator_errors(comparisons: Sequence[OperatorComparison]) -> list[OperatorErrors]:
    """Errors of the check rows by operator and pass."""
    checks = [one for one in comparisons if one.row.role == "check"]
    found = []
    for operator in dict.fromkeys(one.row.operator for one in checks):
        for backward in (False, True):
            own = [one for one in checks if one.row.operator == operator and one.backward is backward]
            sized = (tuple(one.error for one in own if low <= one.measured_us < high) for low, high in CLASSES)
            if own:
                found.append(OperatorErrors(operator, backward, tuple(one.error for one in own), tuple(sized)))
    return found


def operators_table(found: Sequence[OperatorErrors]) -> Table:
    """Errors by operator, pass and class of measured time."""

    def of_class(index: int, name: str) -> list[Column[OperatorErrors]]:
        return [
            Column(f"rows {name}", lambda one: whole(len(one.sized[index]))),
            Column(f"error {name}", lambda one: signed_percent(fmean(one.sized[index]), 0) if one.sized[index] else ""),
        ]

    columns: list[Column[OperatorErrors]] = [
        words("operator", lambda one: one.operator, key=True),
        words("pass", lambda one: "backward" if one.backward else "forward", key=True),
        Column("mean signed", lambda one: signed_percent(fmean(one.errors))),
        Column("mean abs.", lambda one: percent(fmean(map(abs, one.errors)))),
        *(column for index, name in enumerate(("< 200 us", "< 1 ms", ">= 1 ms")) for column in of_class(index, name)),
    ]
    return table(found, columns)


def operators_sentences(comparisons: Sequence[OperatorComparison]) -> tuple[str, str]:
    """The mean error, and what was counted."""
    checks = [one for one in comparisons if one.row.role == "check"]
    return (
        f"Mean absolute error {percent(fmean(abs(one.error) for one in checks))} over {len(checks)} passes of 50 us and"
        " more.",
        "Time, predicted over measured; negative means predicted too fast"
        f" ({len(comparisons) - len(checks)} passes of rows that a figure was fitted on do not count).",
    )
