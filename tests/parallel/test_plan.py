"""From what the user fixed to a whole plan, and what does not divide."""

import dataclasses
import itertools

import pytest
from builders import fixed, gpt, gpu_stack, overlapping, plan, point, training
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.machines import kind_of
from sim.parallel.check import check_plan
from sim.parallel.cuts import cut_layers
from sim.parallel.schedules import SCHEDULES, peak_layers_in_flight


def check(devices=64, model=None, stack=None, batch=64, sequence=128, **request):
    model = model or gpt(8, 256, 8)
    scenario = point(model, devices, fixed(**request), recipe=training(batch, sequence))
    return check_plan(scenario.system.plan, scenario, stack or gpu_stack())


def refused(*texts, **request):
    with pytest.raises(InputError) as caught:
        check(**request)
    for text in texts:
        assert text in str(caught.value)
    assert caught.value.remedy
    assert 'test.toml: [system "test"].plan' in caught.value.where


def test_data_is_inferred_and_the_rest_has_defaults():
    found = check(tensor=4, pipeline=2)
    assert (found.tensor, found.pipeline, found.data, found.devices) == (4, 2, 8, 64)
    assert (found.micro_batch, found.micro_batches, found.virtual_stages) == (1, 8, 1)
    assert (found.recompute, found.schedule, found.zero, found.chosen_by) == ("none", "1f1b", 0, "user")
    assert found.layers_per_chunk == (4, 4)
    # The stack shards sequences wherever there is something to shard.
    assert found.sequence_parallel
    assert not check(tensor=1).sequence_parallel
    assert not check(tensor=4, sequence_parallel=False).sequence_parallel
    assert check().data == 64


