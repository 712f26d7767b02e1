"""Runs the article's systems and the fine-tuning pairs and rewrites the tables of their pages. Run with `make docs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from sim.outcome.outcome import Outcome
from sim.page.numbers import duration, percent
from sim.report.entries import comparisons, entries_screen
from sim.scenario import Refusal
from sim.sweep.execute import Failure, run_points
from sim.sweep.grid import load
from sim.validation.fine_tuning import RatioComparison, compare_pairs, read_pairs, states_bytes

DOCS = Path(__file__).parent


def signed(share: float) -> str:
    """A signed share in per cent: "-15.2 %"."""
    return f"{100 * share:+.1f} %"


def runs(name: str) -> tuple[list[Outcome], list[Refusal]]:
    """Run a scenario of the shelf; a failing point raises."""
    loaded = load(DOCS.parent / "scenarios" / f"{name}.toml")
    found = []
    for result in run_points(loaded.scenarios):
        if isinstance(result, Failure):
            raise result.error
        found.append(result)
    return found, loaded.refusals


def article_table(outcomes: Sequence[Outcome], refusals: Sequence[Refusal]) -> str:
    """A row for each entry: predicted, published, signed error, and what kind of figure the published one is."""
    rows = [_article_row(outcome) for outcome in outcomes]
    rows += [(one.entry, "-", "-", "-", "-", "refused", "-", ", ".join(_missing(one))) for one in refusals]
    headers = ("entry", "devices", "MFU", "time to train", "device-hours", "published", "error", "published figure is")
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)


def _missing(refusal: Refusal) -> list[str]:
    return [refusal.reason.problem.split(": ", 1)[-1]]


def _article_row(outcome: Outcome) -> tuple[str, ...]:
    published = outcome.scenario.published
    compared = comparisons(outcome)
    shown, error, kind = "-", "-", "nothing that can be compared"
    if published is not None and compared:
        shown = (
            f"{published.device_hours:,.0f} device-hours" if published.time_s is None else duration(published.time_s)
        )
        kind = "remembered" if published.remembered else "clean" if published.clean else "with downtime or other work"
        error = signed(compared[0].error) if compared[0].checks else "-"
    elif published is not None and published.loss is not None:
        shown, kind = f"loss {published.loss}", "a loss; no time was published"
    return (
        outcome.scenario.entry,
        f"{outcome.devices:,}",
        percent(outcome.mfu),
        duration(outcome.time_to_train_s),
        f"{outcome.device_hours:,.0f}" if outcome.device_hours >= 100 else f"{outcome.device_hours:.3g}",
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
            signed(one.error),
            one.measured.note,
        )
        for one in found
    ]
    headers = ("pair", "measured in full", "with adapters", "ratio", "simulated ratio", "error", "note")
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)


def _rate(tokens_per_s: float) -> str:
    return f"{tokens_per_s:,.0f}" if tokens_per_s >= 100 else f"{tokens_per_s:.1f}"


def memory_table() -> str:
    """Memory of GPT-3's weights, gradients and optimizer state against what Hu et al. state."""
    (pair,) = [one for one in read_pairs() if one.name.endswith("nothing recomputed")]
    rows = []
    for words, scenario, stated_bytes in (("in full", pair.full, 1.2e12), ("with adapters", pair.lora, 350e9)):
        own = states_bytes(scenario)
        rows.append((words, f"{stated_bytes / 1e9:,.0f} GB", f"{own / 1e9:,.1f} GB", signed(own / stated_bytes - 1)))
    return tabulate(
        rows, headers=("GPT-3 175B", "stated", "simulated", "error"), tablefmt="github", disable_numparse=True
    )


def scenario_table(name: str) -> str:
    """What the screen shows of a scenario of entries: its tables alone, of the steps and of the runs."""
    outcomes, refusals = runs(name)
    tables = "\n\n".join(entries_screen(outcomes, refusals).split("\n\n")[1:3])
    return "\n".join(f"    {line}".rstrip() for line in tables.splitlines())


def block(name: str, text: str, path: Path) -> None:
    """Replace one generated block of a page."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    page = path.read_text(encoding="utf-8")
    if begin not in page or end not in page:
        raise SystemExit(f"{path}: there is no block '{name}'")
    before, rest = page.split(begin, 1)
    path.write_text(f"{before}{begin}{text}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def main() -> None:
    """Rewrite both pages."""
    article, tuning = DOCS / "article.md", DOCS / "fine-tuning.md"
    block("systems", article_table(*runs("article")), article)
    block("within-reach", scenario_table("within-reach"), article)
    block("tokens", scenario_table("tokens-per-parameter"), article)
    block("ratios", ratio_table(compare_pairs()), tuning)
    block("memory", memory_table(), tuning)
    block("scenario", scenario_table("fine-tuning"), tuning)


if __name__ == "__main__":
    main()
