"""What plans leave in the memory of hosts: on both sides by hand, and what is refused."""

import dataclasses

import pytest
from builders import FLASH, fixed, gpt, gpu_stack, plan, point, training

from sim.errors import InputError
from sim.parallel.check import check_plan
from sim.parallel.memory import host_bytes, stage_memory, stage_parameters
from sim.parallel.offload import layers_kept, layers_offloaded
from sim.scenario.types import Training
from sim.workload.activations import layer_activation_bytes
from sim.workload.operations import Slice

ABLE = gpu_stack(
    offloads_activations=True, host_update_bytes=44.0, zero_stages=(0, 1, 2, 3), schedules=("1f1b", "interleaved")
)


def memory(**over):
    return stage_memory(gpt(8), training(), plan(layers_per_chunk=(8,), **over), ABLE, FLASH, 0)


def at_host(**over):
    return host_bytes(gpt(8), training(), plan(layers_per_chunk=(8,), **over), ABLE, FLASH, 0)


def test_layers_that_are_away_leave_two_for_their_copies() -> None:
    shape = plan(layers_per_chunk=(80,), offload_layers=40)
    assert (layers_kept(shape, 0), layers_offloaded(shape, 0)) == (40, 40)
    one = plan(layers_per_chunk=(80,), offload_layers=1)
    assert (layers_kept(one, 0), layers_offloaded(one, 0)) == (79, 1)
    # Four micro-batches in flight on the first of four stages of eight layers, of which six leave.
    deep = plan(pipeline=4, micro_batches=8, layers_per_chunk=(8,) * 4, offload_layers=6)
    assert (layers_kept(deep, 0), layers_offloaded(deep, 0)) == (4 * 2, 24)


def test_activations_leave_the_device_for_the_host() -> None:
    kept = layer_activation_bytes(gpt(8), Slice(128, 1, 1, False, 2.0), FLASH, "none")
    before, after = memory(), memory(offload_layers=6)
    assert before.activations - after.activations == pytest.approx(6 * kept)
    assert at_host(offload_layers=6) == pytest.approx(6 * kept)
    assert at_host() == 0


def test_states_and_gradients_leave_the_device_for_the_host() -> None:
    """Adam in bf16 with fp32 gradients over 8 shards: 12 bytes of states, 4 of gradients and 4 of their copy."""
    parameters = stage_parameters(gpt(8), plan(layers_per_chunk=(8,)), 0)
    for zero, weights, gradients in ((1, 2.0, 4.0), (2, 2.0, 0.0), (3, 2.0 / 8, 0.0)):
        here = memory(data=8, zero=zero, optimizer_offload="cpu")
        assert here.optimizer == 0
        assert (here.weights / parameters, here.gradients / parameters) == pytest.approx((weights, gradients))
        assert at_host(data=8, zero=zero, optimizer_offload="cpu") == pytest.approx(parameters * 20 / 8)
        # What was there before: 12 bytes over the shards.
        before = memory(data=8, zero=zero)
        assert (4 if zero == 3 else 0) + before.optimizer * 8 / parameters == pytest.approx(12)


def refused(match: str, remedy: str, stack=ABLE, recipe: Training | None = None, **over) -> None:
    with pytest.raises(InputError, match=match) as caught:
        check_plan(fixed(**over), point(gpt(8), recipe=recipe), stack)
    assert remedy in caught.value.remedy


def test_what_cannot_be_offloaded_is_refused_by_name() -> None:
    refused("'megatron-2022' runs no optimizer on hosts", "does: deepspeed-2026", gpu_stack(), optimizer_offload="cpu")
    refused("'megatron-2022' leaves no activations in", "megatron-core-2024", gpu_stack(), offload_layers=2)
    refused("8 of 8 layers: the last stays", "use 0 to 7", offload_layers=8)
    sgd = Training(1e9, 128, 32, optimizer="sgd")
    refused("the optimizer 'sgd' has no update on the host", 'optimizer = "adam"', recipe=sgd, optimizer_offload="cpu")


def test_layers_are_offloaded_beside_nothing_that_the_framework_refuses() -> None:
    refused("no layers with pipeline = 2", "use pipeline = 1, or", pipeline=2, micro_batch=1, offload_layers=2)
    refused('no layers with recompute = "full"', 'use recompute = "none", or', recompute="full", offload_layers=2)
    graphs = dataclasses.replace(ABLE, cuda_graph="full")
    refused('no layers with cuda_graph = "full"', 'use cuda_graph = "none", or', graphs, offload_layers=2)


def test_a_plan_says_what_it_offloads() -> None:
    shape = check_plan(fixed(offload_layers=6, optimizer_offload="cpu"), point(gpt(8)), ABLE)
    assert shape.summary().endswith("offload 6 layers cpu optimizer")
    assert check_plan(shape.request(), point(gpt(8)), ABLE) == shape
    assert check_plan(fixed(offload_layers=0), point(gpt(8)), ABLE).request().offload_layers is None
