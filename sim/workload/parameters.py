"""How many parameters a model has, component by component.

Legend: h hidden, V vocabulary, S longest sequence, f MLP width, a_q query width, a_kv key/value width.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.catalog import Model
from sim.scenario.types import Lora


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


def count_parameters(model: Model) -> ParameterCount:
    """Count the parameters of a model from its architecture.

    Source: Vaswani et al. 2017, sec. 3; for grouped heads Ainslie et al. 2023; for gated MLPs Shazeer 2020.
    Hand-worked: h = 4, f = 16, one layer, one head, V = 10, S = 8, tied: embedding 72, matrices 4*16 + 2*64 = 192.
    """
    h, f = model.hidden, model.ffn_hidden
    a_q, a_kv = model.heads * model.head_dim, model.kv_heads * model.head_dim
    # Transformer-XL projects its relative positions in every layer (Dai et al. 2019, sec. 3.3).
    relative = h * a_q if model.position == "relative" else 0
    matrices = h * (a_q + 2 * a_kv) + a_q * h + relative + (model.mlp_inputs + 1) * h * f
    norm = h * (2 if model.norm_bias else 1)
    vectors = (
        model.norms_per_layer * norm
        + (a_q + 2 * a_kv) * model.attention_bias
        + h * model.biased_attention_output
        + (model.mlp_inputs * f + h) * model.mlp_bias
    )
    positions = model.max_sequence * h if model.position == "learned" else 0
    return ParameterCount(
        embedding=model.vocab * h + positions + norm * model.embedding_norm,
        layer_matrices=matrices,
        layer_vectors=vectors,
        layers=model.layers,
        final_norm=norm * model.final_norm,
        output=(0 if model.tied_embeddings else model.vocab * h) + model.vocab * model.output_bias,
    )


def layer_adapter_parameters(model: Model, lora: Lora) -> int:
    """Trained parameters of the adapters of one layer.

    Source: Hu et al. 2021 (LoRA), sec. 4.2. Hand-worked: rank 8 on two weights of 256 x 256: 2 * 8 * 512.
    """
    return sum(lora.rank * (inputs + outputs) for _, inputs, outputs in adapter_shapes(model, lora))


def adapter_shapes(model: Model, lora: Lora) -> tuple[tuple[str, int, int], ...]:
    """(name, inputs, outputs) of every weight that gets an adapter in one layer."""
    h, a_q, a_kv = model.hidden, model.heads * model.head_dim, model.kv_heads * model.head_dim
    mlp = [("mlp in", h, model.mlp_inputs * model.ffn_hidden), ("mlp out", model.ffn_hidden, h)]
    shapes = {
        "query": [("query", h, a_q)],
        "key": [("key", h, a_kv)],
        "value": [("value", h, a_kv)],
        "output": [("output", a_q, h)],
        "mlp": mlp,
    }
    return tuple(shape for target in lora.targets for shape in shapes[target])
