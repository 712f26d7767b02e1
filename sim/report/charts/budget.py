"""Training, inference and all compute against the size of the model, where all reach the same loss."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from sim.catalog import ParametricLaw
from sim.outcome.quality.losses import least_parameters, tokens_for_loss
from sim.outcome.quality.optimum import INFERENCE_FLOPS, TRAINING_FLOPS, Recipe
from sim.outcome.quality.study import Study
from sim.page.numbers import large, number
from sim.report.charts.canvas import Style, add_legend, annotate, quiet, sheet, style_of
from sim.report.colours import FAINT, INK, system_style
from sim.report.styles import SCREEN, ChartStyle

_SAMPLES = 400
_REACH = 5.0
"""The chart goes to so many times the size of least training."""
_NEAR = 1.02
"""And begins this near to the least size that reaches the loss."""
_HEIGHT = 12.0
"""Costs beyond so many times the least one are cut off."""
_CAPTION = (
    "Every point of a curve is a model that reaches the same loss: to the left smaller ones that train longer, to the"
    " right larger ones that train less. Training: 6 x parameters x tokens; inference: 2 x parameters x tokens read and"
    " written in the model's life. No model left of the dotted line reaches the loss, however long it trains. Curves"
    " end at the most and the fewest tokens per parameter that a model the law was fitted on can have."
)


def lifetime_compute(study: Study, ax: Axes | None = None) -> Axes:
    """Draw compute against parameters, both logarithmic, by a law of parameters and tokens; return the axes."""
    ax = ax or sheet([4.0])[0]
    law = study.law
    if not isinstance(law, ParametricLaw):
        raise ValueError("a law of compute alone has one size for a loss")
    least = least_parameters(law, study.loss)
    sizes = np.geomspace(least * _NEAR, max(_REACH * study.least_training.parameters, 2 * least), _SAMPLES)
    tokens, inference_tokens = tokens_for_loss(law, sizes, study.loss), study.question.inference_tokens
    fewest, most = law.tokens_per_parameter
    known = (fewest <= tokens / sizes) & (tokens / sizes <= most)
    if known.any():
        sizes, tokens = sizes[known], tokens[known]
    training = TRAINING_FLOPS * sizes * tokens
    inference = INFERENCE_FLOPS * sizes * inference_tokens
    curves = [("training", training, 1.6)]
    if inference_tokens:
        curves += [("inference", inference, 1.6), ("in all", training + inference, 2.4)]
    for index, (name, values, width) in enumerate(curves):
        colour, _ = system_style(index)
        ax.plot(sizes, values, color=colour, linewidth=width, label=name, zorder=3)
    lowest = min(float(values.min()) for _, values, _ in curves)
    ax.axvline(least, color=FAINT, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    _mark(ax, study.least_training, study.least_training.training_flops, "least training", "o")
    best = study.least_lifetime
    if best is not None:
        whole = best.training_flops + INFERENCE_FLOPS * best.parameters * inference_tokens
        _mark(ax, best, whole, "least in all" if study.question.inference_weight == 1.0 else "cheapest in all", "s")
    ax.set(xscale="log", yscale="log")
    top = max(float(values.min()) for _, values, _ in curves)
    ax.set_ylim(lowest / 1.5, top * _HEIGHT)
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: number(size / 1e9)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    quiet(ax, "parameters (billion)", "FLOP", grid=True)
    return ax


def budget_figure(study: Study, style: ChartStyle = SCREEN) -> Figure:
    """The chart as a sheet with title, legend and caption."""
    title = f"Models of one loss, {study.loss:.4g} on {study.law.corpus} by {study.law.name}"
    (ax,) = sheet([4.2], title, _CAPTION, style)
    return add_legend(lifetime_compute(study, ax), columns=3)


def _mark(ax: Axes, recipe: Recipe, flops: float, name: str, marker: str) -> None:
    """A point with what it is beside it, or in the legend where there is less room."""
    style, text = style_of(ax), f"{name}: {large(recipe.parameters)} on {large(recipe.tokens)} tokens"
    look: Style = {"marker": marker, "markersize": 7 * style.strength, "color": INK, "linestyle": "", "zorder": 4}
    ax.plot([recipe.parameters], [flops], label=None if style.captioned else text, **look)
    if style.captioned:
        annotate(ax, text, (recipe.parameters, flops), (0, 10), size=style.small_points, ha="center", zorder=5)
