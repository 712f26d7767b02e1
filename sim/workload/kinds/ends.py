"""The ends of a model: the embedding before the layers, norm, vocabulary projection and loss behind them."""

from __future__ import annotations

from sim.workload.kinds.kind import Kind
from sim.workload.layer import embedding_operations, head_operations
from sim.workload.weights import embedding_weights, head_weights

EMBEDDING = Kind("embedding", lambda model, part, _, lora: embedding_operations(model, part, lora), embedding_weights)
HEAD = Kind("head", head_operations, head_weights)
