"""Every number of results.json is what its name says. The document is walked; a number without an entry here fails."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import write_results
from systems import systems

from sim.outcome.lines import GROUPS, LINES
from sim.outcome.outcome import Outcome
from sim.study.compare import LIMITS, compare
from sim.study.criteria import criteria

Path_ = tuple[str, ...]
SEQUENCE, BATCH, TOKENS = 512, 48, 2e13


def work(o: Outcome, *, causal: bool, recomputed: bool = False) -> float:
    """FLOPs of one step."""
    found = o.flops.needed if causal else o.flops.counted
    again = o.flops.recomputed_needed if causal else o.flops.recomputed_counted
    return found + again * recomputed


def peak(o: Outcome) -> float:
    """FLOP/s of all devices, used or not."""
    return sum(part.devices * part.peak_flops_per_s for part in o.parts)


def percentile(values: Any, percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) > 1 else None


def run_times(o: Outcome) -> Any:
    return o.run.runs.times_s


def amount(o: Outcome, name: str, end: str) -> float:
    """An end of an amount of the bill; per token where it is called so."""
    whole = getattr(getattr(o.bill, name.removesuffix("_per_token")), end)
    return whole / TOKENS if name.endswith("_per_token") else whole


def cost(o: Outcome, name: str, end: str) -> float | None:
    """An end of a whole amount; nothing where no source states it."""
    return None if getattr(o.bill, name) is None else amount(o, name, end)


def device_s(o: Outcome, which: str, line: str) -> float:
    return (o.ledger if which == "ledger" else o.run.ledger).device_seconds[line]


def whole_s(o: Outcome, which: str) -> float:
    """Device-seconds of a step or of the run: devices times time."""
    return o.devices * (o.step_time_s if which == "ledger" else float(run_times(o).mean()))


def steps_of(o: Outcome) -> Any:
    return o.step_times.times_s


def of_steps(o: Outcome, what: Callable[[Any], Any]) -> Any:
    """Of the simulated steps; nothing where devices are alike."""
    return None if o.step_times is None else what(steps_of(o))


def group_s(o: Outcome, which: str, group: str) -> float:
    return math.fsum(device_s(o, which, line) for line in GROUPS[group])


def of_class(o: Outcome, label: str) -> Any:
    return next(one for one in o.links.classes if one.label == label)


def held_up(one: Any, name: str) -> Any:
    """Who held everyone up; what is no device has no place in the plan."""
    return getattr(one, name) if one.by == "device" or name in ("steps", "node") else None


def stage_bytes(o: Outcome) -> list[float]:
    return [math.fsum(items.values()) for items in o.memory.stages]


def fullest(o: Outcome) -> int:
    shares = [size / has for size, has in zip(stage_bytes(o), o.memory.capacities_bytes, strict=True)]
    return shares.index(max(shares))


def attribute(value: Any, *path: str) -> Any:
    """What lies at a path of attributes, keys and places."""
    for part in path:
        if isinstance(value, Mapping):
            value = value[part]
        else:
            value = value[int(part)] if part.isdigit() else getattr(value, part)
    return value


# A path of a point, * for one part of it and ** for all that follow -> what must stand there, of the outcome and of
# what the stars stand for.
NUMBERS: dict[str, Callable[..., Any]] = {
    "devices": lambda o: sum(part.devices for part in o.parts),
    "seed": lambda o: o.scenario.seed,
    "axes/*": lambda o, axis: o.scenario.axes[axis],
    "parts/*/devices": lambda o, i: o.parts[int(i)].devices,
    "parts/*/peak_flops_per_s": lambda o, i: o.parts[int(i)].peak_flops_per_s,
    "parts/*/stages/*": lambda o, i, n: list(o.parts[int(i)].stages)[int(n)],
    "plan/**": lambda o, *path: attribute(o.plan, *path),
    "effort": lambda o: o.effort,
    "effort/**": lambda o, *path: attribute(o.effort, *path),
    "step_time_s": lambda o: o.ledger.total_s / o.devices,
    "tokens_per_step": lambda o: BATCH * SEQUENCE,
    "tokens_per_s_per_device": lambda o: BATCH * SEQUENCE / o.step_time_s / sum(part.devices for part in o.parts),
    "tokens_per_s": lambda o: BATCH * SEQUENCE / o.step_time_s,
    "mfu_full": lambda o: work(o, causal=False) / o.step_time_s / peak(o),
    "mfu_causal": lambda o: work(o, causal=True) / o.step_time_s / peak(o),
    "mfu_half": lambda o: (
        work(o, causal=True) / o.step_time_s / sum(part.devices * part.half_flops_per_s for part in o.parts)
    ),
    "hfu": lambda o: work(o, causal=True, recomputed=True) / o.step_time_s / peak(o),
    "distribution_tax": lambda o: group_s(o, "ledger", "split") / whole_s(o, "ledger"),
    "steps": lambda o: TOKENS / (BATCH * SEQUENCE),
    "time_to_train_s": lambda o: percentile(run_times(o), 50),
    "device_hours": lambda o: percentile(run_times(o), 50) * o.devices / 3600,
    "run/runs": lambda o: len(run_times(o)),
    "time_to_train_p10_s": lambda o: percentile(run_times(o), 10),
    "time_to_train_p50_s": lambda o: percentile(run_times(o), 50),
    "time_to_train_p90_s": lambda o: percentile(run_times(o), 90),
    "run/time_to_train_mean_s": lambda o: run_times(o).mean(),
    "goodput": lambda o: o.run.runs.lines_s["training"].sum() / run_times(o).sum(),
    "failures": lambda o: o.run.runs.failures.mean(),
    "mean_time_between_failures_s": lambda o: o.run.conditions.between_failures_s,
    "checkpoint_every_steps": lambda o: o.run.conditions.checkpoints.every_steps,
    "run/start_up_s": lambda o: o.run.conditions.start_up_s,
    "run/recovery_s": lambda o: o.run.conditions.mean_recovery_s,
    "run/checkpoint_size_bytes": lambda o: o.run.conditions.checkpoints.size_bytes,
    "run/checkpoint_blocking_s": lambda o: o.run.conditions.checkpoints.blocking_s,
    "run/checkpoint_write_s": lambda o: o.run.conditions.checkpoints.write_s,
    "run/lines_mean_s/*": lambda o, line: o.run.runs.lines_s[line].mean(),
    "undisturbed_s": lambda o: o.steps * o.step_time_s,
    **{
        f"{name}{suffix}": (lambda o, name=name, end=end: cost(o, name, end))
        for name in ("energy_joules", "rental_usd", "purchase_usd")
        for suffix, end in (("_low", "low"), ("", "typical"), ("_high", "high"))
    },
    "bill/*": lambda o, name: getattr(o.bill, name.removesuffix("_per_token")),
    "bill/*/*": amount,
    "expected_losses/**": lambda o, *path: attribute(o.expected_losses, *path),
    "variation_profile/**": lambda o, *path: attribute(o.scenario.system.variation, *path),
    "step_times": lambda o: o.step_times,
    "simulated_steps": lambda o: of_steps(o, len),
    "step_time_alike_s": lambda o: o.step_times and o.counterfactual_step_times_s["no variation"],
    "step_time_mean_s": lambda o: of_steps(o, np.mean),
    "step_time_p50_s": lambda o: of_steps(o, lambda times: percentile(times, 50)),
    "step_time_p95_s": lambda o: of_steps(o, lambda times: percentile(times, 95)),
    "step_time_p99_s": lambda o: of_steps(o, lambda times: percentile(times, 99)),
    "step_time_coefficient_of_variation": lambda o: of_steps(o, lambda s: np.std(s, ddof=1) / np.mean(s)),
    "step_times/late_s/*": lambda o, cause: o.step_times.late_s[cause],
    "step_times/held_up/*/*": lambda o, i, name: held_up(o.step_times.held_up[int(i)], name),
    "step_times/times_s/*": lambda o, i: steps_of(o)[int(i)],
    "counterfactual_step_times_s/*": lambda o, name: o.counterfactual_step_times_s[name],
    "links/bottleneck": lambda o: o.links.bottleneck,
    "links/classes/*/*": lambda o, label, name: getattr(of_class(o, label), name),
    "memory_capacity_bytes": lambda o: o.memory.capacities_bytes[fullest(o)],
    "memory_peak_bytes": lambda o: stage_bytes(o)[fullest(o)],
    "memory/capacities_bytes/*": lambda o, stage: o.memory.capacities_bytes[int(stage)],
    "memory/stages_bytes/*/*": lambda o, stage, item: o.memory.stages[int(stage)][item],
    "step_time_error_p10": lambda o: (o.confidence.errors or (None, None))[0],
    "step_time_error_p90": lambda o: (o.confidence.errors or (None, None))[1],
    "peak_memory_error_p10": lambda o: o.confidence.memory and o.confidence.memory.low,
    "peak_memory_error_p90": lambda o: o.confidence.memory and o.confidence.memory.high,
    "check_sources": lambda o: o.confidence.step.sources if o.confidence.step else 0,
    "accuracy/evidence": lambda o: o.confidence.step,
    "accuracy/evidence/**": lambda o, *path: attribute(o.confidence.step, *path),
    "accuracy/searched": lambda o: o.confidence.is_searched,
    "accuracy/checked_on": lambda o: o.confidence.standing.compared,
    "accuracy/checked_on/**": lambda o, *path: attribute(o.confidence.standing.compared, *path),
    "ledger/total_device_s": lambda o: whole_s(o, "ledger"),
    "ledger/groups/*/device_s": lambda o, group: group_s(o, "ledger", group),
    "ledger/groups/*/share": lambda o, group: group_s(o, "ledger", group) / whole_s(o, "ledger"),
    "ledger/groups/*/lines/*/device_s": lambda o, _, line: device_s(o, "ledger", line),
    "ledger/groups/*/lines/*/share": lambda o, _, line: device_s(o, "ledger", line) / whole_s(o, "ledger"),
    "run_ledger/total_device_s": lambda o: whole_s(o, "run"),
    "run_ledger/groups/*/device_s": lambda o, group: group_s(o, "run", group),
    "run_ledger/groups/*/share": lambda o, group: group_s(o, "run", group) / whole_s(o, "run"),
    "run_ledger/groups/*/lines/*/device_s": lambda o, _, line: device_s(o, "run", line),
    "run_ledger/groups/*/lines/*/share": lambda o, _, line: device_s(o, "run", line) / whole_s(o, "run"),
}


def limit(equal: Any, name: str) -> Any:
    return equal.afforded.get(name)


# The same for the comparison of the points: paths of its part of the document.
COMPARED: dict[str, Callable[..., Any]] = {
    "criteria/*/*": lambda c, i, name: getattr(criteria(c)[int(i)], name),
    "criteria/*/*/*": lambda c, i, whose, what: attribute(getattr(criteria(c)[int(i)], whose), what),
    "knees/*/line": lambda c, i: c.bends[int(i)].growth,
    "knees/*/line_share_of_growth": lambda c, i: g.share if (g := c.bends[int(i)].growth) else None,
    "knees/*/*": lambda c, i, name: getattr(c.bends[int(i)].knee, name),
    "equals/*/reference_devices": lambda c, i: c.equals[int(i)].reference[1].devices,
    "equals/*/tax": lambda c, i: c.equals[int(i)].tax,
    "equals/*/useful_share": lambda c, i: c.equals[int(i)].useful,
    "equals/*/*": lambda c, i, name: getattr(c.equals[int(i)], name),
    "equals/*/*/**": lambda c, i, *path: attribute(c.equals[int(i)], *path),
    "equals/*/at_equal/*": lambda c, i, name: limit(c.equals[int(i)], name),
    "equals/*/at_equal/*/*": lambda c, i, name, what: getattr(limit(c.equals[int(i)], name), what),
    "equals/*/counterfactual/*/*": lambda c, i, name, what: getattr(c.equals[int(i)].counterfactual[name], what),
}

# What stands beside the points, and what holds it.
ELSEWHERE = {
    "schema": "the format, tests/report/test_files.py",
    "seed": "of the points",
    "scenario": "what was asked for, tests/scenario/test_resolved_copy.py",
    "points": "above",
    "comparison": "above",
    "scaletax": "text",
    "versions": "text",
    "failures": "text",
    "files": "text",
}


def leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """(path, value) of every number, truth value and null; text is held by other tests."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, (*path, str(index)))
    elif not isinstance(value, str):
        yield path, value


