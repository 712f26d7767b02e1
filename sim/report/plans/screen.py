"""One screen for people: the best plans of each system, what less memory costs, and how hard they were to find."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sim.catalog import plan_spreads
from sim.errors import DoesNotFit, ScaletaxError
from sim.page.borders import ascii_only
from sim.page.numbers import counted, duration, gibibytes, percent
from sim.planning import PlanRow, PlanStudy, SizeStudy, believed
from sim.records.belief import band_words, evidence_words, standing_warnings
from sim.report.layout import table, wrapped
from sim.scenario.amounts import batch_note
from sim.study.plans import SystemStudy
from sim.study.stack_range import StackStep, stack_ranges

_CHANGES_WIDTH = 17
_RULE = (
    "as little tensor parallelism as fits, then as little of a pipeline, recomputation only if needed, the largest"
    " micro-batch that fits"
)


def plans_screen(studies: Sequence[SystemStudy], top: int) -> str:
    """Return the report of searches as plain text: ASCII only, narrow enough for a terminal."""
    best = [
        StackStep(one.found.about.scenario, one.found.about.stack.name, one.found.best[0].step_s) for one in studies
    ]
    ranges = "\n".join(wrapped(f"Best plans: {line}") for line in stack_ranges(best))
    return (
        ascii_only("\n\n\n".join([*(_system(study, top) for study in studies), *([ranges] if ranges else [])])) + "\n"
    )


def _system(study: SystemStudy, top: int) -> str:
    found = study.found
    parts = [_headline(found), _best(found, top), *_sentences(found)]
    if len(found.front) > 1:
        parts.append(_front(found))
    if study.sizes:
        parts.append(_sizes(study.sizes))
    return "\n\n".join(parts)


def _headline(found: PlanStudy) -> str:
    scenario, device = found.about.scenario, found.about.devices[0]
    training, search = scenario.training, scenario.system.search
    limits = [limit.text for limit in search.only]
    limits += [f"{percent(search.memory_margin)} of the memory left free"] if search.memory_margin else []
    return wrapped(
        f"{scenario.model.name} on {scenario.system.devices:,} x {device.title} ({found.about.topologies[0].title}),"
        f" {found.about.stack.title}; batch {training.global_batch:,} x {training.sequence:,}"
        + (f"; only plans with {', '.join(limits)}" if limits else "")
    )


def _best(found: PlanStudy, top: int) -> str:
    """The best plans that the engine tried."""
    fastest_s = found.best[0].step_s
    rows = [
        (
            *found.about.kind.cells(row.plan),
            f"{row.plan.devices:,}",
            duration(row.step_s),
            f"+{percent(row.step_s / fastest_s - 1)}" if row.step_s > fastest_s else "best",
            percent(row.mfu),
            gibibytes(row.peak_bytes),
            percent(row.tax or 0.0),
        )
        for row in found.best[:top]
    ]
    headers = (*found.about.kind.columns, "used", "step\ntime", "over\nbest", "MFU", "memory", "tax")
    return table(rows, "r", headers)


def _sentences(found: PlanStudy) -> list[str]:
    """How many plans there are, how many are any good, and what a rule of thumb would lose."""
    how_hard, scenario, best = found.effort, found.about.scenario, found.best[0]
    lines = [
        f"To choose from: {counted(how_hard.legal, 'legal plan')}, of which {how_hard.fitting:,}"
        f" ({percent(how_hard.fitting / how_hard.legal)}) fit the {gibibytes(found.capacity_bytes)} of a device"
        f"{f' less a margin of {percent(margin)}' if (margin := scenario.system.search.memory_margin) else ''}."
        f" Within 5 % of the best: {how_hard.within_5_percent:,}"
        f" ({percent(how_hard.within_5_percent / how_hard.fitting)} of those that fit); within 20 %:"
        f" {how_hard.within_20_percent:,} ({percent(how_hard.within_20_percent / how_hard.fitting)}); the median takes"
        f" {how_hard.median_over_best:.2f} times as long."
    ]
    if how_hard.rule_of_thumb is not None and how_hard.rule_of_thumb_over_best is not None:
        lines.append(
            f"By a rule of thumb ({how_hard.rule_of_thumb.summary()}: {_RULE}) a step takes"
            f" {how_hard.rule_of_thumb_over_best:.2f} times as long as the best. {_measured()}"
        )
    elif found.about.kind.has_degrees:
        lines.append(f"No plan by the rule of thumb ({_RULE}) fits. {_measured()}")
    unused = scenario.system.devices - best.plan.devices
    if unused:
        lines.append(
            f"The best plan leaves {unused:,} of {scenario.system.devices:,} devices unused: the tax counts them."
        )
    tokens = scenario.training.tokens
    steps = tokens / (scenario.training.global_batch * scenario.training.sequence)
    lines.append(f"With the best plan {tokens:.3g} tokens take {duration(steps * best.step_s)} without failures.")
    lines += _believed(found)
    if rounded := batch_note(scenario.training):
        lines.append(f"note: {rounded}")
    return ["\n".join(wrapped(line) for line in lines)]


def _believed(found: PlanStudy) -> list[str]:
    """The error band of the best plan's step time, and what it rests on, or why there is none."""
    known = believed(found)
    band = f"Error of its step time, P10 to P90: {band_words(known.step)}."
    notes = [] if known.step is None else [f"note: {found.about.stack.name}: {evidence_words(known)}"]
    return [band, *notes, *(f"warning: {words}" for words in standing_warnings(found.about.stack.name, known))]


