"""What a fit found, as text."""

from __future__ import annotations

from sim.validation.constants import families, present
from sim.validation.fitting import Fitted, movers


def fit_summary(found: Fitted) -> str:
    """Every constant before and after, its family's common value, and the error that is left on the fitted rows."""
    from tabulate import tabulate

    before = present()
    rows = [
        (
            f"{one.name} {one.label}",
            f"{sum(movers(found, one).values())}",
            f"{before[one]:.4g}",
            f"{value:.4g}",
            f"{found.common[one.family] * one.unit:.4g}",
            f"{families()[one.family].low * one.unit:.4g} to {families()[one.family].high * one.unit:.4g}",
        )
        for one, value in found.values.items()
    ]
    headers = ("constant", "rows", "before", "fitted", "in common", "physical range")
    table = tabulate(rows, headers, tablefmt="simple", disable_numparse=True)
    errors = f"{found.mean_absolute_before:.1%} before, {found.mean_absolute:.1%} after"
    return f"{table}\n\nmean absolute error on these {len(found.cases)} rows, which is no validation: {errors}"
