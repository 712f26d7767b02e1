"""The costs of one step: chunks, buckets, optimizer, stragglers."""

import dataclasses
import math

import pytest
from builders import cluster, gpt, gpu, gpu_stack, ideal_node, machine, overlapping, plan, training
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import load_recipe
from sim.cost.parts import combined, scaled
from sim.cost.step import expected_maximum, step_costs
from sim.hardware.network import NOTHING, Network
from sim.parallel.memory import stage_parameters
from sim.scenario.types import Lora
from sim.workload.parameters import count_parameters


def costs(shape, model=None, on=None, network=None, jitter=0.0, lora=None):
    recipe = training(shape.data * shape.micro_batch * shape.micro_batches, lora=lora)
    return step_costs(model or gpt(), recipe, shape, on or machine(), network or Network(cluster(64)), jitter)


def seconds(communications):
    return [one.seconds for one in communications]


def test_a_chunk_is_its_layers_and_the_ends_have_more():
    found = costs(plan(pipeline=2, virtual_stages=2, layers_per_chunk=(2, 1, 1, 3), tensor=2), gpt(7))
    for phase in ("forward", "backward"):
        layer, first, last = (one[phase].parts for one in (found.layers[0].passes, found.embedding, found.head))
        expected = [
            combined(scaled(layer, 2), first), scaled(layer, 1), scaled(layer, 1), combined(scaled(layer, 3), last),
        ]  # fmt: skip
        assert [chunk[phase].parts for chunk in found.chunks] == expected
        layer, first, last = (
            one[phase].exchanges["tensor_comm"].seconds for one in (found.layers[0].passes, found.embedding, found.head)
        )
        exchanged = [chunk[phase].exchanges["tensor_comm"].seconds for chunk in found.chunks]
        assert exchanged == pytest.approx([2 * layer + first, layer, layer, 3 * layer + last])
        assert exchanged == pytest.approx([chunk[phase].parts["tensor_comm"] for chunk in found.chunks])


def test_all_chunks_together_are_the_model_whatever_the_cut():
    model = gpt(8)
    whole = costs(plan(layers_per_chunk=(8,)), model).chunks[0]
    interleaved = plan(pipeline=2, virtual_stages=4, layers_per_chunk=(1,) * 8)
    for shape in (plan(pipeline=4, layers_per_chunk=(2,) * 4), interleaved):
        chunks = costs(shape, model).chunks
        for phase in ("forward", "backward"):
            together = sum(float(one[phase].seconds) for one in chunks)
            assert together == pytest.approx(float(whole[phase].seconds))


def test_what_stacks_hide_of_the_exchanges_between_tensor_ranks():
    # A layer of 1,024 on four ranks: the products are longer than the exchanges, so that something hides.
    def shown_s(sequence_parallel, **hides):
        values = {"overlap_tensor_gradients": False, "overlap_tensor_exchange": False, **hides}
        shape = plan(tensor=4, sequence_parallel=sequence_parallel, micro_batch=8)
        found = costs(shape, gpt(4, 1024, 8), machine(stack=gpu_stack(**values)))
        return tuple(found.layers[0].passes[phase].parts["tensor_comm"] for phase in ("forward", "backward"))

    for sequence_parallel in (False, True):
        exposed = shown_s(sequence_parallel)
        beside = shown_s(sequence_parallel, overlap_tensor_gradients=True)
        assert beside[0] == exposed[0]
        assert 0 < beside[1] < exposed[1]
        chunked = shown_s(sequence_parallel, overlap_tensor_exchange=True)
        if sequence_parallel:
            assert all(0 < some < all_ for some, all_ in zip(chunked, exposed, strict=True))
        else:
            # All-reduces have no gather or scatter that could run rank by rank.
            assert chunked == exposed


def test_a_gather_hides_behind_the_first_forward_where_the_stack_does_that():
    # One bucket hides nothing; many show the first of them at least.
    shape, model = plan(data=4, zero=1, micro_batch=8), gpt(4, 1024, 8)

    def gather_s(**over):
        (gather,) = costs(shape, model, machine(stack=overlapping(**over))).gathers
        return gather.seconds

    whole_s = gather_s(overlap_parameter_gather=False)
    assert gather_s(overlap_parameter_gather=True, gradient_bucket_bytes=1e12) == whole_s > 0
    assert 0 < gather_s(overlap_parameter_gather=True) < whole_s


def test_one_device_communicates_nothing():
    found = costs(plan())
    assert found.sends == found.sends_back == (NOTHING,)
    assert found.shared == (NOTHING,)
    assert found.reductions == found.gathers == (NOTHING,)
    assert found.straggler_s == found.prepares_s == (0,)
    units = [found.root, *(one.sharded for one in found.layers)]
    assert all(unit.gather == unit.scatter == NOTHING for unit in units)
    assert not {"tensor_comm", "pipeline_comm", "data_comm"} & set(found.chunks[0]["forward"].parts)


