"""Exchanges fused with single products, beside which they take next to no time or all of it."""

import pytest
from builders import gpt, gpu, gpu_stack, ideal_node, machine, narrow_machine, plan

from sim.cost.compute import Machine, pass_cost
from sim.cost.fused_exchanges import fused_exchanges, scatter_sum_s
from sim.workload.layer import layer_operations
from sim.workload.operations import Slice

SIZE = 2 * (128 * 8) * 1024
"""Bytes of the hidden state: 8 sequences of 128, width 1,024, 2 bytes."""
FUSING = {
    "overlap_tensor_exchange": True, "fused_exchanges": True, "copies_exchanges": True, "overlap_slowdown": 0.1,
    "selective_recompute": "operators", "recompute_stops_early": True,
}  # fmt: skip


def shown(rate, recompute="none", on=None, **over):
    """(forward, backward) in exchanges of which a rank moves 3/4 of the hidden state, without the sums of scatters."""
    on = on or machine(gpu(hbm_bytes_per_s=1e30), gpu_stack(**FUSING))
    shape = plan(tensor=4, sequence_parallel=True, recompute=recompute)
    model, part = gpt(1, 1024, 8, **over), Slice(128, 8, 4, sequence_parallel=True)
    operations = layer_operations(model, part, on.style)
    layer = pass_cost(operations, operations, 1, recompute, on, shape.pipelining.phases)
    found = fused_exchanges(layer, model, part, shape, on, ideal_node(8, rate))
    return [found[phase].parts["tensor_comm"] / (3 / 4 * SIZE / rate) for phase in ("forward", "backward")]


def test_beside_long_products_the_first_rank_and_the_slowdown_show():
    # 1/4 + 0.1 of each; whole is the scatter of what queries, keys and values add up to.
    share = 0.35
    assert shown(1e18) == pytest.approx([4 * share, 3 * share + 1])
    assert shown(1e18, gated_mlp=True) == pytest.approx([4 * share, 2 * share + 2])
    # Gathers come again beside what of their products does: of operators, the second of three and of two.
    assert shown(1e18, "selective", gated_mlp=True) == pytest.approx([4 * share, 4 * share + 2])
    # In full, two gathers and the scatter after attention.
    assert shown(1e18, "full", gated_mlp=True) == pytest.approx([4 * share, 5 * share + 2])
    assert shown(1e18, parallel_block=True) == pytest.approx([2 * share, share + 1])


def test_exchanges_much_longer_than_their_products_show():
    forward, backward = shown(1e3)
    assert forward == pytest.approx(4, rel=1e-3)
    assert backward == pytest.approx(4, rel=1e-3)


def test_what_is_cast_after_it_came_is_not_fused():
    # Gathers in half precision before narrow products: whole. Scatters hide.
    on = narrow_machine("fp8-rowwise", stack="torchtitan-2024")
    on = Machine(on.gpu, gpu_stack("torchtitan-2024", recipes=on.stack.recipes, overlap_tensor_exchange=True), "fp8")
    assert on.fuses_scatters
    assert not on.fuses_gathers
    assert on.style.copies_gathers
    assert on.style.copies_scatters == "sums"
    assert narrow_machine("fp8-tensorwise", stack="torchtitan-2024").style.copies_scatters == "all"


def test_what_a_fused_scatter_adds_up_by_hand():
    # All of what four ranks sent is read, a quarter written.
    on, part = machine(gpu(hbm_bytes_per_s=2e12, memory_efficiency=0.5)), Slice(128, 8, 4, sequence_parallel=True)
    assert scatter_sum_s(gpt(1, 1024, 8), part, plan(tensor=4), on) == pytest.approx(1.25 * SIZE / 1e12)
    assert scatter_sum_s(gpt(1, 1024, 8), Slice(128, 8), plan(), on) == 0
