"""What splitting makes devices send, on a switch where a ring of n moves (n - 1) / n of the bytes at 100 GB/s."""

import pytest
from builders import cluster, gpt, gpu_stack, ideal_node, plan
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.layer_exchanges import exchanged_again, input_gathers, layer_exchanges
from sim.cost.passes import PhaseCost
from sim.cost.replicas import (
    gather_overlapped_with_forward,
    gradient_reduction,
    owners_broadcast,
    parameter_gather,
    tensor_by_tensor,
)
from sim.cost.split import (
    embedding_exchanges,
    exchange_chunks,
    exposed_share,
    gradient_send,
    head_exchanges,
    overlapped,
    overlapped_with_weight_gradients,
    pipeline_send,
    tied_embedding_bytes,
)
from sim.hardware.network import NOTHING, Communication, Group, Network
from sim.workload.operations import Slice

RATE = 100e9
SIZE = 2 * (128 * 2) * 256
"""Bytes of the hidden state: 2 sequences of 128, width 256, 2 bytes."""


def of_a_layer(model, part, shape, network, stack=None):
    return layer_exchanges(model, part, shape, stack or gpu_stack(), network)


def exchanges(formula, tensor, sequence_parallel=False, recompute="none", **over):
    shape = plan(tensor=tensor, sequence_parallel=sequence_parallel, recompute=recompute)
    cost = formula(gpt(**over), Slice(128, 2, tensor, sequence_parallel), shape, ideal_node(8, RATE))
    for phase in ("forward", "backward"):
        parts, moved = cost[phase].parts, cost[phase].exchanges["tensor_comm"]
        # All of it moves bytes, because nothing on this switch has a latency.
        assert moved.seconds == parts.get("tensor_comm", 0.0)
        assert sum(moved.moving_s.values()) == pytest.approx(moved.seconds)
    return tuple(cost[phase].parts.get("tensor_comm", 0.0) for phase in ("forward", "backward"))


def all_reduce_s(size, ranks):
    return 2 * (ranks - 1) / ranks * size / RATE


@pytest.mark.parametrize("tensor", [2, 4, 8])
def test_a_layer_exchanges_twice_forward_and_twice_backward(tensor):
    # Shoeybi et al. 2019, fig. 4: two all-reduces each way; with sequence parallelism the same bytes.
    twice = pytest.approx(2 * all_reduce_s(SIZE, tensor))
    assert exchanges(of_a_layer, tensor) == (twice, twice)
    assert exchanges(of_a_layer, tensor, sequence_parallel=True) == (twice, twice)


def test_full_recomputation_exchanges_again_and_a_parallel_block_once():
    once = all_reduce_s(SIZE, 4)
    assert exchanges(of_a_layer, 4, recompute="full") == pytest.approx((2 * once, 4 * once))
    assert exchanges(of_a_layer, 4, recompute="selective") == pytest.approx((2 * once, 2 * once))
    assert exchanges(of_a_layer, 4, parallel_block=True) == pytest.approx((once, once))


def test_what_recomputation_exchanges_again():
    # A gather or a scatter is half of an exchange. Operators: two gathers. Stopping early: no last scatter.
    def backward(recompute, sequence_parallel=True, **over):
        def formula(*given):
            return of_a_layer(*given, stack=gpu_stack(**over))

        return exchanges(formula, 4, sequence_parallel, recompute)[1] / all_reduce_s(SIZE, 4)

    assert backward("selective", selective_recompute="operators") == pytest.approx(3)
    assert backward("selective", sequence_parallel=False, selective_recompute="operators") == pytest.approx(2)
    assert backward("full", recompute_stops_early=True) == pytest.approx(3.5)
    assert backward("full", sequence_parallel=False, recompute_stops_early=True) == pytest.approx(3)
    early = gpu_stack(recompute_stops_early=True, selective_recompute="operators")
    found = [exchanged_again(plan(recompute=some), early, 2) for some in ("none", "selective", "full")]
    assert found == [(0, 0), (2, 0), (2, 1)]
    assert exchanged_again(plan(recompute="full"), gpu_stack(), 1) == (1, 1)


