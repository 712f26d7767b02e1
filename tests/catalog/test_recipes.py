"""Formats, recipes and optimizers of the catalogue, by what their sources say."""

from __future__ import annotations

import dataclasses
import tomllib
from importlib import resources
from typing import get_args

import pytest

from sim.catalog import (
    NARROW_PRECISIONS,
    NO_COPY,
    PRECISIONS,
    Format,
    GpuStack,
    Quantised,
    Recipe,
    load_format,
    load_optimizer,
    load_recipe,
    load_sources,
    load_stack,
    optimizer_names,
    precision_of,
    recipe_names,
    stack_names,
)
from sim.catalog.figures import read_figure
from sim.catalog.precision_records import FusedCasts, ScaleReductions, WeightCasts
from sim.errors import InputError

USES = [spec.name for spec in dataclasses.fields(Recipe) if spec.name not in ("name", "title", "quantised", "figures")]
BESIDE = [spec.name for spec in dataclasses.fields(Quantised)]
NARROW = [name for name in recipe_names() if load_recipe(name).quantised is not None]


def widths(recipe: Recipe) -> dict[str, float]:
    return {use: getattr(recipe, use).bytes for use in USES}


@pytest.mark.parametrize("name", recipe_names())
def test_every_use_has_a_format_and_a_figure(name: str) -> None:
    recipe = load_recipe(name)
    beside = {f"quantised.{name}" for name in BESIDE} if recipe.quantised else set()
    assert {figure.name for figure in recipe.figures} == {*USES, *beside}
    assert all(isinstance(getattr(recipe, use), Format) for use in USES)
    assert all(width > 0 for use, width in widths(recipe).items() if use != "master")
    assert (precision_of(recipe) in NARROW_PRECISIONS) == (recipe.quantised is not None)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_has_a_recipe_of_its_name(precision: str) -> None:
    assert load_recipe(precision).products.name == precision


def test_widths_by_hand() -> None:
    half = {"products": 2, "attention": 2, "activations": 2, "parameters": 2}
    single = dict.fromkeys(("products", "attention", "activations", "parameters", "gradients", "reductions"), 4)
    assert widths(load_recipe("bf16")) == {**half, "gradients": 4, "reductions": 4, "master": 4, "moments": 4}
    assert widths(load_recipe("fp16-gradients")) == {**half, "gradients": 2, "reductions": 2, "master": 4, "moments": 4}
    assert widths(load_recipe("bf16-only")) == {**half, "gradients": 2, "reductions": 2, "master": 0, "moments": 2}
    assert widths(load_recipe("fp32")) == widths(load_recipe("tf32")) == {**single, "master": 0, "moments": 4}
    # A scale of 4 bytes for every block of 2,048 states of a byte.
    assert load_recipe("8bit-moments").moments.bytes == 1 + 4 / 2048
    assert load_format("none") == NO_COPY
    # A scale of 4 bytes for 128 elements, of 1 for 32, of 1 for 16.
    narrow = {name: load_format(name).bytes for name in ("fp8", "fp8-block", "mxfp8", "nvfp4")}
    assert narrow == {"fp8": 1, "fp8-block": 1 + 4 / 128, "mxfp8": 1 + 1 / 32, "nvfp4": 0.5 + 1 / 16}


def test_formats_are_figures() -> None:
    raw = tomllib.loads((resources.files("sim.catalog") / "formats.toml").read_text(encoding="utf-8"))
    for name, entry in (*raw["element_bytes"].items(), *raw["peak_of"].items()):
        figure = read_figure(name, entry, "formats")
        assert figure.source in load_sources()
        assert figure.date


def test_what_one_step_of_an_optimizer_reads_and_writes_at_least() -> None:
    # Gradient 2, two states read and written, master read and written, weights written.
    assert load_recipe("bf16-gradients").update_bytes(2) == 2 + 2 * 2 * 4 + 2 * 4 + 2
    # No master: the weights are read and written.
    assert load_recipe("bf16-only").update_bytes(2) == 2 + 2 * 2 * 2 + 2 * 2
    assert load_recipe("fp32").update_bytes(1) == 4 + 2 * 4 + 2 * 4


