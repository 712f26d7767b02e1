"""What one step costs on wafers that stream their weights.

Legend: N systems, h width, U units: the embedding, the layers, the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sim.catalog import Model, Wafer, WaferStack, load_recipe
from sim.cost.parts import Parts
from sim.cost.step import expected_maximum
from sim.hardware.kernel import Array, Kernel
from sim.hardware.network import Communication, Network
from sim.parallel.wafer_plan import WaferPlan
from sim.scenario.types import Training
from sim.workload.kinds import HEAD, LayerKind, model_kinds, model_runs
from sim.workload.operations import Operation, Slice, Style, total
from sim.workload.parameters import count_parameters

WAFER_STYLE = Style(
    load_recipe("bf16"),
    flash_attention=True,
    causal_skip=False,
    window_skip=False,
    fused_elementwise=True,
    weight_gradient_bytes=4.0,
    loss_traffic_bytes=0.0,
)
"""For counting FLOPs and activations: scores stay inside the array, the full square is computed."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One unit's parameters on their way in, or its gradients on their way out.

    parts: seconds by ledger line; what several systems add to what one takes is data_comm.
    """

    parts: Parts
    communication: Communication


@dataclass(frozen=True, slots=True)
class UnitCost:
    """One unit of the stream (embedding, a layer, head) for one micro-batch: parts of each instruction."""

    name: str
    weight_in: Stream
    forward: Parts
    backward: Parts
    gradient_out: Stream


@dataclass(frozen=True, slots=True)
class WaferCosts:
    """Seconds of one step on wafers; units in the order of the forward pass."""

    units: tuple[UnitCost, ...]
    optimizer: Parts
    straggler_s: float


def array_efficiency(width: Array, stack: WaferStack) -> Array:
    """Share of peak that a layer of some width reaches: ceiling / (1 + (h0 / h)^3).

    Empirical: full from twice h0 on, and falling fast below. Ceiling and h0 are fitted on the rows that the stack's
    file names; of the exponents 2, 3 and 4 the cube is the smallest that leaves these rows within 1.5 %. Encoders
    1,024 wide fall less (zhang-2024, Table IV), so that the cause need not be the width alone.
    Hand-worked: at h = h0, half of the ceiling; at 2 h0, 8 / 9 of it.
    """
    return stack.array_ceiling / (1.0 + (stack.array_half_width / width) ** 3)


def compute_parts(kernels: tuple[Kernel, ...], model: Model, wafer: Wafer, stack: WaferStack, precision: str) -> Parts:
    """Seconds of compute on the array: useful, and what the array loses."""
    peak = wafer.peak_flops_per_s[precision]
    time_s = float(total(kernels, "counted_flops")) / (peak * float(array_efficiency(model.hidden, stack)))
    useful_s = float(total(kernels, "useful_flops")) / peak
    return {"useful": useful_s, "kernel_loss": time_s - useful_s}


def layer_turn(compute: Parts, stack: WaferStack, again: Parts | None = None) -> Parts:
    """One turn of a layer: its FLOPs and what a turn costs beside them; `again` is a forward that is run once more.

    Source: time per step of BERT with 12 and 24 layers as the batch goes to zero (zhang-2024, Table IV): linear in
    the layers. Hand-worked: 10 ms of compute and turns of 2 ms are 12 ms; with 5 ms again, 19 ms.
    """
    turn = {**compute, "kernel_loss": compute["kernel_loss"] + stack.layer_turn_s}
    return turn if again is None else {**turn, "recompute": sum(again.values()) + stack.layer_turn_s}


def stream(parameters: float, bytes_each: float, systems: int, network: Network, *, inwards: bool) -> Stream:
    """Stream some parameters in or gradients out.

    Source: weights are broadcast and gradients reduced in the fabric at line rate (see wafer topologies).
    """
    kind: Literal["broadcast", "reduce"] = "broadcast" if inwards else "reduce"
    size = parameters * bytes_each
    alone_s = network.stream(kind, size, 1).seconds
    together = network.stream(kind, size, systems)
    return Stream({"weight_streaming": alone_s, "data_comm": together.seconds - alone_s}, together)


def break_even_tokens(
    flops_per_parameter: Array, bytes_per_parameter: Array, flops_per_s: Array, io_bytes_per_s: Array
) -> Array:
    """Tokens per system and pass at which streaming and computing a pass take equally long.

    With two buffers nothing carries over between the passes: forward alone (2 FLOPs and 4 bytes a parameter) hides its
    stream from 1.5 times as many tokens on, backward already from 0.75 times.
    Hand-worked: 6 FLOPs and 8 bytes per parameter, 2.0e15 FLOP/s, 150e9 B/s: 17,778 tokens; the model's size drops out.
    """
    return bytes_per_parameter / io_bytes_per_s * flops_per_s / flops_per_parameter


def wafer_costs(
    model: Model,
    training: Training,
    plan: WaferPlan,
    wafer: Wafer,
    stack: WaferStack,
    network: Network,
    jitter: float = 0.0,
) -> WaferCosts:
    """Cost every instruction of one step."""
    part = Slice(training.sequence, plan.micro_batch, document=training.document)
    count = count_parameters(model)

    # With LoRA only the adapters have gradients; they stream in with the frozen weights.
    lora = training.lora

    def unit(name: str, operations: tuple[Operation, ...], parameters: int, added: int = 0) -> UnitCost:
        forward = tuple(kernel for one in operations for kernel in one.forward)
        backward = tuple(kernel for one in operations for kernel in one.backward)
        ahead = compute_parts(forward, model, wafer, stack, training.precision)
        back = compute_parts(backward, model, wafer, stack, training.precision)
        if name == "layer":
            ahead, back = layer_turn(ahead, stack), layer_turn(back, stack, ahead if stack.recomputes_layers else None)
        return UnitCost(
            name,
            stream(parameters + added, stack.weight_bytes, plan.systems, network, inwards=True),
            ahead,
            back,
            stream(added if lora else parameters, stack.gradient_bytes, plan.systems, network, inwards=False),
        )

    def layer(kind: LayerKind) -> UnitCost:
        added = kind.adapters(model, lora).total if lora else 0
        return unit("layer", kind.operations(model, part, WAFER_STYLE, lora), kind.weights(model).total, added)

    layers = {kind: layer(kind) for kind in model_kinds(model)}
    head_parameters = count.final_norm + (count.output or model.vocab * model.hidden)
    units = (
        unit("embedding", (), count.embedding),
        *(layers[kind] for kind, number in model_runs(model) for _ in range(number)),
        unit("head", HEAD.operations(model, part, WAFER_STYLE, lora), head_parameters),
    )
    busy_s = plan.micro_batches * sum(sum(one.forward.values()) + sum(one.backward.values()) for one in units)
    straggler_s = jitter * expected_maximum(plan.systems) * busy_s
    return WaferCosts(units, {"optimizer": stack.step_fixed_s}, straggler_s)
