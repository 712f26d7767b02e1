"""Replicas with different numbers of micro-batches in the folded program: who meets when, and who idles."""

import dataclasses

import numpy as np
import pytest
from builders import cluster, equal_chunks, free_costs, gpt, gpu_stack, machine, overlapping, plan, training
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.catalog import Slow, SlowPlace, Variation
from sim.cost.step import step_costs
from sim.engine.clock import run
from sim.engine.lanes import Culprit, order_of, run_lanes
from sim.engine.lanes.draws import lasting
from sim.engine.pipeline_program import pipeline_program
from sim.engine.program import DATA
from sim.engine.transfers import shared_links
from sim.hardware.network import Communication, Network
from sim.outcome.ledger import close_ledger

BLOCKING = gpu_stack(overlap_gradient_reduction=False, overlap_pipeline_send=False)


def uneven(*counts, **over):
    return plan(data=len(counts), micro_batches=counts[0], replica_micro_batches=counts, **over)


def accounted(shape, stack=BLOCKING, **given_costs):
    trace = run(pipeline_program(shape, free_costs(shape, **given_costs), stack))
    lines = close_ledger(trace, shape.devices).device_seconds
    return trace, {line: pytest.approx(seconds) for line, seconds in lines.items() if seconds > 1e-9}


def test_two_classes_by_hand():
    # Two stages of 10 + 20 s; one replica has two micro-batches and takes 90 s with its bubble, the other has one, 30 s
    # less to do in each stage. Then all reduce for 7 s: the second stage from 70 s on. It waits for the first from 77 s
    # on, of which 7 s are the first's reduction. So the first stages have bubbles of 30 s, the second ones of 23 s.
    shape = uneven(2, 1, pipeline=2)
    trace, lines = accounted(shape, chunks=equal_chunks(shape, 10.0, 20.0), reductions=(Communication(7.0),) * 2)
    assert trace.step_time_s == 97
    assert lines == {"useful": 180, "data_comm": 2 * 7 + 2 * 14, "bubble": 2 * 30 + 2 * 23, "imbalance": 2 * 30}
    assert trace.multiplicity == {
        "stage 0, 2 micro-batches": 1, "stage 0, 1 micro-batches": 1,
        "stage 1, 2 micro-batches": 1, "stage 1, 1 micro-batches": 1,
    }  # fmt: skip


def test_buckets_wait_for_the_replica_with_most_work():
    # The last backward of the first replica runs from 40 to 60 s in four pieces, each reduced in a second; the other
    # replica has been done since 30 s, and only the four seconds that move are communication to it.
    shape = uneven(2, 1)
    trace, lines = accounted(
        shape, overlapping(overlap_slowdown=0.0), chunks=equal_chunks(shape, 10.0, 20.0), buckets=(4,),
        reductions=(Communication(1.0),),
    )  # fmt: skip
    assert trace.step_time_s == 61
    assert lines == {"useful": 90, "data_comm": 1 + 4, "imbalance": 27}


def test_a_sharded_optimizer_updates_and_gathers_together():
    shape = uneven(3, 1, 1, zero=1)
    trace, lines = accounted(
        shape, chunks=equal_chunks(shape, 10.0, 20.0), reductions=(Communication(7.0),),
        gathers=(Communication(3.0),), optimizer=({"optimizer": 5.0},), straggler_s=(6.0,),
    )  # fmt: skip
    # Who has a third of the work lags by a third.
    assert trace.step_time_s == 90 + 6 + 7 + 5 + 3
    assert lines == {
        "useful": 150, "straggler_wait": 6 + 2 + 2, "data_comm": 3 * 10, "optimizer": 15, "imbalance": 2 * (60 + 4),
    }  # fmt: skip


def test_devices_of_a_class_are_one_range():
    shape = uneven(4, 4, 2, tensor=2, pipeline=2)
    program = pipeline_program(shape, free_costs(shape), BLOCKING)
    found = [(actor.name, actor.first, actor.multiplicity, actor.tensor) for actor in program.actors]
    assert found == [
        ("stage 0, 4 micro-batches", 0, 4, 2), ("stage 0, 2 micro-batches", 4, 2, 2),
        ("stage 1, 4 micro-batches", 6, 4, 2), ("stage 1, 2 micro-batches", 10, 2, 2),
    ]  # fmt: skip
    alike = pipeline_program(plan(data=3, pipeline=2), free_costs(plan(data=3, pipeline=2)), BLOCKING)
    assert [(actor.name, actor.first, actor.multiplicity) for actor in alike.actors] == [
        ("stage 0", 0, 3), ("stage 1", 3, 3),
    ]  # fmt: skip


STACKS = st.sampled_from([BLOCKING, overlapping(gradient_bucket_bytes=1e5), overlapping(overlap_slowdown=0.0)])


