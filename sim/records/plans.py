"""What searches for plans found as plain data: what their results.json holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sim.catalog import plan_spreads
from sim.errors import ScaletaxError
from sim.outcome.outcome import Outcome
from sim.planning import PlanRow, PlanStudy, SizeStudy, believed
from sim.records.belief import confidence_record
from sim.records.document import RESULTS_SCHEMA, effort_record, plain_data, plan_record, versions
from sim.records.metrics import METRICS
from sim.scenario import resolved_documents
from sim.scenario.amounts import batch_note
from sim.scenario.types import name_of
from sim.study.plans import SystemStudy

_QUANTILES = 100


def plans_document(studies: Sequence[SystemStudy], failures: Sequence[ScaletaxError]) -> dict[str, Any]:
    """Return everything that searches found, in a fixed order."""
    document = {
        "schema": RESULTS_SCHEMA,
        **versions(),
        "scenario": resolved_documents([study.found.about.scenario for study in studies]),
        "searches": [
            {
                **_search(study.found),
                "run": _run(study.run),
                "sizes": [_size(one) for one in study.sizes],
                "faster_formats": [one._asdict() for one in study.faster],
            }
            for study in studies
        ],
        "measured_median_over_best": [
            {"title": spread.title, "least": spread.least, "most": spread.most} for spread in plan_spreads()
        ],
        "failures": [str(failure) for failure in failures],
    }
    return dict(plain_data(document))


def _search(found: PlanStudy) -> dict[str, Any]:
    system, even, last = found.about.scenario.system, found.even, len(found.step_s) - 1
    return {
        "system": system.name,
        "model": found.about.scenario.model.name,
        "devices": system.devices,
        "device": found.about.devices[0].title,
        "topology": name_of(system.topology),
        "stack": f"{name_of(system.stack)}{system.stack_options}",
        "limits": [limit.text for limit in system.search.only],
        "memory_margin": system.search.memory_margin,
        "capacity_bytes": found.capacity_bytes,
        "best": [_row(row) for row in found.best],
        "even": None if even is None else {**dataclasses.asdict(even), "row": even.row and _row(even.row)},
        "front": [_row(row) for row in found.front],
        "effort": effort_record(found.effort),
        "accuracy": confidence_record(believed(found)),
        # Of the plans that fit, from the fastest to the slowest in a hundred steps.
        "step_time_quantiles_s": [float(found.step_s[round(last * i / _QUANTILES)]) for i in range(_QUANTILES + 1)],
        "notes": list(filter(None, [batch_note(found.about.scenario.training)])),
    }


def _row(row: PlanRow) -> dict[str, Any]:
    return {
        "plan": plan_record(row.plan),
        "step_time_s": row.step_s,
        "peak_bytes": row.peak_bytes,
        "mfu": row.mfu,
        "distribution_tax": row.tax,
    }


def _run(outcome: Outcome | None) -> dict[str, Any] | None:
    """The metrics of the run of the best plan and of its cost; None where it would hardly end."""
    keyed = [one for one in METRICS if one.family in ("run", "cost")]
    return None if outcome is None else {one.key: one.value(outcome) for one in keyed}


def _size(one: SizeStudy) -> dict[str, Any]:
    if isinstance(one.found, ScaletaxError):
        return {"devices": one.devices, "error": str(one.found)}
    return {
        "devices": one.devices,
        "best": _row(one.found.best[0]),
        "unused": one.devices - one.found.best[0].plan.devices,
        "effort": effort_record(one.found.effort),
        "changed": None if one.changed is None else list(one.changed),
    }
