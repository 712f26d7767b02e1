"""What a worker does with one point of a sweep, and what is kept of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sim.errors import ScaletaxError
from sim.report.accuracy import warnings_of
from sim.report.document import plain_data, plan_record, summary_rows
from sim.scenario.types import Scenario
from sim.simulate import simulate
from sim.sweep.crew import Result


def work(scenario: Scenario) -> Result:
    """Simulate one point: a flat row with its figures and its account, the plan, warnings; or the row of its error."""
    # Files that have the same point may call it by other names; those stand beside the record.
    nameless = dataclasses.replace(scenario, path=Path("the file"), title="", axes={}, entry="", published=None)
    try:
        outcome = simulate(nameless)
    except ScaletaxError as error:
        names = {"system": scenario.system.name, "devices": scenario.system.devices}
        return Result({"row": {**names, "error": str(error)}}, failed=True)
    (row,) = summary_rows([outcome])
    del row["title"]
    record = {"row": row, "plan": plan_record(outcome), "warnings": list(warnings_of(outcome)), "notes": outcome.notes}
    return Result(plain_data(record), failed=False)
