"""The layers and weights of a pipeline stage, kind by kind: of one plan, or of many and a stage of each."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sim.catalog import Model, load_optimizer
from sim.hardware.kernel import Array
from sim.parallel.plan import Plan
from sim.parallel.plans import Plans
from sim.scenario.types import Training
from sim.workload.kinds import EMBEDDING, HEAD, LayerKind, layers_by_kind, model_kinds
from sim.workload.parameters import states_each
from sim.workload.weights import Weights, vocabulary_shape


def stage_kinds(model: Model, plan: Plans, stage: Array) -> dict[LayerKind, Array]:
    """How many layers of each kind a stage holds over all its chunks. stage: a number, or one for each plan."""
    kinds = model_kinds(model)
    if len(kinds) == 1:
        return {kinds[0]: plan.stage_layers(stage)}
    chunks = [layers_by_kind(model, *ends) for ends in plan.layer_ranges(stage)]
    return {kind: sum(counts[kind] for counts in chunks) for kind in kinds}


def layers_of_stages(model: Model, plan: Plan, stages: Sequence[int]) -> dict[LayerKind, int]:
    """How many layers of each kind of one copy of the model some stages of a plan run."""
    own = [stage_kinds(model, plan, stage) for stage in stages]
    return {kind: sum(one[kind] for one in own) // plan.pipelining.copies for kind in model_kinds(model)}


def stage_states_each(model: Model, training: Training, plan: Plans, stage: Array) -> Array:
    """Numbers that the optimizer keeps of a trained parameter, on average over those of a stage."""
    optimizer = load_optimizer(training.optimizer)
    if optimizer.states_each is not None or training.lora is not None:
        return states_each(model, training)
    kinds = stage_kinds(model, plan, stage)
    states = over_stage(model, plan, stage, kinds, lambda weights: weights.states(optimizer))
    return states / over_stage(model, plan, stage, kinds, lambda weights: weights.total)


def stage_orthogonal_flops(model: Model, training: Training, plan: Plans, stage: Array, steps: int) -> Array:
    """FLOPs of making the updates of a stage's matrices orthogonal: of its adapters where those alone are trained."""
    lora, kinds = training.lora, stage_kinds(model, plan, stage)
    if lora is None:
        return over_stage(model, plan, stage, kinds, lambda weights: weights.orthogonal_flops(steps))
    return over_layers(kinds, lambda kind: kind.adapters(model, lora).orthogonal_flops(steps))


def over_layers(kinds: Mapping[LayerKind, Array], of: Callable[[LayerKind], Array]) -> Array:
    """The sum of something over the layers of a stage, so many of each kind."""
    return functools.reduce(operator.add, [count * of(kind) for kind, count in kinds.items()])


def over_stage(
    model: Model, plan: Plans, stage: Array, kinds: Mapping[LayerKind, Array], of: Callable[[Weights], float]
) -> Array:
    """The sum of something over the weights of a stage; what tensor ranks copy is left out.

    kinds: of the stage's layers. With tied embeddings the last stage keeps a copy unless it is the first
    (Shoeybi et al. 2019, sec. 3).
    """
    layers = over_layers(kinds, lambda kind: of(kind.weights(model)))
    tied = of(Weights(tables=(vocabulary_shape(model),))) if model.tied_embeddings else 0
    has_first, has_last = (side(stage, plan.pipeline) for side in (plan.pipelining.has_first, plan.pipelining.has_last))
    last = has_last * (of(HEAD.weights(model)) + np.logical_not(has_first) * tied)
    return layers + has_first * of(EMBEDDING.weights(model)) + last