def test_bytes_of_every_reduction_by_hand():
    # A ring of 4 moves 2 x 3/4 of 4 bytes a gradient at 100 GB/s; sharded, half of that, and half the bytes back.
    model, on = gpt(tied_embeddings=False), machine(stack=gpu_stack(gradient_bytes=4.0))
    parameters = count_parameters(model).total
    moved_s = 3 / 4 * parameters / 100e9
    plain = costs(plan(data=4), model, on, ideal_node())
    assert seconds(plain.reductions) == pytest.approx([2 * 4 * moved_s])
    assert plain.gathers == (NOTHING,)
    sharded = costs(plan(data=4, zero=1), model, on, ideal_node())
    assert seconds(sharded.reductions) == pytest.approx([4 * moved_s])
    assert seconds(sharded.gathers) == pytest.approx([2 * moved_s])


def test_fully_sharded_pieces_cover_the_model():
    # Layers and root together are all parameters: 2 bytes gathered, 4 bytes scattered.
    model, on = gpt(), machine(stack=gpu_stack("fsdp-2023", gradient_bytes=4.0))
    moved_s = 7 / 8 * count_parameters(model).total / 100e9
    found = costs(plan(data=8, zero=3), model, on, ideal_node())
    assert (found.layers[0].sharded.gather * 4 + found.root.gather).seconds == pytest.approx(2 * moved_s)
    assert (found.layers[0].sharded.scatter * 4 + found.root.scatter).seconds == pytest.approx(4 * moved_s)


def test_stages_reduce_what_they_hold():
    model = gpt(4, tied_embeddings=False, vocab=50257)
    shape = plan(pipeline=4, data=2, layers_per_chunk=(1,) * 4)
    found = costs(shape, model, network=ideal_node())
    held = [stage_parameters(model, shape, stage) for stage in range(4)]
    # Two replicas: 2 x 1/2 of 4 bytes each at 100 GB/s.
    reductions_s = seconds(found.reductions)
    assert reductions_s == pytest.approx([4 * parameters / 100e9 for parameters in held])
    assert reductions_s[0] > 2 * reductions_s[1] == pytest.approx(2 * reductions_s[2])


def test_buckets_are_gradients_over_bucket_size():
    model = gpt()
    size = 4 * count_parameters(model).total
    for bucket, count in ((size, 1), (size / 2, 2), (size / 2.5, 3), (10 * size, 1)):
        on = machine(stack=overlapping(gradient_bytes=4.0, gradient_bucket_bytes=bucket))
        found = costs(plan(data=2), model, on, ideal_node())
        assert found.buckets == (count,)
        # Each takes its share of the bytes; two replicas move them once.
        assert seconds(found.reductions) == pytest.approx([size / count / 100e9])


def test_only_overlapped_gradients_leave_in_buckets():
    on = machine(stack=gpu_stack(gradient_bucket_bytes=1e3, overlap_gradient_reduction=False))
    assert costs(plan(data=2), on=on).buckets == (1,)


def test_every_chunk_fills_buckets_of_its_own():
    # Two virtual stages of half the gradients each; 0.3 of all is a bucket: two for each.
    model = gpt()
    shape = plan(pipeline=2, virtual_stages=2, data=2)
    size = 4 * max(stage_parameters(model, shape, stage) for stage in range(2))
    on = machine(stack=overlapping(gradient_bytes=4.0, gradient_bucket_bytes=0.3 * size))
    assert max(costs(shape, model, on).buckets) == 4


def test_the_optimizer_is_bound_by_memory_and_sharded():
    # 32 bytes a parameter at half of 1 TB/s, without launches.
    model = gpt(hidden=1024, heads=8)
    device = gpu(hbm_bytes_per_s=1e12, memory_efficiency=0.5, kernel_gap_s=0.0)
    traffic = {"adam": 32.0, "sgd": 22.0}
    on = machine(device, gpu_stack(optimizer_traffic_bytes=traffic, host_launch_s=0.0, launch_gap_s=0.0))
    whole_s = 32 * count_parameters(model).total / 0.5e12
    assert costs(plan(data=4), model, on).optimizer == ({"optimizer": pytest.approx(whole_s)},)
    assert costs(plan(data=4, zero=1), model, on).optimizer == ({"optimizer": pytest.approx(whole_s / 4)},)


def test_an_optimizer_that_goes_unit_by_unit_waits_for_its_launches():
    # Three launches for each of 4 layers and the root, beside 20, of 1 ms each.
    on = machine(stack=gpu_stack("fsdp-2023", host_launch_s=1e-3, optimizer_launches=20, optimizer_unit_launches=3))
    shapes = plan(data=4, zero=3), plan(data=4)
    launched_s = [costs(shape, on=on).optimizer[0]["optimizer"] for shape in shapes]
    assert launched_s == pytest.approx([35e-3, 20e-3])


def test_a_simpler_optimizer_moves_less():
    model = gpt(hidden=1024, heads=8)
    on = machine(stack=gpu_stack(optimizer_traffic_bytes={"adam": 32.0, "sgd": 16.0}, optimizer_launches=0))
    recipe = dataclasses.replace(training(), optimizer="sgd")
    simple = step_costs(model, recipe, plan(), on, Network(cluster(64))).optimizer[0]["optimizer"]
    assert simple == pytest.approx(costs(plan(), model, on).optimizer[0]["optimizer"] / 2)


