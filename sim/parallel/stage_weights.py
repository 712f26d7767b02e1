"""The weights of a pipeline stage, as optimizers tell them apart: of one plan, or of many and a stage of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.catalog import Model, load_optimizer
from sim.hardware.kernel import Array
from sim.parallel.plans import Plans
from sim.scenario.types import Training
from sim.workload.parameters import states_each
from sim.workload.weights import (
    Weights,
    adapter_weights,
    embedding_weights,
    head_weights,
    layer_weights,
    vocabulary_shape,
)


def stage_states_each(model: Model, training: Training, plan: Plans, stage: Array) -> Array:
    """Numbers that the optimizer keeps of a trained parameter, on average over those of a stage."""
    optimizer = load_optimizer(training.optimizer)
    if optimizer.states_each is not None or training.lora is not None:
        return states_each(model, training)
    states = over_stage(model, plan, stage, lambda weights: weights.states(optimizer))
    return states / over_stage(model, plan, stage, lambda weights: weights.total)


def over_stage(model: Model, plan: Plans, stage: Array, of: Callable[[Weights], float]) -> Array:
    """The sum of something over the weights of a stage; what tensor ranks copy is left out."""
    tied_copy = of(Weights(tables=(vocabulary_shape(model),))) if model.tied_embeddings else 0
    first = np.equal(stage, 0) * of(embedding_weights(model))
    last = np.equal(stage, plan.pipeline - 1) * (of(head_weights(model)) + np.greater(plan.pipeline, 1) * tied_copy)
    return plan.stage_layers(stage) * of(layer_weights(model)) + first + last


def stage_orthogonal_flops(model: Model, training: Training, plan: Plans, stage: Array, steps: int) -> Array:
    """FLOPs of making the updates of a stage's matrices orthogonal: of its adapters where those alone are trained."""
    if training.lora is not None:
        return plan.stage_layers(stage) * adapter_weights(model, training.lora).orthogonal_flops(steps)
    return over_stage(model, plan, stage, lambda weights: weights.orthogonal_flops(steps))
