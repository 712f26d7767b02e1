"""The sections of a report that measure systems against points of one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sim.catalog import Range
from sim.machines import kind_of
from sim.outcome.comparison.metrics import without_failures_s
from sim.outcome.effort import Effort
from sim.outcome.lines import line_title
from sim.outcome.outcome import Outcome
from sim.page.blocks import Bullets, Column, Said, Section, Table, section, table, words
from sim.page.numbers import UNKNOWN, duration, fixed, megawatt_hours, number, percent, rounded, whole
from sim.report.verdict import CRITERIA, OUTSIDE, amount, devices_band, devices_text, verdict
from sim.study.compare import LIMITS, Bend, Comparison, Equal, counterfactual_names
from sim.study.criteria import Criterion, criteria
from sim.study.points import Curve

_LIMIT_WORDS = {"rental": "rental", "owned": "cost, owned", "power": "power"}
_KNEES = {"inside": "{}", "first": "{} or fewer", "last": "not reached with {}"}
_Point = tuple[Curve, Outcome]


def comparison_sections(comparison: Comparison) -> list[Section | None]:
    """The verdict and every table behind it."""
    return [
        section("Verdict", Bullets(tuple(verdict(comparison)))),
        section("Who has less", criteria_table(comparison)),
        section("As fast as", equals_table(comparison)),
        section("For the same money, at the same power", limits_table(comparison)),
        section("Where the curves bend", Said(_KNEE), knees_table(comparison)),
        section("As fast as, without one thing", Said(_STAYS), counterfactual_equals_table(comparison)),
        section("Planning effort", effort_table(comparison)),
    ]


def criteria_table(comparison: Comparison) -> Table:
    """What is compared, and who has less."""
    return table(
        criteria(comparison),
        [
            words("compared", lambda row: CRITERIA[row.kind].title, key=True),
            words("reference", lambda row: row.place),
            words("has", lambda row: amount(row, row.own, row.devices and row.devices[0])),
            words("system", lambda row: row.system),
            words("has", lambda row: amount(row, row.other, row.devices and row.devices[1])),
            words("less has", _less),
            words("rests on assumed", lambda row: ", ".join(map(str, row.assumed))),
        ],
    )


def equals_table(comparison: Comparison) -> Table:
    """What is as fast as each reference, and what it costs; the reference itself first."""
    rows: list[_Point | Equal] = []
    for curve, point in comparison.references:
        rows += [(curve, point), *(equal for equal in comparison.equals if equal.reference[1] is point)]
    return table(
        rows,
        [
            words("as fast as", lambda row: _place(row.reference if isinstance(row, Equal) else row), key=True),
            words("system", lambda row: (row.curve if isinstance(row, Equal) else row[0]).label, key=True),
            Column("devices", lambda row: devices_text(row.match) if isinstance(row, Equal) else whole(row[1].devices)),
            words(
                "within the error bands",
                lambda row: devices_band(row.lowest, row.highest) if isinstance(row, Equal) else "",
            ),
            Column("lost to splitting", lambda row: _cost(row, "tax")),
            Column("useful", lambda row: _cost(row, "useful")),
            Column("rented", lambda row: _cost(row, "rental_usd")),
            Column("owned", lambda row: _cost(row, "owned_usd")),
            Column("energy", lambda row: _cost(row, "energy_joules")),
        ],
    )


def limits_table(comparison: Comparison) -> Table:
    """How fast each system is for the money, and at the power, of each reference."""
    return table(
        [(equal, name) for equal in comparison.equals for name in LIMITS],
        [
            words("as much as", lambda row: _place(row[0].reference), key=True),
            words("of", lambda row: _LIMIT_WORDS[row[1]], key=True),
            Column("amount", _limit),
            Column("time of it", lambda row: duration(row[0].reference[1].time_to_train_s)),
            words("system", lambda row: row[0].curve.label, key=True),
            Column("devices", lambda row: _afforded(*row)[0]),
            Column("its time", lambda row: _afforded(*row)[1]),
        ],
    )


def knees_table(comparison: Comparison) -> Table:
    """Where each curve bends."""
    return table(
        comparison.bends,
        [
            words("system", lambda bend: bend.curve.label, key=True),
            words("knee", lambda bend: _KNEES[bend.knee.place].format(number(bend.knee.devices))),
            Column("elasticity before", lambda bend: _slope(bend.knee.elasticity_before)),
            Column("elasticity after", lambda bend: _slope(bend.knee.elasticity_after)),
            words("line that grows most", lambda bend: _growth(bend)[0]),
            Column("of the growth", lambda bend: _growth(bend)[1]),
        ],
    )


def without_table(points: Sequence[_Point]) -> Table:
    """Steps without one thing over the step as it is, and runs without failures over the run as it is."""
    rows = [row for row in points if row[1].counterfactual_step_times_s]
    names = dict.fromkeys(name for _, point in rows for name in point.counterfactual_step_times_s)
    return table(
        rows,
        [
            *_NAMED,
            *(Column(name, partial(_without, name)) for name in names),
            Column("no failures (of the run)", lambda row: _calm(row[1])),
        ],
    )


def counterfactual_equals_table(comparison: Comparison) -> Table:
    """How much of each system would be as fast as each reference without one thing."""
    names = counterfactual_names([equal.curve for equal in comparison.equals])
    return table(
        comparison.equals,
        [
            words("as fast as", lambda equal: _place(equal.reference), key=True),
            words("system", lambda equal: equal.curve.label, key=True),
            Column("as it is", lambda equal: devices_text(equal.match)),
            *(Column(name, partial(_equal_without, name)) for name in names),
        ],
    )


def effort_table(comparison: Comparison) -> Table:
    """How hard plans were to find, where it was counted, and whether they split the model itself."""

    def counted(text: Callable[[Effort], str]) -> Callable[[_Point], str]:
        return lambda row: "-" if row[1].effort is None else text(row[1].effort)

    return table(
        _points(comparison),
        [
            *_NAMED,
            words("splits the model", lambda row: "yes" if kind_of(row[1].plan).splits_model(row[1].plan) else "no"),
            Column("legal plans", counted(lambda effort: whole(effort.legal))),
            Column("that fit", counted(lambda effort: whole(effort.fitting))),
            Column("within 5 %", counted(lambda effort: whole(effort.within_5_percent))),
            Column("within 20 %", counted(lambda effort: whole(effort.within_20_percent))),
            Column("median", counted(lambda effort: f"{number(float(effort.median_over_best))} times")),
            Column("rule of thumb", counted(lambda effort: _by_rule(effort.rule_of_thumb_over_best))),
        ],
    )


_NAMED: tuple[Column[_Point], ...] = (
    words("system", lambda row: row[0].label, key=True),
    Column("devices", lambda row: whole(row[1].devices), key=True),
)


def _points(comparison: Comparison) -> list[_Point]:
    return [(curve, point) for curve in comparison.curves for point in curve.points]


def _place(pair: _Point) -> str:
    return pair[0].place(pair[1])


def _less(row: Criterion) -> str:
    return {"reference": row.place, "other": row.system}.get(row.ahead, row.ahead)


def _cost(row: _Point | Equal, name: str) -> str:
    """One amount of a system that is as fast, or of the reference."""
    if isinstance(row, Equal):
        if row.match.reach != "within":
            return OUTSIDE
        value = getattr(row, name)
    else:
        point, bill = row[1], row[1].bill
        own = {"tax": point.ledger.tax, "useful": point.useful_share}
        billed = {"rental_usd": "rental_usd", "owned_usd": "purchase_usd", "energy_joules": "energy_joules"}
        value = own[name] if name in own else getattr(bill, billed[name], None)
    if isinstance(value, Range):
        ends = f" ({rounded(value.low)} to {rounded(value.high)})"
        return megawatt_hours(value.typical) if name == "energy_joules" else f"{rounded(value.typical)} USD{ends}"
    return percent(value)


def _limit(row: tuple[Equal, str]) -> str:
    equal, name = row
    limit = LIMITS[name](equal.reference[1])
    return UNKNOWN if limit is None else f"{whole(limit)} USD" if name != "power" else f"{fixed(limit / 1e3, 1)} kW"


def _afforded(equal: Equal, name: str) -> tuple[str, str]:
    """Devices and time for the same amount of one thing."""
    if name not in equal.afforded:
        return UNKNOWN, UNKNOWN
    found = equal.afforded[name]
    if found is None:
        return "none", f"even {equal.curve.smallest.devices:,} are above it"
    return number(round(found.devices, 1)), duration(found.time_s)


def _slope(elasticity: float | None) -> str:
    return "-" if elasticity is None else fixed(round(elasticity, 2) + 0.0)


def _growth(bend: Bend) -> tuple[str, str]:
    growth = bend.growth
    return ("-", "-") if growth is None or growth.share is None else (line_title(growth.line), percent(growth.share))


def _without(name: str, row: _Point) -> str:
    point, found = row[1], row[1].counterfactual_step_times_s
    return fixed(found[name] / point.step_time_s, 3) if name in found else "-"


def _equal_without(name: str, equal: Equal) -> str:
    return devices_text(equal.counterfactual[name])


def _calm(point: Outcome) -> str:
    calm_s = without_failures_s(point)
    return "-" if calm_s is None else fixed(calm_s / point.time_to_train_s, 3)


def _by_rule(over_best: float | None) -> str:
    return "does not fit" if over_best is None else f"{number(float(over_best))} times"


_KNEE = (
    "The knee is the size with the largest efficiency per execution time, the smallest devices x time^2: from there on"
    " the elasticity is below 1/2, and doubling the devices saves less than 29 % of the time. The line that bends the"
    " curve is the one whose device-seconds grow most from the knee to the next size, or up to the largest where the"
    " knee is not reached."
)
WITHOUT = (
    "By how much a step is shorter with one thing removed: the same plan, run again. In the table, such a step is"
    " divided by the step as it is. Its last column is the run without failures and checkpoints, divided by the median"
    " run."
)
_STAYS = (
    "Devices that would be as fast if their steps took what they take without one thing; what they are held to stays as"
    " it is, and no plan is looked for anew."
)
