"""The run over days and its bill for people: a table beside that of the steps, and what must be known about it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sim.catalog import Range
from sim.outcome.outcome import Outcome
from sim.page.numbers import duration, duration_and_unit, few, percent
from sim.report.layout import longest_word, table
from sim.study.points import Curve, curves

_SYSTEM_WIDTH, _MOST_SYSTEM_WIDTH = 16, 20
_MOST_ROWS = 12
"""More points than that, and each system has a row for its smallest and its largest one."""
_JOULES_PER_MWH = 3.6e9
_UNKNOWN = "unknown"


def run_table(outcomes: Sequence[Outcome]) -> str:
    """A row per point; empty where only steps were simulated."""
    systems = curves(outcomes)
    shown = [(curve, point) for curve in systems for point in _shown(curve, len(outcomes)) if point.run is not None]
    word = longest_word(curve.label for curve in systems if curve.variant)
    width = max(_SYSTEM_WIDTH, min(word, _MOST_SYSTEM_WIDTH))
    return table([_row(curve.label, point, width) for curve, point in shown], "lr") if shown else ""


def run_notes(outcome: Outcome) -> list[str]:
    """What the figures of the run rest on: whose failures, prices of when, and what is assumed or unknown."""
    run, bill = outcome.run, outcome.bill
    if run is None or bill is None:
        return []
    parts = [f"failures as in {run.reliability.name} ({run.reliability.title})"]
    dated = (("rental", bill.rental_dates), ("purchase", bill.purchase_dates))
    parts += [f"{name} prices of {', '.join(dates)}" for name, dates in dated if dates]
    parts += [f"assumed: {', '.join(map(str, bill.assumed))}"] if bill.assumed else []
    parts += [f"unknown: {', '.join(map(str, bill.unknown))}"] if bill.unknown else []
    return ["; ".join(parts)]


def run_sources(outcomes: Sequence[Outcome]) -> list[str]:
    """The notes of all points, each once, with the systems that it holds for where they are not all of them."""
    owners: dict[str, list[str]] = {}
    systems = curves(outcomes)
    for curve in systems:
        for note in run_notes(curve.largest):
            owners.setdefault(note, []).append(curve.label)
    return [note if len(names) == len(systems) else f"{few(names)}: {note}" for note, names in owners.items()]


def _shown(curve: Curve, points: int) -> Sequence[Outcome]:
    if points <= _MOST_ROWS or len(curve.points) <= 2:
        return curve.points
    return curve.smallest, curve.largest


def _row(label: str, point: Outcome, width: int) -> dict[str, str]:
    run, bill = point.run, point.bill
    assert run is not None
    energy = bill.energy_joules if bill else None
    every = run.conditions.checkpoints.every_steps
    return {
        "system": textwrap.fill(label, width, break_on_hyphens=False),
        "devices": f"{point.devices:,}",
        "time to train\nP10 to P90": _from_to(run.percentile_s(10), run.percentile_s(90)),
        "good-\nput": percent(run.goodput),
        "fail-\nures": f"{run.mean_failures:,.0f}" if run.mean_failures >= 10 else f"{run.mean_failures:.1f}",
        "saved\nevery": duration(every * point.step_time_s) if every else "never",
        "rented, USD\nlow to high": _money(bill.rental_usd if bill else None),
        "owned, USD\nlow to high": _money(bill.purchase_usd if bill else None),
        "energy,\nMWh": _figures(energy.typical / _JOULES_PER_MWH) if energy else _UNKNOWN,
    }


def _from_to(low_s: float, high_s: float) -> str:
    """A range of times, its unit once where that is the same."""
    (low, unit), (high, other) = duration_and_unit(low_s), duration_and_unit(high_s)
    if (low, unit) == (high, other):
        return duration(low_s)
    return f"{low} to {high} {other}" if unit == other else f"{low} {unit} to {high} {other}"


def _money(amount: Range | None) -> str:
    return _UNKNOWN if amount is None else f"{_short(amount.low)} to {_short(amount.high)}"


def _short(amount: float) -> str:
    """Two figures and a word: 63k, 1.2M."""
    for letter, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if amount >= size:
            return f"{_figures(amount / size)}{letter}"
    return _figures(amount)


def _figures(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
