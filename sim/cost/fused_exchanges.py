"""Exchanges of tensor ranks that are each fused with one matrix product, as a compiler does it.

A gather comes rank by rank beside the product that reads it; a scatter leaves so beside the one that makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sim.catalog import Model
from sim.cost.compute import Machine
from sim.cost.layer_exchanges import exchanged_again, gather, scatter
from sim.cost.passes import PassCost, Timed
from sim.cost.split import activation_bytes, as_exposed, exposed_share
from sim.hardware.kernel import Array, Kernel, memory_time_s
from sim.hardware.network import NOTHING, Communicates, Communication
from sim.parallel.plans import Plans
from sim.workload.layouts import reads_several
from sim.workload.operations import Operation, Slice
from sim.workload.phases import Phase

Products = Sequence[Operation]
"""What one exchange runs beside."""


def fused_exchanges(
    layer: PassCost,
    model: Model,
    part: Slice,
    plan: Plans,
    machine: Machine,
    network: Communicates,
    *,
    with_scales: bool = False,
) -> PassCost:
    """The exchanges of a layer under sequence parallelism, as far as the products that each is fused with show them.

    layer: its compute. Backward, gathers of gradients are fused with the products that make gradients of inputs. The
    gradient of an input that several products read is their sum: its scatter is beside none. What recomputation repeats
    is fused with what it computes again.
    Source: PyTorch, torch/_inductor/fx_passes/micro_pipeline_tp.py, which matches a gather with the products that have
    it as their left operand, and a scatter with the one product that it alone reads.
    """
    several = reads_several(model)
    forward = layer["forward"].kernels[0][0]
    columns, rows = _products(forward, len(several))
    gathers, scatters = exchanged_again(plan, machine.stack, len(several))
    one = gather(model, part, plan, network, with_scales=with_scales), scatter(model, part, plan, network)

    def shown(gathered_s: Iterable[Array], scattered_s: Iterable[Array]) -> Communication:
        found = NOTHING
        for product_s in gathered_s:
            hidden_by_s = product_s if machine.fuses_gathers else 0.0
            found = found + _shown(one[0], hidden_by_s, plan, machine, network)
        for product_s in scattered_s:
            found = found + _shown(one[1], product_s, plan, machine, network)
            found = found + Communication(scatter_sum_s(model, part, plan, machine))
        return found

    found: dict[Phase, Communication] = {
        "forward": shown([_busy_s(forward, own) for own in columns], [_busy_s(forward, own) for own in rows])
    }
    for phase in layer.phases.keys() & {"backward", "input gradient"}:
        back, again = layer[phase].kernels[0][0], layer[phase].kernels[-1][0]
        gradients = [own for own, is_sum in zip(columns, several, strict=True) if not is_sum]
        found[phase] = (
            one[1] * sum(several)
            + shown([_gradient_s(back, own) for own in rows], [_gradient_s(back, own) for own in gradients])
            + shown(
                [_busy_s(again, own) for own in columns[:gathers]], [_busy_s(again, own) for own in rows[:scatters]]
            )
        )
    return PassCost({phase: as_exposed(cost) for phase, cost in found.items()})


def _products(timed: Timed, exchanges: int) -> tuple[list[Products], list[Products]]:
    """Of a layer's forward, what each gather feeds and what each scatter follows, in order."""
    operations = list({id(run.operation): run.operation for run in timed.runs}.values())
    columns = [one for one in operations if one.column_parallel]
    rows = [one for one in operations if one.row_parallel]
    return ([columns], [rows]) if exchanges == 1 else ([[one] for one in columns], [[one] for one in rows])


def _busy_s(timed: Timed, operations: Products, wanted: Sequence[Kernel] | None = None) -> Array:
    """Busy seconds of the matrix products of some operations, or of some of their kernels."""
    return sum(
        run.time_s
        for run in timed.runs
        if run.kernel.kind == "gemm" and any(run.operation is one for one in operations)
        if wanted is None or any(run.kernel is one for one in wanted)
    )


def _gradient_s(timed: Timed, operations: Products) -> Array:
    return _busy_s(timed, operations, [kernel for one in operations for kernel in one.input_gradient])


def _shown(
    moved: Communication, product_s: Array, plan: Plans, machine: Machine, network: Communicates
) -> Communication:
    """An exchange beside its product; whole where the tensor group reaches out of a scale-up domain."""
    share = exposed_share(moved.seconds, product_s, 0.0, plan.tensor, machine.stack.overlap_slowdown)
    is_inside = np.equal(np.mod(network.domain, plan.tensor), 0)
    return moved * np.where(is_inside, share, 1.0)[()]


def scatter_sum_s(model: Model, part: Slice, plan: Plans, machine: Machine) -> Array:
    """Seconds to add up what all ranks sent of a fused scatter: one pass, all of it read and a rank's share written.

    Source: PyTorch, torch/distributed/_symmetric_memory, fused_matmul_reduce_scatter: the sum of stacked partials.
    Hand-worked: a hidden state of 8 MB on 4 ranks: 10 MB, at 1 TB/s 10 us.
    """
    size = activation_bytes(model, part) * (1 + 1 / plan.tensor) * np.greater(plan.tensor, 1)
    return memory_time_s(size, machine.gpu)
