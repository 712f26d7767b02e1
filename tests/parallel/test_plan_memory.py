"""Peak memory of stages: states by the papers' bytes, activations by what is in flight."""

import dataclasses

import pytest
from builders import FLASH, UNFUSED, gpt, gpu_stack, overlapping, plan, training
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import load_recipe
from sim.parallel.memory import (
    plan_memory,
    run_ahead_bytes,
    stage_memory,
    stage_parameters,
    trained_share,
)
from sim.parallel.runtime_memory import communicators
from sim.parallel.schedules import SCHEDULES
from sim.scenario.types import Lora
from sim.workload.activations import gradient_flow_bytes, head_activation_bytes, layer_activation_bytes
from sim.workload.operations import Slice
from sim.workload.parameters import count_parameters

# Gradients of activations in one layer's backward: 2 x 128 tokens x (1024 of the MLP and 256 of the residual).
IN_FLIGHT = 2 * 128 * (1024 + 256)
BARE = gpu_stack(fragmentation=0.0, context_bytes=0.0, communicator_bytes=0.0, gradient_bytes=4.0)


def memory(shape, stage=0, model=None, stack=BARE, style=UNFUSED, recipe=None):
    model = model or gpt(sum(shape.layers_per_chunk))
    return stage_memory(model, recipe or training(), shape, stack, style, stage)


@given(
    st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 4]), st.sampled_from([1, 2]), st.booleans(), st.integers(1, 3)
)
def test_stages_hold_the_model_once(pipeline, tensor, virtual, tied, per_chunk):
    virtual = virtual if pipeline > 1 else 1
    chunks = pipeline * virtual
    model = gpt(chunks * per_chunk, tied_embeddings=tied)
    shape = plan(pipeline=pipeline, tensor=tensor, virtual_stages=virtual, layers_per_chunk=(per_chunk,) * chunks)
    held = tensor * sum(stage_parameters(model, shape, stage) for stage in range(pipeline))
    # Tied embeddings are there twice once first and last stage are different devices.
    copies = model.vocab * model.hidden if tied and pipeline > 1 else 0
    assert held == pytest.approx(count_parameters(model).total + copies)


@pytest.mark.parametrize(
    ("zero", "weights", "gradients", "optimizer"),
    [(0, 2, 4, 12), (1, 2, 4, 12 / 8), (2, 2, 4 / 8, 12 / 8), (3, 4 / 8, 4 / 8, 8 / 8)],
)
def test_states_of_the_zero_stages(zero, weights, gradients, optimizer):
    # Rajbhandari et al. 2020, fig. 1, with gradients in fp32, over eight replicas. At ZeRO 3 the shard of a parameter
    # is its fp32 master (Zhao et al. 2023, sec. 4.4), so 16 bytes a parameter and not 18.
    model, count = gpt(), count_parameters(gpt()).total
    found = memory(plan(data=8, zero=zero), model=model)
    assert found.weights == pytest.approx(weights * count)
    assert found.gradients == pytest.approx(gradients * count)
    assert found.optimizer == pytest.approx(optimizer * count)