def test_inputs_kept_in_shares_are_gathered_before_the_backward():
    # 4 ranks: 3/4 of the hidden state come in, once. Recomputed in part, or shares anyway: nothing.
    def gathered(*setting, keeps=True):
        def formula(model, part, shape, network):
            return input_gathers(model, part, shape, gpu_stack(splits_kept_inputs=keeps), network)

        return exchanges(formula, 4, *setting)

    assert gathered(False, "full") == (0.0, pytest.approx(3 / 4 * SIZE / RATE))
    assert gathered(False, "full", keeps=False) == gathered(False, "selective") == gathered(True, "full") == (0.0, 0.0)


def moved(cost, phase="backward"):
    return cost[phase].exchanges["tensor_comm"]


def beside(weight_s, slowdown, tensor=2, sequence_parallel=False, recompute="none", network=None, wait_s=0.0, **over):
    """(before, after) of a layer whose all-reduces of two ranks take 1 s each, as input gradients hide."""
    shape = plan(tensor=tensor, sequence_parallel=sequence_parallel, recompute=recompute)
    model, part = gpt(**over), Slice(128, 2, tensor, sequence_parallel)
    network = network or ideal_node(8, SIZE)
    before = of_a_layer(model, part, shape, network)
    return before, overlapped_with_weight_gradients(before, model, part, shape, network, weight_s, wait_s, slowdown)


def test_input_gradients_overlapped_with_weight_gradients_by_hand():
    def shown_s(*given, **over):
        before, after = beside(*given, **over)
        assert moved(after, "forward") == moved(before, "forward")
        assert moved(after).meetings == moved(before).meetings
        assert after["backward"].parts["tensor_comm"] == moved(after).seconds
        return moved(after).seconds

    # Two reductions of 1 s beside 3 s of weight gradients, which they slow by a tenth.
    assert shown_s(3.0, 0.1) == pytest.approx(0.2)
    # Beside half a second, only that much hides.
    assert shown_s(0.5, 0.1) == pytest.approx(2.0 - 0.5 * 0.9)
    # Recomputation repeats the two exchanges of the forward, which nothing hides.
    assert shown_s(3.0, 0.1, recompute="full") == pytest.approx(2.2)
    # With sequence parallelism half of an exchange is the gather of the other projection's gradient.
    assert shown_s(3.0, 0.1, sequence_parallel=True) == pytest.approx(1.1)
    assert shown_s(3.0, 0.1, parallel_block=True) == pytest.approx(0.1)
    assert shown_s(0.0, 0.1) == 2.0
    # While the device waits for its host, what half a second of weight gradients leaves over hides too, at most all.
    assert shown_s(0.5, 0.1, wait_s=1.0) == pytest.approx(2.0 - 0.5 * 0.9 - 1.0)
    assert shown_s(0.5, 0.1, wait_s=9.0) == pytest.approx(0.2)


@given(
    st.floats(0, 5), st.floats(0, 5), st.floats(0, 1), st.floats(0, 1), st.sampled_from([2, 4, 8]), st.booleans(),
    st.sampled_from(["none", "full"]),
)  # fmt: skip
def test_longer_weight_gradients_or_less_slowdown_never_show_more(first, second, slow, fast, tensor, sharded, again):
    network = Network(cluster(8, nvlink=SIZE))
    weights_s, slowdowns = sorted((first, second)), sorted((slow, fast))

    def shown(weight_s, slowdown):
        return beside(weight_s, slowdown, tensor, sharded, again, network)

    before, most = shown(weights_s[0], slowdowns[1])
    after = moved(most)
    for weight_s, slowdown in ((weights_s[1], slowdowns[1]), (weights_s[0], slowdowns[0])):
        assert moved(shown(weight_s, slowdown)[1]).seconds <= after.seconds + 1e-12
    assert -1e-12 <= after.seconds <= moved(before).seconds
    # Links are never busy for longer than the exchange shows, nor for less than nothing.
    assert all(moving_s >= -1e-12 for moving_s in after.moving_s.values())
    assert sum(after.moving_s.values()) <= after.seconds + 1e-12


