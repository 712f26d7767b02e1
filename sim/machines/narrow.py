"""What narrow formats ask of GPUs and scenarios: peaks, attention, layers that stay wide, and when they do not pay."""

from __future__ import annotations

from dataclasses import replace

from sim.catalog import Device, GpuStack, Recipe
from sim.cost.compute import Machine
from sim.errors import InputError
from sim.hardware.kernel import attention_of
from sim.scenario.types import Scenario
from sim.workload.flops import StepFlops


def formats_of(recipe: Recipe, precision: str) -> dict[str, str]:
    """Key of [training] -> format that a device must have a peak for."""
    found = {"precision": precision, "recipe attention": recipe.attention.name}
    if recipe.quantised is not None:
        found |= {"recipe": recipe.products.name, "recipe vocabulary": recipe.quantised.others.name}
    return found


def asked_peak(recipe: Recipe, device: Device, flops: StepFlops, precision: str) -> float:
    """FLOP/s of a device that MFU is held against: of narrow products their format's alone, as it is compared."""
    if recipe.quantised is not None:
        return device.peak_flops_per_s[recipe.products.name]
    return flops.mean_peak(device.peak_flops_per_s, precision)


def check_attention(machine: Machine, where: str) -> None:
    """Raise InputError for fused attention in a format that has no figures on a device."""
    stack, name = machine.stack, machine.recipe.attention.name
    if stack.flash_attention and machine.gpu.attention_share(attention_of(stack, name), "forward") is None:
        raise InputError(
            f"{where} recipe.attention",
            f"the attention of '{stack.name}', '{stack.attention_kernel}', does not run in {name} on the"
            f" {machine.gpu.title}",
            "leave attention out: it is bf16 then",
        )


def with_wide_ends(scenario: Scenario, recipe: Recipe) -> Scenario:
    """The scenario with the layers that a recipe leaves wide. Raises InputError where the model has fewer."""
    quantised, model = recipe.quantised, scenario.model
    ends = (0, 0) if quantised is None else (quantised.wide_first, quantised.wide_last)
    if sum(ends) > model.layers:
        raise InputError(
            f"{scenario.path}: [training] recipe",
            f"{ends[0]} layers at the start and {ends[1]} at the end are to be wide, but {model.name} has"
            f" {model.layers}",
            "write smaller first_bf16_layers and last_bf16_layers",
        )
    return replace(scenario, model=replace(model, wide_ends=ends)) if any(ends) else scenario


def without_casts(machine: Machine) -> GpuStack | None:
    """The stack with every product of a narrow recipe in its wide format; None where nothing is narrow."""
    stack, recipe = machine.stack, machine.recipe
    if recipe.quantised is None:
        return None
    return replace(stack, recipes={**stack.recipes, machine.precision: recipe.wide})


def casts_note(precision: str, narrow_s: float, wide_s: float) -> tuple[str, ...]:
    """What is said where a step is longer than it would be without casts."""
    if narrow_s <= wide_s:
        return ()
    longer = 100 * (narrow_s / wide_s - 1.0)
    return (f"{precision} takes {longer:.2g} % longer than half precision would: casts cost more than products gain",)