def test_states_that_are_the_same_for_all_parameters() -> None:
    each = {name: load_optimizer(name).states_each for name in optimizer_names()}
    assert each.items() >= {"adam": 2, "sgd": 1, "adafactor": None, "muon": None}.items()


@pytest.mark.parametrize("name", [one for one in stack_names() if isinstance(load_stack(one), GpuStack)])
def test_a_stack_has_a_recipe_for_every_precision(name: str) -> None:
    stack = load_stack(name)
    assert isinstance(stack, GpuStack)
    named = {precision: precision_of(recipe) for precision, recipe in stack.recipes.items()}
    assert named == dict(zip(named, named, strict=True))
    assert set(PRECISIONS) <= set(named) <= {*PRECISIONS, *NARROW_PRECISIONS}


def test_narrow_products_leave_gradients_as_the_stack_has_them() -> None:
    for name in stack_names():
        stack = load_stack(name)
        found = {(one.gradients, one.reductions) for one in getattr(stack, "recipes", {}).values() if one.quantised}
        assert found <= {(stack.recipes["bf16"].gradients, stack.recipes["bf16"].reductions)} if found else True, name
    reduced, bf16 = load_recipe("bf16-gradients"), load_recipe("bf16")
    assert load_recipe("mxfp8").beside(reduced, bf16).gradients.bytes == 2
    assert load_recipe("mxfp8").beside(bf16, bf16) == load_recipe("mxfp8")
    assert load_recipe("nvfp4-bridge").beside(bf16, bf16).gradients.bytes == 2  # as its file says


def test_a_stack_may_lack_what_its_base_has() -> None:
    for name, has_fp8 in (("fsdp-2023", True), ("fsdp-2022-12", False)):
        stack = load_stack(name)
        assert isinstance(stack, GpuStack)
        assert ("fp8" in stack.recipes) == has_fp8


@pytest.mark.parametrize("name", NARROW)
def test_words_and_formats_of_narrow_recipes_are_known(name: str) -> None:
    recipe = load_recipe(name)
    quantised = recipe.quantised
    assert quantised is not None
    assert quantised.fused_casts in get_args(FusedCasts)
    assert quantised.weight_casts in get_args(WeightCasts)
    assert quantised.scale_reductions in get_args(ScaleReductions)
    formats = (quantised.weights, quantised.gathers, quantised.exchanges, quantised.inputs, quantised.weight_gradients)
    assert {*formats, quantised.vocabulary} <= {recipe.products, quantised.others}
    # All that is wide is half precision; without narrow products the recipe is that of half precision.
    assert quantised.others == recipe.activations == recipe.parameters == recipe.attention
    assert recipe.wide.products == recipe.activations


def test_bytes_of_a_weight_by_hand() -> None:
    # PHYSICS of Megatron-Core: 1 for each copy of primary weights, 2 and the copies beside them otherwise.
    held = {
        ("fp8-delayed", 1): 2 + 1, ("fp8-delayed", 2): 2 + 2, ("fp8-current", 2): 2 + 2,
        ("fp8-current-bridge", 1): 1, ("fp8-current-bridge", 2): 1 + 1, ("mxfp8-bridge", 2): 2.0625,
        ("mxfp8", 2): 2 + 2.0625, ("nvfp4", 2): 2 + 2 * 0.5625, ("fp8-blockwise", 2): 2 + 2 * 1.03125,
        # Cast before every product, and kept no longer.
        ("fp8-tensorwise", 2): 2, ("bf16", 1): 2,
    }  # fmt: skip
    assert {key: load_recipe(key[0]).held_weight_bytes(key[1]) for key in held} == held
    gradients = {name: load_recipe(name).gradients.bytes for name in ("fp8-current", "fp8-current-bridge")}
    assert gradients == {"fp8-current": 4, "fp8-current-bridge": 2}


def test_unknown_names() -> None:
    with pytest.raises(InputError, match="did you mean 'bf16-only'"):
        load_recipe("bf16-onyl")
    with pytest.raises(InputError, match="did you mean 'adafactor'"):
        load_optimizer("adafaktor")
