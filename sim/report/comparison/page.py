"""report.md: the verdict of a comparison and the tables that it is computed from."""

from __future__ import annotations

from tabulate import tabulate

from sim.page.borders import markdown_text
from sim.report.accuracy import accuracy_notes, warnings_of
from sim.report.comparison.tables import (
    Rows,
    counterfactual_equals_table,
    counterfactuals_table,
    criteria_table,
    effort_table,
    equals_table,
    knees_table,
    limits_table,
    points_table,
)
from sim.report.comparison.verdict import verdict
from sim.study.compare import Comparison
from sim.study.points import Curve


def page(comparison: Comparison) -> str:
    """The whole report as Markdown."""
    sections = [
        ("Verdict", bullets(verdict(comparison))),
        ("Who has less", markdown(criteria_table(comparison))),
        ("All points", markdown(points_table(comparison))),
        ("As fast as", markdown(equals_table(comparison))),
        ("For the same money, at the same power", markdown(limits_table(comparison))),
        ("Where the curves bend", f"{_KNEE}\n\n{markdown(knees_table(comparison))}"),
        ("Without one thing", f"{_WITHOUT}\n\n{markdown(counterfactuals_table(comparison))}"),
        ("As fast as, without one thing", f"{_STAYS}\n\n{markdown(counterfactual_equals_table(comparison))}"),
        ("Planning effort", markdown(effort_table(comparison))),
        ("How far to believe it", bullets(caveats(comparison))),
    ]
    title = comparison.points[0].scenario.title
    return f"# {markdown_text(title)}\n" + "".join(f"\n## {name}\n\n{text}\n" for name, text in sections)


def caveats(comparison: Comparison) -> list[str]:
    """Error bands, what lies outside them, what is assumed or unknown of prices, what was not simulated."""
    lines: dict[str, None] = {}
    for point in comparison.points:
        lines.update(dict.fromkeys(accuracy_notes(point)))
    for curve in comparison.curves:
        beyond: dict[str, list[int]] = {}
        for point in curve.points:
            for words in warnings_of(point):
                beyond.setdefault(words, []).append(point.devices)
        for words, sizes in beyond.items():
            places = "all sizes" if len(sizes) == len(curve.points) else ", ".join(f"{size:,}" for size in sizes)
            lines[f"{curve.label} ({places}): {words}"] = None
    bills = [point.bill for point in comparison.points if point.bill is not None]
    lines.update(dict.fromkeys(line for curve in comparison.curves for line in _price_dates(curve)))
    for kind, found in (
        ("assumed, from no source that could be checked", [str(one) for bill in bills for one in bill.assumed]),
        ("unknown, in no source, and counted nowhere", [str(one) for bill in bills for one in bill.unknown]),
    ):
        if found:
            lines[f"{kind}: {', '.join(dict.fromkeys(found))}"] = None
    lines.update(dict.fromkeys(f"{place}: not among the points that were simulated" for place in comparison.absent))
    lines["ranges of costs take every price at its cheap and at its dear end: bounds, no probability"] = None
    lines["between two sizes, devices are interpolated in logarithms of devices and time; nothing is extrapolated"] = (
        None
    )
    return list(lines)


def _price_dates(curve: Curve) -> list[str]:
    """When the typical prices of a system were true, where there are prices."""
    bill = curve.points[0].bill
    if bill is None:
        return []
    dated = (("rental", bill.rental_dates), ("purchase", bill.purchase_dates))
    words = [f"{name} prices of {', '.join(dates)}" for name, dates in dated if dates]
    return [f"{curve.label}: {' and '.join(words)}"] if words else []


def markdown(table: Rows) -> str:
    """A table as Markdown."""
    rows = [[markdown_text(cell) for cell in row] for row in table.rows]
    return tabulate(rows, headers=table.headers, tablefmt="github", disable_numparse=True)


def bullets(lines: list[str]) -> str:
    """One line each."""
    return "\n".join(f"- {markdown_text(line)}" for line in lines)


_KNEE = (
    "The knee is the size with the largest efficiency per execution time, the smallest devices x time^2: from there on"
    " the elasticity is below 1/2, and doubling the devices saves less than 29 % of the time. The line that bends the"
    " curve is the one whose device-seconds grow most from the knee to the next size, or up to the largest where the"
    " knee is not reached."
)
_WITHOUT = (
    "Steps with one thing removed, over the step as it is: the same plan, run again. The last column is the run in"
    " which nothing fails and no checkpoint is written, over half of the runs with failures."
)
_STAYS = (
    "Devices that would be as fast if their steps took what they take without one thing; what they are held to stays as"
    " it is, and no plan is looked for anew."
)
