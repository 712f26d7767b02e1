"""How many parameters a model has, component by component."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sim.catalog import Model, load_optimizer
from sim.scenario.types import Lora, Training
from sim.workload.kinds import EMBEDDING, HEAD, model_kinds, model_runs
from sim.workload.weights import Weights


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Parameters of one model; `layer` is one transformer layer, the largest where layers differ."""

    embedding: int
    """Input embedding and positions."""
    layer_matrices: int
    """Weights of the four GEMM groups of one layer, without biases."""
    layer_vectors: int
    """Biases and norms of one layer."""
    in_layers: int
    """Of all layers together."""
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
        return self.in_layers + self.root


@functools.cache
def count_parameters(model: Model) -> ParameterCount:
    """Count the parameters of a model from its architecture.

    Source: Vaswani et al. 2017, sec. 3; for grouped heads Ainslie et al. 2023; for gated MLPs Shazeer 2020.
    Hand-worked: h = 4, f = 16, one layer, one head, V = 10, S = 8, tied: embedding 72, matrices 4*16 + 2*64 = 192.
    """
    layer = max((kind.weights(model) for kind in model_kinds(model)), key=lambda weights: weights.total)
    head = HEAD.weights(model)
    output = Weights(tables=head.tables).total + model.vocab * model.output_bias
    return ParameterCount(
        embedding=EMBEDDING.weights(model).total,
        layer_matrices=layer.total - layer.vectors,
        layer_vectors=layer.vectors,
        in_layers=sum(count * kind.weights(model).total for kind, count in model_runs(model)),
        final_norm=head.total - output,
        output=output,
    )


def largest_tensor(model: Model) -> int:
    """Numbers of the largest matrix or table: a projection of an MLP, or the embedding.

    Hand-worked: h = 4, f = 16, V = 10: 64.
    """
    every = model.layers * (model.layer_embedding or 0)
    own = every * max(model.layer_vocab or model.vocab, model.hidden)
    return max(model.hidden * max(model.ffn_hidden, model.vocab, model.heads * model.head_dim), own)


def count_tensors(model: Model) -> int:
    """Matrices and tables of the whole model; see Weights.tensors."""
    layers = sum(count * kind.weights(model).tensors for kind, count in model_runs(model))
    return layers + root_tensors(model)


def root_tensors(model: Model) -> int:
    """Those outside the layers."""
    return EMBEDDING.weights(model).tensors + HEAD.weights(model).tensors


def layer_narrow_weights(model: Model) -> int:
    """Weights of one layer whose products may be narrow, of the one with most where layers differ."""
    return max(kind.narrow_weights(model) for kind in model_kinds(model))


def adapter_parameters(model: Model, lora: Lora) -> int:
    """Trained parameters of the adapters of all layers."""
    return sum(count * kind.adapters(model, lora).total for kind, count in model_runs(model))


def layer_adapter_parameters(model: Model, lora: Lora) -> int:
    """Trained parameters of the adapters of one layer, the one with most where layers differ."""
    return max(kind.adapters(model, lora).total for kind in model_kinds(model))


def states_each(model: Model, training: Training) -> float:
    """Numbers that the optimizer keeps of a trained parameter, on average over the model."""
    optimizer = load_optimizer(training.optimizer)
    if optimizer.states_each is not None:
        return optimizer.states_each
    lora, runs = training.lora, model_runs(model)
    if lora is not None:
        states = sum(count * kind.adapters(model, lora).states(optimizer) for kind, count in runs)
        return states / adapter_parameters(model, lora)
    states = sum(kind.weights(model).states(optimizer) for kind in (EMBEDDING, HEAD))
    states += sum(count * kind.weights(model).states(optimizer) for kind, count in runs)
    return states / count_parameters(model).total
