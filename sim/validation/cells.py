"""A cell of a table as its column's type, or what is wrong with it."""

from __future__ import annotations

import re
import types
from typing import Any

_WHOLE = 1e-6
_SMALLEST, _LARGEST = 1e-9, 1e12
"""Beyond them a figure is a slip, whatever its unit."""
_LARGEST_OF = {
    "n_gpus": 1_000_000, "gpus_per_node": 1024, "layers": 10_000, "d_model": 1_000_000, "heads": 10_000,
    "kv_heads": 10_000, "d_ffn": 10_000_000, "vocab": 100_000_000, "seq_len": 100_000_000, "micro_batch": 1_000_000,
    "global_batch_sequences": 10_000_000, "vpp": 10_000, "ep": 100_000, "zero_stage": 3, "zero_group": 1_000_000,
    "sequence_parallel": 1, "gated_mlp": 1, "flash_attention": 1, "tensor_overlap": 1, "fp8_gather": 1,
    "fp8_attention": 1, "megatron_fsdp": 1, "optimizer_offload": 1, "offload_layers": 10_000,
    "recompute_layers": 10_000,
}  # fmt: skip
"""What the columns may hold at most: beyond it, a figure has slipped into the wrong column."""


def value_of(cell: str, column: str, kind: Any) -> object:
    """A cell as its column's type; None for a blank that is no text. Raises ValueError that says what is wrong."""
    if kind is str:
        return cell
    if not cell:
        return None
    if column == "year":
        return _year(cell)
    try:
        number = float(cell)
    except ValueError:
        raise ValueError(f"'{cell}' is not a number") from None
    if not 0 <= number < float("inf"):
        raise ValueError(f"{cell} is not a finite number of 0 or more")
    if number and not _SMALLEST <= number <= _LARGEST:
        raise ValueError(f"{cell} is no size that anything could have")
    if isinstance(kind, types.UnionType) and int in kind.__args__:
        if abs(number - round(number)) > _WHOLE:
            raise ValueError(f"{cell} is not a whole number")
        if number > _LARGEST_OF.get(column, _LARGEST):
            raise ValueError(f"{cell} is more than {_LARGEST_OF[column]}, the most that this column may hold")
        return round(number)
    return number


def _year(cell: str) -> int | None:
    """The year of a date, however it is written; nothing is simulated by it, so that odd ones do no harm."""
    found = re.search(r"(?<!\d)(19|20)\d\d(?!\d)", cell)
    return int(found.group()) if found else None
