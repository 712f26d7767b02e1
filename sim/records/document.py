"""The results of a run as plain data: what results.json holds, and the rows of summary.csv and entries.csv."""

from __future__ import annotations

import dataclasses
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from sim import __version__
from sim.catalog import law_names
from sim.outcome.effort import Effort
from sim.outcome.ledger import Ledger
from sim.outcome.lines import GROUPS
from sim.outcome.outcome import Outcome, PartUse
from sim.parallel.step_plan import StepPlan
from sim.records import metrics
from sim.records.belief import evidence_record
from sim.records.comparison import comparison_record
from sim.records.notes import notes_of
from sim.records.runs import bill_record, run_record, step_times_record, variation_record
from sim.scenario import AxisKey, Published, Refusal, resolved_documents
from sim.scenario.types import name_of
from sim.study.axis_words import axis_cell
from sim.study.findings import Findings
from sim.study.published import checked

RESULTS_SCHEMA = 2


def results_document(found: Findings, verdict: Sequence[str] = ()) -> dict[str, Any]:
    """Return everything that a run found as plain data that JSON can hold, in a fixed order.

    verdict: on the comparison, in sentences. A number that is not finite becomes null.
    """
    seeds = {outcome.scenario.seed for outcome in found.outcomes}
    document = {
        "schema": RESULTS_SCHEMA,
        **versions(),
        "seed": next(iter(seeds)) if len(seeds) == 1 else None,
        "scenario": resolved_documents([outcome.scenario for outcome in found.outcomes]),
        "points": [_point(outcome) for outcome in found.outcomes],
        **({"comparison": comparison_record(found.comparison, verdict)} if found.comparison else {}),
        "failures": list(found.failures),
        **({"refusals": [_refusal_record(one) for one in found.refusals]} if found.has_entries else {}),
    }
    return dict(plain_data(document))


def versions() -> dict[str, Any]:
    """What made a result: this program, and what it computes with."""
    libraries = {"numpy": version("numpy"), "simpy": version("simpy")}
    return {"scaletax": __version__, "versions": {"python": platform.python_version(), **libraries}}


def summary_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One flat row per point, all with the same columns: names, axes, every metric, every line of the account."""
    axes = list(dict.fromkeys(key for outcome in outcomes for key in outcome.scenario.axes))
    return [dict(plain_data(_summary_row(outcome, axes))) for outcome in outcomes]


def entry_rows(found: Findings) -> list[dict[str, Any]]:
    """One flat row for each point and each refusal, for entries.csv; what a row has not is empty."""
    rows = []
    for outcome in found.outcomes:
        losses = {one.law: one.loss for one in outcome.expected_losses}
        errors = {f"{one.name}_error": one.error for one in checked(outcome) if one.checks}
        rows.append(
            {
                **_told(outcome, ()),
                "mfu": outcome.mfu,
                **{f"loss_{name}": losses.get(name) for name in law_names()},
                **_published_cells(outcome.scenario.published),
                **{key: errors.get(key) for key in ("time_to_train_s_error", "device_hours_error")},
                "refused": None,
            }
        )
    refused = [
        {"entry": one.entry, "model": one.model, **_published_cells(one.published), "refused": one.reason.problem}
        for one in found.refusals
    ]
    columns = dict.fromkeys(key for row in [*rows[:1], *refused] for key in row)
    return [{key: row.get(key) for key in columns} for row in [*rows, *refused]]


def plan_record(plan: StepPlan) -> dict[str, Any]:
    """A plan by all its settings, and in words."""
    return {"summary": plan.summary(), "devices": plan.devices, **dataclasses.asdict(plan)}


def effort_record(effort: Effort | None) -> dict[str, Any] | None:
    """How hard a plan was to find; None where it was given."""
    if effort is None:
        return None
    by_rule = effort.rule_of_thumb
    return {**dataclasses.asdict(effort), "rule_of_thumb": by_rule.summary() if by_rule else None}


def plain_data(value: Any) -> Any:
    """The value in the types of JSON; numbers of numpy become Python's, what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain_data(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(member) for member in value]
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float) or hasattr(value, "__float__"):
        return float(value) if math.isfinite(value) else None
    return str(value)


