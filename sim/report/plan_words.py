"""What screens and reports say of searches for plans: the answer, what stands next to it, how far to believe it."""

from __future__ import annotations

from collections.abc import Sequence

from sim.catalog import plan_spreads
from sim.page.blocks import Block, Said
from sim.page.numbers import (
    counted,
    duration,
    few,
    gibibytes,
    gibibytes_of,
    large,
    number,
    percent,
    plain_percent,
    signed_percent,
    usd_span,
    whole,
)
from sim.planning import SizeStudy, believed
from sim.records.belief import band_words, evidence_words, standing_warnings
from sim.report.point_tables import is_narrow
from sim.scenario.amounts import batch_note
from sim.study.plans import SystemStudy
from sim.study.points import named_system, placed
from sim.study.stack_range import StackStep, stack_ranges

REFUSED = "Megatron and DeepSpeed refuse them"
_RULE = (
    "as little tensor parallelism as fits, then as little of a pipeline, recomputation only if needed, the largest"
    " micro-batch that fits"
)


def headline(studies: Sequence[SystemStudy], *, whole_story: bool = False) -> str:
    """What is planned. whole_story: with titles instead of names, and limits of the search."""
    about, scenario = studies[0].found.about, studies[0].found.about.scenario
    jobs = [(one.model.name, one.training) for one in (study.found.about.scenario for study in studies)]
    works = dict.fromkeys(f"{name}, batch {one.global_batch:,} x {one.sequence:,}" for name, one in jobs)
    if len(studies) > 1:
        return f"{next(iter(works)) if len(works) == 1 else 'Several jobs'}: {len(studies)} systems"
    hardware = f"{next(iter(works))}, {scenario.system.devices:,} x {about.devices[0].title}"
    limits, margin = [limit.text for limit in scenario.system.search.only], scenario.system.search.memory_margin
    limits += [f"{plain_percent(margin)} of the memory left free"] if margin else []
    only = f"; only plans with {', '.join(limits)}" if limits else ""
    whole_words = f"{hardware} ({about.topologies[0].title}), {about.stack_title}{only}"
    return whole_words if whole_story else f"{hardware}, {software(studies[0])}"


def place(study: SystemStudy) -> str:
    scenario = study.found.about.scenario
    return f"{placed(named_system(scenario), scenario, scenario.system.devices)}, {software(study)}"


def precision_of(study: SystemStudy) -> str:
    """Of the products."""
    return study.found.about.scenario.training.precision


def software(study: SystemStudy) -> str:
    """The stack, and the precision where it is not the usual one."""
    precision = precision_of(study)
    return study.found.about.stack_label + ("" if precision == "bf16" else f", {precision}")


def answer(study: SystemStudy, *, short: bool = False) -> str:
    """What to set, and what that comes to. short: beside others."""
    found, best, scenario = study.found, study.found.best[0], study.found.about.scenario
    tokens_per_s = scenario.training.global_batch * scenario.training.sequence / best.step_s
    bill = study.run.bill.rental_usd if study.run and study.run.bill else None
    per_device = f" {whole(tokens_per_s / scenario.system.devices)} tokens/s/{found.about.kind.label},"
    memory = gibibytes_of(best.peak_bytes, found.capacity_bytes)
    devices, used = scenario.system.devices, best.plan.devices
    on = "" if used == devices else f" on {whole(used)} of {counted(devices, 'device')}"
    half = f" ({percent(study.run.mfu_half, 0)} of the bf16 peak)" if study.run and is_narrow(study.run) else ""
    tokens = "" if short else f"{large(float(scenario.training.tokens))} tokens in "
    return (
        f"{best.plan.summary()}{on}: {duration(best.step_s)} a step,{'' if short else per_device} MFU"
        f" {percent(best.mfu, 0)}{half}, {memory}; {tokens}{duration(study.time_s)}"
        f"{'' if study.run else ' without failures'}{f', {usd_span(bill.low, bill.high)} rented' if bill else ''}."
    )


def beside(study: SystemStudy) -> list[Block]:
    """Next to an answer: the error band in words, and what is wrong with the plan."""
    band = believed(study.found).step
    words_of = "." if band is None else " in 8 of 10 predictions like it (negative: predicted too fast)."
    return [Said(f"Error of the step: {band_words(band)}{words_of}"), *uneven(study)]


def uneven(study: SystemStudy) -> list[Block]:
    """What to set instead of a plan whose replicas have different numbers of micro-batches."""
    even, instead = study.found.even, "no other fits"
    if even is None:
        return []
    if row := even.row:
        over = signed_percent(row.step_s / study.found.best[0].step_s - 1)
        instead = f"the best even plan is {row.plan.summary()}, {duration(row.step_s)} ({over})"
    text = (
        f"replicas of {even.fewest} and {even.most} micro-batches: {REFUSED}. Set a batch of"
        f" {' or '.join(map(whole, even.batches))}; for this batch, {instead}."
    )
    return [Said(text, "warning")]


def hard(study: SystemStudy) -> str:
    """How hard the best plan was to find, in a sentence."""
    effort, limits = study.found.effort, [limit.text for limit in study.found.about.scenario.system.search.only]
    only = f" with {', '.join(limits)}" if limits else ""
    by_rule, over = effort.rule_of_thumb, effort.rule_of_thumb_over_best
    rule = f"; a rule of thumb ({by_rule.summary()}) takes {percent(over - 1)} longer" if by_rule and over else ""
    return (
        f"Of {counted(effort.legal, 'legal plan')}{only} {whole(effort.fitting)} fit, {whole(effort.within_5_percent)}"
        f" within 5 % of the best{rule}."
    )


