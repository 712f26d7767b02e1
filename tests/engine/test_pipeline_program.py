"""Pipelines in the engine: bubbles of the closed forms, reductions, sends, and what overlaps."""

import itertools

import pytest
from builders import cluster, equal_chunks, free_costs, gpt, gpu_stack, machine, overlapping, pass_of, plan, training
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.step import step_costs
from sim.engine.clock import run
from sim.engine.pipeline_program import pipeline_program
from sim.engine.program import COMPUTE, DATA
from sim.hardware.network import NOTHING, Communication, Network
from sim.outcome.ledger import close_ledger

BLOCKING = gpu_stack(overlap_gradient_reduction=False, overlap_pipeline_send=False)
SECONDS = st.integers(1, 100).map(float)


def simulated(shape, stack=BLOCKING, **given_costs):
    trace = run(pipeline_program(shape, free_costs(shape, **given_costs), stack))
    return trace, close_ledger(trace, shape.devices)


def sends(shape, seconds, round_the_end=None):
    """Activations and gradients take the same, to the neighbour and round the end."""
    onwards = [Communication(seconds)] * shape.chunks
    for last in range(shape.pipeline - 1, shape.chunks, shape.pipeline):
        onwards[last] = Communication(seconds if round_the_end is None else round_the_end)
    return {"sends": tuple(onwards), "sends_back": tuple(reversed(onwards))}


def bubble_share(stages, virtual, micro_batches):
    """Idle over busy time of equal stages. Source: Narayanan et al. 2021, sec. 2.2.1 and 2.2.2."""
    return (stages - 1) / (virtual * micro_batches)


def timed(shape, stack=BLOCKING, **given_costs):
    return simulated(shape, stack, **given_costs)[0].step_time_s


@given(st.sampled_from(["gpipe", "1f1b"]), st.integers(1, 8), st.integers(1, 20), SECONDS, SECONDS, st.booleans())
def test_gpipe_and_1f1b_bubble(schedule, stages, micro_batches, forward_s, backward_s, overlapped_sends):
    # Narayanan et al. 2021, sec. 2.2.1: (p - 1) (f + b) idle in every stage: (p - 1) / m of the busy time.
    shape = plan(pipeline=stages, micro_batches=micro_batches, schedule=schedule)
    stack = gpu_stack(overlap_pipeline_send=overlapped_sends)
    trace, ledger = simulated(shape, stack, chunks=equal_chunks(shape, forward_s, backward_s))
    assert trace.step_time_s == (micro_batches + stages - 1) * (forward_s + backward_s)
    lines = ledger.device_seconds
    assert lines["bubble"] == stages * (stages - 1) * (forward_s + backward_s)
    assert lines["bubble"] / lines["useful"] == pytest.approx(bubble_share(stages, 1, micro_batches), rel=1e-12)
    assert lines["imbalance"] == lines["pipeline_comm"] == 0


@given(st.integers(2, 6), st.integers(2, 4), st.integers(1, 4), SECONDS, SECONDS, st.booleans())
def test_interleaved_bubble(stages, virtual, rounds, forward_s, backward_s, overlapped_sends):
    # Sec. 2.2.2: with v chunks a stage the bubble is (p - 1) / (v m) of the busy time.
    shape = plan(pipeline=stages, virtual_stages=virtual, micro_batches=rounds * stages)
    stack = gpu_stack(overlap_pipeline_send=overlapped_sends)
    _, ledger = simulated(shape, stack, chunks=equal_chunks(shape, forward_s, backward_s))
    lines = ledger.device_seconds
    assert lines["useful"] == stages * virtual * rounds * stages * (forward_s + backward_s)
    assert lines["bubble"] == stages * (stages - 1) * (forward_s + backward_s)
    share = bubble_share(stages, virtual, shape.micro_batches)
    assert lines["bubble"] / lines["useful"] == pytest.approx(share, rel=1e-12)


