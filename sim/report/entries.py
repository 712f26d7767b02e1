"""What a file of named entries found: a row for each of its points, beside what was published, and for each refusal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sim.catalog import law_names, load_sources
from sim.outcome.outcome import Outcome
from sim.page.borders import ascii_only
from sim.page.numbers import duration, few, number, percent
from sim.records.runs import run_columns
from sim.report.accuracy import accuracy_notes, warnings_of
from sim.report.layout import table, wrapped
from sim.report.run_screen import run_sources, run_table
from sim.scenario import Published, Refusal, Scenario
from sim.scenario.amounts import batch_note

_NAME_WIDTH = 24
_HOUR_S = 3600.0
_HEADERS = (
    "entry",
    "model",
    "devices",
    "step\ntime",
    "MFU",
    "time to\ntrain",
    "device-\nhours",
    "loss",
    "published",
    "error",
)
_COMPARED = _HEADERS[-2:]
"""Shown where there is something to compare with."""
_DOWNTIME = "*"
_REMEMBERED = "?"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One published figure beside the predicted one. error: signed, predicted over published less one."""

    name: str
    predicted: float
    published: float
    checks: bool
    """False where the published figure is remembered: shown, never counted."""

    @property
    def error(self) -> float:
        """How far the prediction is above what was published, as a share of it."""
        return self.predicted / self.published - 1.0


def comparisons(outcome: Outcome) -> list[Comparison]:
    """Every published figure of a point that the simulation predicts: time, and device-hours.

    A clean figure is held against the steps alone, any other against the run with its failures and checkpoints.
    """
    published = outcome.scenario.published
    if published is None:
        return []
    predicted_s = outcome.undisturbed_s if published.clean else outcome.time_to_train_s
    pairs = (
        ("time_to_train_s", predicted_s, published.time_s),
        ("device_hours", predicted_s * outcome.devices / _HOUR_S, published.device_hours),
    )
    return [
        Comparison(name, own, theirs, not published.remembered) for name, own, theirs in pairs if theirs is not None
    ]


def has_entries(outcomes: Sequence[Outcome], refusals: Sequence[Refusal]) -> bool:
    """Whether a run is that of a file with entries."""
    return bool(refusals) or any(outcome.scenario.entry for outcome in outcomes)


def entries_screen(outcomes: Sequence[Outcome], refusals: Sequence[Refusal]) -> str:
    """The report of a file with entries as plain text: ASCII only, narrow enough for a terminal."""
    dashes = ["-"] * (len(_HEADERS) - 3)
    refused = [(_narrow(one.entry), _narrow(one.model), *dashes, "refused") for one in refusals]
    rows = [*(_row(outcome, outcomes) for outcome in outcomes), *refused]
    titles = dict.fromkeys(outcome.scenario.title for outcome in outcomes)
    compared = bool(refusals) or any(outcome.scenario.published for outcome in outcomes)
    width = len(_HEADERS) if compared else len(_HEADERS) - len(_COMPARED)
    said = [*map(_reason, refusals), *_legend(outcomes), *_losses(outcomes), *_sources(outcomes, refusals)]
    parts = [
        "\n".join(titles),
        table([row[:width] for row in rows], "llr", _HEADERS[:width]),
        run_table(outcomes),
        "\n".join(wrapped(line) for line in run_sources(outcomes)),
        "\n".join(map(wrapped, said)),
        "\n".join(wrapped(line) for line in _remarks(outcomes)),
    ]
    return ascii_only("\n\n".join(part for part in parts if part)) + "\n"


def entry_rows(outcomes: Sequence[Outcome], refusals: Sequence[Refusal]) -> list[dict[str, Any]]:
    """One flat row for each point and each refusal, for entries.csv; what a row has not is empty."""
    rows = []
    for outcome in outcomes:
        scenario = outcome.scenario
        losses = {one.law: one.loss for one in outcome.expected_losses}
        errors = {f"{one.name}_error": one.error for one in comparisons(outcome) if one.checks}
        rows.append(
            {
                "entry": scenario.entry,
                "model": scenario.model.name,
                "system": scenario.system.name,
                "devices": outcome.devices,
                "step_time_s": outcome.step_time_s,
                "mfu": outcome.mfu,
                "time_to_train_s": outcome.time_to_train_s,
                "device_hours": outcome.device_hours,
                **run_columns(outcome),
                **{f"loss_{name}": losses.get(name) for name in law_names()},
                **_published_cells(scenario.published),
                **{key: errors.get(key) for key in ("time_to_train_s_error", "device_hours_error")},
                "refused": None,
            }
        )
    refused = [
        {"entry": one.entry, "model": one.model, **_published_cells(one.published), "refused": one.reason.problem}
        for one in refusals
    ]
    columns = dict.fromkeys(key for row in [*rows[:1], *refused] for key in row)
    return [{key: row.get(key) for key in columns} for row in [*rows, *refused]]


