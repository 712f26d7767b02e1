"""The dense transformer layer: attention and one MLP that every token goes through."""

from sim.workload.activations import gradient_flow_bytes, layer_activation_bytes, unfinished_bytes, working_bytes
from sim.workload.kinds.kind import LayerKind
from sim.workload.layer import layer_operations
from sim.workload.weights import adapter_weights, copied_weights, layer_weights

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