@given(st.data(), st.integers(2, 4), st.integers(1, 3), st.booleans())
def test_nothing_stalls_and_every_pass_runs_once(data, stages, virtual, overlapped):
    shape = plan(pipeline=stages, virtual_stages=virtual, micro_batches=2 * stages, data=2)
    times = st.tuples(SECONDS, SECONDS)
    chunks = tuple(pass_of({"useful": f}, {"useful": b}) for f, b in (data.draw(times) for _ in range(shape.chunks)))
    stack = overlapping(overlap_slowdown=0.0) if overlapped else BLOCKING
    trace, ledger = simulated(
        shape, stack, chunks=chunks, **sends(shape, 1.0), reductions=(Communication(5.0),) * stages
    )
    expected = 2 * shape.micro_batches * sum(c.forward_s + c.backward_s for c in chunks)
    assert ledger.device_seconds["useful"] == pytest.approx(expected)
    # Whoever computes must have received: forwards in the order of the chunks, backwards the other way.
    starts = {(span.actor, span.what): (span.start_s, span.end_s) for span in trace.spans if span.stream == COMPUTE}
    label = (lambda b, c: f"{b}.{c // stages}") if virtual > 1 else (lambda b, c: f"{b}")
    for batch in range(shape.micro_batches):
        ends = [starts[f"stage {c % stages}", f"forward {label(batch, c)}"] for c in range(shape.chunks)]
        assert all(later[0] >= earlier[1] + 1.0 for earlier, later in itertools.pairwise(ends))


def test_blocking_sends_by_hand():
    # Two stages, one micro-batch: 10, send 1, 10, 20, send 1, 20. The first stage waits 1 + 10 + 20 + 1 seconds, of
    # which 1 is the gradient's send; the second waits 11 for its input, of which 1 is the send, and 20 at the end.
    shape = plan(pipeline=2, micro_batches=1)
    trace, ledger = simulated(shape, chunks=equal_chunks(shape, 10.0, 20.0), **sends(shape, 1.0))
    assert trace.step_time_s == 62
    assert ledger.device_seconds["useful"] == 60
    # Each send is seen by both: by the sender as a blocked stream, by the receiver as a wait.
    assert ledger.device_seconds["pipeline_comm"] == 4
    assert ledger.device_seconds["bubble"] == 60


def test_overlapped_sends_hide_where_there_is_other_work():
    # In a long 1F1B run the second stage is always busy; only filling and draining show the sends.
    shape = plan(pipeline=2, micro_batches=20)
    given_costs = {"chunks": equal_chunks(shape, 10.0, 20.0), **sends(shape, 1.0)}
    blocking, hidden = timed(shape, **given_costs), timed(shape, gpu_stack(overlap_pipeline_send=True), **given_costs)
    assert 21 * 30 < hidden < blocking


def test_gradients_are_reduced_after_the_last_backward():
    shape = plan(data=4, micro_batches=3)
    given_costs = {
        "chunks": equal_chunks(shape, 10.0, 20.0), "reductions": (Communication(7.0),), "input_s": 2.0,
        "optimizer": ({"optimizer": 5.0},),
    }  # fmt: skip
    trace, ledger = simulated(shape, **given_costs)
    assert trace.step_time_s == 2 + 3 * 30 + 7 + 5
    assert ledger.device_seconds["data_comm"] == 4 * 7
    assert ledger.device_seconds["bubble"] == 0
    assert timed(plan(micro_batches=3), **given_costs) == 2 + 3 * 30 + 5


def test_a_sharded_optimizer_gathers_afterwards():
    shape = plan(data=4, zero=1, micro_batches=1)
    trace, ledger = simulated(
        shape, chunks=equal_chunks(shape, 10.0, 20.0), reductions=(Communication(7.0),),
        gathers=(Communication(3.0),), straggler_s=(4.0,),
    )  # fmt: skip
    assert trace.step_time_s == 30 + 4 + 7 + 3
    assert ledger.device_seconds["data_comm"] == 4 * 10
    assert ledger.device_seconds["straggler_wait"] == 4 * 4


@pytest.mark.parametrize(("reduction_s", "exposed_s"), [(4.0, 1.0), (20.0, 5.0), (40.0, 25.0), (80.0, 65.0)])
def test_buckets_are_reduced_under_the_last_backward(reduction_s, exposed_s):
    # Backward of 20 s in four pieces of 5 s, reduction in four: the first can start after 5 s, so 15 s are hidden at
    # most, and the last bucket always shows.
    shape = plan(data=2, micro_batches=2)
    stack = overlapping(overlap_slowdown=0.0)
    trace, ledger = simulated(
        shape, stack, chunks=equal_chunks(shape, 10.0, 20.0), buckets=(4,),
        reductions=(Communication(reduction_s / 4),),
    )  # fmt: skip
    assert trace.step_time_s == 2 * 30 + exposed_s
    assert ledger.device_seconds["data_comm"] == 2 * exposed_s