def faster(study: SystemStudy) -> list[str]:
    """What the plan would gain in narrower formats; nothing where it gains nothing."""
    if not study.faster:
        return []
    first, *others = study.faster
    also = "".join(f", {one.precision} {number(one.speedup)}" for one in others)
    return [
        f"The same plan in {first.precision}: {number(first.speedup)} times as fast{also}, by the closed form (--set"
        f" training.precision={first.precision}); what that does to the loss is not simulated."
    ]


def found_words(study: SystemStudy) -> tuple[str, ...]:
    """How many plans there are, how many are any good, what a rule of thumb would lose, and what it all rests on."""
    found, effort, scenario = study.found, study.found.effort, study.found.about.scenario
    margin = scenario.system.search.memory_margin
    lines = [
        f"To choose from: {counted(effort.legal, 'legal plan')}, of which {whole(effort.fitting)}"
        f" ({percent(effort.fitting / effort.legal)}) fit the {gibibytes(found.capacity_bytes)} of a device"
        f"{f' less a margin of {plain_percent(margin)}' if margin else ''}. Within 5 % of the best:"
        f" {whole(effort.within_5_percent)} ({percent(effort.within_5_percent / effort.fitting)} of those that fit);"
        f" within 20 %: {whole(effort.within_20_percent)} ({percent(effort.within_20_percent / effort.fitting)}); the"
        f" median takes {number(effort.median_over_best)} times as long."
    ]
    if effort.rule_of_thumb is not None and effort.rule_of_thumb_over_best is not None:
        lines.append(
            f"By a rule of thumb ({effort.rule_of_thumb.summary()}: {_RULE}) a step takes"
            f" {percent(effort.rule_of_thumb_over_best - 1)} longer than the best. {_measured()}"
        )
    elif found.about.kind.has_degrees:
        lines.append(f"No plan by the rule of thumb ({_RULE}) fits. {_measured()}")
    unused = scenario.system.devices - found.best[0].plan.devices
    of = f"{whole(unused)} of {counted(scenario.system.devices, 'device')}"
    lines += [f"The best plan leaves {of} unused: what is lost to splitting counts them."] if unused else []
    tokens = large(float(scenario.training.tokens))
    lines.append(f"With the best plan {tokens} tokens take {duration(study.undisturbed_s)} without failures.")
    known, stack = believed(found), found.about.stack_label
    lines += [] if known.step is None else [f"{stack}: {evidence_words(known)}"]
    lines += [f"warning: {text}" for text in standing_warnings(stack, known)]
    return (*lines, *faster(study), *filter(None, [batch_note(scenario.training)]))


def _measured() -> str:
    """The measured spread of others' plans."""
    spans = [(one.title, sorted({one.least, one.most})) for one in plan_spreads()]
    spreads = [f"{' to '.join(map(number, ends))} ({title})" for title, ends in spans]
    return f"Of plans that were measured, the median took {', '.join(spreads)} times as long as the best."


def changing(sizes: Sequence[SizeStudy]) -> str:
    """How much changes from one size to the next."""
    changes = [one.changed for one in sizes if one.changed is not None]
    if not changes:
        return ""
    moved, mean = sum(map(bool, changes)), sum(map(len, changes)) / len(changes)
    return (
        f"From one size to the next {number(mean)} settings beside the replicas change on average, in {moved} of"
        f" {counted(len(changes), 'step')} any."
    )


def ranges(studies: Sequence[SystemStudy]) -> list[str]:
    """How far the best plans lie apart over several stacks."""
    found = [(one.found.about, one.found.best[0]) for one in studies]
    steps = [StackStep(about.scenario, about.stack_label, best.step_s) for about, best in found]
    return [f"Best plans: {text}" for text in stack_ranges(steps)]


def trust(studies: Sequence[SystemStudy], band: str = "the band of each system") -> str:
    """One line: what was compared with measurements, what is guessed, what is assumed. band: where bands are told."""
    known = [believed(one.found) for one in studies]
    parts = []
    if len(studies) == 1:
        place, stack = known[0].standing, studies[0].found.about.stack_label
        if known[0].step is None:
            parts.append("nothing like it was compared with measurements")
        elif place.compared is None:
            parts.append(f"no published row ran {stack}")
        else:
            only = f"{stack} was only checked on {few(place.outside, 2)}"
            parts.append(only if place.outside else "inside what was compared with measurements")
    else:
        of = counted(len(studies), "system")
        outside = sum(one.step is not None and bool(one.standing.outside) for one in known)
        never = sum(one.step is None for one in known)
        parts += [f"8 of 10 errors lie within {band} (-: too fast)"] if never < len(known) else []
        parts += [f"{outside} of {of} outside what was compared"] if outside else []
        parts += [f"{never} of {of} like nothing that was measured"] if never else []
    guessed = any(one.found.about.scenario.system.stack_is_default for one in studies)
    parts += ["stack not named: the default is taken"] if guessed else []
    by_hand = dict.fromkeys(text for one in studies for text in one.left_out)
    parts += [f"no search tries {few(list(by_hand), 2)}: left out"] if by_hand else []
    bills = [one.run.bill for one in studies if one.run and one.run.bill]
    assumed = dict.fromkeys(str(one) for bill in bills for one in bill.assumed)
    parts += [f"assumed: {few(list(assumed), 2)}"] if assumed else []
    return f"Trust: {'; '.join(parts)}."
