"""A comparison as plain data: rows for CSV, everything for JSON, and back."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from sim import __version__
from sim.errors import InputError
from sim.outcome.confidence import Band
from sim.outcome.lines import LINES
from sim.records.belief import ends_of
from sim.records.document import RESULTS_SCHEMA
from sim.records.files import is_of_a_run
from sim.validation.compare import Comparison, Validation
from sim.validation.labels import label_of
from sim.validation.obstacles import Unsupported
from sim.validation.summary import Summary
from sim.validation.table import Problem
from sim.validation.unseen import Unseen, unseen_text

UNSUPPORTED_COLUMNS = ("id", "source", "source_name", "device", "model", "reason")
_DIGITS = 7
"""Stored errors have fewer digits than computed ones, but enough that no figure shown or target met depends on it."""


def row_record(one: Comparison) -> dict[str, Any]:
    """One row: measured, predicted, what was assumed, and the ledger in shares."""
    system = one.case.scenario.system
    return {
        "id": one.row.id,
        "source": label_of(one.row.source),
        "source_name": one.row.source,
        "stack": one.stack,
        "stack_is_guessed": not one.case.known,
        "role": one.role,
        "device": one.row.gpu,
        "devices": system.devices,
        "topology": system.topology,
        "model": one.row.model,
        "measured_step_time_s": one.measured_s,
        "predicted_step_time_s": one.predicted_s,
        "error": one.error,
        **_band("band", one.confidence.step),
        "measured_memory_GiB": one.row.memory_GiB,
        "predicted_memory_GiB": one.predicted_memory_GiB,
        "memory_error": one.memory_error,
        **_band("memory_band", one.confidence.memory),
        "plan": one.plan,
        "assumed": "; ".join(one.case.assumed),
        **{f"{line}_share": one.lines.get(line, 0.0) for line in LINES},
    }


def _band(name: str, band: Band | None) -> dict[str, float | None]:
    """Ends of a band of the error, made without the row's own source; null where nothing like it was compared."""
    return dict(zip((f"{name}_low", f"{name}_high"), ends_of(band), strict=True))


def unsupported_record(one: Unsupported | Problem) -> dict[str, Any]:
    """One row that was not simulated or not scored, or cannot be read, and why."""
    if isinstance(one, Problem):
        return {**dict.fromkeys(UNSUPPORTED_COLUMNS, ""), "id": one.row, "reason": str(one)}
    row = one.row
    values = (row.id, label_of(row.source), row.source, row.gpu, row.model, one.reason)
    return dict(zip(UNSUPPORTED_COLUMNS, values, strict=True))


def validation_document(validation: Validation, summary: Summary) -> dict[str, Any]:
    """Everything that a comparison found as plain data that JSON can hold."""
    return {
        "schema": RESULTS_SCHEMA,
        "scaletax": __version__,
        "summary": summary_record(summary),
        "rows": [row_record(one) for one in validation.comparisons],
        "unsupported": [unsupported_record(one) for one in validation.unsupported],
        "problems": [unsupported_record(one) for one in validation.problems],
    }


def check_document(path: Path) -> None:
    """Raise InputError where a file would be overwritten that no run of this program wrote."""
    if os.path.lexists(path) and not is_of_a_run(path):
        raise InputError(str(path), "this file is not of an earlier comparison", "choose another file with --json")


def write_document(validation: Validation, summary: Summary, path: Path) -> None:
    """Write everything as one JSON file. Raises InputError when it cannot be written."""
    _write(json.dumps(validation_document(validation, summary), indent=1, allow_nan=False) + "\n", path)


def write_unseen(rows: Sequence[Unseen], path: Path) -> None:
    """Write what was predicted of sources that were left out. Raises InputError when it cannot be written."""
    _write(unseen_text(rows), path)


def _write(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"the results cannot be written here: {error.strerror or error}"
        raise InputError(str(path), problem, "choose another file with --json") from None


def stored_record(validation: Validation, summary: Summary) -> dict[str, Any]:
    """What is kept of a comparison beside the documentation: the summary, and the error of every row, rounded."""
    errors = {one.row.id: one.error for one in validation.comparisons}
    return dict(_rounded({"scaletax": __version__, "summary": summary_record(summary), "errors": errors}))


def summary_record(summary: Summary) -> dict[str, Any]:
    """A summary as plain data; targets say whether they are met."""
    targets = [{**dataclasses.asdict(one), "met": one.met} for one in summary.targets]
    series = [{**dataclasses.asdict(one), "error": one.error} for one in summary.series]
    return {**dataclasses.asdict(summary), "targets": targets, "series": series}


def read_summary(record: Mapping[str, Any]) -> Summary:
    """A summary from its plain data."""
    return TypeAdapter(Summary).validate_python(record)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(member) for member in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
