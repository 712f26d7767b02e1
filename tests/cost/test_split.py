"""What splitting makes devices send, on a switch where a ring of n moves (n - 1) / n of the bytes at 100 GB/s."""

import pytest
from builders import cluster, gpt, gpu_stack, ideal_node, plan
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.compute import PassCost
from sim.cost.split import (
    data_group,
    embedding_exchanges,
    gradient_reduction,
    head_exchanges,
    layer_exchanges,
    parameter_gather,
    pipeline_group,
    pipeline_send,
    tensor_group,
    tied_embedding_send,
)
from sim.hardware.network import NOTHING, Network
from sim.workload.layer import Slice

RATE = 100e9
SIZE = 2 * (128 * 2) * 256
"""Bytes of the hidden state: 2 sequences of 128, width 256, 2 bytes."""


def exchanges(formula, tensor, sequence_parallel=False, recompute="none", **over):
    shape = plan(tensor=tensor, sequence_parallel=sequence_parallel, recompute=recompute)
    cost = formula(gpt(**over), Slice(128, 2, tensor, sequence_parallel), shape, ideal_node(8, RATE))
    for parts, moved in ((cost.forward, cost.forward_exchanges), (cost.backward, cost.backward_exchanges)):
        # All of it moves bytes, because nothing on this switch has a latency.
        assert moved.seconds == parts.get("tensor_comm", 0.0)
        assert sum(moved.moving_s.values()) == pytest.approx(moved.seconds)
    return cost.forward.get("tensor_comm", 0.0), cost.backward.get("tensor_comm", 0.0)


def all_reduce_s(size, ranks):
    return 2 * (ranks - 1) / ranks * size / RATE


@pytest.mark.parametrize("tensor", [2, 4, 8])
def test_a_layer_exchanges_twice_forward_and_twice_backward(tensor):
    # Shoeybi et al. 2019, fig. 4: two all-reduces each way; with sequence parallelism the same bytes.
    twice = pytest.approx(2 * all_reduce_s(SIZE, tensor))
    assert exchanges(layer_exchanges, tensor) == (twice, twice)
    assert exchanges(layer_exchanges, tensor, sequence_parallel=True) == (twice, twice)


def test_full_recomputation_exchanges_again_and_a_parallel_block_once():
    once = all_reduce_s(SIZE, 4)
    assert exchanges(layer_exchanges, 4, recompute="full") == pytest.approx((2 * once, 4 * once))
    assert exchanges(layer_exchanges, 4, recompute="selective") == pytest.approx((2 * once, 2 * once))
    assert exchanges(layer_exchanges, 4, parallel_block=True) == pytest.approx((once, once))


def test_both_ends_exchange():
    once = all_reduce_s(SIZE, 4)
    assert exchanges(embedding_exchanges, 4) == pytest.approx((once, 0.0))
    assert exchanges(embedding_exchanges, 4, sequence_parallel=True) == pytest.approx((once / 2, once / 2))
    # The loss: three fp32 numbers a token, forward; the gradient of the hidden state, backward.
    loss = 3 * all_reduce_s(4 * 256, 4)
    assert exchanges(head_exchanges, 4) == pytest.approx((loss, once))
    assert exchanges(head_exchanges, 4, sequence_parallel=True) == pytest.approx((loss + once / 2, once / 2))


@pytest.mark.parametrize("formula", [layer_exchanges, embedding_exchanges, head_exchanges])
def test_one_rank_exchanges_nothing(formula):
    assert formula(gpt(), Slice(128, 2), plan(), ideal_node()) == PassCost({}, {})


def test_sends_by_hand():
    model, scattering, plain = gpt(), gpu_stack(), gpu_stack(scatter_pipeline_send=False)

    def send(stack, tensor=1, pipeline=2, sequence_parallel=False, stages=1):
        shape = plan(tensor=tensor, pipeline=pipeline, sequence_parallel=sequence_parallel)
        part = Slice(128, 2, tensor, sequence_parallel)
        return pipeline_send(model, part, shape, stack, ideal_node(8, RATE), stages=stages)

    assert send(plain, pipeline=1) == NOTHING
    assert send(plain, tensor=4).seconds == pytest.approx(SIZE / RATE)
    # A quarter by each of four ranks, gathered behind the switch; already scattered with sequence parallelism.
    assert send(scattering, tensor=4).seconds == pytest.approx(SIZE / 4 / RATE + 3 / 4 * SIZE / RATE)
    assert send(scattering, tensor=4, sequence_parallel=True).seconds == pytest.approx(SIZE / 4 / RATE)
    assert send(scattering, tensor=1).seconds == pytest.approx(SIZE / RATE)
    # A gradient takes as long on its way back, over links in the other direction.
    onwards, back = send(plain, tensor=4), send(plain, tensor=4, stages=-1)
    assert back.seconds == onwards.seconds
    assert [wave.distance for one in (onwards, back) for wave in one.moving_s] == [4, -4]