def entry_of(path: Path_, entries: Mapping[str, Any]) -> tuple[str, list[str]] | None:
    """The first entry that a path fits, and what its stars stand for; whole words before stars."""
    for pattern in sorted(entries, key=lambda one: [part.startswith("*") for part in one.split("/")]):
        parts = pattern.split("/")
        rest = parts[-1] == "**"
        fixed = parts[:-1] if rest else parts
        if len(path) > len(fixed) if rest else len(path) == len(fixed):
            pairs = list(zip(fixed, path, strict=False))
            if all(part in ("*", own) for part, own in pairs):
                return pattern, [own for part, own in pairs if part == "*"] + list(path[len(fixed) :] if rest else ())
    return None


def held(values: Any, of: Any, entries: Mapping[str, Callable[..., Any]]) -> set[str]:
    """Hold every number of a document to its entry; return the entries that were used."""
    used = set()
    for path, value in leaves(values):
        found = entry_of(path, entries)
        assert found is not None, f"{'/'.join(path)} has no entry"
        pattern, stars = found
        used.add(pattern)
        expected = entries[pattern](of, *stars)
        if value is None or isinstance(value, bool):
            assert value == expected, path
        else:
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-15), path
    return used


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """results.json as a run writes it."""
    folder = tmp_path_factory.mktemp("results")
    write_results(systems(), [], folder, charts=False)
    return dict(json.loads((folder / "results.json").read_text(encoding="utf-8")))


