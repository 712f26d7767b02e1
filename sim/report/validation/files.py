"""Writes a comparison into a folder: a row for every measurement, what was left out, everything as JSON, two charts."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from sim.errors import InputError
from sim.page.borders import csv_text
from sim.records.files import is_of_a_run, write_folder
from sim.report.validation.document import (
    UNSUPPORTED_COLUMNS,
    problem_record,
    row_record,
    unsupported_record,
    validation_document,
)
from sim.validation.compare import Comparison, Validation
from sim.validation.summary import Summary
from sim.validation.unseen import Unseen, unseen_text


def write_validation(validation: Validation, summary: Summary, directory: Path) -> list[Path]:
    """Write rows.csv, unsupported.csv, results.json and the charts of the role that is counted; return their paths.

    Raises InputError when the folder cannot be written.
    """
    left_out = [*map(unsupported_record, validation.unsupported), *map(problem_record, validation.problems)]
    texts = {
        "rows.csv": csv_text([row_record(one) for one in validation.comparisons], ("id",)),
        "unsupported.csv": csv_text(left_out, UNSUPPORTED_COLUMNS),
    }
    counted = [one for one in validation.comparisons if one.role == summary.role]
    document = validation_document(validation, summary)
    return write_folder(directory, document, texts, lambda folder: validation_charts(counted, folder))


def check_document(path: Path) -> None:
    """Raise InputError where a file would be overwritten that no run of this program wrote."""
    if os.path.lexists(path) and not is_of_a_run(path):
        raise InputError(str(path), "this file is not of an earlier comparison", "choose another file with --json")


def write_document(validation: Validation, summary: Summary, path: Path) -> None:
    """Write everything as one JSON file. Raises InputError when it cannot be written."""
    try:
        text = json.dumps(validation_document(validation, summary), indent=1, allow_nan=False) + "\n"
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"the results cannot be written here: {error.strerror or error}"
        raise InputError(str(path), problem, "choose another file with --json") from None


def write_unseen(rows: Sequence[Unseen], path: Path) -> None:
    """Write what was predicted of sources that were left out. Raises InputError when it cannot be written."""
    try:
        path.write_text(unseen_text(rows), encoding="utf-8")
    except OSError as error:
        problem = f"the results cannot be written here: {error.strerror or error}"
        raise InputError(str(path), problem, "choose another file with --json") from None


def validation_charts(counted: Sequence[Comparison], folder: Path) -> list[Path]:
    """Draw both charts of some rows into a folder that exists; return the paths, PNG and SVG of each."""
    from sim.report.charts.canvas import save
    from sim.report.charts.validation import errors_figure, parity_figure

    if not counted:
        return []
    return [*save(parity_figure(counted), folder, "parity"), *save(errors_figure(counted), folder, "errors")]
