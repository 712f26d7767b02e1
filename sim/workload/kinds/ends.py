"""The ends of a model: the embedding before the layers, norm, vocabulary projection and loss behind them."""

from __future__ import annotations

from sim.workload.kinds.kind import LayerKind
from sim.workload.layer import embedding_operations, head_operations
from sim.workload.weights import embedding_weights, head_weights

EMBEDDING = LayerKind(
    "embedding", lambda model, part, _, lora: embedding_operations(model, part, lora), embedding_weights
)
HEAD = LayerKind("head", head_operations, head_weights)