def test_every_number_of_a_point_is_what_its_name_says(document: dict[str, Any]) -> None:
    assert len(document["points"]) == len(systems())
    used = set()
    for point, outcome in zip(document["points"], systems(), strict=True):
        used |= held(point, outcome, NUMBERS)
    assert used == set(NUMBERS)


def test_every_number_of_the_comparison_is_what_its_name_says(document: dict[str, Any]) -> None:
    comparison = compare(systems())
    assert comparison is not None
    used = held({key: document["comparison"][key] for key in ("criteria", "knees", "equals")}, comparison, COMPARED)
    told = {**document["comparison"], "criteria": 0, "knees": 0, "equals": 0}
    assert not [path for path, _ in leaves(told) if len(path) > 1]
    assert {"equals/*/*/**", "equals/*/at_equal/*/*", "knees/*/*", "equals/*/tax", "criteria/*/*/*"} <= used
    assert set(LIMITS) == set(document["comparison"]["equals"][0]["at_equal"])


def test_nothing_else_in_the_document_is_a_number(document: dict[str, Any]) -> None:
    assert set(document) == set(ELSEWHERE)
    assert [path for path, _ in leaves(document) if ELSEWHERE[path[0]] == "text"] == []
    assert document["seed"] == 3


def test_points_that_differ_are_told_apart() -> None:
    # A swapped entry is only seen where numbers differ: no two of a point's main figures are the same.
    names = ("tokens_per_s", "mfu_full", "mfu_causal", "hfu", "distribution_tax", "time_to_train_s", "step_time_s")
    for outcome in systems():
        figures = [NUMBERS[name](outcome) for name in names]
        if outcome.flops.recomputed_needed:
            assert len(set(figures)) == len(figures)
    assert any(outcome.flops.recomputed_needed for outcome in systems())
    assert set(LINES) == {line for group in GROUPS.values() for line in group}


def test_a_number_that_nobody_knows_is_noticed(document: dict[str, Any]) -> None:
    point = {**document["points"][0], "new_metric": 1.0}
    with pytest.raises(AssertionError, match="new_metric has no entry"):
        held(point, systems()[0], NUMBERS)


def test_a_number_of_one_device_is_noticed(document: dict[str, Any]) -> None:
    point, outcome = document["points"][-1], systems()[-1]
    assert outcome.devices > 1
    with pytest.raises(AssertionError):
        held({**point, "tokens_per_s": point["tokens_per_s"] / outcome.devices}, outcome, NUMBERS)


def test_the_file_is_the_document(document: dict[str, Any], tmp_path: Path) -> None:
    paths = write_results(systems(), [], tmp_path, charts=False)
    assert paths[0].name == "results.json"
    again = json.loads(paths[0].read_text(encoding="utf-8"))
    assert list(leaves(again["points"])) == list(leaves(document["points"]))
