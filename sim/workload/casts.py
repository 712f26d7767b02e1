"""Casts of operands to the narrow formats that a recipe multiplies in: kernels that memory bounds.

Every element of a linear layer's input is cast forward, every element of its output's gradient backward, and its
weights once a step or for every micro-batch. Elements may be numpy arrays, one element per plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

from sim.catalog import Recipe
from sim.catalog.precision_records import Use
from sim.hardware.kernel import Array, Kernel

Maker = Literal["norm", "activation", "apart"]
"""What writes the numbers that are cast."""
MadeBy = tuple[Maker, Maker]
"""What writes a linear layer's input, and what the gradient of its output."""


class Casts(NamedTuple):
    """The casts of a linear layer, by the phase that needs them first."""

    forward: tuple[Kernel, ...] = ()
    input_gradient: tuple[Kernel, ...] = ()
    weight_gradient: tuple[Kernel, ...] = ()


def cast_bytes(recipe: Recipe, copies: int, *, fused: bool = False) -> float:
    """Memory traffic of casting one number, at the rate of streaming kernels.

    Read once, or twice where a scale of the whole tensor comes first, and written once or for each direction; a kernel
    that makes the number reads it once less.
    Source: Transformer Engine, documentation, low precision training; docs/examples/gemm_profiling for what casts take.
    Hand-worked: delayed scaling, one copy: 0.9 (2 + 1) = 2.7; fused 0.9 x 1; transposed as well 0.9 (2 + 2) = 3.6.
    """
    assert recipe.quantised is not None
    read = (recipe.quantised.reads - fused) * recipe.activations.bytes
    return recipe.quantised.cast_slowdown * (read + copies * recipe.products.bytes)


def cast(name: str, elements: Array, recipe: Recipe, copies: int = 1, *, fused: bool = False) -> Kernel:
    """The kernels of a cast as one."""
    assert recipe.quantised is not None
    launches = max(recipe.quantised.cast_launches - fused, 0.0)
    traffic = elements * cast_bytes(recipe, copies, fused=fused)
    return Kernel(f"cast {name}", "elementwise", traffic_bytes=traffic, launches=launches)


def linear_casts(
    name: str, inputs: Array, outputs: Array, recipe: Recipe, use: Use, copies: int, made_by: MadeBy, *, frozen: bool
) -> Casts:
    """The casts of a linear layer, but those of its weights. inputs, outputs: elements of its input and output.

    copies: of an operand that products of both directions read. Where the input is kept as it came, the backward casts
    it again, and every product has an operand of its own. Without a gradient of weights one direction is enough.
    """
    quantised, (products, gradients) = recipe.quantised, recipe.operands(use)
    if quantised is None or products == quantised.others:
        return Casts()
    both_narrow = not frozen and gradients != quantised.others
    apart = quantised.recasts or not both_narrow

    made = {"none": (), "norms": ("norm",), "all": ("norm", "activation")}[quantised.fused_casts]

    def fused(maker: Maker) -> bool:
        return maker in made

    one = cast(f"{name} input", inputs, recipe, 1 if apart else copies, fused=fused(made_by[0]))
    back = cast(f"{name} output gradient", outputs, recipe, 1 if not both_narrow else copies, fused=fused(made_by[1]))
    again = (cast(f"{name} input again", inputs, recipe),) if both_narrow and quantised.recasts else ()
    if both_narrow and quantised.recasts and quantised.two_ways:
        back = cast(f"{name} output gradient", outputs, recipe, fused=fused(made_by[1]))
        again = (*again, cast(f"{name} output gradient again", outputs, recipe))
    return Casts((one,), (back,), again)


def weight_casts(elements: Array, tensors: int, recipe: Recipe, copies: int, share: Array) -> Casts:
    """The casts of a layer's weights. elements: of so many matrices. share: of them for each micro-batch, on average.

    Where operands are cast for every product, the backward casts weights again.
    """
    quantised = recipe.quantised
    if quantised is None:
        return Casts()
    one = cast("weights", elements * share, recipe, 1 if quantised.recasts else copies)
    one = replace(one, launches=one.launches * tensors * share)
    return Casts((one,), (one,) if quantised.recasts else ())
