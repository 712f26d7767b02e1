"""The tables of a comparison, as rows of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.outcome.comparison.metrics import goodput, without_failures_s
from sim.outcome.outcome import Outcome
from sim.page.numbers import duration, number
from sim.report.accuracy import error_band
from sim.report.comparison.words import OUTSIDE, UNKNOWN, devices_band, devices_text, energy, share, usd
from sim.study.compare import LIMITS, Comparison, Equal, counterfactual_names
from sim.study.criteria import criteria
from sim.study.points import Curve

_LIMIT_WORDS = {"rental": "rental", "owned": "cost, owned", "power": "power"}


@dataclass(frozen=True, slots=True)
class Rows:
    """One table."""

    headers: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def points_table(comparison: Comparison) -> Rows:
    """Every point: plan, step, loss to distribution, time with failures, cost."""
    headers = (
        "system", "devices", "plan", "used", "step", "error", "tax", "useful", "goodput", "time to train",
        "P10 to P90 of runs", "device-hours", "rental", "owned", "energy",
    )  # fmt: skip
    return Rows(headers, [_point_row(curve, point) for curve in comparison.curves for point in curve.points])


def equals_table(comparison: Comparison) -> Rows:
    """What is as fast as each reference, and what it costs."""
    headers = (
        "as fast as",
        "system",
        "devices",
        "within the error bands",
        "tax",
        "useful",
        "rental",
        "owned",
        "energy",
    )
    rows: list[tuple[str, ...]] = []
    for curve, point in comparison.references:
        bill = point.bill
        costs = (usd(bill.rental_usd), usd(bill.purchase_usd), energy(bill.energy_joules)) if bill else (UNKNOWN,) * 3
        name = curve.place(point)
        rows.append(
            (name, curve.label, f"{point.devices:,}", "", share(point.ledger.tax), share(point.useful_share), *costs)
        )
        rows += [
            (
                name,
                equal.curve.label,
                devices_text(equal.match),
                devices_band(equal.lowest, equal.highest),
                *_costs(equal),
            )
            for equal in comparison.equals
            if equal.reference[1] is point
        ]
    return Rows(headers, rows)


def limits_table(comparison: Comparison) -> Rows:
    """How fast each system is for the money, and at the power, of each reference."""
    headers = ("as much as", "of", "amount", "time of it", "system", "devices", "its time")
    rows: list[tuple[str, ...]] = []
    for equal in comparison.equals:
        curve, point = equal.reference
        for name, amount in LIMITS.items():
            limit = amount(point)
            words = UNKNOWN if limit is None else f"{limit:,.0f} USD" if name != "power" else f"{limit / 1e3:,.1f} kW"
            start = (curve.place(point), _LIMIT_WORDS[name], words, duration(point.time_to_train_s))
            if name not in equal.afforded:
                rows.append((*start, equal.curve.label, UNKNOWN, UNKNOWN))
            elif (found := equal.afforded[name]) is None:
                rows.append((*start, equal.curve.label, "none", f"even {equal.curve.smallest.devices:,} are above it"))
            else:
                rows.append((*start, equal.curve.label, number(round(found.devices, 1)), duration(found.time_s)))
    return Rows(headers, rows)


def knees_table(comparison: Comparison) -> Rows:
    """Where each curve bends."""
    headers = ("system", "knee", "elasticity before", "elasticity after", "line that grows most", "of the growth")
    places = {"inside": "{}", "first": "{} or fewer", "last": "not reached with {}"}
    rows: list[tuple[str, ...]] = []
    for bend in comparison.bends:
        knee, growth = bend.knee, bend.growth
        slopes = (
            "-" if one is None else f"{round(one, 2) + 0.0:.2f}"
            for one in (knee.elasticity_before, knee.elasticity_after)
        )
        grown = ("-", "-") if growth is None or growth.share is None else (growth.line, share(growth.share))
        rows.append((bend.curve.label, places[knee.place].format(number(knee.devices)), *slopes, *grown))
    return Rows(headers, rows)


def counterfactuals_table(comparison: Comparison) -> Rows:
    """Steps without one thing over the step as it is, and runs without failures over the run as it is."""
    names = list(dict.fromkeys(name for point in comparison.points for name in point.counterfactual_step_times_s))
    rows = [_counterfactual_row(curve, point, names) for curve in comparison.curves for point in curve.points]
    return Rows(("system", "devices", *names, "no failures (of the run)"), rows)


def counterfactual_equals_table(comparison: Comparison) -> Rows:
    """How much of each system would be as fast as each reference without one thing."""
    names = counterfactual_names([equal.curve for equal in comparison.equals])
    rows = [
        (
            equal.reference[0].place(equal.reference[1]),
            equal.curve.label,
            devices_text(equal.match),
            *(devices_text(equal.counterfactual[name]) for name in names),
        )
        for equal in comparison.equals
    ]
    return Rows(("as fast as", "system", "as it is", *names), rows)


def effort_table(comparison: Comparison) -> Rows:
    """How hard plans were to find."""
    headers = (
        "system", "devices", "legal plans", "that fit", "within 5 %", "within 20 %", "median", "rule of thumb",
    )  # fmt: skip
    return Rows(headers, [_effort_row(curve, point) for curve in comparison.curves for point in curve.points])


def criteria_table(comparison: Comparison) -> Rows:
    """What is compared, and who has less."""
    rows: list[tuple[str, ...]] = []
    for row in criteria(comparison):
        less = {"reference": row.place, "other": row.system}.get(row.ahead, row.ahead)
        rows.append(
            (row.name, row.place, str(row.own), row.system, str(row.other), less, ", ".join(map(str, row.assumed)))
        )
    return Rows(("compared", "reference", "has", "system", "has", "less has", "rests on assumed"), rows)


def _costs(equal: Equal) -> tuple[str, ...]:
    if equal.match.reach != "within":
        return (OUTSIDE,) * 5
    return (
        share(equal.tax),
        share(equal.useful),
        usd(equal.rental_usd),
        usd(equal.owned_usd),
        energy(equal.energy_joules),
    )


def _point_row(curve: Curve, point: Outcome) -> tuple[str, ...]:
    run, bill = point.run, point.bill
    spread = f"{duration(run.percentile_s(10))} to {duration(run.percentile_s(90))}" if run else "-"
    costs = (usd(bill.rental_usd), usd(bill.purchase_usd), energy(bill.energy_joules)) if bill else (UNKNOWN,) * 3
    return (
        curve.label,
        f"{point.devices:,}",
        point.plan.summary(),
        f"{point.plan.devices:,}",
        duration(point.step_time_s),
        error_band(point),
        share(point.ledger.tax),
        share(point.useful_share),
        share(goodput(point)),
        duration(point.time_to_train_s),
        spread,
        f"{point.device_hours:,.0f}",
        *costs,
    )


def _counterfactual_row(curve: Curve, point: Outcome, names: Sequence[str]) -> tuple[str, ...]:
    found = point.counterfactual_step_times_s
    steps = [f"{found[name] / point.step_time_s:.3f}" if name in found else "-" for name in names]
    calm_s = without_failures_s(point)
    return (
        curve.label,
        f"{point.devices:,}",
        *steps,
        "-" if calm_s is None else f"{calm_s / point.time_to_train_s:.3f}",
    )


def _effort_row(curve: Curve, point: Outcome) -> tuple[str, ...]:
    effort, start = point.effort, (curve.label, f"{point.devices:,}")
    if effort is None:
        return (*start, *("not counted",) * 6)
    by_rule = effort.rule_of_thumb_over_best
    return (
        *start,
        f"{effort.legal:,}",
        f"{effort.fitting:,}",
        f"{effort.within_5_percent:,}",
        f"{effort.within_20_percent:,}",
        f"{number(float(effort.median_over_best))} times",
        "does not fit" if by_rule is None else f"{number(float(by_rule))} times",
    )
