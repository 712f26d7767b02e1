"""Runs the article's systems and the fine-tuning pairs and rewrites the tables of their pages. Run with `make docs`."""

from __future__ import annotations

from collections.abc import Sequence

from pages import DOCS, found_of, plain_table, rewrite

from sim.outcome.outcome import Outcome
from sim.page.markdown import table_markdown
from sim.page.numbers import duration, number, percent, signed_percent, whole
from sim.report.entries import entries_table
from sim.report.point_tables import metric_table
from sim.scenario import Refusal
from sim.study.findings import Findings
from sim.study.published import checked, error_of
from sim.validation.fine_tuning import RatioComparison, compare_pairs, read_pairs, states_bytes


def article_table(found: Findings) -> str:
    """A row for each entry: predicted, published, signed error, and what kind of figure the published one is."""
    rows = [_article_row(outcome) for outcome in found.outcomes]
    rows += [(one.entry, "-", "-", "-", "-", "refused", "-", ", ".join(_missing(one))) for one in found.refusals]
    headers = ("entry", "devices", "MFU", "time to train", "device-hours", "published", "error", "published figure is")
    return plain_table(rows, *headers)


def _missing(refusal: Refusal) -> list[str]:
    return [refusal.reason.problem.split(": ", 1)[-1]]


def _article_row(outcome: Outcome) -> tuple[str, ...]:
    published = outcome.scenario.published
    shown, error, kind = "-", "-", "nothing that can be compared"
    if published is not None and checked(outcome):
        hours = published.device_hours
        shown = duration(published.time_s) if published.time_s is not None else f"{whole(hours or 0)} device-hours"
        kind = "remembered" if published.remembered else "clean" if published.clean else "with downtime or other work"
        off = error_of(outcome)
        error = "-" if off is None else signed_percent(off)
    elif published is not None and published.loss is not None:
        shown, kind = f"loss {published.loss}", "a loss; no time was published"
    return (
        outcome.scenario.entry,
        whole(outcome.devices),
        percent(outcome.mfu),
        duration(outcome.time_to_train_s),
        whole(outcome.device_hours) if outcome.device_hours >= 100 else number(outcome.device_hours),
        shown,
        error,
        kind,
    )


def ratio_table(found: Sequence[RatioComparison]) -> str:
    """A row for each pair: rates of one device, and how much faster it is with adapters."""
    rows = [
        (
            one.measured.name,
            _rate(one.measured.full_tokens_per_s),
            _rate(one.measured.lora_tokens_per_s),
            f"{one.measured.measured_ratio:.3f}",
            f"{one.ratio:.3f}",
            signed_percent(one.error),
            one.measured.note,
        )
        for one in found
    ]
    headers = ("pair", "measured in full", "with adapters", "ratio", "simulated ratio", "error", "note")
    return plain_table(rows, *headers)


def _rate(tokens_per_s: float) -> str:
    return f"{tokens_per_s:,.0f}" if tokens_per_s >= 100 else f"{tokens_per_s:.1f}"


def memory_table() -> str:
    """Memory of GPT-3's weights, gradients and optimizer state against what Hu et al. state."""
    (pair,) = [one for one in read_pairs() if one.name.endswith("nothing recomputed")]
    rows = []
    for words, scenario, stated_bytes in (("in full", pair.full, 1.2e12), ("with adapters", pair.lora, 350e9)):
        own = states_bytes(scenario)
        rows.append(
            (words, f"{stated_bytes / 1e9:,.0f} GB", f"{own / 1e9:,.1f} GB", signed_percent(own / stated_bytes - 1))
        )
    return plain_table(rows, "GPT-3 175B", "stated", "simulated", "error")


def scenario_table(name: str) -> str:
    """Every entry of a scenario of the shelf, and what it costs."""
    found = found_of(name)
    points = [(curve, point) for curve in found.curves for point in curve.points]
    tables = entries_table(found, len(found.outcomes) + len(found.refusals)), metric_table(points, "cost")
    return "\n\n".join(map(table_markdown, tables))


def main() -> None:
    """Rewrite both pages."""
    article = {
        "systems": article_table(found_of("article")),
        "within-reach": scenario_table("within-reach"),
        "tokens": scenario_table("tokens-per-parameter"),
    }
    tuning = {
        "ratios": ratio_table(compare_pairs()),
        "memory": memory_table(),
        "scenario": scenario_table("fine-tuning"),
    }
    rewrite(DOCS / "article.md", article)
    rewrite(DOCS / "fine-tuning.md", tuning)


if __name__ == "__main__":
    main()