def test_shown_share_by_hand():
    # 2 s beside 6 s on 4 ranks: 6 + 2 / 4 + 0.2 s for what was 8 s.
    assert exposed_share(2.0, 6.0, 0.0, 4, 0.1) == pytest.approx(0.7 / 2)
    # 6 s beside 2 s: 6 + 2 / 4 + 0.2 s, so 4.7 of 6 s show.
    assert exposed_share(6.0, 2.0, 0.0, 4, 0.1) == pytest.approx(4.7 / 6)
    # Nothing hides behind nothing, and nothing is hidden of nothing.
    assert exposed_share(2.0, 0.0, 0.0, 4, 0.1) == exposed_share(0.0, 2.0, 0.0, 4, 0.1) == 1.0
    # Where the device waits 1 s for its host, 1 s less shows; never less than the first chunk and the slowdown.
    assert exposed_share(6.0, 2.0, 1.0, 4, 0.1) == pytest.approx(3.7 / 6)
    assert exposed_share(6.0, 2.0, 9.0, 4, 0.1) == pytest.approx(2.1 / 6)
    # A slowdown that would cost more than it hides is not taken.
    assert exposed_share(2.0, 6.0, 0.0, 2, 0.9) == 1.0


TIMES = st.floats(1e-6, 10)


def test_scatters_in_pieces_by_hand():
    # 8 ranks, 4 pieces: half of the bytes are gathered rank by rank, half scattered in four, or whole beside dW.
    pieces = gpu_stack(scatter_pieces=4)
    assert exchange_chunks("forward", 8, pieces) == pytest.approx(16 / 3)
    assert exchange_chunks("backward", 8, pieces) == pytest.approx(16)
    # Nothing is beside an input gradient that runs apart from its weight gradient.
    assert exchange_chunks("input gradient", 8, pieces) == pytest.approx(16 / 3)
    assert exchange_chunks("forward", 8, gpu_stack()) == 8


@given(TIMES, TIMES, st.integers(2, 64), st.integers(2, 64), st.floats(0, 1), st.floats(0, 1))
def test_more_ranks_or_less_slowdown_never_show_more(exchange_s, products_s, few, many, slow, fast):
    (few, many), (fast, slow) = sorted((few, many)), sorted((slow, fast))
    share = exposed_share(exchange_s, products_s, 0.0, few, slow)
    assert exposed_share(exchange_s, products_s, 0.0, many, slow) <= share
    assert exposed_share(exchange_s, products_s, 0.0, few, fast) <= share
    # Never less than what is longer than the products, nor more than all.
    assert max(1 - products_s / exchange_s, 0) - 1e-9 <= share <= 1


@pytest.mark.parametrize("recompute", ["none", "full"])
def test_exchanges_beside_products_by_hand(recompute):
    # Two ranks: each of two exchanges is a scatter and a gather of half a second. Forward 2 s beside 6 s, slowed by a
    # tenth: 2 / 2 + 0.2 = 1.2 s show. Backward beside 12 s as much, or with the forward's again, 4 s, twice as much.
    shape = plan(tensor=2, sequence_parallel=True, recompute=recompute)
    before = of_a_layer(gpt(), Slice(128, 2, 2, True), shape, ideal_node(8, SIZE))
    found = overlapped(
        before, {"forward": (6.0, 0.0), "backward": (12.0, 0.0)}, shape, gpu_stack(overlap_slowdown=0.1), 8
    )
    times = 2 if recompute == "full" else 1
    assert found["forward"].parts == {"tensor_comm": pytest.approx(1.2)}
    assert found["backward"].parts == {"tensor_comm": pytest.approx(1.2 * times)}
    for phase in ("forward", "backward"):
        exposed = moved(found, phase)
        assert sum(exposed.moving_s.values()) == pytest.approx(exposed.seconds)
        assert exposed.seconds == found[phase].parts["tensor_comm"]


def test_both_ends_exchange():
    once = all_reduce_s(SIZE, 4)
    assert exchanges(embedding_exchanges, 4) == pytest.approx((once, 0.0))
    assert exchanges(embedding_exchanges, 4, sequence_parallel=True) == pytest.approx((once / 2, once / 2))
    # The loss: three fp32 numbers a token, forward; the gradient of the hidden state, backward.
    loss = 3 * all_reduce_s(4 * 256, 4)
    assert exchanges(head_exchanges, 4) == pytest.approx((loss, once))
    assert exchanges(head_exchanges, 4, sequence_parallel=True) == pytest.approx((loss + once / 2, once / 2))


