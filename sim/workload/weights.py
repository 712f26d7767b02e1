"""The weights of each part of a model, as optimizers tell them apart.

Legend: h hidden, V vocabulary, S longest sequence, f MLP width, a_q query width, a_kv key/value width.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from math import prod

import numpy as np

from sim.catalog import Model, Optimizer
from sim.hardware.kernel import Array
from sim.scenario.types import Lora

Shapes = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of one part of a model. matrices: of layers; tables: embedding, positions, vocabulary projection.

    vectors: elements of biases and norms. joined: matrices that are in one tensor with another: keys and values.
    """

    matrices: Shapes = ()
    tables: Shapes = ()
    vectors: int = 0
    joined: int = 2

    @property
    def total(self) -> int:
        """Elements of all of them."""
        return _elements(self.matrices) + _elements(self.tables) + self.vectors

    @property
    def matrix_elements(self) -> int:
        """Those of a layer's matrices."""
        return _elements(self.matrices)

    @property
    def tensors(self) -> int:
        """Matrices and tables, with query, key and value in one. Vectors are left out: they are small."""
        return len(self.tables) + max(len(self.matrices) - self.joined, 0)

    def states(self, optimizer: Optimizer) -> float:
        """Numbers that an optimizer keeps of them, beside a master copy.

        Hand-worked: one matrix of 4 x 6 and 5 biases. Adam: 2 x 29 = 58; Adafactor: 4 + 6 + 5 = 15; Muon: 24 + 2 x 5.
        """
        lines = sum(map(sum, self.matrices + self.tables))
        return (
            optimizer.matrix_states * _elements(self.matrices)
            + optimizer.table_states * _elements(self.tables)
            + optimizer.vector_states * self.vectors
            + optimizer.line_states * lines
        )

    def orthogonal_flops(self, steps: int) -> float:
        """FLOPs of making the updates of the matrices orthogonal, n x m each with m the smaller side.

        Source: Jordan et al. 2024 (Muon), runtime analysis: steps x (4 n m^2 + 2 m^3).
        Hand-worked: 5 steps on 6 x 4: 5 x (4 x 6 x 16 + 2 x 64) = 2,560.
        """
        sides = ((max(shape), min(shape)) for shape in self.matrices)
        return float(steps * sum(4 * large * small**2 + 2 * small**3 for large, small in sides))


@functools.cache
def layer_weights(model: Model) -> Weights:
    """Weights of one transformer layer.

    Source: Vaswani et al. 2017, sec. 3; for grouped heads Ainslie et al. 2023; for gated MLPs Shazeer 2020.
    """
    h, f = model.hidden, model.ffn_hidden
    attention, biases = _latent_matrices(model) if model.key_value_rank else _attention_matrices(model)
    vectors = (
        model.norms_per_layer * norm_weights(model)
        + _inner_norm_weights(model)
        + biases * model.attention_bias
        + h * model.biased_attention_output
        + (model.mlp_inputs * f + h) * model.mlp_bias
    )
    joined = 0 if model.key_value_rank or model.borrows else 2 - model.keys_are_values
    more: Shapes = ()
    if model.layer_embedding:
        more, vectors = ((h, model.layer_embedding), (model.layer_embedding, h)), vectors + norm_weights(model)
    return Weights((*attention, *((h, f),) * model.mlp_inputs, (f, h), *more), (), vectors, joined)


def _attention_matrices(model: Model) -> tuple[Shapes, int]:
    """The matrices of attention, and how many biases those into it have."""
    h, a_q, a_kv = model.hidden, model.heads * model.head_dim, model.kv_heads * model.head_dim
    a_v = 0 if model.keys_are_values else model.kv_heads * model.value_dim
    # Transformer-XL projects its relative positions in every layer (Dai et al. 2019, sec. 3.3).
    relative = ((h, a_q),) if model.position == "relative" else ()
    values = ((h, a_v),) if a_v else ()
    output = (model.heads * model.value_dim, h)
    if model.borrows:
        return ((h, a_q), output, *relative), a_q
    return ((h, a_q), (h, a_kv), *values, output, *relative), a_q + a_kv + a_v


def _latent_matrices(model: Model) -> tuple[Shapes, int]:
    """The same of latent attention: down to the latent widths, and up to all heads; only those down have biases.

    Source: DeepSeek-AI 2024 (DeepSeek-V2), sec. 2.1; the transformers library, DeepseekV3Attention.
    """
    h, a = model.hidden, model.heads
    r, rank = model.rotary_head_dim or 0, model.key_value_rank or 0
    down = (h, rank + r)
    up = (rank, a * (model.head_dim - r + model.value_dim))
    queries: Shapes = ((h, a * model.head_dim),)
    if model.query_rank:
        queries = ((h, model.query_rank), (model.query_rank, a * model.head_dim))
    return (*queries, down, up, (a * model.value_dim, h)), model.latent_width


@functools.cache
def embedding_weights(model: Model) -> Weights:
    """Weights of the input embedding and of learned positions, and of what makes the embeddings of every layer."""
    positions = ((model.max_sequence, model.hidden),) if model.position == "learned" else ()
    vectors = norm_weights(model) * model.embedding_norm
    if not model.layer_embedding:
        return Weights((), (vocabulary_shape(model), *positions), vectors)
    every = model.layers * model.layer_embedding
    tables = ((model.layer_vocab or model.vocab, every), (model.hidden, every))
    return Weights((), (vocabulary_shape(model), *positions, *tables), vectors + model.layer_embedding)