@pytest.mark.parametrize(
    ("bucket_s", "step_time_s"),
    [
        # 10 forward, 5 for the first piece; each of the other three loses a tenth of the second that a reduction runs
        # beside it: 5.1; the last reduction shows.
        (1.0, 15 + 3 * 5.1 + 1),
        # A reduction that outlasts a piece slows all of it: 5 / 0.9. The last of three is over before the third ends.
        (5 / 0.9, 15 + 3 * 5 / 0.9 + 5 / 0.9),
        # Reductions one after the other from 15 on: none of the compute beside them decides.
        (9.0, 15 + 4 * 9),
    ],
)
def test_collectives_slow_the_compute_beside_them(bucket_s, step_time_s):
    shape = plan(data=2, micro_batches=1)
    given_costs = {
        "chunks": equal_chunks(shape, 10.0, 20.0), "reductions": (Communication(bucket_s),), "buckets": (4,),
    }  # fmt: skip
    trace, ledger = simulated(shape, overlapping(overlap_slowdown=0.1), **given_costs)
    assert trace.step_time_s == pytest.approx(step_time_s)
    # What compute loses is communication, as is what shows: together, all but 30 s of compute.
    assert ledger.device_seconds["useful"] == pytest.approx(2 * 30)
    assert ledger.device_seconds["data_comm"] == pytest.approx(2 * (step_time_s - 30))


def test_a_forward_beside_a_reduction_of_the_micro_batch_before_is_slowed_too():
    # ZeRO 2: 10, 20, then the reduction of 6 s beside the next 10, of which it takes 0.6; the last reduction shows.
    shape = plan(data=2, zero=2, micro_batches=2)
    stack = overlapping(overlap_slowdown=0.1)
    given_costs = {"chunks": equal_chunks(shape, 10.0, 20.0), "reductions": (Communication(6.0),)}
    assert timed(shape, stack, **given_costs) == pytest.approx(30 + 10.6 + 20 + 6)


def test_what_is_not_overlapped_slows_nothing():
    shape = plan(data=2, micro_batches=2)
    stack = gpu_stack(overlap_gradient_reduction=False, overlap_slowdown=0.5)
    given_costs = {"chunks": equal_chunks(shape, 10.0, 20.0), "reductions": (Communication(6.0),)}
    assert timed(shape, stack, **given_costs) == 60 + 6


def test_zero_two_reduces_every_micro_batch():
    shape = plan(data=2, zero=2, micro_batches=3)
    stack = overlapping(overlap_slowdown=0.0)
    trace, _ = simulated(shape, stack, chunks=equal_chunks(shape, 10.0, 20.0), reductions=(Communication(6.0),))
    assert sum(span.what == "reduce gradients" for span in trace.spans) == 3


def test_zero_two_reduces_every_micro_batch_without_overlap_too():
    # Memory counts a share of the gradients only, so what a rank does not keep must leave after every backward.
    shape = plan(data=2, zero=2, micro_batches=3)
    trace, _ = simulated(shape, BLOCKING, chunks=equal_chunks(shape, 10.0, 20.0), reductions=(Communication(6.0),))
    assert sum(span.what == "reduce gradients" for span in trace.spans) == 3


@pytest.mark.parametrize(("virtual", "times"), [(1, 8), (2, 2 * 2)])
@pytest.mark.parametrize("stack", [BLOCKING, overlapping()])
def test_zero_two_in_a_pipeline_reduces_a_chunk_when_its_micro_batches_in_a_row_end(virtual, times, stack):
    # Eight micro-batches through four stages: one chunk after each of them; two chunks after each four in a row.
    shape = plan(pipeline=4, virtual_stages=virtual, data=2, zero=2, micro_batches=8)
    reductions = (Communication(1.0),) * 4
    trace, _ = simulated(shape, stack, chunks=equal_chunks(shape, 10.0, 20.0), reductions=reductions)
    for stage in range(4):
        reduced = [one for one in trace.spans if one.what == "reduce gradients" and one.actor == f"stage {stage}"]
        assert len(reduced) == times
    # The last stage: after three forwards elsewhere, its own and its first backward; with two chunks, after four
    # backwards in a row at least.
    first = min(one.start_s for one in trace.spans if one.what == "reduce gradients" and one.actor == "stage 3")
    assert first == 3 * 10 + 10 + 20 if virtual == 1 else first >= 3 * 10 + 10 + 4 * 20


def test_a_shared_embedding_is_reduced_by_both_ends_at_once():
    shape = plan(pipeline=3, micro_batches=3)
    trace, _ = simulated(
        shape, chunks=equal_chunks(shape, 10.0, 20.0), shared=(Communication(4.0), NOTHING, Communication(4.0))
    )
    spans = [(span.actor, span.start_s) for span in trace.spans if span.what == "reduce shared gradients"]
    assert [actor for actor, _ in spans] == ["stage 0", "stage 2"]
    assert len({start for _, start in spans}) == 1
    assert trace.step_time_s == (3 + 2) * 30 + 4