def _measured() -> str:
    """The measured spread of others' plans."""
    spreads = [
        f"{spread.least:g} to {spread.most:g} ({spread.title})"
        if spread.least < spread.most
        else f"{spread.least:g} ({spread.title})"
        for spread in plan_spreads()
    ]
    return f"Of plans that were measured, the median took {', '.join(spreads)} times as long as the best."


def _front(found: PlanStudy) -> str:
    """The front of step time against memory."""
    fastest_s = found.front[0].step_s
    rows = [
        {
            "memory": gibibytes(row.peak_bytes),
            "step time": duration(row.step_s),
            "over best": f"+{percent(row.step_s / fastest_s - 1)}",
            "plan": row.plan.summary(),
        }
        for row in found.front
    ]
    how = "; closed form" if found.about.kind.has_degrees else ""
    return f"Less memory for more time (no plan is better in both{how}):\n{table(rows, 'rrrl')}"


def _sizes(sizes: Sequence[SizeStudy]) -> str:
    """The best plan at each cluster size, and what changes from one to the next."""
    rows = [_size_row(one) for one in sizes]
    setting_headers = next((one.found.about.kind.columns for one in sizes if isinstance(one.found, PlanStudy)), ())
    width = len(setting_headers)
    filled = [row if len(row) > 2 else (row[0], *[""] * width, "", "", "", "", row[1]) for row in rows]
    headers = ("devices", *setting_headers, "unused", "step\ntime", "MFU", "tax", "settings that\nchange")
    text = table(filled, "r" * (len(headers) - 1) + "l", headers)
    changes = [one.changed for one in sizes if one.changed is not None]
    words = ""
    if changes:
        moved, mean = sum(map(bool, changes)), sum(map(len, changes)) / len(changes)
        words = (
            f"\nFrom one size to the next {mean:.1f} settings beside the replicas change on average, in {moved} of"
            f" {counted(len(changes), 'step')} any."
        )
    return f"The best plan at each size:\n{text}{words}"


def _size_row(one: SizeStudy) -> tuple[str, ...]:
    if isinstance(one.found, ScaletaxError):
        return f"{one.devices:,}", "nothing fits" if isinstance(one.found, DoesNotFit) else one.found.headline
    best: PlanRow = one.found.best[0]
    unused = one.devices - best.plan.devices
    changed = "" if one.changed is None else (", ".join(name.replace("_", " ") for name in one.changed) or "none")
    changed = textwrap.fill(changed, _CHANGES_WIDTH)
    return (
        f"{one.devices:,}",
        *one.found.about.kind.cells(best.plan),
        f"{unused:,}" if unused else "",
        duration(best.step_s),
        percent(best.mfu),
        percent(best.tax or 0.0),
        changed,
    )