@functools.cache
def head_weights(model: Model) -> Weights:
    """Weights of the final norm and of a vocabulary projection that does not share the embedding's."""
    tables = () if model.tied_embeddings else (vocabulary_shape(model),)
    return Weights((), tables, norm_weights(model) * model.final_norm + model.vocab * model.output_bias)


def copied_weights(model: Model, tensor: Array) -> Array:
    """Elements that tensor ranks hold more than once: of keys and values, whose heads are copied where there are fewer.

    Of latent attention each holds the projections down as a whole, and of a layer's embedding both of its own.
    Source: Megatron-LM, multi_latent_attention.py, "duplicated"; the transformers library, Gemma4TextConfig.
    """
    whole = (tensor - 1) * model.hidden * 2 * (model.layer_embedding or 0)
    if model.key_value_rank:
        return (tensor - 1) * model.hidden * model.latent_width + whole
    if model.borrows:
        return 0 * tensor + whole
    kept = model.kv_heads * model.head_dim / tensor
    keys = key_width(model, tensor) - kept
    values = (
        0 * keys if model.keys_are_values else value_width(model, tensor) - model.kv_heads * model.value_dim / tensor
    )
    return model.hidden * tensor * (keys + values) + whole


def query_width(model: Model, tensor: Array) -> Array:
    """Width of the queries on one device."""
    return model.heads * model.head_dim / tensor


def context_width(model: Model, tensor: Array) -> Array:
    """Width of the output of attention on one device."""
    return model.heads * model.value_dim / tensor


def key_width(model: Model, tensor: Array) -> Array:
    """Width of the keys on one device; heads are copied where there are fewer than ranks."""
    return np.maximum(model.kv_heads / tensor, 1) * model.head_dim


def value_width(model: Model, tensor: Array) -> Array:
    """The same of the values."""
    return np.maximum(model.kv_heads / tensor, 1) * model.value_dim


def key_value_outputs(model: Model, tensor: Array) -> Array:
    """What the products of keys and values write on one device, for each token: of latent attention but the rotated."""
    keys, values = key_width(model, tensor), value_width(model, tensor)
    if model.borrows:
        return 0 * keys
    if model.key_value_rank:
        return keys + values - model.heads * (model.rotary_head_dim or 0) / tensor
    return keys if model.keys_are_values else keys + values


def query_key_width(model: Model, tensor: Array) -> Array:
    """Width of queries, and of keys that a layer makes, together on one device."""
    return query_width(model, tensor) + key_width(model, tensor) * (not model.borrows)


def adapter_weights(model: Model, lora: Lora) -> Weights:
    """Weights of the adapters of one layer. Source: Hu et al. 2021 (LoRA), sec. 4.2.

    Hand-worked: rank 8 on two weights of 256 x 256: four matrices, 2 * 8 * 512.
    """
    shapes = adapter_shapes(model, lora)
    return Weights(tuple(side for _, inputs, outputs in shapes for side in ((inputs, lora.rank), (lora.rank, outputs))))


def adapter_shapes(model: Model, lora: Lora) -> tuple[tuple[str, int, int], ...]:
    """(name, inputs, outputs) of every weight that gets an adapter in one layer.

    "qkv" is one adapter for query, key and value, on a projection that computes all three (NeMo's performant LoRA).
    """
    h, a_q = model.hidden, model.heads * model.head_dim
    a_kv = 0 if model.borrows else model.kv_heads * model.head_dim
    a_v = 0 if model.borrows or model.keys_are_values else model.kv_heads * model.value_dim
    mlp = [("mlp in", h, model.mlp_inputs * model.ffn_hidden), ("mlp out", model.ffn_hidden, h)]
    shapes = {
        "query": [("query", h, a_q)],
        "key": [("key", h, a_kv)] if a_kv else [],
        "value": [("value", h, a_v)] if a_v else [],
        "qkv": [("qkv", h, a_q + a_kv + a_v)],
        "output": [("output", model.heads * model.value_dim, h)],
        "mlp": mlp,
    }
    return tuple(shape for target in lora.targets for shape in shapes[target])


def vocabulary_shape(model: Model) -> tuple[int, int]:
    """Rows and columns of the embedding's matrix."""
    return model.vocab, model.hidden


def norm_weights(model: Model) -> int:
    """Weights of one norm."""
    return model.hidden * (model.norm_weight + model.norm_bias)


def _inner_norm_weights(model: Model) -> int:
    """Weights of norms in attention: of latent widths, or of queries and keys; those for all heads have no biases."""
    if model.key_value_rank:
        return ((model.query_rank or 0) + model.key_value_rank) * (model.norm_weight + model.norm_bias)
    if model.query_key_norm == "none":
        return 0
    if model.query_key_norm == "head":
        return (2 - model.borrows) * model.head_dim * (model.norm_weight + model.norm_bias)
    return (model.heads + model.kv_heads * (not model.borrows)) * model.head_dim


def _elements(shapes: Shapes) -> int:
    return sum(map(prod, shapes))