@st.composite
def shapes(draw):
    """Uneven plans on at most 64 devices."""
    pipeline, virtual = draw(st.sampled_from([(1, 1), (2, 1), (4, 1), (2, 2)]))
    unit = pipeline if virtual > 1 else 1
    counts = sorted(draw(st.lists(st.integers(1, 5), min_size=2, max_size=4)), reverse=True)
    return uneven(
        *(unit * count for count in counts), tensor=draw(st.sampled_from([1, 2])), pipeline=pipeline,
        virtual_stages=virtual, layers_per_chunk=(8 // pipeline // virtual,) * (pipeline * virtual),
        schedule="interleaved" if virtual > 1 else draw(st.sampled_from(["gpipe", "1f1b"])),
        zero=draw(st.sampled_from([0, 1])),
    )  # fmt: skip


def real(shape, stack, *, contested=True):
    # Slow cards, so that sends and reductions meet on them.
    network = Network(cluster(64, nic=2e9))
    costs = step_costs(gpt(8, 512, 8), training(), shape, machine(stack=stack), network, 0.01)
    program = pipeline_program(shape, costs, stack)
    return program, run(program, shared_links(program, network) if contested else None)


def alike(shape, count):
    return dataclasses.replace(shape, micro_batches=count, replica_micro_batches=())


@pytest.mark.slow
@settings(max_examples=40)
@given(shapes(), STACKS)
def test_the_account_closes_and_all_work_of_all_replicas_is_there(shape, stack):
    _, trace = real(shape, stack)
    counts = shape.replica_micro_batches
    ledger = close_ledger(trace, shape.devices)
    useful = {}
    for count in set(counts):
        _, even = real(alike(shape, count), stack)
        useful[count] = close_ledger(even, shape.devices).device_seconds["useful"] / shape.data
    assert ledger.device_seconds["useful"] == pytest.approx(sum(useful[count] for count in counts))


@pytest.mark.slow
@settings(max_examples=40)
@given(shapes(), st.booleans())
def test_a_step_lies_between_the_least_and_the_most_for_everybody(shape, overlaps):
    # Where nothing is slowed and no link is shared: else who comes later may meet others elsewhere.
    stack = overlapping(overlap_slowdown=0.0) if overlaps else BLOCKING
    counts = shape.replica_micro_batches
    least, most = (real(alike(shape, count), stack, contested=False)[1] for count in (min(counts), max(counts)))
    step_time_s = real(shape, stack, contested=False)[1].step_time_s
    assert least.step_time_s * (1 - 1e-9) <= step_time_s <= most.step_time_s * (1 + 1e-9)


@pytest.mark.slow
@settings(max_examples=40)
@given(shapes(), STACKS)
def test_collectives_of_all_replicas_start_together_and_are_counted_once(shape, stack):
    program, trace = real(shape, stack)
    width = shape.tensor * shape.data
    for stage in range(shape.pipeline):
        streams = [
            [span for span in trace.spans_of(actor.name, DATA) if span.work.unit != "shared gradients"]
            for actor in program.actors if actor.first // width == stage
        ]  # fmt: skip
        for together in zip(*streams, strict=True):
            assert len({span.start_s for span in together}) == 1
            assert [span.what for span in together] == [together[0].what] * len(together)
            carried = [one.wave.devices for span in together for one in span.transfers]
            assert carried == [range(stage * width, (stage + 1) * width)] * len(together[0].transfers)
    for actor, _, instruction in program.instructions():
        own = range(actor.first, actor.first + actor.multiplicity)
        for one in instruction.transfers:
            assert one.wave.devices == own or one.line == "data_comm"


@pytest.mark.slow
@settings(max_examples=20)
@given(shapes(), STACKS)
def test_every_device_on_its_own_takes_as_long_as_the_folded_ones(shape, stack):
    program, trace = real(shape, stack)
    found = run_lanes(order_of(program, trace, 8), Variation(), 0, 1, shape.devices, 8)
    assert found.step_times_s[0] == pytest.approx(trace.step_time_s, rel=1e-9)


@pytest.mark.parametrize("replica", range(4))
def test_a_slow_link_of_any_replica_holds_up_the_reduction(replica):
    # One device to a node, so that every link is one between nodes; the slow one is in the first class or the last.
    shape = uneven(4, 4, 2, 2, layers_per_chunk=(8,))
    program, trace = real(shape, BLOCKING)
    order = order_of(program, trace, 1)
    reduction_s = next(turn.network_s for turn in order.turns if turn.network_s)
    # Links are drawn; of some seeds the first with this link slow, and no other.
    slow = Variation(slow_links=Slow(0.25, 2.0))
    seed = next(
        seed for seed in range(1000) if np.flatnonzero(lasting(slow, seed, 4, 1).link_delays).tolist() == [replica]
    )
    found = run_lanes(order, slow, seed, 1, 4, 1)
    assert found.step_times_s[0] == pytest.approx(trace.step_time_s + 2 * reduction_s)
    assert list(found.culprits) == [Culprit("device", replica)]


def test_a_slow_replica_with_less_to_do_holds_up_nobody_before_it_updates():
    # Half the micro-batches, and half as slow again: done before the others all the same, but for the optimizer.
    shape = uneven(4, 2, layers_per_chunk=(8,))
    program, trace = real(shape, dataclasses.replace(BLOCKING, fixed_step_s=0.0))
    order = order_of(program, trace, 8)
    less, more = (Variation(slow=(SlowPlace(0.5, device=device),)) for device in (1, 0))
    late_s = 0.5 * next(turn.work_s for turn in order.turns if turn.instruction.what == "optimizer")
    assert run_lanes(order, less, 0, 1, 2, 8).step_times_s[0] == pytest.approx(trace.step_time_s + late_s)
    assert run_lanes(order, more, 0, 1, 2, 8).step_times_s[0] > 1.3 * trace.step_time_s
