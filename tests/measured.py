"""Hand-made measurements: rows of a table, and comparisons whose prediction is off by a known share."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from sim.validation.cases import Case, case_of
from sim.validation.compare import Comparison
from sim.validation.roles import Role
from sim.validation.table import Row

CELLS: dict[str, str] = {
    "id": "a", "source": "vtrain-single", "gpu": "A100-SXM", "n_gpus": "8", "model": "GPT", "layers": "4",
    "d_model": "1024", "heads": "16", "vocab": "51200", "seq_len": "1024", "micro_batch": "1",
    "global_batch_sequences": "16", "dp": "4", "tp": "2", "pp": "1", "vpp": "1", "precision": "fp16",
    "recompute": "none", "step_time_s": "0.5",
}  # fmt: skip
"""One good row, as the cells of a table."""


def table_text(*rows: Mapping[str, str], columns: Sequence[str] = tuple(CELLS)) -> str:
    """A table with the good row changed so, a line each."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows({key: value for key, value in {**CELLS, **row}.items() if key in columns} for row in rows)
    return text.getvalue()


def row(**over: Any) -> Row:
    """The good row with something changed."""
    values: dict[str, Any] = {
        "id": "a", "source": "vtrain-single", "gpu": "A100-SXM", "n_gpus": 8, "model": "GPT", "layers": 4,
        "d_model": 1024, "heads": 16, "vocab": 51200, "seq_len": 1024, "micro_batch": 1, "global_batch_sequences": 16,
        "dp": 4, "tp": 2, "pp": 1, "vpp": 1, "precision": "fp16", "recompute": "none", "step_time_s": 0.5,
    }  # fmt: skip
    return Row(**{**values, **over})


def case(**over: Any) -> Case:
    """What the row with something changed is read as."""
    found = case_of(row(**over))
    assert isinstance(found, Case), found
    return found


def comparison(
    error: float = 0.0,
    role: Role = "check",
    *,
    predicted_memory: float = 1.0,
    lines: Mapping[str, float] = {},
    **over: Any,
) -> Comparison:
    """A comparison whose predicted step is off by a share. predicted_memory: GiB."""
    one = case(**over)
    shares = dict(lines) or {"useful": 0.5, "kernel_loss": 0.5}
    return Comparison(one, role, one.step_time_s * (1.0 + error), predicted_memory, "DP4 TP2", shares)
