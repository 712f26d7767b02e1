"""What a file of named entries found: each of its points beside what was published, and each refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median

from sim.catalog import load_sources
from sim.outcome.outcome import Outcome
from sim.page.blocks import Bullets, Column, Section, Table, section, table, words
from sim.page.numbers import (
    counted,
    duration,
    few,
    fixed,
    nats,
    number,
    percent,
    signed_percent,
    usd,
    whole,
    whole_percent,
)
from sim.records.belief import error_band
from sim.report.point_tables import mfu_title
from sim.report.sentences import not_compared
from sim.scenario import Published, Refusal
from sim.study.findings import Findings
from sim.study.published import error_of

_DOWNTIME, _REMEMBERED = "*", "?"
_Row = Outcome | Refusal


def entries_answer(found: Findings) -> list[str]:
    """How far the predictions are from what was published, or how many points there are to look at."""
    errors = {id(one): error for one in found.outcomes if (error := error_of(one)) is not None}
    refused = f" {counted(len(found.refusals), 'entry', 'entries')} refused." if found.refusals else ""
    if not found.outcomes:
        return [refused.strip()]
    if not errors:
        if unlike := not_compared(found.outcomes):
            return [f"{unlike[0]}{refused}"]
        fastest = min(found.outcomes, key=lambda one: one.time_to_train_s)
        return [f"{_label(fastest, found)} is soonest done: {duration(fastest.time_to_train_s)}.{refused}"]
    worst = max((one for one in found.outcomes if id(one) in errors), key=lambda one: abs(errors[id(one)]))
    sizes = [abs(error) for error in errors.values()]
    return [
        f"{counted(len(errors), 'published figure')}: predictions are {percent(median(sizes))} off in the median,"
        f" {percent(fmean(sizes))} on average, at worst {signed_percent(errors[id(worst)])}"
        f" ({_label(worst, found)}).{refused}"
    ]


def entries_table(found: Findings, most: int) -> Table:
    """A row for each point, those with a published figure first, and each refusal: at most so many."""
    ordered = sorted(found.outcomes, key=lambda one: error_of(one) is None) if len(found.outcomes) > most else None
    rows: list[_Row] = [*(ordered or found.outcomes), *found.refusals]
    return _table(rows[:most], found)


def entries_section(found: Findings) -> Section | None:
    """Every entry, what its marks mean, and the sources."""
    said = (*map(_reason, found.refusals), *_legend(found.outcomes), *_losses(found), *_sources(found))
    return section("Beside what was published", _table([*found.outcomes, *found.refusals], found), Bullets(said))


def _table(rows: Sequence[_Row], found: Findings) -> Table:
    ends: list[Column[_Row]] = [
        Column("published", lambda row: _published_words(_published(row))),
        Column(
            "error",
            lambda row: "refused" if isinstance(row, Refusal) else _error(row),
            value=lambda row: None if isinstance(row, Refusal) else error_of(row),
        ),
    ]

    def of(
        title: str, value: Callable[[Outcome], float | None], write: Callable[[float], str], from_width: int = 0
    ) -> Column[_Row]:
        def number(row: _Row) -> float | None:
            return None if isinstance(row, Refusal) else value(row)

        def text(row: _Row) -> str:
            return "-" if (found := number(row)) is None else write(found)

        return Column(title, text, from_width=from_width, value=number)

    def loss(value: float) -> str:
        return fixed(value, 3)

    def model(row: _Row) -> str:
        return row.model if isinstance(row, Refusal) else row.scenario.model.name

    return table(
        rows,
        [
            words("entry", lambda row: row.entry if isinstance(row, Refusal) else _label(row, found), key=True),
            words("model", model, from_width=110),
            of("devices", lambda row: row.devices, whole),
            of("step", lambda row: row.step_time_s, duration, 100),
            of(mfu_title(found.outcomes), lambda row: row.mfu, whole_percent, 88),
            of("time", lambda row: row.time_to_train_s, duration),
            of("loss", lambda row: row.expected_losses[0].loss if row.expected_losses else None, loss, 110),
            *(ends if found.has_published else []),
            Column("checked?", lambda row: "-" if isinstance(row, Refusal) else error_band(row)),
        ],
    )


def _published(row: _Row) -> Published | None:
    return row.published if isinstance(row, Refusal) else row.scenario.published


def _error(row: Outcome) -> str:
    found = error_of(row)
    return "-" if found is None else signed_percent(found)


def _label(outcome: Outcome, found: Findings) -> str:
    """The entry, with its system where it has several, and with the axes that its points differ in."""
    scenario = outcome.scenario
    own = [other.scenario for other in found.outcomes if other.scenario.entry == scenario.entry]
    words = [scenario.system.name] if len({other.system.name for other in own}) > 1 else []
    differing = [key for key, value in scenario.axes.items() if any(other.axes.get(key) != value for other in own)]
    words += [f"{key.last} {scenario.axes[key]}" for key in differing if key.last != "devices"]
    return ", ".join([scenario.entry, *words])


def _published_words(published: Published | None) -> str:
    """The figure that is compared, or what else was published."""
    if published is None:
        return "-"
    mark = _REMEMBERED if published.remembered else "" if published.clean in (True, None) else _DOWNTIME
    if published.time_s is not None:
        return duration(published.time_s) + mark
    if published.device_hours is not None:
        return f"{number(published.device_hours)} dev.-h{mark}"
    mark = _REMEMBERED if published.remembered else ""
    if published.loss is not None:
        return f"loss {nats(published.loss)}{mark}"
    return "-" if published.cost_usd is None else usd(published.cost_usd) + mark


def _legend(outcomes: Sequence[Outcome]) -> list[str]:
    """What the marks in the table mean, where they are."""
    shown = [outcome.scenario.published for outcome in outcomes if outcome.scenario.published is not None]
    lines = [
        "error: predicted over published, less one; a clean figure is held against the steps alone, any other against"
        " the run with failures and checkpoints"
    ]
    if any(one.clean is False and not one.remembered for one in shown):
        lines.append(f"{_DOWNTIME} the published figure includes downtime, and often work beside the training")
    if any(one.remembered for one in shown):
        lines.append(f"{_REMEMBERED} remembered, not read in the source: shown, but no check")
    return lines if shown else []


def _losses(found: Findings) -> list[str]:
    """What the losses are."""
    first = next((outcome.expected_losses[0] for outcome in found.outcomes if outcome.expected_losses), None)
    if first is None:
        return []
    pairs = [(one.scenario.entry, one.expected_losses[:1]) for one in found.outcomes]
    outside = [entry for entry, losses in pairs if not all(one.fitted for one in losses)]
    beyond = f"; fitted on smaller models or fewer tokens: {few(list(dict.fromkeys(outside)))}" if outside else ""
    return [f"loss: what {first.law} expects, in nats per token on {first.corpus}, not comparable with others{beyond}"]


def _sources(found: Findings) -> list[str]:
    """Where each published figure is from and what there is to know about it, once for an entry."""
    pairs = [(outcome.scenario.entry, outcome.scenario.published) for outcome in found.outcomes]
    pairs += [(one.entry, one.published) for one in found.refusals]
    said: dict[str, dict[str, None]] = {}
    for entry, published in pairs:
        if published is not None and (published.source or published.note):
            title = load_sources().get(published.source, {}).get("title", published.source)
            text = "; ".join(part for part in (title, published.note, _more(published)) if part)
            said.setdefault(text, {})[entry] = None
    return [f"{', '.join(owners)}: {text}" for text, owners in said.items()]


def _more(published: Published) -> str:
    """Published figures that the table has no room for."""
    hours = published.device_hours if published.time_s is not None else None
    words = [
        f"{whole(hours)} device-hours" if hours is not None else "",
        f"{whole(published.cost_usd)} USD" if published.cost_usd is not None else "",
        f"loss {nats(published.loss)}" if published.loss is not None else "",
    ]
    return f"published: {', '.join(filter(None, words))}" if any(words) else ""


def _reason(refusal: Refusal) -> str:
    return f"{refusal.entry}: refused: {refusal.reason.problem}; " + "; ".join(refusal.reason.remedy.splitlines())