def test_an_optimizer_that_no_stack_times_moves_what_its_states_ask_for():
    # Adam's 60 bytes with two states in fp32; SGD is stated, Muon keeps one state of the matrices, two of the rest.
    model, network = gpt(hidden=1024, heads=8), Network(cluster(64))
    on = machine(
        gpu(hbm_bytes_per_s=1e12, memory_efficiency=0.5, kernel_gap_s=0.0),
        gpu_stack(optimizer_traffic_bytes={"adam": 60.0, "sgd": 22.0}, optimizer_launches=0),
    )
    count = count_parameters(model)
    matrices = 4 * count.layer_matrices

    def optimizer_s(name, **shape):
        recipe = dataclasses.replace(training(), optimizer=name)
        return step_costs(model, recipe, plan(**shape), on, network).optimizer[0]["optimizer"]

    traffic_s = (60 * count.total - 8 * matrices) / 0.5e12
    # Five steps of 4 n m^2 + 2 m^3 each: four matrices of 1,024 squared, two of 4,096 x 1,024.
    flops = 4 * 5 * (4 * 6 + 2 * (16 + 2)) * 1024**3
    orthogonal_s = flops / (on.gpu.peak_flops_per_s["bf16"] * on.gpu.gemm_sustained)
    assert optimizer_s("muon") == pytest.approx(traffic_s + orthogonal_s)
    # Replicas that share the states share the updates too.
    assert optimizer_s("muon", data=4, zero=1) == pytest.approx((traffic_s + orthogonal_s) / 4)
    # Next to no state: 16 bytes fewer, to a per mille of rows, columns and vectors.
    assert optimizer_s("adafactor") == pytest.approx(44 * count.total / 0.5e12, rel=5e-3)


def test_what_travels_follows_the_recipe():
    # Gradients in 2 bytes instead of 4, parameters and activations in 4 instead of 2.
    model, node = gpt(), ideal_node()
    half, narrow, single = (
        machine(stack=gpu_stack(recipes={**gpu_stack().recipes, "bf16": load_recipe(name)}))
        for name in ("bf16", "bf16-gradients", "fp32")
    )

    def found(on, **shape):
        return costs(plan(**shape), model, on, node)

    assert seconds(found(narrow, data=4).reductions) == [
        pytest.approx(one / 2) for one in seconds(found(half, data=4).reductions)
    ]
    for name in ("gathers", "sends", "sends_back"):
        shape = {"data": 2, "pipeline": 2, "zero": 1}
        once, twice = (seconds(getattr(found(on, **shape), name)) for on in (half, single))
        assert max(once) > 0
        assert twice == pytest.approx([2 * one for one in once])
    once, twice = (found(on, tensor=2).layers[0].passes["forward"].parts["tensor_comm"] for on in (half, single))
    assert twice == pytest.approx(2 * once)


def test_adapters_reduce_and_update_their_own_parameters_only():
    model, lora = gpt(hidden=1024, heads=8), Lora(8, ("query", "value"))
    share = 4 * 2 * 8 * 2 * 1024 / count_parameters(model).total
    all_of_it, adapters = (costs(plan(data=4), model, network=ideal_node(), lora=one) for one in (None, lora))
    assert seconds(adapters.reductions) == pytest.approx([share * one for one in seconds(all_of_it.reductions)])
    assert costs(plan(data=4, zero=3), model, network=ideal_node(), lora=lora).layers[0].sharded.gather.seconds > 0


def test_one_replica_waits_for_nobody_and_many_wait_longer():
    assert expected_maximum(1) == 0
    # Exact expectations of the largest of n standard normal values.
    for count, exact in ((2, 0.5642), (3, 0.8463), (10, 1.5388), (100, 2.5076), (1000, 3.2414)):
        assert expected_maximum(count) == pytest.approx(exact, rel=0.05)
    assert all(expected_maximum(n + 1) > expected_maximum(n) for n in range(1, 200))


@given(st.floats(0, 0.1), st.sampled_from([1, 2, 8]))
def test_stragglers_by_hand(jitter, data):
    shape = plan(pipeline=2, data=data, micro_batches=3)
    found = costs(shape, jitter=jitter)
    for stage in range(2):
        chunk = found.chunks[stage]
        busy_s = 3 * float(chunk.forward_s + chunk.backward_s)
        assert found.straggler_s[stage] == pytest.approx(jitter * expected_maximum(data) * busy_s)


@given(st.integers(1, 3))
def test_everything_is_a_finite_time(power):
    found = costs(plan(tensor=2, pipeline=2, data=2**power, zero=1))
    sent = [*found.sends[:-1], *found.sends_back[1:], *found.reductions, *found.gathers, *found.shared]
    assert all(math.isfinite(one) and one > 0 for one in (*seconds(sent), found.input_s))
    for one in sent:
        # Part of it is launches and latency; the rest keeps links busy.
        assert 0 < sum(one.moving_s.values()) < one.seconds