def _point(outcome: Outcome) -> dict[str, Any]:
    return {
        **_names(outcome),
        **({"published": _published(outcome.scenario.published)} if outcome.scenario.entry else {}),
        "axes": outcome.scenario.axes,
        "seed": outcome.scenario.seed,
        "parts": [_part(part) for part in outcome.parts],
        "plan": plan_record(outcome.plan),
        "effort": effort_record(outcome.effort),
        **metrics.values(outcome),
        "run": run_record(outcome.run),
        "bill": bill_record(outcome.bill),
        # What each law expects; fitted: on models like this one.
        "expected_losses": [dataclasses.asdict(one) for one in outcome.expected_losses],
        "resolution_why": outcome.resolution.why,
        "variation_profile": variation_record(outcome.scenario.system.variation),
        "step_times": step_times_record(outcome.step_times),
        "ledger": _ledger(outcome.ledger),
        "run_ledger": _ledger(outcome.run.ledger) if outcome.run else None,
        "counterfactual_step_times_s": outcome.counterfactual_step_times_s,
        "links": _links(outcome),
        "memory": {"capacities_bytes": outcome.memory.capacities_bytes, "stages_bytes": outcome.memory.stages},
        "accuracy": evidence_record(outcome.confidence),
        "notes": notes_of(outcome),
    }


def _names(outcome: Outcome) -> dict[str, Any]:
    scenario = outcome.scenario
    return {
        "title": scenario.title,
        **({"entry": scenario.entry} if scenario.entry else {}),
        "system": scenario.system.name,
        "devices": outcome.devices,
        "device": outcome.device_title,
        "topology": " + ".join(part.topology for part in outcome.parts),
        "stack": f"{name_of(scenario.system.stack)}{scenario.system.stack_options}",
        "model": scenario.model.name,
    }


def _part(part: PartUse) -> dict[str, Any]:
    """Hardware of one kind; stages are numbers of the pipeline's."""
    return {
        "topology": part.topology,
        "device": part.device_title,
        "devices": part.devices,
        "stages": list(part.stages),
        "peak_flops_per_s": part.peak_flops_per_s,
    }


def _ledger(ledger: Ledger) -> dict[str, Any]:
    """Device-seconds and shares by group, and in it by line."""

    def entry(seconds: float) -> dict[str, float]:
        return {"device_s": seconds, "share": seconds / ledger.total_s}

    groups = {
        group: {
            **entry(math.fsum(ledger.device_seconds[line] for line in lines)),
            "lines": {line: entry(ledger.device_seconds[line]) for line in lines},
        }
        for group, lines in GROUPS.items()
    }
    return {"total_device_s": ledger.total_s, "groups": groups}


def _links(outcome: Outcome) -> dict[str, Any]:
    """Bytes and utilisation of each link class over a step, and the class of the busiest link."""
    classes = {one.label: dataclasses.asdict(one) for one in outcome.links.classes}
    for one in classes.values():
        del one["link_class"], one["part"]
    bottleneck = outcome.links.bottleneck
    return {"bottleneck": bottleneck.label if bottleneck else None, "classes": classes}


def _summary_row(outcome: Outcome, axes: Sequence[AxisKey]) -> dict[str, Any]:
    return {**_told(outcome, axes), **{metric.key: metric.value(outcome) for metric in metrics.ACCOUNT}}


def _told(outcome: Outcome, axes: Sequence[AxisKey]) -> dict[str, Any]:
    """A row without the account."""
    return {
        **_names(outcome),
        **{key: _cell(outcome.scenario.axes.get(key)) for key in axes},
        "plan": outcome.plan.summary(),
        "plan_devices": outcome.plan.devices,
        **metrics.values(outcome),
    }


def _cell(value: Any) -> Any:
    """A value of an axis for one cell; numbers, and nothing where a point has no such axis, as they are."""
    return axis_cell(value) if isinstance(value, (bool, list, Mapping)) else value


def _refusal_record(refusal: Refusal) -> dict[str, Any]:
    """A refusal as plain data."""
    reason = refusal.reason
    return {"entry": refusal.entry, "model": refusal.model, "problem": reason.problem, "remedy": reason.remedy}


def _published(published: Published | None) -> dict[str, Any] | None:
    """What was published of a point as plain data; None where nothing was."""
    return None if published is None else _published_cells(published)


def _published_cells(published: Published | None) -> dict[str, Any]:
    names = ("time_s", "device_hours", "cost_usd", "loss", "source", "clean", "remembered", "note")
    values = {name: getattr(published, name, None) for name in names}
    return {f"published_{name}": None if value == "" else value for name, value in values.items()}
