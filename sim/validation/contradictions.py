"""What of a row cannot be true together, or cannot be at all: pairs of a column and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from sim.catalog import latest_stacks, stack_names
from sim.errors import closest

if TYPE_CHECKING:
    from sim.validation.table import Row

_NEVER_ZERO = (
    "n_gpus", "gpus_per_node", "layers", "d_model", "heads", "seq_len", "kv_heads", "d_ffn", "vocab", "micro_batch",
    "grad_accum", "global_batch_sequences", "step_time_s", "tokens_per_s_per_gpu",
)  # fmt: skip
_SAME_RATE = 0.1
"""Step time and throughput of one row may differ by rounding, not by more."""


def contradictions(row: Row) -> list[tuple[str, str]]:
    """What of a row cannot be true together, or cannot be at all."""
    found: list[tuple[str, str]] = []
    for column in _NEVER_ZERO:
        if getattr(row, column) == 0:
            found.append((column, "is 0"))
    for column in ("dp", "tp", "pp", "cp", "vpp", "zero_group"):
        if getattr(row, column) == 0:
            found.append((column, "is 0; it is 1 or more, or blank where it is not stated"))
    if row.stack and row.stack not in (names := [*stack_names(), *latest_stacks()]):
        found.append(("stack", f"no software stack is called '{row.stack}'{closest(row.stack, names)}"))
    if row.dp and row.zero_group and row.dp % row.zero_group:
        found.append(("zero_group", f"groups of {row.zero_group} do not make up the {row.dp} replicas of dp"))
    if row.recompute not in ("", "none", "selective", "full"):
        found.append(("recompute", f"'{row.recompute}' is none of none, selective, full"))
    if row.cuda_graph not in ("", "none", "layer", "full"):
        found.append(("cuda_graph", f"'{row.cuda_graph}' is none of none, layer, full"))
    if row.d_model and row.heads and row.d_model < row.heads:
        found.append(("heads", f"{row.heads} heads are more than the width d_model {row.d_model}"))
    if row.heads and row.kv_heads and row.heads % row.kv_heads:
        found.append(("kv_heads", f"{row.kv_heads} key/value heads do not divide {row.heads} heads"))
    stages = (row.pp or 1) * (row.vpp or 1)
    if row.layers and stages > row.layers + 2:
        found.append(
            ("pp", f"pp {row.pp or 1} x vpp {row.vpp or 1} = {stages} stages, but there are {row.layers} layers")
        )
    if not found:
        found = _contradicting_degrees(row) + _contradicting_batches(row) + _contradicting_rates(row)
    return found


def _contradicting_degrees(row: Row) -> list[tuple[str, str]]:
    """The stated degrees make the devices, or divide them where some are not stated."""
    stated = {key: degree for key in ("dp", "tp", "pp", "cp") if (degree := getattr(row, key)) is not None}
    if row.n_gpus is None or not stated:
        return []
    product = math.prod(stated.values())
    if row.degrees is None:
        agrees, does = row.n_gpus % product == 0, f"which does not divide n_gpus {row.n_gpus}"
    else:
        agrees, does = product == row.n_gpus, f"but n_gpus is {row.n_gpus}"
        stated.setdefault("cp", 1)
    return [] if agrees else [("n_gpus", f"{_product(stated)}, {does}")]


def _product(stated: Mapping[str, int]) -> str:
    words = " x ".join(f"{key} {value}" for key, value in stated.items())
    return f"{words} = {math.prod(stated.values())}" if len(stated) > 1 else words


def _contradicting_batches(row: Row) -> list[tuple[str, str]]:
    """The global batch is every replica's micro-batches."""
    parts = {"dp": row.dp, "micro_batch": row.micro_batch, "grad_accum": row.grad_accum}
    if row.grad_accum is None or row.global_batch_sequences is None:
        return []
    stated = {key: value for key, value in parts.items() if value is not None}
    product, whole = math.prod(stated.values()), len(stated) == len(parts)
    if product == row.global_batch_sequences if whole else row.global_batch_sequences % product == 0:
        return []
    does = "but global_batch_sequences is" if whole else "which does not divide global_batch_sequences"
    return [("grad_accum", f"{_product(stated)}, {does} {row.global_batch_sequences}")]


def _contradicting_rates(row: Row) -> list[tuple[str, str]]:
    """Step time and throughput are two ways to say the same."""
    stated = (row.step_time_s, row.tokens_per_s_per_gpu, row.n_gpus, row.global_batch_sequences, row.seq_len)
    if any(value is None for value in stated):
        return []
    step, rate, devices, batch, sequence = cast(tuple[float, float, int, int, int], stated)
    other = batch * sequence / (rate * devices)
    if abs(other / step - 1) <= _SAME_RATE:
        return []
    return [("step_time_s", f"{step:g} s, but tokens_per_s_per_gpu {rate:g} makes it {other:.4g} s")]
