"""Stages of a model of two kinds of layers: which layers they hold, and what those take, by hand."""

import dataclasses

import numpy as np
import pytest
from builders import FLASH, UNFUSED, WIDE, gpt, gpu_stack, plan, training
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.parallel.cuts import balanced_cut
from sim.parallel.memory import plan_memory, stage_memory, stage_parameters, trained_share
from sim.parallel.plan_block import PlanBlock
from sim.parallel.stage_weights import stage_kinds, stage_orthogonal_flops
from sim.scenario.types import Lora
from sim.workload.activations import gradient_flow_bytes, layer_activation_bytes, working_bytes
from sim.workload.kinds.transformer import DENSE
from sim.workload.operations import Slice
from sim.workload.parameters import count_parameters

BARE = gpu_stack(fragmentation=0.0, context_bytes=0.0, communicator_bytes=0.0, gradient_bytes=4.0)
MORE = 2 * 256 * 1024 + 1024
"""Parameters that a wide layer has more than a dense one: an MLP of 2,048 instead of 1,024."""
NARROW, BROAD = gpt(), gpt(ffn_hidden=2048)


def mixed(*runs):
    """A model whose layers are such runs."""
    return gpt(sum(count for _, count in runs), runs=runs)


def test_layers_of_a_stage_by_hand():
    # Layers 0 to 7, wide from 3 to 5, on two stages in two chunks each: 0 1 | 2 3 | 4 5 | 6 7.
    model = mixed(("dense", 3), ("wide", 3), ("dense", 2))
    shape = plan(pipeline=2, virtual_stages=2, layers_per_chunk=(2, 2, 2, 2))
    assert [shape.layer_ranges(stage) for stage in (0, 1)] == [[(0, 2), (4, 6)], [(2, 4), (6, 8)]]
    assert stage_kinds(model, shape, 0) == {DENSE: 2, WIDE: 2}
    assert stage_kinds(model, shape, 1) == {DENSE: 3, WIDE: 1}
    # Cut by hand.
    uneven = plan(pipeline=2, layers_per_chunk=(5, 3))
    assert stage_kinds(model, uneven, 0) == {DENSE: 3, WIDE: 2}


@pytest.mark.parametrize(
    ("schedule", "virtual"), [("1f1b", [1]), ("interleaved", [2, 3]), ("zb-v", [2]), ("dualpipe", [1]), ("gpipe", [1])]
)
@given(st.tuples(*[st.integers(0, 9)] * 3), st.data())
def test_many_plans_hold_the_same_layers_as_each(schedule, virtual, counts, data):
    model = mixed(*((name, count) for name, count in zip(("dense", "wide", "dense"), counts, strict=True) if count))
    cuts = [(p, v) for p in (2, 4, 6) for v in virtual if p * v <= model.layers]
    assume(cuts)
    shapes = data.draw(st.lists(st.sampled_from(cuts), min_size=1, max_size=5))
    pipeline, each = np.array(shapes).T
    ones = np.ones_like(pipeline)
    block = PlanBlock(model.layers, ones, pipeline, ones, each, ones, 4 * pipeline, 0, False, "none", schedule)
    for which in (0, 1):
        stage = which * (pipeline - 1)
        together = stage_kinds(model, block, stage)
        held = stage_memory(model, training(), block, BARE, UNFUSED, stage).total
        for row, (p, v) in enumerate(shapes):
            cut = balanced_cut(model.layers, p * v)
            shape = plan(pipeline=p, virtual_stages=v, layers_per_chunk=cut, micro_batches=4 * p, schedule=schedule)
            alone = stage_kinds(model, shape, int(stage[row]))
            own = {kind: int(np.broadcast_to(count, len(shapes))[row]) for kind, count in together.items()}
            assert own == alone
            assert sum(own.values()) == shape.stage_layers(int(stage[row]))
            memory = stage_memory(model, training(), shape, BARE, UNFUSED, int(stage[row])).total
            assert held[row] == pytest.approx(float(memory), rel=1e-12)


def test_parameters_and_states_of_stages():
    # Three dense and one wide layer; the wide one on the second stage of two.
    model = mixed(("dense", 3), ("wide", 1))
    shape = plan(pipeline=2, layers_per_chunk=(2, 2), tensor=2)
    plain = [stage_parameters(NARROW, shape, stage) for stage in (0, 1)]
    assert [stage_parameters(model, shape, stage) for stage in (0, 1)] == [plain[0], plain[1] + MORE / 2]
    first, last = plan_memory(model, training(), shape, BARE, UNFUSED)
    assert first.optimizer == 12 * plain[0]
    assert last.optimizer == 12 * (plain[1] + MORE / 2)
    assert last.weights == 2 * (plain[1] + MORE / 2)

    # A wide layer's matrices: four of 256 squared and two of 2,048 x 256; a dense one's: two of 1,024 x 256.
    def steps(large, small):
        return 5 * (4 * large * small**2 + 2 * small**3)

    wide, dense = (4 * steps(256, 256) + 2 * steps(f, 256) for f in (2048, 1024))
    muon = dataclasses.replace(training(), optimizer="muon")
    assert stage_orthogonal_flops(model, muon, shape, 1, 5) == wide + dense
    assert stage_orthogonal_flops(model, muon, shape, 0, 5) == 2 * dense


def test_activations_of_stages():
    model, part = mixed(("dense", 3), ("wide", 1)), Slice(128, 1)
    shape = plan(pipeline=2, layers_per_chunk=(2, 2))
    narrow, broad = (float(layer_activation_bytes(one, part, FLASH, "none")) for one in (NARROW, BROAD))
    flows = [float(gradient_flow_bytes(one, part, FLASH)) for one in (NARROW, BROAD)]
    first, last = plan_memory(model, training(), shape, BARE, FLASH)
    # 1F1B: two micro-batches on the first stage, one on the last; the fullest layer runs backward.
    assert first.activations == pytest.approx(2 * 2 * narrow + flows[0])
    assert last.activations == pytest.approx(narrow + broad + flows[1])
    full = plan_memory(model, training(), dataclasses.replace(shape, recompute="full"), BARE, FLASH)
    back = float(working_bytes(BROAD, part, FLASH, "full"))
    assert full[1].activations == pytest.approx(2 * 2 * 128 * 256 + back + flows[1])


def test_the_largest_layer_is_gathered():
    # FSDP holds the root, the layer at work and one ahead in 2 bytes, and gradients of the root and a layer in 4.
    model, root = mixed(("dense", 3), ("wide", 1)), count_parameters(NARROW).root
    layer = count_parameters(NARROW).layer + MORE
    own = {"gradient_bytes": 4.0, "prefetch_layers": 1, "logit_memory_bytes": 0.0}
    stack = gpu_stack("fsdp-2023", fragmentation=0.0, context_bytes=0.0, communicator_bytes=0.0, **own)
    found = stage_memory(model, training(), plan(data=8, zero=3), stack, FLASH, 0)
    assert found.buffers == pytest.approx((2 * 2 + 4) * layer + (2 + 4) * root)


def test_adapters_of_a_mixed_model():
    model, recipe = mixed(("dense", 3), ("wide", 1)), training(lora=Lora(8, ("mlp",)))
    adapters = 3 * 2 * 8 * (256 + 1024) + 2 * 8 * (256 + 2048)
    assert trained_share(model, recipe) == adapters / (count_parameters(NARROW).total + MORE)