@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2]))
def test_the_product_of_the_degrees_is_the_device_count(tensor, pipeline, micro_batch):
    found = check(tensor=tensor, pipeline=pipeline, micro_batch=micro_batch, batch=128)
    assert found.tensor * found.pipeline * found.data == found.devices == 64
    assert found.data * found.micro_batch * found.micro_batches == 128
    assert sum(found.layers_per_chunk) == 8
    assert [found.stage_layers(stage) for stage in range(pipeline)] == [8 // pipeline] * pipeline


def test_the_whole_product_is_named():
    refused("tensor 8 x pipeline 4 x data 3 = 96 devices, but the system has 64", tensor=8, pipeline=4, data=3)
    refused("tensor 8 x pipeline 3 = 24 does not divide the system's 64 devices", tensor=8, pipeline=3)


def test_heads_and_widths_that_do_not_divide():
    refused("tensor 3 does not divide the 8 attention heads", "divisor of 8", devices=9, tensor=3, batch=9)
    refused("tensor 8 does not divide the 100 MLP width", model=gpt(8, 256, 8, ffn_hidden=100), tensor=8)
    grouped = gpt(8, 240, 24, kv_heads=3)
    refused("tensor 2 fits neither into nor around the 3 key/value heads", model=grouped, tensor=2)
    assert check(devices=6, model=gpt(8, 240, 24, kv_heads=3), tensor=6, batch=8).tensor == 6
    some = gpt(8, 240, 24, kv_heads=12, global_kv_heads=4, window=8, runs=(("sliding", 4), ("dense", 4)))
    with pytest.raises(InputError, match="neither into nor around the 4 key/value heads"):
        check(devices=6, model=some, tensor=6, batch=8)


def test_layers_that_cannot_be_cut():
    refused("7 layers cannot be cut into 4 equal parts", "divisor of 7", model=gpt(7, 256, 8), pipeline=4)
    assert check(model=gpt(7, 256, 8), pipeline=4, layers_per_stage=(2, 2, 2, 1)).layers_per_chunk == (2, 2, 2, 1)
    refused("has 3 entries that sum to 8", "give 4 entries", pipeline=4, layers_per_stage=(2, 2, 4))
    refused("that sum to 9", "sum to 8", pipeline=4, layers_per_stage=(2, 2, 2, 3))
    assert cut_layers(12, 4, 1, None, (None, None), "here") == (3, 3, 3, 3)


def test_batches_that_do_not_divide():
    refused("a global batch of 63 sequences cannot be divided by data 8 x micro_batch 1 = 8", tensor=8, batch=63)
    refused("data 8 x micro_batch 3 = 24", "multiple of 24", tensor=8, micro_batch=3)


def test_schedules_and_virtual_stages():
    found = check(pipeline=4, tensor=4, virtual_stages=2)
    assert (found.schedule, found.chunks) == ("interleaved", 8)
    assert check(pipeline=4, tensor=4, schedule="gpipe").schedule == "gpipe"
    refused("schedule '1f1b' with virtual_stages 2", pipeline=4, virtual_stages=2, schedule="1f1b")
    refused("schedule 'interleaved' with virtual_stages 1", pipeline=4, schedule="interleaved")
    refused("virtual_stages 2 with pipeline 1", virtual_stages=2)
    refused("multiple of pipeline 4", "a replica has 2", pipeline=4, tensor=4, virtual_stages=2, batch=8)


def test_stacks_cannot_do_everything():
    refused("zero 3", "allowed: 0, 1", zero=3)
    refused("zero 3 with pipeline 2", stack=overlapping(zero_stages=(0, 3)), zero=3, pipeline=2)
    assert check(stack=overlapping(), zero=2, pipeline=2).zero == 2
    refused("no sequence parallelism", stack=gpu_stack("megatron-2021"), tensor=2, sequence_parallel=True)
    refused("tensor 8 does not divide the sequence length 100", tensor=8, sequence=100, sequence_parallel=True)
    assert not check(tensor=8, sequence=100).sequence_parallel
    assert check(stack=gpu_stack("fsdp-2023")).zero == 3
    with pytest.raises(InputError, match="no tensor parallelism"):
        check(stack=gpu_stack("fsdp-2023"), tensor=2)
    with pytest.raises(InputError, match="no pipeline parallelism"):
        check(stack=gpu_stack("fsdp-2023"), pipeline=2)


def test_groups_of_replicas_that_share_out_states():
    able = gpu_stack(zero_groups=True)
    assert check(stack=able, devices=16, zero=1, zero_group=4).shards == 4
    # All replicas are what there is without a group.
    for same in (check(stack=able, devices=16, zero=1, zero_group=16), check(devices=16, zero=1)):
        assert (same.zero_group, same.shards) == (None, 16)
    refused("zero_group 4 with zero 0", "set zero", stack=able, zero=0, zero_group=4)
    refused(
        "groups of 3 do not make up the 8 replicas", "divisor of data 8", stack=able, devices=8, zero=1, zero_group=3
    )
    refused("among all replicas, not among 4", "a stack that has groups: dualpipe", zero=1, zero_group=4)
    assert plan(data=32, zero=1, zero_group=8).summary() == "DP32 mb1 ZeRO1/8"
    assert plan(data=32, zero=3, zero_group=8).summary() == "DP32 mb1 FSDP/8"


def test_summaries_say_what_differs_from_data_parallelism():
    assert plan(data=8).summary() == "DP8 mb1"
    many = plan(tensor=8, pipeline=4, virtual_stages=2, data=2, zero=1, sequence_parallel=True, recompute="full")
    assert many.summary() == "TP8 PP4x2 DP2 mb1 ZeRO1 SP full-rc"
    assert plan(data=8, zero=3).summary() == "DP8 mb1 FSDP"
    assert plan(pipeline=4, schedule="gpipe").summary() == "PP4 DP1 mb1 gpipe"
    assert check(tensor=4, pipeline=4, layers_per_stage=(3, 2, 2, 1)).summary() == "TP4 PP4 DP4 mb1 SP layers 3+2x2+1"
    assert check(devices=3, micro_batches=(2, 3, 3), batch=8).summary() == "DP3 mb1 x2-3"
    assert check(devices=3, micro_batches=(1, 1, 6), batch=8).summary() == "DP3 mb1 x(6+2x1)"


def test_a_cut_that_the_search_makes_as_well_is_not_spelt_out():
    by_hand = check(model=gpt(6, 256, 8), tensor=4, pipeline=4, layers_per_stage=(1, 2, 2, 1))
    assert by_hand.summary() == "TP4 PP4 DP4 mb1 SP"


def cuts_of(total, parts):
    """Every way to write a total as so many numbers above zero, and none."""
    return [None, *(each for each in itertools.product(range(1, total + 1), repeat=parts) if sum(each) == total)]


def all_plans():
    """Every legal plan of 4 layers and 8 sequences on 4 devices."""
    for tensor, pipeline, virtual, micro_batch in itertools.product((1, 2), (1, 2, 4), (1, 2), (2, 4)):
        data = 4 // (tensor * pipeline)
        for switches in itertools.product(
            (0, 1),
            (False, True),
            ("none", "full"),
            (None, "gpipe"),
            cuts_of(4, pipeline * virtual),
            cuts_of(8 // micro_batch, data),
        ):
            names = ("zero", "sequence_parallel", "recompute", "schedule", "layers_per_stage", "micro_batches")
            given_ = dict(zip(names, switches, strict=True))
            try:
                yield check(
                    devices=4,
                    model=gpt(4, 256, 8),
                    batch=8,
                    tensor=tensor,
                    pipeline=pipeline,
                    virtual_stages=virtual,
                    micro_batch=micro_batch,
                    **given_,
                )
            except InputError:
                continue


def test_plans_that_differ_never_share_a_line():
    plans = set(all_plans())
    assert len(plans) > 200
    assert {one.schedule for one in plans} == {"1f1b", "gpipe", "interleaved"}
    assert len({one.summary() for one in plans}) == len(plans)
    assert len({kind_of(one).cells(one) for one in plans}) == len(plans)


def test_interleaved_stages_hold_every_pth_chunk():
    shape = plan(pipeline=2, virtual_stages=3, layers_per_chunk=(1, 2, 3, 4, 5, 6))
    assert [shape.stage_layers(stage) for stage in (0, 1)] == [1 + 3 + 5, 2 + 4 + 6]


@given(st.sampled_from(list(SCHEDULES)), st.integers(1, 6), st.integers(0, 3), st.data())
def test_what_a_stage_holds_of_many_micro_batches_is_what_the_whole_order_holds(schedule, rounds, more, data):
    virtual = 2 if schedule == "interleaved" else SCHEDULES[schedule].virtual_stages
    pipeline = data.draw(st.integers(2, 4))
    micro_batches = rounds * pipeline + (0 if schedule == "interleaved" else more)
    assume(SCHEDULES[schedule].allows(pipeline, virtual, micro_batches))
    layers = tuple(data.draw(st.lists(st.integers(1, 3), min_size=pipeline * virtual, max_size=pipeline * virtual)))
    shape = plan(
        pipeline=pipeline,
        virtual_stages=virtual,
        micro_batches=micro_batches,
        schedule=schedule,
        layers_per_chunk=layers,
    )
    for stage in range(pipeline):
        order = SCHEDULES[schedule].order(stage, pipeline, virtual, micro_batches)
        assert shape.layers_in_flight(stage) == peak_layers_in_flight(order, lambda chunk: layers[chunk % len(layers)])


def test_schedules_that_a_stack_can_run():
    able = gpu_stack(schedules=tuple(SCHEDULES))
    for name, schedule in SCHEDULES.items():
        virtual = 2 if name == "interleaved" else None
        found = check(tensor=4, pipeline=4, batch=32, schedule=name, virtual_stages=virtual, stack=able)
        assert (found.schedule, found.virtual_stages) == (name, virtual or schedule.virtual_stages)
        assert found.pipelining is schedule
        # A plan that is written down is the same plan again.
        scenario = point(gpt(8, 256, 8), 64, fixed(), recipe=training(32))
        assert check_plan(found.request(), scenario, able) == found
    refused("the stack megatron-2022 does not run zb-v", "1f1b", pipeline=4, schedule="zb-v")
    refused("did you mean 'zb-h1'", pipeline=4, schedule="zb-h11")
    refused("even number of micro-batches", tensor=4, pipeline=4, schedule="dualpipe", stack=able, batch=36)
    assert check(tensor=4, pipeline=4, batch=32, schedule="zb-v", stack=able).summary() == "TP4 PP4x2 DP4 mb1 SP zb-v"


def test_layers_in_graphs_of_their_own_are_not_recomputed_whole():
    in_graphs = dataclasses.replace(gpu_stack(), cuda_graph="layer", options={"cuda_graph layer": "a flag"})
    text = 'does not recompute whole layers that run as graphs (cuda_graph = "layer")'
    refused(text, 'use cuda_graph = "none"', stack=in_graphs, recompute="full")
    able = dataclasses.replace(in_graphs, options={"cuda_graph layer": "a flag", "cuda_graph full": "another"})
    refused(text, 'use cuda_graph = "full" or', stack=able, recompute="full")
    assert check(stack=dataclasses.replace(able, cuda_graph="full"), recompute="full").recompute == "full"
    assert check(stack=able, recompute="none").recompute == "none"
