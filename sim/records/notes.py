"""What must be said beside the numbers of a point, in sentences: results.json keeps them, reports group them."""

from __future__ import annotations

from sim.outcome.outcome import Outcome
from sim.records.belief import accuracy_notes, warnings_of
from sim.records.step_notes import step_notes


def notes_of(outcome: Outcome) -> list[str]:
    """All of one point, warnings among them."""
    differing = step_notes([outcome])[0]
    return [*differing, *accuracy_notes(outcome), *warnings_of(outcome), *outcome.notes, *run_notes(outcome)]


def run_notes(outcome: Outcome) -> list[str]:
    """What the figures of a run rest on: failures of which cluster, prices of when, what is assumed or unknown."""
    run, bill = outcome.run, outcome.bill
    if run is None or bill is None:
        return []
    parts = [f"failures as in {run.reliability.name} ({run.reliability.title})"]
    dated = (("rental", bill.rental_dates), ("purchase", bill.purchase_dates))
    parts += [f"{name} prices of {', '.join(dates)}" for name, dates in dated if dates]
    parts += [f"assumed: {', '.join(map(str, bill.assumed))}"] if bill.assumed else []
    parts += [f"unknown: {', '.join(map(str, bill.unknown))}"] if bill.unknown else []
    return ["; ".join(parts)]
