"""How many parameters a model has, component by component."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sim.catalog import Model, load_optimizer
from sim.scenario.types import Lora, Training
from sim.workload.weights import Weights, adapter_weights, embedding_weights, head_weights, layer_weights


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Parameters of one model; `layer` is one transformer layer."""

    embedding: int
    """Input embedding and positions."""
    layer_matrices: int
    """Weights of the four GEMM groups of one layer, without biases."""
    layer_vectors: int
    """Biases and norms of one layer."""
    layers: int
    final_norm: int
    output: int
    """Vocabulary projection; zero when it shares the embedding's weights."""

    @property
    def layer(self) -> int:
        """Parameters of one transformer layer."""
        return self.layer_matrices + self.layer_vectors

    @property
    def root(self) -> int:
        """Parameters outside the layers: embedding, final norm and vocabulary projection."""
        return self.embedding + self.final_norm + self.output

    @property
    def total(self) -> int:
        """Parameters of the whole model."""
        return self.layers * self.layer + self.root


@functools.cache
def count_parameters(model: Model) -> ParameterCount:
    """Count the parameters of a model from its architecture.

    Source: Vaswani et al. 2017, sec. 3; for grouped heads Ainslie et al. 2023; for gated MLPs Shazeer 2020.
    Hand-worked: h = 4, f = 16, one layer, one head, V = 10, S = 8, tied: embedding 72, matrices 4*16 + 2*64 = 192.
    """
    layer, head = layer_weights(model), head_weights(model)
    output = Weights(tables=head.tables).total + model.vocab * model.output_bias
    return ParameterCount(
        embedding=embedding_weights(model).total,
        layer_matrices=layer.total - layer.vectors,
        layer_vectors=layer.vectors,
        layers=model.layers,
        final_norm=head.total - output,
        output=output,
    )


def layer_adapter_parameters(model: Model, lora: Lora) -> int:
    """Trained parameters of the adapters of one layer."""
    return adapter_weights(model, lora).total


def states_each(model: Model, training: Training) -> float:
    """Numbers that the optimizer keeps of a trained parameter, on average over the model."""
    optimizer = load_optimizer(training.optimizer)
    if optimizer.states_each is not None:
        return optimizer.states_each
    if training.lora is not None:
        adapters = adapter_weights(model, training.lora)
        return adapters.states(optimizer) / adapters.total
    layer, ends = layer_weights(model), (embedding_weights(model), head_weights(model))
    states = model.layers * layer.states(optimizer) + sum(one.states(optimizer) for one in ends)
    return states / count_parameters(model).total
