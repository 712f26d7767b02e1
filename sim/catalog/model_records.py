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
    value_norm: bool = False
    """A norm of values, without weights (Gemma 4)."""
    value_head_dim: int | None = None
    """Width of a head's values; by default that of its queries and keys."""
    query_rank: int | None = None
    """Width of what the queries of latent attention are made of; by default they are made of the layer's input."""
    key_value_rank: int | None = None
    """Width of what keys and values are made of: attention is latent (MLA) where it is there."""
    rotary_head_dim: int | None = None
    """Part of a head of latent attention that is rotated; of the keys, one for all heads, made of the layer's input."""
    global_head_dim: int | None = None
    """Width of a head in layers that do not slide, where others do; by default as in those."""
    global_kv_heads: int | None = None
    """Heads of keys and values in layers that do not slide, where others do; by default as in those."""
    keys_are_values: bool = False
    """Layers that do not slide make values of their keys, and have no projection for them (Gemma 4)."""
    borrows: bool = False
    """Whether layers take keys and values of an earlier one; as layers of the kinds that do so see their model."""
    borrowing_ffn_hidden: int | None = None
    """Width of the MLP in layers that take keys and values of an earlier one; by default as in others."""
    layer_embedding: int | None = None
    """Width of an embedding that every layer has of its own, beside those of all others in one table (Gemma 4)."""
    layer_vocab: int | None = None
    """Entries of that table; by default those of the vocabulary."""
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
    def value_dim(self) -> int:
        """Width of a head's values."""
        return self.value_head_dim or self.head_dim

    @property
    def latent_width(self) -> int:
        """Numbers for each token that queries, keys and values are made of, where attention is latent."""
        return (self.query_rank or 0) + (self.key_value_rank or 0) + (self.rotary_head_dim or 0)

    @property
    def biased_attention_output(self) -> bool:
        """Whether the projection out of attention has a bias; unless said, as those into it."""
        return self.attention_bias if self.attention_output_bias is None else self.attention_output_bias
