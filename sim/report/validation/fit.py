"""What a fit found, as text."""

from __future__ import annotations

from sim.validation.fitting import Fitted, note_of


def fit_summary(found: Fitted) -> str:
    """What was found, as text: every constant before and after, and the error that is left on the fitted rows."""
    from tabulate import tabulate

    rows = [
        (one.name, f"{one.start:.4g}", f"{found.values[one.name]:.4g}", f"{one.low:.4g} to {one.high:.4g}")
        for one in found.plan.free
    ]
    table = tabulate(rows, ("constant", "before", "fitted", "physical range"), tablefmt="simple", disable_numparse=True)
    errors = f"{found.mean_absolute_error_before:.1%} before, {found.mean_absolute_error:.1%} after"
    edge = f"\nat the edge of its range: {', '.join(found.at_the_edge)}" if found.at_the_edge else ""
    return f"{note_of(found)}\n\n{table}\n\nmean absolute error on these rows, which is no validation: {errors}{edge}"
