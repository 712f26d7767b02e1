"""The precision recipe that a scenario asks a stack for."""

from __future__ import annotations

import dataclasses
from typing import Any

from sim.catalog import GpuStack, Recipe, load_format, load_optimizer, load_recipe
from sim.errors import InputError
from sim.scenario.types import Training

_FUSED_ATTENTION = ("bf16", "fp16")
"""Formats that fused attention takes. Source: Dao-AILab/flash-attention, README: fp16 and bf16."""


def with_recipe(stack: GpuStack, training: Training, where: str) -> GpuStack:
    """The stack as it trains in the formats that a scenario asks for. Raises InputError for what it cannot do.

    What its file says of the traffic of half precision changes by what the widths say: casts of gradients, and the
    optimizer's step, which takes at least what its states ask for.
    """
    # What a stack's file says of traffic is said of half precision.
    usual = stack.recipes[training.precision if training.precision == "fp16" else "bf16"]
    recipe = asked_recipe(stack, training, where)
    if recipe is usual:
        return stack
    if stack.flash_attention and recipe.attention.name not in _FUSED_ATTENTION:
        raise InputError(
            f"{where} recipe",
            f"the fused attention of '{stack.name}' does not run in {recipe.attention.name}",
            'write attention = "bf16" in [training.recipe], or use a stack without fused attention',
        )
    traffic = {
        name: _update_bytes(stated, load_optimizer(name).matrix_states, recipe, usual)
        for name, stated in stack.optimizer_traffic_bytes.items()
    }
    cast = stack.gradient_cast_bytes + _cast_bytes(stack, recipe) - _cast_bytes(stack, usual)
    return dataclasses.replace(
        stack,
        recipes={**stack.recipes, training.precision: recipe},
        gradient_cast_bytes=max(cast, 0.0),
        optimizer_traffic_bytes=traffic,
        figures=(*stack.figures, *recipe.figures),
    )


def asked_recipe(stack: GpuStack, training: Training, where: str) -> Recipe:
    """The recipe by name, or the stack's for the precision, with the single uses that the scenario changes.

    Gradients are reduced as they are kept unless the scenario says otherwise.
    """
    asked = training.recipe
    named = load_recipe(asked.name, f"{where} recipe") if asked.name else stack.recipes[training.precision]
    given: dict[str, Any] = {**dataclasses.asdict(asked), "reductions": asked.reductions or asked.gradients}
    uses: dict[str, Any] = {use: load_format(name) for use, name in given.items() if name and use != "name"}
    if not uses:
        return named
    figures = tuple(figure for figure in named.figures if figure.name not in uses)
    return dataclasses.replace(named, figures=figures, **uses)


def _update_bytes(stated: float, states: float, recipe: Recipe, usual: Recipe) -> float:
    """Traffic of an optimizer's step for which the stack's file states what it is with the usual recipe.

    Hand-worked: 34 bytes stated where 30 are the least; with moments of 2 bytes instead of 4, 34 - 8 = 26.
    """
    least = float(recipe.update_bytes(states))
    return max(stated + least - float(usual.update_bytes(states)), least)


def _cast_bytes(stack: GpuStack, recipe: Recipe) -> float:
    """Traffic per parameter of a cast from how gradients come to how they are reduced; none where that is the same.

    Those that leave after every micro-batch come as the products write them, others from the buffer.
    """
    come = recipe.parameters if stack.reduces_every_micro_batch else recipe.gradients
    return 0.0 if come == recipe.reductions else come.bytes + recipe.reductions.bytes
