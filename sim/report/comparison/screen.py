"""The verdict of a comparison on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from sim.outcome.outcome import Outcome
from sim.page.borders import ascii_only
from sim.report.comparison.verdict import short_verdict
from sim.report.layout import wrapped
from sim.study.compare import compare


def verdict_screen(outcomes: Sequence[Outcome]) -> str:
    """The short verdict in lines that fit, with a heading; empty where no comparison is asked for."""
    comparison = compare(outcomes)
    if comparison is None:
        return ""
    lines = map(wrapped, short_verdict(comparison))
    return ascii_only("\n".join(["", "Verdict (report.md has all of it, and the tables):", *lines, ""]))