def test_gradients_and_parameters_by_hand():
    network = ideal_node(8, RATE)
    assert gradient_reduction(8e9, plan(data=8), network).seconds == pytest.approx(all_reduce_s(8e9, 8))
    assert gradient_reduction(8e9, plan(data=8, zero=1), network).seconds == pytest.approx(all_reduce_s(8e9, 8) / 2)
    assert parameter_gather(8e9, plan(data=8, zero=1), network).seconds == pytest.approx(all_reduce_s(8e9, 8) / 2)
    assert gradient_reduction(8e9, plan(), network) == parameter_gather(8e9, plan(), network) == NOTHING


def test_a_shared_embedding_is_summed_over_the_ends():
    # V h elements of 4 bytes, a quarter on each of four tensor ranks; each end sends them to the other.
    model, shape, network = gpt(vocab=1000), plan(tensor=4, pipeline=2), ideal_node(8, RATE)
    size = 4 * 1000 * 256 / 4
    there, back = (tied_embedding_send(model, shape, 4.0, network, stages=stages) for stages in (1, -1))
    assert there.seconds == back.seconds == pytest.approx(size / RATE)
    assert there.moving_s.keys() != back.moving_s.keys()
    assert tied_embedding_send(model, plan(tensor=4), 4.0, network, stages=0) == NOTHING
    assert tied_embedding_send(gpt(tied_embeddings=False), shape, 4.0, network, stages=1) == NOTHING


@given(st.sampled_from([1, 2, 3]), st.integers(1, 8))
def test_only_bytes_keep_links_busy(exchanges, micro_batch):
    # What is not on links of a ring of eight is its launch and the latency of fourteen hops of two links.
    model = gpt(parallel_block=exchanges == 1)
    shape = plan(tensor=8, recompute="full" if exchanges == 3 else "none")
    network = Network(cluster(8, hop=1e-6, launch=2e-5))
    cost = layer_exchanges(model, Slice(128, micro_batch, 8), shape, network)
    times = {1: (1, 1), 2: (2, 2), 3: (2, 4)}[exchanges]
    for moved, count in zip((cost.forward_exchanges, cost.backward_exchanges), times, strict=True):
        ((wave, moving_s),) = moved.moving_s.items()
        assert (wave.kind, wave.group) == ("all_reduce", tensor_group(shape))
        assert moving_s == pytest.approx(count * 2 * 7 / 8 * micro_batch * SIZE / 2 / 200e9)
        assert moved.seconds - moving_s == pytest.approx(count * (2e-5 + 14 * 2e-6))


@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 3, 4]))
def test_every_device_is_in_one_group_of_each_kind(tensor, data, pipeline):
    shape = plan(tensor=tensor, data=data, pipeline=pipeline, layers_per_chunk=(1,) * pipeline)
    where = {}
    for device in range(shape.devices):
        member = [device // group.stride % group.ranks for group in
                  (tensor_group(shape), data_group(shape), pipeline_group(shape))]  # fmt: skip
        where[tuple(member)] = device
    # (tensor rank, replica, stage) names each device once: tensor innermost, then data, then pipeline.
    assert len(where) == shape.devices
    assert all(device == t + tensor * (d + data * p) for (t, d, p), device in where.items())


def test_a_tensor_group_inside_a_node_is_faster_than_one_across():
    model = gpt(hidden=4096, heads=32)

    def layer_s(tensor):
        shape = plan(tensor=tensor)
        network = Network(cluster(64, nvlink=200e9, nic=2e9))
        return layer_exchanges(model, Slice(2048, 1, tensor), shape, network).forward["tensor_comm"]

    # Eight cards of 2 GB/s carry what one link of 200 GB/s carries inside the node: twelve times slower, less latency.
    assert layer_s(16) > 5 * layer_s(8)
