"""The results of a run as plain data: what results.json holds, and the rows of summary.csv."""

from __future__ import annotations

import dataclasses
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from sim import __version__
from sim.outcome.effort import Effort
from sim.outcome.ledger import Ledger
from sim.outcome.lines import GROUPS, LINES
from sim.outcome.outcome import Memory, Outcome, PartUse
from sim.records.comparison import comparison_record
from sim.records.runs import bill_record, losses_record, run_columns, run_record
from sim.records.steps import resolution_record, step_times_record, summary_columns, variation_record
from sim.report.accuracy import accuracy_columns, accuracy_notes, confidence_record, warnings_of
from sim.report.entries import has_entries, published_record, refusal_record
from sim.report.run_screen import run_notes
from sim.report.step_notes import step_notes
from sim.scenario import AxisKey, Refusal, resolved_documents
from sim.scenario.types import name_of
from sim.study.axis_words import axis_cell
from sim.study.compare import compare

RESULTS_SCHEMA = 1


def results_document(
    outcomes: Sequence[Outcome], failures: Sequence[str] = (), refusals: Sequence[Refusal] = ()
) -> dict[str, Any]:
    """Return everything that a run found as plain data that JSON can hold, in a fixed order.

    failures: messages of the points that ended in an error. refusals: entries that were expected to be refused.
    A number that is not finite becomes null.
    """
    seeds = {outcome.scenario.seed for outcome in outcomes}
    document = {
        "schema": RESULTS_SCHEMA,
        **versions(),
        "seed": next(iter(seeds)) if len(seeds) == 1 else None,
        "scenario": resolved_documents([outcome.scenario for outcome in outcomes]),
        "points": [_point(outcome) for outcome in outcomes],
        **({"comparison": comparison_record(found)} if (found := compare(outcomes)) else {}),
        "failures": list(failures),
        **({"refusals": [refusal_record(one) for one in refusals]} if has_entries(outcomes, refusals) else {}),
    }
    return dict(plain_data(document))


def versions() -> dict[str, Any]:
    """What made a result: this program, and what it computes with."""
    libraries = {"numpy": version("numpy"), "simpy": version("simpy")}
    return {"scaletax": __version__, "versions": {"python": platform.python_version(), **libraries}}


def summary_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One flat row per point, all with the same columns; units are in the column names."""
    axes = list(dict.fromkeys(key for outcome in outcomes for key in outcome.scenario.axes))
    return [dict(plain_data(_summary_row(outcome, axes))) for outcome in outcomes]


def _point(outcome: Outcome) -> dict[str, Any]:
    return {
        **_names(outcome),
        **({"published": published_record(outcome.scenario.published)} if outcome.scenario.entry else {}),
        "axes": outcome.scenario.axes,
        "seed": outcome.scenario.seed,
        "parts": [_part(part) for part in outcome.parts],
        "plan": plan_record(outcome),
        "effort": effort_record(outcome.effort),
        **_metrics(outcome),
        "run": run_record(outcome.run),
        "bill": bill_record(outcome.bill),
        "expected_losses": losses_record(outcome),
        "resolution": resolution_record(outcome),
        "variation": variation_record(outcome.scenario.system.variation),
        "step_times": step_times_record(outcome.step_times),
        "ledger": _ledger(outcome.ledger),
        "run_ledger": _ledger(outcome.run.ledger) if outcome.run else None,
        "counterfactual_step_times_s": outcome.counterfactual_step_times_s,
        "links": _links(outcome),
        "memory": _memory(outcome.memory),
        "accuracy": confidence_record(outcome.confidence),
        "notes": [
            *step_notes([outcome])[0],
            *accuracy_notes(outcome),
            *warnings_of(outcome),
            *outcome.notes,
            *run_notes(outcome),
        ],
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
        "stack": name_of(scenario.system.stack),
        "model": scenario.model.name,
    }


def _part(part: PartUse) -> dict[str, Any]:
    """Hardware of one kind, and the stages that run on it."""
    return {
        "topology": part.topology,
        "device": part.device_title,
        "devices": part.devices,
        "peak_flops_per_s": part.peak_flops_per_s,
        "stages": list(part.stages),
    }


def plan_record(outcome: Outcome) -> dict[str, Any]:
    """The plan of a point: all its settings, and in words."""
    plan = outcome.plan
    return {"summary": plan.summary(), "devices": plan.devices, **dataclasses.asdict(plan)}


def effort_record(effort: Effort | None) -> dict[str, Any] | None:
    """How hard a plan was to find; None where it was given."""
    if effort is None:
        return None
    by_rule = effort.rule_of_thumb
    return {**dataclasses.asdict(effort), "rule_of_thumb": by_rule.summary() if by_rule else None}


def _metrics(outcome: Outcome) -> dict[str, Any]:
    return {
        "step_time_s": outcome.step_time_s,
        "tokens_per_step": outcome.tokens_per_step,
        "tokens_per_s": outcome.tokens_per_s,
        "mfu_full": outcome.mfu_full,
        "mfu_causal": outcome.mfu_causal,
        "hfu": outcome.hfu,
        "flop_convention": outcome.scenario.report.flop_convention,
        "distribution_tax": outcome.ledger.tax,
        "steps": outcome.steps,
        "time_to_train_s": outcome.time_to_train_s,
        "device_hours": outcome.device_hours,
    }


def _ledger(ledger: Ledger) -> dict[str, Any]:
    """Device-seconds and shares by group, and in it by line."""
    groups = {}
    for group, words in GROUPS.items():
        total_s = math.fsum(ledger.device_seconds[line] for line in words)
        lines = {line: _entry(ledger, ledger.device_seconds[line]) for line in words}
        groups[group] = {**_entry(ledger, total_s), "lines": lines}
    return {"total_device_s": ledger.total_s, "groups": groups}


def _entry(ledger: Ledger, seconds: float) -> dict[str, float]:
    return {"device_s": seconds, "share": seconds / ledger.total_s}


def _links(outcome: Outcome) -> dict[str, Any]:
    """Bytes and utilisation of each link class over a step, and the class of the busiest link."""
    classes = {one.label: dataclasses.asdict(one) for one in outcome.links.classes}
    for one in classes.values():
        del one["link_class"], one["part"]
    bottleneck = outcome.links.bottleneck
    return {"bottleneck": bottleneck.label if bottleneck else None, "classes": classes}


def _memory(memory: Memory) -> dict[str, Any]:
    return {
        "capacity_bytes": memory.capacity_bytes,
        "peak_bytes": memory.peak_bytes,
        "capacities_bytes": memory.capacities_bytes,
        "stages_bytes": memory.stages,
    }


def _summary_row(outcome: Outcome, axes: Sequence[AxisKey]) -> dict[str, Any]:
    return {
        **_names(outcome),
        **{key: _cell(outcome.scenario.axes.get(key)) for key in axes},
        "plan": outcome.plan.summary(),
        "plan_devices": outcome.plan.devices,
        **_metrics(outcome),
        **run_columns(outcome),
        **summary_columns(outcome),
        **accuracy_columns(outcome),
        **{f"{line}_device_s": outcome.ledger.device_seconds[line] for line in LINES},
        "memory_peak_bytes": outcome.memory.peak_bytes,
        "memory_capacity_bytes": outcome.memory.capacity_bytes,
    }


def _cell(value: Any) -> Any:
    """A value of an axis for one cell; numbers, and nothing where a point has no such axis, as they are."""
    return axis_cell(value) if isinstance(value, (bool, list, Mapping)) else value


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