def refusal_record(refusal: Refusal) -> dict[str, Any]:
    """A refusal as plain data."""
    reason = refusal.reason
    return {"entry": refusal.entry, "model": refusal.model, "problem": reason.problem, "remedy": reason.remedy}


def published_record(published: Published | None) -> dict[str, Any] | None:
    """What was published of a point as plain data; None where nothing was."""
    return None if published is None else _published_cells(published)


def _published_cells(published: Published | None) -> dict[str, Any]:
    names = ("time_s", "device_hours", "cost_usd", "loss", "source", "clean", "remembered", "note")
    values = {name: getattr(published, name, None) for name in names}
    return {f"published_{name}": None if value == "" else value for name, value in values.items()}


def _row(outcome: Outcome, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    scenario = outcome.scenario
    compared = comparisons(outcome)
    checked = [one for one in compared if one.checks]
    return (
        _narrow(_label(scenario, outcomes)),
        _narrow(scenario.model.name),
        f"{outcome.devices:,}",
        duration(outcome.step_time_s),
        percent(outcome.mfu),
        duration(outcome.time_to_train_s),
        number(outcome.device_hours),
        f"{outcome.expected_losses[0].loss:.3f}" if outcome.expected_losses else "-",
        _published_words(scenario.published),
        f"{checked[0].error:+.1%}".replace("%", " %") if checked else "-",
    )


def _label(scenario: Scenario, outcomes: Sequence[Outcome]) -> str:
    """The entry, with its system where it has several, and with the axes that its points differ in."""
    own = [other.scenario for other in outcomes if other.scenario.entry == scenario.entry]
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
    others = (("loss", published.loss, ".4g"), ("USD", published.cost_usd, ",.0f"))
    found = [f"{name} {value:{form}}" for name, value, form in others if value is not None]
    return (found[0] + (_REMEMBERED if published.remembered else "")) if found else "-"


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
    return [f"note: {line}" for line in lines] if shown else []


def _losses(outcomes: Sequence[Outcome]) -> list[str]:
    """What the losses in the table are."""
    first = next((outcome.expected_losses[0] for outcome in outcomes if outcome.expected_losses), None)
    if first is None:
        return []
    outside = [
        outcome.scenario.entry for outcome in outcomes if not all(one.fitted for one in outcome.expected_losses[:1])
    ]
    beyond = f"; fitted on smaller models or fewer tokens: {few(list(dict.fromkeys(outside)))}" if outside else ""
    words = f"what {first.law} expects, in nats per token on {first.corpus}, not comparable with others"
    return [f"note: loss: {words}{beyond}"]


def _sources(outcomes: Sequence[Outcome], refusals: Sequence[Refusal]) -> list[str]:
    """Where each published figure is from and what there is to know about it, once for an entry."""
    pairs = [(outcome.scenario.entry, outcome.scenario.published) for outcome in outcomes]
    pairs += [(one.entry, one.published) for one in refusals]
    said: dict[str, list[str]] = {}
    for entry, published in pairs:
        if published is not None and (published.source or published.note):
            title = load_sources().get(published.source, {}).get("title", published.source)
            text = "; ".join(part for part in (title, published.note, _more(published)) if part)
            owners = said.setdefault(text, [])
            owners += [] if entry in owners else [entry]
    return [f"{', '.join(owners)}: {text}" for text, owners in said.items()]


def _more(published: Published) -> str:
    """Published figures that the table has no room for."""
    figures = [
        ("", published.device_hours if published.time_s is not None else None, ",.0f", " device-hours"),
        ("", published.cost_usd, ",.0f", " USD"),
        ("loss ", published.loss, ".4g", ""),
    ]
    words = [f"{before}{value:{form}}{after}" for before, value, form, after in figures if value is not None]
    return f"published: {', '.join(words)}" if words else ""


def _remarks(outcomes: Sequence[Outcome]) -> list[str]:
    """Warnings of the points, and what they all share, each once with its entries."""
    owners: dict[str, list[str]] = {}
    for outcome in outcomes:
        for text in [
            *(f"warning: {line}" for line in warnings_of(outcome)),
            *(f"note: {line}" for line in (*accuracy_notes(outcome), batch_note(outcome.scenario.training)) if line),
        ]:
            names = owners.setdefault(text, [])
            names += [] if outcome.scenario.entry in names else [outcome.scenario.entry]
    count = len({outcome.scenario.entry for outcome in outcomes})
    return [text if len(names) == count else f"{text} ({few(names)})" for text, names in owners.items()]


def _reason(refusal: Refusal) -> str:
    return f"{refusal.entry}: refused: {refusal.reason.problem}; " + "; ".join(refusal.reason.remedy.splitlines())


def _narrow(text: str) -> str:
    return textwrap.fill(text, _NAME_WIDTH, break_on_hyphens=False)