@pytest.mark.parametrize("formula", [of_a_layer, embedding_exchanges, head_exchanges])
def test_one_rank_exchanges_nothing(formula):
    found = formula(gpt(), Slice(128, 2), plan(), ideal_node())
    assert list(found.phases) == ["forward", "backward"]
    assert all(one == PhaseCost({}, {"tensor_comm": NOTHING}) for one in found.phases.values())


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
    assert gradient_reduction(8e9, plan(data=8), gpu_stack(), network).seconds == pytest.approx(all_reduce_s(8e9, 8))
    assert gradient_reduction(8e9, plan(data=8, zero=1), gpu_stack(), network).seconds == pytest.approx(
        all_reduce_s(8e9, 8) / 2
    )
    assert parameter_gather(8e9, plan(data=8, zero=1), network).seconds == pytest.approx(all_reduce_s(8e9, 8) / 2)
    assert gradient_reduction(8e9, plan(), gpu_stack(), network) == parameter_gather(8e9, plan(), network) == NOTHING


def test_states_shared_out_in_groups_by_hand():
    # 32 replicas in groups of 8 on one switch: 7/8 of the bytes are scattered in a group, and an eighth of them is
    # summed over four groups. Parameters are gathered in a group alone.
    network, grouped = ideal_node(32, RATE), plan(data=32, zero=1, zero_group=8)
    reduced = gradient_reduction(8e9, grouped, gpu_stack(), network)
    assert reduced.seconds == pytest.approx(7 / 8 * 8e9 / RATE + all_reduce_s(1e9, 4))
    assert {wave.group: size for wave, size in reduced.moved_bytes.items()} == {Group(8, 1): 8e9, Group(4, 8): 1e9}
    assert parameter_gather(8e9, grouped, network).seconds == pytest.approx(7 / 8 * 8e9 / RATE)
    # A group of one replica holds everything, as without sharding.
    alone = plan(data=32, zero=1, zero_group=1)
    assert gradient_reduction(8e9, alone, gpu_stack(), network).seconds == pytest.approx(all_reduce_s(8e9, 32))
    assert parameter_gather(8e9, alone, network) == NOTHING


@pytest.mark.parametrize("group", [None, 8])
def test_gradients_that_are_not_scattered_are_summed_over_all_replicas(group):
    whole = gpu_stack(scatter_gradients=False)
    reduced = gradient_reduction(8e9, plan(data=32, zero=1, zero_group=group), whole, ideal_node(32, RATE))
    assert reduced.seconds == pytest.approx(all_reduce_s(8e9, 32))


def test_a_gather_beside_the_forward_by_hand():
    # 4 s in four buckets: beside a forward of 2 s, three quarters of it hide; beside 8 s, all but the first bucket.
    gather = Communication(4.0, meetings=3)
    assert gather_overlapped_with_forward(gather, 4, 2.0) == Communication(pytest.approx(2.5), meetings=3)
    assert gather_overlapped_with_forward(gather, 4, 8.0) == Communication(pytest.approx(1.0), meetings=3)
    # A single bucket has nothing to hide behind, and nothing has nothing to hide.
    assert gather_overlapped_with_forward(gather, 1, 8.0) == gather
    assert gather_overlapped_with_forward(NOTHING, 4, 8.0) == NOTHING


@given(st.floats(1e-6, 10), st.integers(1, 64), st.integers(1, 64), st.floats(0, 20), st.floats(0, 20))
def test_more_buckets_or_a_longer_forward_never_show_more(size_s, few, many, short_s, long_s):
    (few, many), (short_s, long_s) = sorted((few, many)), sorted((short_s, long_s))
    gather = ideal_node(8, 1.0).run("all_gather", size_s, Group(8, 1))
    shown = gather_overlapped_with_forward(gather, few, short_s)
    most = shown.seconds * (1 + 1e-12)
    assert gather.seconds / few * (1 - 1e-12) <= shown.seconds <= gather.seconds * (1 + 1e-12)
    assert gather_overlapped_with_forward(gather, few, long_s).seconds <= most
    assert gather_overlapped_with_forward(gather, many, short_s).seconds <= most
    assert sum(shown.moving_s.values()) == pytest.approx(shown.seconds)


