"""What a plan leaves in the memory of hosts, and what that leaves on the devices.

Legend: n layers of a stage are offloaded, of L that it has.
"""

from __future__ import annotations

import numpy as np

from sim.catalog import GpuStack, load_stack, stack_names
from sim.errors import InputError, some_of
from sim.hardware.kernel import Array
from sim.parallel.plan import Plan
from sim.parallel.plans import Plans
from sim.scenario.types import Training

_BUFFERED_LAYERS = 2
"""Offloaded layers that a device holds at a time: one that computes, and one that is copied meanwhile."""


def offloads(plan: Plans) -> bool:
    """Whether anything of a plan is in the memory of hosts."""
    return bool(plan.offload_layers) or plan.optimizer_offload != "none"


def offloaded_share(plan: Plans, stage: Array) -> Array:
    """Share of a stage's layers whose activations are in its host's memory; its last layer is never among them.

    Source: Transformer Engine, cpu_offload.py: so many layers from the first on, and never all.
    """
    layers = plan.stage_layers(stage)
    return np.minimum(plan.offload_layers, np.maximum(layers - 1, 0)) / np.maximum(layers, 1)


def layers_kept(plan: Plans, stage: Array) -> Array:
    """Layers, over micro-batches, that a device of a stage holds activations of at its fullest.

    That is at the end of a forward, when all that is offloaded is away: a layer comes back when another is done. Of
    those offloaded one computes while another is copied. Source: Transformer Engine, cpu_offload.py (double buffer).
    Hand-worked: 80 layers in flight, 40 of 80 offloaded: 40; all but one: 2.
    """
    held = plan.layers_in_flight(stage)
    if not plan.offload_layers:
        return held
    return np.maximum(held * (1.0 - offloaded_share(plan, stage)), np.minimum(held, _BUFFERED_LAYERS))


def layers_offloaded(plan: Plans, stage: Array) -> Array:
    """Layers, over micro-batches, whose activations a device of a stage has in its host's memory at its fullest."""
    return plan.layers_in_flight(stage) * offloaded_share(plan, stage)


def check_offload(plan: Plan, training: Training, stack: GpuStack, where: str) -> None:
    """Raise InputError for what a stack, a cut or an optimizer does not allow to be offloaded. where: of the plan."""
    if plan.offload_layers:
        _check_stack(
            "offloads_activations", "leaves no activations in the memory of hosts", stack, f"{where} offload_layers"
        )
        _check_beside(plan, stack, f"{where} offload_layers")
        _check_layers(plan, f"{where} offload_layers")
    if plan.optimizer_offload == "none":
        return
    place = f"{where} optimizer_offload"
    _check_stack("host_update_bytes", "runs no optimizer on hosts", stack, place)
    if training.optimizer != "adam":
        problem = f"the optimizer '{training.optimizer}' has no update on the host here"
        raise InputError(place, problem, 'use optimizer = "adam", or leave optimizer_offload out')


def _check_stack(key: str, lacks: str, stack: GpuStack, where: str) -> None:
    if not getattr(stack, key):
        others = [name for name in stack_names() if getattr(load_stack(name), key, 0)]
        raise InputError(
            where,
            f"the stack '{stack.name}' {lacks}",
            f"leave it out, or use a stack that does: {some_of(others, listed_by='scaletax list stacks') or 'none'}",
        )


def _check_beside(plan: Plan, stack: GpuStack, where: str) -> None:
    """What no layers are offloaded beside. Source: Megatron-LM, megatron/core/transformer/transformer_config.py."""
    for found, key, value, usual in (
        (plan.pipeline > 1, "pipeline", f"{plan.pipeline}", "1"),
        (plan.recompute != "none", "recompute", f'"{plan.recompute}"', '"none"'),
        (stack.cuda_graph != "none", "cuda_graph", f'"{stack.cuda_graph}"', '"none"'),
    ):
        if found:
            problem = f"the stack '{stack.name}' offloads no layers with {key} = {value}"
            raise InputError(where, problem, f"use {key} = {usual}, or leave offload_layers out")


def _check_layers(plan: Plan, where: str) -> None:
    """Never all: the last layer runs backward at once."""
    layers = plan.layers_per_chunk[0]
    if plan.offload_layers >= layers:
        problem = f"{plan.offload_layers} of {layers} layers: the last stays, for it runs backward at once"
        raise InputError(where, problem, f"use 0 to {layers - 1}")