def test_an_uneven_cut_is_imbalance():
    # The second stage has nothing but 10 s of 30 s to do: 3 x 20 s less than the first.
    shape = plan(pipeline=2, micro_batches=3)
    chunks = (pass_of({"useful": 10.0}, {"useful": 20.0}), pass_of({"useful": 4.0}, {"useful": 6.0}))
    trace, ledger = simulated(shape, chunks=chunks)
    idle = 2 * trace.step_time_s - 3 * 40
    assert ledger.device_seconds["imbalance"] == 60
    assert ledger.device_seconds["bubble"] == pytest.approx(idle - 60)


def test_every_rank_of_every_replica_is_counted():
    shape = plan(tensor=2, data=4, pipeline=2)
    trace, _ = simulated(shape, chunks=equal_chunks(shape, 1.0, 1.0))
    assert trace.multiplicity == {"stage 0": 8, "stage 1": 8}


def real_program(shape, stack):
    costs = step_costs(gpt(8), training(8), shape, machine(stack=stack), Network(cluster(64)))
    return pipeline_program(shape, costs, stack), costs


@pytest.mark.parametrize("stack", [overlapping(), BLOCKING], ids=["overlapping", "blocking"])
def test_every_instruction_says_what_of_it_moves_bytes(stack):
    shape = plan(tensor=2, data=2, pipeline=2, virtual_stages=2, zero=1, micro_batches=4, layers_per_chunk=(2,) * 4)
    program, costs = real_program(shape, stack)
    for actor, stream, instruction in program.instructions():
        first = 4 * int(actor.name.removeprefix("stage "))
        for one in instruction.transfers:
            assert one.line in instruction.parts
            assert one.wave.devices == range(first, first + 4)
        moving_s = sum(one.seconds for one in instruction.transfers)
        assert moving_s <= instruction.duration_s
        # Whatever is communication says so, and nothing else does.
        communicates = {"tensor_comm", "pipeline_comm"} & set(instruction.parts) or stream != COMPUTE
        assert bool(moving_s) == bool(communicates), instruction.what
    # Only collectives beside compute slow it, and only where they are beside it.
    slowing = {stream for _, stream, instruction in program.instructions() if instruction.slows_compute}
    assert slowing == ({DATA} if stack.overlap_gradient_reduction else set())
    # The exchanges of a chunk are in its forward, and in equal shares in the pieces of its backward.
    for phase in ("forward", "backward"):
        found = sum(
            one.seconds
            for _, _, instruction in program.instructions() if instruction.what.startswith(f"{phase} 0.")
            for one in instruction.transfers
        )  # fmt: skip
        expected = sum(sum(chunk[phase].exchanges["tensor_comm"].moving_s.values()) for chunk in costs.chunks)
        assert found == pytest.approx(expected)


def test_activations_and_gradients_leave_in_opposite_directions():
    shape = plan(data=2, pipeline=2, micro_batches=2, layers_per_chunk=(4, 4))
    program, _ = real_program(shape, overlapping())
    found = {
        (actor.name, instruction.what.split()[1], one.wave.wave.distance)
        for actor, _, instruction in program.instructions() if instruction.what.startswith("send")
        for one in instruction.transfers
    }  # fmt: skip
    assert found == {("stage 0", "activation", 2), ("stage 1", "gradient", -2)}


def test_interleaved_chunks_go_round_the_end():
    # Two stages, two virtual ones: from stage 1 to stage 0 and back takes 5, to the neighbour 1.
    shape = plan(pipeline=2, virtual_stages=2, micro_batches=2)
    trace, _ = simulated(shape, chunks=equal_chunks(shape, 10.0, 20.0), **sends(shape, 1.0, 5.0))
    took = {(span.actor, span.what): span.end_s - span.start_s for span in trace.spans if "send" in span.what}
    assert took["stage 0", "send activation 0.0"] == took["stage 0", "send activation 0.1"] == 1.0
    assert took["stage 1", "send activation 0.0"] == 5.0
    assert took["stage 0", "send gradient 0.1"] == 5.0
    assert took["stage 1", "send gradient 0.1"] == took["stage 1", "send gradient 0.0"] == 1.0


def test_waiting_is_not_slowed():
    # A reduction of 4 s runs beside a wait of 10 s at the end: half the compute's speed would make it 12.
    shape = plan(data=2, micro_batches=1)
    stack = overlapping(overlap_slowdown=0.5)
    late = simulated(
        shape, stack, chunks=equal_chunks(shape, 10.0, 20.0), reductions=(Communication(4.0),), straggler_s=(10.0,)
    )[1]
    assert late.device_seconds["straggler_wait"] == pytest.approx(2 * 10.0)