def tied_embedding_send(model, shape, network, stages):
    """Of gradients of 4 bytes."""
    return gradient_send(tied_embedding_bytes(model, shape, 4.0), shape, network, stages=stages)


def test_a_shared_embedding_is_summed_over_the_ends():
    # V h elements of 4 bytes, a quarter on each of four tensor ranks; each end sends them to the other.
    model, shape, network = gpt(vocab=1000), plan(tensor=4, pipeline=2), ideal_node(8, RATE)
    size = 4 * 1000 * 256 / 4
    there, back = (tied_embedding_send(model, shape, network, stages=stages) for stages in (1, -1))
    assert there.seconds == back.seconds == pytest.approx(size / RATE)
    assert there.moving_s.keys() != back.moving_s.keys()
    assert tied_embedding_send(model, plan(tensor=4), network, stages=0) == NOTHING
    assert tied_embedding_send(gpt(tied_embeddings=False), shape, network, stages=1) == NOTHING


@given(st.sampled_from([1, 2, 3]), st.integers(1, 8))
def test_only_bytes_keep_links_busy(exchanges, micro_batch):
    # What is not on links of a ring of eight is its launch and the latency of fourteen hops of two links.
    model = gpt(parallel_block=exchanges == 1)
    shape = plan(tensor=8, recompute="full" if exchanges == 3 else "none")
    network = Network(cluster(8, hop=1e-6, launch=2e-5))
    cost = of_a_layer(model, Slice(128, micro_batch, 8), shape, network)
    times = {1: (1, 1), 2: (2, 2), 3: (2, 4)}[exchanges]
    for phase, count in zip(("forward", "backward"), times, strict=True):
        exchange = moved(cost, phase)
        ((wave, moving_s),) = exchange.moving_s.items()
        assert (wave.kind, wave.group) == ("all_reduce", shape.mesh.group("tensor"))
        assert moving_s == pytest.approx(count * 2 * 7 / 8 * micro_batch * SIZE / 2 / 200e9)
        assert exchange.seconds - moving_s == pytest.approx(count * (2e-5 + 14 * 2e-6))


@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 3, 4]))
def test_every_device_is_in_one_group_of_each_kind(tensor, data, pipeline):
    shape = plan(tensor=tensor, data=data, pipeline=pipeline, layers_per_chunk=(1,) * pipeline)
    where = {}
    for device in range(shape.devices):
        groups = (shape.mesh.group(axis) for axis in ("tensor", "data", "pipeline"))
        member = [device // group.stride % group.ranks for group in groups]
        where[tuple(member)] = device
    # (tensor rank, replica, stage) names each device once: tensor innermost, then data, then pipeline.
    assert len(where) == shape.devices
    assert all(device == t + tensor * (d + data * p) for (t, d, p), device in where.items())


def test_a_tensor_group_inside_a_node_is_faster_than_one_across():
    model = gpt(hidden=4096, heads=32)

    def layer_s(tensor):
        shape = plan(tensor=tensor)
        network = Network(cluster(64, nvlink=200e9, nic=2e9))
        return of_a_layer(model, Slice(2048, 1, tensor), shape, network)["forward"].parts["tensor_comm"]

    # Eight cards of 2 GB/s carry what one link of 200 GB/s carries inside the node: twelve times slower, less latency.
    assert layer_s(16) > 5 * layer_s(8)


@pytest.mark.parametrize(("tensors", "calls"), [(12, 8), (5, 5)])
def test_owners_broadcast_one_after_the_other(tensors, calls):
    # Every byte goes around the ring once, in as many broadcasts as there are owners: no more than ranks or tensors.
    found = owners_broadcast(12e9, tensors, plan(data=8, zero=1), ideal_node(8, RATE))
    assert found.seconds == pytest.approx(12e9 / RATE)
    assert found.meetings == calls


def test_an_exchange_of_each_tensor():
    shape, network = plan(data=8, zero=3), ideal_node(8, RATE)
    found = tensor_by_tensor(lambda size: parameter_gather(size, shape, network), 8e9, 4)
    assert found.seconds == pytest.approx(parameter_gather(8e9, shape, network).seconds)
    assert found.meetings == 4