@pytest.mark.parametrize(("virtual", "whole"), [(1, 1 / 8), (2, 1 / 2)])
def test_zero_two_in_a_pipeline_keeps_a_chunk_of_whole_gradients(virtual, whole):
    # A stage of eight layers. One chunk: gradients leave layer by layer at every micro-batch. Two: they are summed in
    # one of them over the micro-batches in a row, and the other has left.
    over = {
        "pipeline": 2,
        "virtual_stages": virtual,
        "data": 4,
        "micro_batches": 4,
        "layers_per_chunk": (8 // virtual,) * 2 * virtual,
    }
    model = gpt(16)
    sharded, kept = (memory(plan(zero=zero, **over), model=model) for zero in (2, 1))
    assert sharded.gradients == kept.gradients / 4
    assert sharded.buffers - kept.buffers == pytest.approx(whole * kept.gradients)


def test_the_optimizers_step_may_be_the_peak():
    # Gradients in 2 bytes are copied to 4, and the optimizer makes one tensor of 4 more, where activations and logits
    # have gone: 8 bytes for each parameter that the device updates, all of them or an eighth.
    model, count = gpt(), count_parameters(gpt()).total
    narrow = {**BARE.recipes, "bf16": load_recipe("bf16-gradients")}
    stack = dataclasses.replace(BARE, recipes=narrow, step_temporaries=1.0)

    def passing(zero, stack=stack):
        found = memory(plan(data=8, zero=zero), model=model, stack=stack)
        return found.activations + found.buffers

    backward = passing(2, BARE)
    assert passing(0) == pytest.approx(8 * count)
    assert backward < 8 * count
    # What is less than activations and logits need is not seen.
    assert backward > 8 * count / 8
    assert passing(2) == backward
    # Where gradients are as wide as the master nothing is copied.
    assert passing(0, dataclasses.replace(BARE, step_temporaries=1.0)) == pytest.approx(4 * count)


def test_layers_that_a_host_without_a_limit_gathers_early():
    # Of four layers one is in use and one fetched ahead: two more, 2 bytes a parameter.
    layer = count_parameters(gpt()).layer
    recipe, sharded = BARE.recipes["bf16"], plan(data=8, zero=3)
    unlimited = dataclasses.replace(BARE, limited_gathers=False, prefetch_layers=1)
    assert run_ahead_bytes(gpt(), sharded, unlimited, recipe) == 2 * 2 * layer
    assert run_ahead_bytes(gpt(), sharded, dataclasses.replace(unlimited, limited_gathers=True), recipe) == 0
    assert run_ahead_bytes(gpt(), plan(data=8, zero=2), unlimited, recipe) == 0


@pytest.mark.parametrize("zero", [1, 2, 3])
def test_a_group_holds_what_all_replicas_hold_where_they_are_no_more(zero):
    # Of 32 replicas in groups of 8 each holds what it holds of 8 replicas in all.
    grouped, small = (
        memory(plan(zero=zero, **over), model=gpt()) for over in ({"data": 32, "zero_group": 8}, {"data": 8})
    )
    for item in ("weights", "gradients", "optimizer"):
        assert getattr(grouped, item) == getattr(small, item)


def test_optimizers():
    sgd = dataclasses.replace(training(), optimizer="sgd")
    assert memory(plan(), recipe=sgd).optimizer == pytest.approx(8 * count_parameters(gpt()).total)


@pytest.mark.parametrize(
    ("recipe", "zero", "weights", "gradients", "optimizer"),
    [
        ("bf16-moments", 0, 2, 4, 4 + 2 * 2),
        ("8bit-moments", 1, 2, 4, (4 + 2 * (1 + 4 / 2048)) / 8),
        # No master: the weights themselves are updated, and sharded as they are.
        ("bf16-only", 0, 2, 2, 2 * 2),
        ("bf16-only", 3, 2 / 8, 2 / 8, 2 * 2 / 8),
        ("fp32", 0, 4, 4, 2 * 4),
        ("fp32", 3, 4 / 8, 4 / 8, 2 * 4 / 8),
    ],
)
def test_states_follow_the_recipe(recipe, zero, weights, gradients, optimizer):
    model, count = gpt(), count_parameters(gpt()).total
    stack = dataclasses.replace(BARE, recipes={**BARE.recipes, "bf16": load_recipe(recipe)})
    found = memory(plan(data=8, zero=zero), model=model, stack=stack)
    assert found.weights == pytest.approx(weights * count)
    assert found.gradients == pytest.approx(gradients * count)
    assert found.optimizer == pytest.approx(optimizer * count)


def test_single_precision_keeps_activations_twice_as_wide():
    # GPT, fused attention: all but a byte a token for each of two dropout masks, and statistics of 4 bytes.
    style = dataclasses.replace(FLASH, recipe=load_recipe("fp32"))
    half, single = (float(layer_activation_bytes(gpt(), Slice(128, 1), one, "none")) for one in (FLASH, style))
    assert single == 2 * half - 128 * (2 * 256 + 4 * 4)


def test_states_of_a_stage_depend_on_its_matrices():
    # Muon on two stages: 4 + 4 bytes for each element of the layers' matrices, 4 + 8 for everything else.
    model, shape = gpt(), plan(pipeline=2, layers_per_chunk=(2, 2))
    recipe = dataclasses.replace(training(), optimizer="muon")
    layer, vocabulary = count_parameters(model), 1024 * 256
    for stage, rest in enumerate((layer.embedding, layer.final_norm + vocabulary)):
        vectors = 2 * layer.layer_vectors + rest
        expected = 8 * 2 * layer.layer_matrices + 12 * vectors
        assert memory(shape, stage, model, recipe=recipe).optimizer == pytest.approx(expected)
    # Adafactor keeps a number for each row and column, and one for each element of a vector.
    recipe = dataclasses.replace(training(), optimizer="adafactor")
    lines = 4 * (256 + 256) + (256 + 1024) + (1024 + 256)
    states = 2 * (lines + layer.layer_vectors) + (1024 + 256) + (128 + 256)
    held = 4 * stage_parameters(model, shape, 0) + 4 * states
    assert memory(shape, 0, model, recipe=recipe).optimizer == pytest.approx(held)


@given(st.integers(1, 8), st.sampled_from([1, 2, 4]), st.booleans(), st.sampled_from(["none", "selective", "full"]))
def test_the_first_stage_of_1f1b_keeps_p_micro_batches(pipeline, tensor, sequence_parallel, recompute):
    # Korthikanti et al. 2022, sec. 4.2.3: p micro-batches of L / p layers: L layers, whatever p.
    model, layers = gpt(8 * pipeline), 8
    shape = plan(
        pipeline=pipeline, tensor=tensor, sequence_parallel=sequence_parallel, recompute=recompute,
        micro_batches=2 * pipeline, layers_per_chunk=(layers,) * pipeline,
    )  # fmt: skip
    part = Slice(128, 1, tensor, sequence_parallel)
    layer = float(layer_activation_bytes(model, part, UNFUSED, recompute))
    # Recomputation brings back one layer: all of it, or the square that selective recomputation had dropped. And one
    # layer has gradients.
    whole = float(layer_activation_bytes(model, part, UNFUSED, "none"))
    extra = {"none": 0.0, "selective": whole - layer, "full": whole}[recompute]
    extra += float(gradient_flow_bytes(model, part, UNFUSED))
    for stage in range(pipeline):
        kept = (pipeline - stage) * layers * layer
        assert memory(shape, stage, model).activations == pytest.approx(kept + extra, rel=1e-9)


@given(st.integers(2, 6), st.integers(2, 4))
def test_interleaving_keeps_more(pipeline, virtual):
    # L (1 + (p - 1) / (p v)) layers on the first stage.
    chunks = pipeline * virtual
    shape = plan(pipeline=pipeline, virtual_stages=virtual, micro_batches=4 * pipeline, layers_per_chunk=(3,) * chunks)
    model = gpt(3 * chunks)
    layer = float(layer_activation_bytes(model, Slice(128, 1), UNFUSED, "none"))
    expected = 3 * chunks * (1 + (pipeline - 1) / chunks) * layer + IN_FLIGHT
    assert memory(shape, 0, model).activations == pytest.approx(expected, rel=1e-9)


@given(st.data(), st.integers(2, 4), st.integers(2, 3))
def test_uneven_chunks_never_hold_more_than_is_counted(data, pipeline, virtual):
    chunks = pipeline * virtual
    cut = tuple(data.draw(st.lists(st.integers(1, 9), min_size=chunks, max_size=chunks)))
    shape = plan(pipeline=pipeline, virtual_stages=virtual, micro_batches=4 * pipeline, layers_per_chunk=cut)
    model = gpt(sum(cut))
    layer = float(layer_activation_bytes(model, Slice(128, 1), UNFUSED, "none"))
    for stage in range(pipeline):
        held = peak = 0
        for slot in SCHEDULES["interleaved"].order(stage, pipeline, virtual, 4 * pipeline):
            held += cut[slot.chunk] * (1 if slot.phase == "forward" else -1)
            peak = max(peak, held)
        assert memory(shape, stage, model).activations >= peak * layer * (1 - 1e-9)


def test_gpipe_keeps_every_micro_batch():
    shape = plan(pipeline=2, schedule="gpipe", micro_batches=16, layers_per_chunk=(4, 4))
    layer = float(layer_activation_bytes(gpt(8), Slice(128, 1), UNFUSED, "none"))
    assert memory(shape, 0).activations == pytest.approx(16 * 4 * layer + IN_FLIGHT)
    assert memory(shape, 1).activations == pytest.approx(16 * 4 * layer + IN_FLIGHT)


def test_buffers_by_hand():
    # Context 1 GB and one communicator of half a GB; a twentieth of what is allocated; logits on the last stage only,
    # beyond what a layer's backward had at work.
    stack = gpu_stack(fragmentation=0.05, context_bytes=1e9, communicator_bytes=5e8, logit_memory_bytes=6.0)
    first, last = (memory(plan(pipeline=2), stage, stack=stack) for stage in (0, 1))
    for found in (first, last):
        assert found.runtime == 1.5e9
        assert found.fragmentation == pytest.approx(0.05 * (found.total - found.runtime - found.fragmentation))
        assert found.total == pytest.approx(sum(found.items().values()))
    assert first.buffers == 0
    logits = 4 * 128 * 256 + 6 * 128 * 1024
    assert last.buffers == pytest.approx(logits - IN_FLIGHT)


@pytest.mark.parametrize(
    ("degrees", "count"), [((1, 1, 1), 0), ((1, 1, 8), 1), ((8, 1, 1), 1), ((8, 1, 2), 3), ((8, 4, 2), 4)]
)
def test_communicators_by_hand(degrees, count):
    # One of each group of several ranks, and one of all devices where that is not the only group.
    tensor, pipeline, data = degrees
    shape = plan(tensor=tensor, pipeline=pipeline, data=data)
    assert communicators(shape) == count
    stack = gpu_stack(context_bytes=1e9, communicator_bytes=5e8)
    assert memory(shape, stack=stack).runtime == 1e9 + count * 5e8


def test_the_loss_of_a_small_vocabulary_is_not_the_peak():
    # 64 logits a token are less than the gradients of one layer, and the two are never there at once.
    assert memory(plan(pipeline=2), 1, gpt(vocab=64)).buffers == 0


def test_a_loss_over_a_split_vocabulary():
    # One tensor rank in two has half of the logits, and what that form of the loss needs beside them.
    stack = gpu_stack(logit_memory_bytes=14.0, split_logit_memory_bytes=4.0)
    model, shape = gpt(vocab=65536), plan(tensor=2)
    part = Slice(128, 1, 2)
    working = float(gradient_flow_bytes(model, part, UNFUSED))
    head = float(head_activation_bytes(model, part, 14.0)) + 4 * 128 * 65536 / 2
    assert memory(shape, 0, model, stack).buffers == pytest.approx(head - working)


@pytest.mark.parametrize(("shape", "in_flight"), [({}, 4), ({"tensor": 4, "sequence_parallel": True}, 4),
                                                   ({"pipeline": 4, "layers_per_chunk": (1,) * 4}, 4)])  # fmt: skip
def test_graphs_of_layers_hold_an_input_and_an_output_gradient_each(shape, in_flight):
    # Four layers, or one layer of each of four micro-batches in flight: 2 bytes of 128 x 256, split by tensor ranks
    # that split the sequence.
    eager, layer = (memory(plan(**shape), stack=gpu_stack(cuda_graph=graph)) for graph in ("none", "layer"))
    ranks = shape.get("tensor", 1)
    assert layer.buffers - eager.buffers == pytest.approx(2 * in_flight * 2 * 128 * 256 / ranks)


def test_a_graph_of_all_passes_shares_no_memory_with_the_step():
    # Gradients of 2 bytes are copied to 4 in the step, which a graph's own memory has no room for.
    stack = gpu_stack(gradient_bytes=2.0)
    eager, full = (memory(plan(), stack=dataclasses.replace(stack, cuda_graph=graph)) for graph in ("none", "full"))
    assert full.buffers >= eager.buffers
    assert full.activations == eager.activations


def test_placeholders_of_gradients():
    # One layer's weights in half precision on every stage, the vocabulary's on the last; none of frozen weights.
    stacks = [gpu_stack(gradient_placeholders=wanted) for wanted in (False, True)]
    count, shape = count_parameters(gpt()), plan(pipeline=2, tensor=2)

    def more(stage, recipe=None):
        without, having = (memory(shape, stage, stack=stack, recipe=recipe).buffers for stack in stacks)
        return having - without

    assert more(0) == pytest.approx(2 * count.layer / 2)
    assert more(1) == pytest.approx(2 * (count.layer + 1024 * 256) / 2)
    assert more(0, training(lora=Lora(8, ("query",)))) == 0


def test_what_selective_means_is_the_stack_s():
    model, shape, part = gpt(), plan(recompute="selective"), Slice(128, 1)
    operators = dataclasses.replace(FLASH, selective_recompute="operators")
    found = [
        memory(shape, 0, model, gpu_stack(selective_recompute=style.selective_recompute), style).activations
        for style in (FLASH, operators)
    ]
    # Four layers, of which one is whole while it runs backward.
    whole, kept = (float(layer_activation_bytes(model, part, operators, mode)) for mode in ("none", "selective"))
    assert found[0] - found[1] == pytest.approx(3 * (whole - kept))


def test_gathered_layers_of_sharded_parameters():
    # The root, the layer at work and one ahead in 2 bytes; and, unless the loss needs more, the gradients of the root
    # and one layer in 4.
    model = gpt(hidden=1024, heads=8)
    own = {"gradient_bytes": 4.0, "prefetch_layers": 1, "logit_memory_bytes": 14.0}
    stack = gpu_stack("fsdp-2023", fragmentation=0.0, context_bytes=0.0, communicator_bytes=0.0, **own)
    found = memory(plan(data=8, zero=3), 0, model, stack, FLASH)
    count = count_parameters(model)
    root = count.embedding + count.final_norm + count.output
    assert found.buffers == pytest.approx((2 * 2 + 4) * count.layer + (2 + 4) * root)
    # A hundred times the tokens: 14 bytes a logit, where the layers' gradients are not there yet.
    long = memory(plan(data=8, zero=3, micro_batch=100), 0, model, stack, FLASH)
    loss = 100 * 128 * (4 * 1024 + 14 * 1024) - float(gradient_flow_bytes(model, Slice(128, 100), FLASH))
    assert loss > 4 * (count.layer + root)
    assert long.buffers == pytest.approx(2 * 2 * count.layer + 2 * root + loss)


def test_gpipe_keeps_the_logits_of_every_micro_batch():
    stack = gpu_stack(fragmentation=0.0, context_bytes=0.0, communicator_bytes=0.0)
    pipes = {schedule: plan(pipeline=2, micro_batches=6, schedule=schedule) for schedule in ("gpipe", "1f1b")}
    held = {schedule: memory(shape, 1, stack=stack).buffers for schedule, shape in pipes.items()}
    head = float(head_activation_bytes(gpt(), Slice(128, 1), stack.logit_memory_bytes))
    assert held["gpipe"] == pytest.approx(held["1f1b"] + 5 * head)


def test_adapters_have_the_only_gradients():
    lora = Lora(8, ("query", "value"))
    model, recipe = gpt(), training(lora=lora)
    adapters = 4 * 2 * 8 * 2 * 256
    assert trained_share(model, training()) == 1
    assert trained_share(model, recipe) == pytest.approx(adapters / count_parameters(model).total)
    found = memory(plan(), model=model, recipe=recipe)
    assert found.gradients == pytest.approx(4 * adapters)
    assert found.optimizer == pytest.approx(12 * adapters)
    # In half precision: the frozen weights, and the adapters beside them.
    assert found.weights == pytest.approx(2 * (count_parameters(model).total + adapters))


def test_what_fsdp_holds_of_frozen_weights_and_of_adapters():
    lora, shape = Lora(8, ("query", "value")), plan(data=4, zero=3, pipeline=1)
    model, count = gpt(), count_parameters(gpt())
    adapters = 4 * 2 * 8 * 2 * 256
    stack = gpu_stack(fragmentation=0.0, context_bytes=0.0, communicator_bytes=0.0, logit_memory_bytes=0.0)
    found, whole = (memory(shape, model=model, recipe=one, stack=stack) for one in (training(lora=lora), training()))
    # A share of a quarter: half precision of what is frozen, the fp32 master of what is trained and its two moments.
    assert found.weights == pytest.approx((2 * count.total + 4 * adapters) / 4)
    assert found.optimizer == pytest.approx(8 * adapters / 4)
    # Not yet scattered while a layer runs backward: gradients of one layer's adapters, not of the layer and the root.
    assert whole.buffers - found.buffers == pytest.approx(4 * (count.root + count.layer - adapters / 4))


@given(st.sampled_from([1, 2, 4]), st.sampled_from([0, 1, 2]), st.sampled_from(["none", "selective", "full"]))
def test_more_splitting_never_needs_more(tensor, zero, recompute):
    # But for the buffers of one more communicator, which do not get smaller.
    stack = overlapping(communicator_bytes=0.0)
    base = plan(data=4, tensor=tensor, zero=zero, recompute=recompute, pipeline=1)
    total = max(one.total for one in plan_memory(gpt(), training(), base, stack, UNFUSED))

    def needed(**change):
        shape = dataclasses.replace(base, **change)
        return max(one.total for one in plan_memory(gpt(), training(), shape, stack, UNFUSED))

    assert needed(tensor=2 * tensor) < total
    assert needed(sequence_parallel=True) <= total
    assert needed(micro_batch=2) > total
    assert needed(data=8) <= total


def test_the_replica_that_holds_most_decides():
    # Four stages in two parts each: eight micro-batches hold 2 x 3 + 4 + 1 = 11 parts in flight on the first stage, but
    # 5 on the last; with as many as stages all forwards come first, and every stage holds 8.
    given_ = {"pipeline": 4, "virtual_stages": 2, "data": 2}
    many, few = plan(**given_, micro_batches=8), plan(**given_, micro_batches=4)
    both = dataclasses.replace(many, replica_micro_batches=(8, 4))
    for stage, (most, fewest) in {0: (11, 8), 3: (5, 8)}.items():
        held = [memory(shape, stage).activations for shape in (many, few, both)]
        assert held[0] > held[1] if most > fewest else held[0] < held[1]
        assert held[2] == max(held[:2])


@pytest.mark.parametrize("tensor", [1, 2])
def test_gradients_of_logits_wait_for_their_weight_gradient(tensor):
    # ZB-H1's last of four stages leaves its weight gradients three micro-batches behind: of four that are due one is at
    # work, and of three the gradients of 128 tokens x 1024 logits wait, 2 bytes each, a share on each tensor rank.
    shape = {"tensor": tensor, "pipeline": 4, "micro_batches": 8}
    apart, whole = (memory(plan(schedule=name, **shape), stage=3).buffers for name in ("zb-h1", "1f1b"))
    assert apart - whole == pytest.approx(3 * 2 * 128 * 1024 / tensor)
