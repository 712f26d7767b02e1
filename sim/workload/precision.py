"""The precision recipe that a scenario asks a stack for."""

from __future__ import annotations

import dataclasses
from typing import Any

from sim.catalog import (
    NARROW_PRECISIONS,
    Format,
    GpuStack,
    Quantised,
    Recipe,
    load_format,
    load_optimizer,
    load_recipe,
    load_stack,
    recipes_with,
    stack_names,
)
from sim.errors import InputError, some_of
from sim.scenario.types import Training

_FUSED_ATTENTION = ("bf16", "fp16", "fp8")
"""Formats that fused attention takes. Sources: Dao-AILab/flash-attention, README: fp16 and bf16; cuDNN, fp8 as well."""
_UNASKED = ("name", "first_bf16_layers", "last_bf16_layers")
"""Of what is asked, what is no use of a recipe by its own name."""
_QUANTISED = {spec.name for spec in dataclasses.fields(Quantised)}


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
    if recipe.has_narrow_attention and not stack.flash_attention:
        raise InputError(
            f"{where} recipe.attention",
            f"the attention of '{stack.name}' is not fused, and runs in {recipe.activations.name}",
            "leave attention out, or use a stack with fused attention",
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

    Gradients are reduced as they are kept unless the scenario says otherwise, and weights gathered as they are held
    where one scale a tensor allows it.
    """
    asked = training.recipe
    if training.precision not in stack.recipes:
        raise _no_recipe(stack, training.precision, where)
    named = load_recipe(asked.name, f"{where} recipe") if asked.name else stack.recipes[training.precision]
    given: dict[str, Any] = {**dataclasses.asdict(asked), "reductions": asked.reductions or asked.gradients}
    given = {use: value for use, value in given.items() if value is not None and use not in _UNASKED}
    narrow = {use: given.pop(use) for use in list(given) if use in _QUANTISED}
    ends = {"wide_first": asked.first_bf16_layers, "wide_last": asked.last_bf16_layers}
    narrow |= {use: count for use, count in ends.items() if count is not None}
    uses: dict[str, Any] = {use: load_format(name) for use, name in given.items()}
    if narrow:
        uses["quantised"] = _quantised(named, narrow, where)
    if not uses:
        return named
    changed = {*uses, *(f"quantised.{use}" for use in narrow)}
    figures = tuple(figure for figure in named.figures if figure.name not in changed)
    found = dataclasses.replace(named, figures=figures, **uses)
    if found.has_narrow_attention and found.quantised is None:
        raise InputError(
            f"{where} recipe.attention",
            f"attention in {found.attention.name} goes with narrow products, and those of '{named.name}' are not",
            f'write precision = "{NARROW_PRECISIONS[0]}", or leave attention out',
        )
    return found


def _quantised(recipe: Recipe, asked: dict[str, Any], where: str) -> Quantised:
    """What a recipe does beside its narrow products, with what a scenario changes."""
    before = recipe.quantised
    if before is None:
        raise InputError(
            f"{where} recipe.{next(iter(asked))}",
            f"the products of the recipe '{recipe.name}' are in {recipe.products.name}, and nothing is cast for them",
            f"leave it out, or write precision = {' or '.join(NARROW_PRECISIONS)}",
        )
    uses: dict[str, Any] = {
        use: load_format(value) if isinstance(getattr(before, use), Format) else value for use, value in asked.items()
    }
    for use, one in uses.items():
        if isinstance(one, Format) and one not in (before.others, recipe.products):
            raise InputError(
                f"{where} recipe.{use}",
                f"{one.name} is neither the format of the recipe's products nor that of all others",
                f"write {before.others.name} or {recipe.products.name}",
            )
    if uses.get("weight_gradients") == before.others:
        uses["inputs"] = before.others
    if "weights" in uses and "gathers" not in uses:
        uses["gathers"] = before.others if before.two_ways else uses["weights"]
    return dataclasses.replace(before, **uses)


def stacks_that_train_in(precision: str, like: GpuStack) -> list[str]:
    """Names of the stacks that have a recipe for a precision, for the kind of machine that another one is for."""
    stacks = [load_stack(name) for name in stack_names()]
    return [one.name for one in stacks if type(one) is type(like) and precision in one.recipes]


def _no_recipe(stack: GpuStack, precision: str, where: str) -> InputError:
    """What is said of a precision that a stack was not made for."""
    able = stacks_that_train_in(precision, stack)
    other = f", or a stack that has it: {some_of(able, stack.name, listed_by='scaletax list stacks')}" if able else ""
    return InputError(
        f"{where} precision",
        f"the stack '{stack.name}' does not train in {precision}",
        f"allowed: {', '.join(stack.recipes)}{other}; in a stack of your own, name a recipe for it in [recipes]:"
        f" {', '.join(recipes_with(precision))}",
    )


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
