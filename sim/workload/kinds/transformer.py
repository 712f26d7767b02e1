"""The kinds that a plain transformer is made of: dense layers, the embedding before them, and the head behind them."""

from __future__ import annotations

from sim.workload.activations import gradient_flow_bytes, layer_activation_bytes, unfinished_bytes, working_bytes
from sim.workload.kinds.kind import LayerKind
from sim.workload.layer import embedding_operations, head_operations, layer_operations
from sim.workload.weights import adapter_weights, copied_weights, embedding_weights, head_weights, layer_weights

DENSE = LayerKind(
    "dense",
    layer_operations,
    layer_weights,
    adapter_weights,
    copied_weights,
    layer_activation_bytes,
    working_bytes,
    unfinished_bytes,
    gradient_flow_bytes,
)
EMBEDDING = LayerKind("embedding", embedding_operations, embedding_weights)
HEAD = LayerKind("head", head_operations, head_weights)
