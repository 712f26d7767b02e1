"""What a worker does with one point of a sweep, and what is kept of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sim.errors import Defect, defect_of
from sim.records.belief import warnings_of
from sim.records.document import plain_data, plan_record, summary_rows
from sim.scenario.types import Scenario
from sim.simulate import simulate
from sim.sweep.crew import Result

DEFECT = "defect"
"""The key of a record whose error is a defect of scaletax."""


def work(scenario: Scenario) -> Result:
    """Simulate one point: a flat row with its figures and its account, the plan, warnings; or the row of its error."""
    # Files that have the same point may call it by other names; those stand beside the record.
    nameless = dataclasses.replace(scenario, path=Path("the file"), title="", axes={}, entry="", published=None)
    try:
        outcome = simulate(nameless)
    except Exception as error:
        told = defect_of(error, scenario.where)
        names = {"system": scenario.system.name, "devices": scenario.system.devices}
        defect = {DEFECT: True} if isinstance(told, Defect) else {}
        said = {"problem": told.headline, "remedy": told.remedy}
        return Result({"row": {**names, "error": str(told)}, **said, **defect}, failed=True)
    (row,) = summary_rows([outcome])
    del row["title"]
    record = {
        "row": row,
        "plan": plan_record(outcome.plan),
        "warnings": list(warnings_of(outcome)),
        "notes": outcome.notes,
    }
    return Result(plain_data(record), failed=False)
