"""Models as typed records: the shape of each, and what its layers have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sim.catalog.figures import Figure

Position = Literal["learned", "rotary", "alibi", "relative", "none"]
QueryKeyNorm = Literal["none", "head", "heads"]


@dataclass(frozen=True, slots=True)
class Model:
    """The architecture of one decoder-only transformer."""

    name: str
    layers: int
    """Transformer layers."""
    hidden: int
    """Width of the residual stream."""
    heads: int
    """Attention heads of the queries."""
    kv_heads: int
    """Heads of keys and values; by default as many as heads."""
    head_dim: int
    """Width of a head; by default hidden / heads."""
    ffn_hidden: int
    """Width of the MLP; by default 4 x hidden."""
    vocab: int
    """Entries of the vocabulary."""
    max_sequence: int
    """Most tokens in a sequence."""
    gated_mlp: bool = False
    """Whether the MLP has a gate (SwiGLU)."""
    position: Position = "learned"
    """How positions are encoded."""
    norm: Literal["layernorm", "rmsnorm"] = "layernorm"
    """Kind of all norms."""
    norm_weight: bool = True
    """Weights of the norms (OLMo 1 has none)."""
    norm_bias: bool = True
    """Biases of the norms."""
    final_norm: bool = True
    """A norm after the last layer."""
    embedding_norm: bool = False
    """A norm straight after the embedding (BLOOM)."""
    attention_bias: bool = True
    """Biases on the query, key, value and attention output projections."""
    attention_output_bias: bool | None = None
    """A bias on the attention output projection alone; by default as attention_bias."""
    mlp_bias: bool = True
    """Biases of the MLP."""
    output_bias: bool = False
    """A bias on the vocabulary projection (GPT-J)."""
    parallel_block: bool = False
    """Attention and MLP read the same input (GPT-J, GPT-NeoX)."""
    norms_per_layer: int = 2
    """Norms in a layer, without those of queries and keys."""
    query_key_norm: QueryKeyNorm = "none"
    """Norms of queries and keys: with weights for a head, which all share, or for all heads together."""
    window: int | None = None
    """Tokens that attention of a sliding layer reaches, its own among them; `runs` says which layers slide."""
    attention_softcap: bool = False
    """Scores are capped softly, by a tanh (Gemma 2)."""
    logit_softcap: bool = False
    """Logits are capped softly, by a tanh (Gemma 2)."""
    scaled_residuals: bool = False
    """What attention and MLP add to the residual stream is multiplied by a constant (Granite, MiniCPM)."""
    tied_embeddings: bool = True
    """Whether the vocabulary projection has the weights of the embedding."""
    dropout: bool = False
    """Whether activations are dropped at random."""
    part_of: str | None = None
    """The model for more than text that this is the language model of."""
    published_parameters: float | None = None
    """Parameters as the source prints them."""
    runs: tuple[tuple[str, int], ...] = ()
    """Kinds of layers and how many of each in a row, from the first to the last; by default all are dense."""
    runs_repeat: bool = False
    """Whether the runs begin again until there are as many layers as the model has."""
    wide_ends: tuple[int, int] = (0, 0)
    """Layers at the start and at the end whose products a recipe leaves wide; of training, not of the model's file."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    @property
    def mlp_inputs(self) -> int:
        """Projections into the MLP: a gated one has a gate beside its input."""
        return 2 if self.gated_mlp else 1

    @property
    def biased_attention_output(self) -> bool:
        """Whether the projection out of attention has a bias; unless said, as those into it."""
        return self.attention_bias if self.attention_output_bias is None else self.attention_output_bias
