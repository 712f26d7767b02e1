"""Low-rank adapters: what they ask of one device."""

from __future__ import annotations

from sim.catalog import Model
from sim.hardware.kernel import Array
from sim.scenario.types import Lora
from sim.workload.operations import Operation, Style, elementwise, linear
from sim.workload.weights import adapter_shapes


def adapter_operations(model: Model, tensor: Array, tokens: Array, style: Style, lora: Lora) -> tuple[Operation, ...]:
    """Low-rank adapters beside the frozen projections of one layer, never in a narrow format.

    Source: Hu et al. 2021 (LoRA), sec. 4.1.
    """
    t, width = tensor, style.activation_bytes
    operations: list[Operation] = []
    for name, inputs, outputs in adapter_shapes(model, lora):
        # The side that tensor parallelism cuts: inputs of a row-parallel weight, outputs of a column-parallel one.
        row_parallel = name in ("output", "mlp out")
        cut_inputs, cut_outputs = (inputs / t, outputs) if row_parallel else (inputs, outputs / t)
        operations += [
            linear(f"{name} adapter A", tokens, cut_inputs, lora.rank, style),
            linear(f"{name} adapter B", tokens, lora.rank, cut_outputs, style),
            Operation(f"{name} adapter join", (elementwise("join", tokens * cut_outputs, 3 * width),)),
        ]
    return tuple(operations)
