"""`scaletax budget`: what a scaling law answers, on one screen; the whole report; and their files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sim.catalog import ComputeLaw, Law, ParametricLaw, law_names, load_law
from sim.errors import InputError
from sim.outcome.quality.optimum import INFERENCE_FLOPS, Recipe, lifetime_flops
from sim.outcome.quality.study import Study, answer, is_fitted
from sim.page.blocks import Block, Bullets, Column, Page, Said, Table, page, section, table, words
from sim.page.borders import csv_text
from sim.page.numbers import UNKNOWN, flop, large, nats, number, percent, plain_percent, usd_span, whole
from sim.records.budget import alike, budget_document, budget_rows, name_of
from sim.records.files import write_folder
from sim.report.styles import SCREEN, ChartStyle
from sim.study.price import Machine

_MOST_ROWS = 8
"""Of the first screen."""


def budget_screen(study: Study, machine: Machine | None) -> list[Block]:
    """The first screen: the answer, models of the same loss, and how far to believe them."""
    *told, trust = _lead(study, machine)
    return [*told, _same_loss(study, machine, _MOST_ROWS), trust]


def budget_page(study: Study, machine: Machine | None) -> Page:
    """The whole report."""
    others = table(
        _other_laws(study),
        [
            words("law", lambda one: one.law.name, key=True),
            Column("parameters", lambda one: large(one.recipe.parameters)),
            Column("tokens", lambda one: large(one.recipe.tokens)),
            Column("tokens per parameter", lambda one: _per_parameter(one.recipe)),
            Column("loss", lambda one: nats(one.loss)),
            words("on", lambda one: one.law.corpus),
        ],
    )
    return page(
        f"What {study.law.name} says",
        _lead(study, machine),
        [
            section(f"Models with a loss of {nats(study.loss)}", _same_loss(study, machine)),
            section("What other laws say", others),
            section("Notes", Bullets(tuple(budget_notes(study, machine)))),
        ],
    )


def write_budget(study: Study, machine: Machine | None, directory: Path, style: ChartStyle = SCREEN) -> list[Path]:
    """Write results.json, the report, budget.csv and the chart into a folder, all of it or nothing; return the paths.

    Raises InputError when the folder cannot be written.
    """

    def draw(folder: Path) -> list[Path]:
        # Drawing is the one heavy import of this room.
        from sim.report.charts.budget import budget_figure
        from sim.report.charts.canvas import save

        return save(budget_figure(study, style), folder, "budget")

    document = budget_document(study, machine, budget_notes(study, machine))
    texts = {"budget.csv": csv_text(budget_rows(study, machine))}
    has_chart = isinstance(study.law, ParametricLaw)
    return write_folder(directory, document, texts, draw if has_chart else None, budget_page(study, machine))


def budget_notes(study: Study, machine: Machine | None) -> list[str]:
    """What a reader must know beside the numbers."""
    law = study.law
    notes = [
        *_outside(study),
        *_left_out(study),
        f"{law.name}: {law.title}; losses are nats per token on {law.corpus}, and comparable on that alone",
        "FLOP: 6 x parameters x tokens of training, 2 x parameters x tokens of inference, without attention",
    ]
    if isinstance(law, ComputeLaw):
        notes.append(f"{law.name} counts FLOP as its paper does, 9 to 38 % more than that")
    if machine is not None:
        notes.append(
            f"{machine.device} at {plain_percent(machine.mfu)} of its dense half-precision peak, inference at"
            f" {plain_percent(machine.inference_mfu)}, as given; {_price(machine)}. Simulate a scenario for what a"
            " cluster reaches"
        )
    return notes


def _lead(study: Study, machine: Machine | None) -> list[Said]:
    """The answer, then one line: whether the law was fitted on such models, and what prices rest on."""
    of = f"losses are nats per token on {study.law.corpus}, comparable on that alone"
    trust = "; ".join([*_outside(study), of, *([_price(machine)] if machine else [])])
    return [*(Said(text, "answer") for text in _answers(study)), Said(f"Trust: {trust}.")]


def _price(machine: Machine) -> str:
    if machine.rental is None:
        return "its rental price is unknown"
    assumed = ", assumed, from no source that could be checked" if machine.rental.assumed else ""
    return f"rented at prices of {machine.rental.date}{assumed}"


def _answers(study: Study) -> list[str]:
    """The answer in a sentence or two."""
    question, recipe, least = study.question, study.recipe, study.least_training
    lines = [f"{_sizes(recipe)}, {flop(recipe.training_flops)} FLOP: loss {nats(study.loss)}."]
    if not alike(recipe, least):
        more = recipe.training_flops / least.training_flops - 1.0
        lines.append(
            f"The same loss with least training: {_sizes(least)}, {flop(least.training_flops)} FLOP; the model above"
            f" takes {percent(more)} more."
        )
    best, tokens = study.least_lifetime, question.inference_tokens
    if best is not None:
        everything, other = (float(lifetime_flops(*each, tokens)) for each in (best, recipe))
        cheapest = "cheapest" if question.inference_weight != 1.0 else "least FLOP"
        saved = 1.0 - everything / other
        change = f"{percent(abs(saved))} {'less' if saved >= 0 else 'more'}"
        lines.append(
            f"With {large(tokens)} tokens of inference, {cheapest} in all: {_sizes(best)}, {flop(everything)} FLOP,"
            f" {change} than the first model."
        )
    return lines


def _sizes(recipe: Recipe) -> str:
    per = f"({_per_parameter(recipe)} per parameter)"
    return f"{large(recipe.parameters)} parameters on {large(recipe.tokens)} tokens {per}"


def _per_parameter(recipe: Recipe) -> str:
    return number(recipe.tokens / recipe.parameters)


def _same_loss(study: Study, machine: Machine | None, most: int | None = None) -> Table:
    """A row for each recipe of the same loss; most: the cheapest of them, and those that have a name."""
    tokens = study.question.inference_tokens

    def cost(recipe: Recipe) -> tuple[bool, float]:
        return not name_of(recipe, study), float(lifetime_flops(recipe.parameters, recipe.tokens, tokens))

    kept = sorted(sorted(study.same_loss, key=cost)[:most], key=lambda one: one.parameters)

    def rented(recipe: Recipe) -> str:
        cost = machine.cost_usd(recipe, tokens) if machine else None
        return usd_span(cost.low, cost.high) if cost else UNKNOWN

    serving: list[Column[Recipe]] = [
        Column("inference FLOP", lambda one: flop(INFERENCE_FLOPS * one.parameters * tokens), from_width=100),
        Column("FLOP in all", lambda one: flop(float(lifetime_flops(one.parameters, one.tokens, tokens)))),
    ]

    def hours(recipe: Recipe) -> str:
        return whole(machine.device_hours(recipe, tokens)) if machine else UNKNOWN

    costs = [Column("device-hours", hours, from_width=110 if tokens else 0), Column("rented", rented)]
    outside: list[Column[Recipe]] = [words("fitted?", lambda one: "" if is_fitted(study.law, one) else "outside")]
    return table(
        kept if len(kept) > 1 else [],
        [
            Column("parameters", lambda one: large(one.parameters), key=True),
            Column("tokens", lambda one: large(one.tokens)),
            Column("tokens per parameter", _per_parameter, from_width=100 if machine else 0),
            Column("training FLOP", lambda one: flop(one.training_flops)),
            *(serving if tokens else []),
            *(costs if machine else []),
            words("which", lambda one: name_of(one, study)),
            *([] if all(is_fitted(study.law, one) for one in study.same_loss) else outside),
        ],
    )


def _outside(study: Study) -> list[str]:
    """That a law was not fitted on models like these."""
    law = study.law
    if all(is_fitted(law, recipe) for recipe in study.same_loss):
        return []
    this = "models marked outside lie" if study.fitted else "this model lies"
    return [f"{this} outside those that {law.name} was fitted on: {fitted_range(law)}"]


def _left_out(study: Study) -> list[str]:
    """Which sizes are no options, and why."""
    law, sizes = study.law, [large(recipe.parameters) for recipe in study.left_out]
    if not sizes or not isinstance(law, ParametricLaw):
        return []
    fewest, most = law.tokens_per_parameter
    return [
        f"left out: {', '.join(sizes)} parameters, whose tokens per parameter lie outside {number(fewest)} to"
        f" {whole(most)}, the fewest and the most of models within those that {law.name} was fitted on"
    ]


def _other_laws(study: Study) -> list[Study]:
    """Every law that has an answer. A loss on one corpus is another model's on another: then there are none."""
    found = []
    for name in law_names():
        try:
            question = dataclasses.replace(study.question, inference_tokens=0.0)
            found.append(answer(load_law(name), question))
        except InputError:
            continue
    return found if study.question.target_loss is None and len(found) > 1 else []


def fitted_range(law: Law) -> str:
    """The models that a law was fitted on, in words."""
    if isinstance(law, ComputeLaw):
        return f"{flop(law.least_flops)} to {flop(law.most_flops)} FLOP"
    sizes = f"{large(law.least_parameters)} to {large(law.most_parameters)} parameters"
    return f"{sizes}, {large(law.least_tokens)} to {large(law.most_tokens)} tokens"
