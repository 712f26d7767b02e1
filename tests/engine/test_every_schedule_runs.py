"""Every pipeline schedule from plan to ledger: bubbles, waits, reductions, memory."""

import dataclasses

import pytest
from builders import (
    UNFUSED,
    apart,
    cluster,
    fixed,
    free_costs,
    gpt,
    gpu_stack,
    machine,
    overlapping,
    plan,
    point,
    run_on,
    training,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cost.step import step_costs
from sim.engine.clock import run
from sim.engine.gpu_program import gpu_program
from sim.engine.program import COMPUTE, DATA
from sim.engine.transfers import shared_links
from sim.hardware.network import NOTHING, Communication, FreeNetwork, Network
from sim.outcome.ledger import close_ledger
from sim.parallel.memory import plan_memory, stage_parameters
from sim.parallel.schedules import SCHEDULES, Durations
from sim.scenario import Lora
from sim.workload.activations import unfinished_bytes
from sim.workload.operations import Slice

EVERY = tuple(SCHEDULES)
NEW = ("zb-h1", "zb-h2", "zb-v", "dualpipe", "dualpipev")
BLOCKING = gpu_stack(schedules=EVERY, overlap_gradient_reduction=False, overlap_pipeline_send=False)
OVERLAPPING = overlapping(schedules=EVERY)
STACKS = {"blocking": BLOCKING, "overlapping": OVERLAPPING}


def shape_of(name, pipeline=4, micro_batches=8, layers=8, **over):
    """A plan of a schedule, with equal chunks."""
    virtual = 2 if name == "interleaved" else SCHEDULES[name].virtual_stages
    chunks = pipeline * virtual
    values = {"pipeline": pipeline, "virtual_stages": virtual, "micro_batches": micro_batches, "schedule": name}
    return plan(**{**values, "layers_per_chunk": (layers // chunks,) * chunks, **over})


def others_of(shape, forward_s, input_s, weight_s):
    """The other stages, from seconds of a chunk."""
    chunks = shape.virtual_stages * (shape.pipeline - 1)
    return Durations(chunks * forward_s, chunks * (input_s + weight_s), chunks * weight_s)


@settings(max_examples=60)
@given(
    st.sampled_from(EVERY), st.sampled_from([2, 4, 6]), st.sampled_from([2, 3, 4]), st.integers(1, 9),
    st.integers(0, 9), st.integers(0, 9), st.sampled_from(list(STACKS)),
)  # fmt: skip
def test_the_engine_finds_the_bubble_that_the_schedule_states(name, stages, rounds, weight_s, more, again, stack):
    # Weight gradients no longer than forwards, and these than input gradients; all equal where the formula is for that.
    unit = name in ("zb-h2", "zb-v")
    chunk_s = (weight_s,) * 3 if unit else (weight_s + more, weight_s + more + again, weight_s)
    shape = shape_of(name, stages, rounds * stages, 12 * stages)
    costs = free_costs(shape, chunks=(apart(*map(float, chunk_s)),) * shape.chunks)
    trace = run(gpu_program(shape, costs, STACKS[stack]))
    lines = close_ledger(trace, shape.devices).device_seconds
    expected_s = shape.pipelining.bubble_s(
        stages, shape.virtual_stages, shape.micro_batches, others_of(shape, *chunk_s)
    )
    assert lines["bubble"] == pytest.approx(stages * expected_s)
    assert lines["useful"] == stages * shape.micro_batches * shape.virtual_stages * sum(chunk_s)
    assert trace.step_time_s * stages == pytest.approx(lines["useful"] + lines["bubble"])


def step(shape, stack, network=None, model=None):
    """(costs, trace) of a step on a small cluster, with links shared."""
    network = network or Network(cluster(64))
    model = model or gpt(sum(shape.layers_per_chunk), 512, 8)
    recipe = training(shape.data * shape.micro_batch * shape.micro_batches)
    costs = step_costs(model, recipe, shape, machine(stack=stack), network)
    program = gpu_program(shape, costs, stack)
    return costs, run(program, shared_links(program, network))


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("name", EVERY)
def test_the_account_closes_and_every_phase_runs(name, stack):
    shape = shape_of(name, tensor=2, data=2, zero=1)
    costs, trace = step(shape, stack)
    ledger = close_ledger(trace, shape.devices)
    assert sum(ledger.device_seconds.values()) == pytest.approx(shape.devices * trace.step_time_s)
    # Each chunk computes as often as there are micro-batches, whatever order and pieces it does it in.
    useful_s = sum(chunk.parts["useful"] for chunk in costs.chunks) * shape.micro_batches
    assert ledger.device_seconds["useful"] == pytest.approx(shape.tensor * shape.data * useful_s)
    run_phases = {span.instruction.work.phase for span in trace.spans if span.instruction.work.kind == "pass"}
    assert run_phases <= set(shape.pipelining.phases)


@pytest.mark.parametrize("resolution", ["folded", "full"])
@pytest.mark.parametrize("name", EVERY)
def test_a_scenario_runs_from_end_to_end(name, resolution):
    # The outcome itself checks that what is useful is what the model's FLOPs take, and that all devices take as long
    # as the one that stands for them.
    virtual = {"virtual_stages": 2} if name == "interleaved" else {}
    asked = fixed(tensor=2, pipeline=4, schedule=name, **virtual)
    scenario = point(gpt(8, 512, 8), 16, asked, recipe=training(16))
    scenario = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, resolution=resolution))
    for stack in STACKS.values():
        outcome = run_on(scenario, stack=stack)
        assert outcome.plan.schedule == name
        assert sum(outcome.ledger.device_seconds.values()) == pytest.approx(16 * outcome.step_time_s)
        if resolution == "full":
            folded = run_on(point(gpt(8, 512, 8), 16, asked, recipe=training(16)), stack=stack)
            assert outcome.step_time_s == pytest.approx(folded.step_time_s, rel=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_whoever_computes_has_received(name):
    # Sends of 1 s: a forward begins no sooner than that after the end of the chunk before, an input gradient after the
    # chunk behind; on the same stage at once.
    shape = shape_of(name)
    sends = (Communication(1.0),) * (shape.pipelining.copies * shape.chunks)
    costs = free_costs(shape, chunks=(apart(3.0, 4.0, 2.0),) * shape.chunks, sends=sends, sends_back=sends)
    trace, place = run(gpu_program(shape, costs, OVERLAPPING)), {}
    for span in trace.spans:
        work, stage = span.instruction.work, int(span.actor.removeprefix("stage "))
        for one in (work, work.also):
            if one and one.kind == "pass":
                chunk = shape.chunks_of(stage)[one.chunk or 0]
                phase = "input gradient" if one.phase == "backward" else one.phase
                place[phase, one.micro_batch, chunk] = (span.start_s, span.end_s, stage)
    copies = range(shape.pipelining.copies)
    units = [
        (copy * shape.micro_batches // len(copies) + batch, copy * shape.chunks + chunk)
        for copy in copies
        for batch in range(shape.micro_batches // len(copies))
        for chunk in range(shape.chunks - 1)
    ]
    for batch, chunk in units:
        for first, second in (
            (("forward", batch, chunk), ("forward", batch, chunk + 1)),
            (("input gradient", batch, chunk + 1), ("input gradient", batch, chunk)),
        ):
            _, sent_s, sender = place[first]
            start_s, _, receiver = place[second]
            assert start_s >= sent_s + (1.0 if sender != receiver else 0.0)


@pytest.mark.parametrize("name", EVERY)
def test_gradients_are_reduced_once_they_are_complete(name):
    shape = shape_of(name, data=2)
    chunks = (apart(3.0, 4.0, 2.0),) * shape.chunks
    reductions = (Communication(0.5),) * shape.pipeline
    for stack, pieces in ((BLOCKING, 1), (OVERLAPPING, 1), (OVERLAPPING, 3)):
        buckets = (pieces * (len(shape.chunks_of(0)) if stack is OVERLAPPING else 1),) * shape.pipeline
        costs = free_costs(shape, chunks=chunks, reductions=reductions, buckets=buckets)
        trace = run(gpu_program(shape, costs, stack))
        for stage in range(shape.pipeline):
            reduced = [
                span for span in trace.spans_of(f"stage {stage}", DATA) if span.instruction.work.kind == "reduce"
            ]
            passes = [
                span for span in trace.spans_of(f"stage {stage}", COMPUTE) if span.instruction.work.kind == "pass"
            ]
            # When each chunk's gradients are there: the last piece of its last weight gradient.
            complete = {}
            for span in passes:
                work = span.instruction.work
                for one in (work, work.also):
                    if one and one.phase in ("backward", "weight gradient"):
                        complete.setdefault(one.chunk, []).append(span.end_s)
            if stack is BLOCKING:
                assert len(reduced) == 1
                assert reduced[0].start_s >= passes[-1].end_s
            elif pieces == 1:
                assert len(reduced) == len(complete)
                starts = sorted(max(ends) for ends in complete.values())
                assert all(one.start_s >= start for one, start in zip(reduced, starts, strict=True))
            else:
                # The first bucket of a chunk leaves when the first piece of its last weight gradient is done.
                assert len(reduced) == pieces * len(complete)
                starts = sorted(end for ends in complete.values() for end in ends[-pieces:])
                assert all(one.start_s >= start for one, start in zip(reduced, starts, strict=True))


def test_pieces_of_a_pair_are_told_apart():
    # Pairs run a forward of one copy with a backward of the other: none of them completes a gradient that is cut.
    shape = shape_of("dualpipe", data=2)
    costs = free_costs(shape, chunks=(apart(3.0, 4.0, 2.0),) * shape.chunks, buckets=(6,) * shape.pipeline)
    trace = run(gpu_program(shape, costs, OVERLAPPING))
    cut = [span.instruction.work for span in trace.spans if span.instruction.work.piece]
    assert cut
    assert all(work.also is None for work in cut)


@pytest.mark.parametrize("name", NEW)
def test_on_a_free_network_all_of_them_beat_1f1b(name):
    # Eight micro-batches of four stages: what remains of the bubble, on layers whose phases differ.
    network, model = FreeNetwork(cluster(64)), gpt(8, 2048, 16)
    plain, found = (
        step(shape_of(which, micro_batch=4), BLOCKING, network, model)[1].step_time_s for which in ("1f1b", name)
    )
    assert found < plain


@pytest.mark.parametrize("name", NEW)
def test_what_a_stage_holds_follows_the_schedule(name):
    shape = shape_of(name, micro_batches=12)
    for stage in range(shape.pipeline):
        held = float(shape.pipelining.held(stage, shape.pipeline, shape.virtual_stages, shape.micro_batches))
        assert shape.layers_in_flight(stage) == held * shape.stage_layers(stage)
    # Layers of activations, over micro-batches: p micro-batches of two layers; 2 p - 1; p; (p + 1) / 2 of four; ...
    expected = {"zb-h1": 4 * 2, "zb-h2": 7 * 2, "zb-v": 4 * 2, "dualpipe": 5 / 2 * 4, "dualpipev": 9 / 2 * 2}
    assert [shape.layers_in_flight(stage) for stage in range(4)] == [expected[name]] * 4


def memories(name, **over):
    shape = shape_of(name, micro_batches=12, **over)
    return plan_memory(gpt(8, tied_embeddings=False), training(12), shape, BLOCKING, UNFUSED)


@pytest.mark.parametrize(("name", "pairs"), [("1f1b", [(0, 3)]), ("dualpipe", [(0, 3), (1, 2)])])
def test_shared_gradients_are_summed_when_both_holders_have_theirs(name, pairs):
    # One stage takes longer to make its gradients ready: the other that holds the same parameters waits for it.
    shape = shape_of(name)
    for pair in pairs:
        for late in pair:
            prepares_s = tuple(50.0 if stage == late else 0.0 for stage in range(4))
            shared = tuple(Communication(4.0) if stage in pair else NOTHING for stage in range(4))
            chunks = (apart(3.0, 4.0, 2.0),) * shape.chunks
            costs = free_costs(shape, chunks=chunks, prepares_s=prepares_s, shared=shared)
            trace = run(gpu_program(shape, costs, BLOCKING))
            found = [span for span in trace.spans if span.instruction.work.unit == "shared gradients"]
            assert len(found) == 2
            assert {span.start_s for span in found} == {found[0].start_s}
            assert found[0].start_s >= 50.0


def test_memory_follows_what_is_held():
    first = {name: memories(name)[0].activations for name in ("1f1b", *NEW)}
    assert first["zb-h1"] == pytest.approx(first["1f1b"])
    assert first["zb-h2"] > first["dualpipe"] > first["1f1b"]
    # All stages of a zero-bubble pipeline hold as much as the first.
    for name in ("zb-h1", "zb-h2"):
        assert [one.activations for one in memories(name)] == pytest.approx([first[name]] * 4)


def test_recomputed_layers_are_held_until_their_weight_gradients_are_there():
    # By hand, p = 4: stage s of ZB-H1 is s micro-batches behind, and at one more, through 2 layers each.
    model, once = gpt(8, tied_embeddings=False), {"recompute": "full"}
    late, early = memories("zb-h1", **once), memories("1f1b", **once)
    layer = unfinished_bytes(model, Slice(128, 1), UNFUSED, "full")
    for stage in range(4):
        held = (4 - early_held(stage)) * 2 * 2 * 128 * model.hidden
        more = late[stage].activations - early[stage].activations
        assert more == pytest.approx(held + (stage + 1) * 2 * layer)


def early_held(stage):
    """Micro-batches that a stage of 1F1B holds, of four."""
    return 4 - stage


def test_gradients_of_logits_are_held_until_the_vocabulary_projection_has_used_them():
    # By hand: three micro-batches behind on the last of four stages, 2 bytes a logit; nothing of the kind elsewhere.
    late, early = memories("zb-h1"), memories("1f1b")
    more = [one.buffers - other.buffers for one, other in zip(late, early, strict=True)]
    assert more == pytest.approx([0, 0, 0, 3 * 2 * 128 * 1024])
    frozen = plan_memory(
        gpt(8, tied_embeddings=False), training(12, lora=Lora(8, ("query",))), shape_of("zb-h1"), BLOCKING, UNFUSED
    )
    assert frozen[3].buffers == pytest.approx(early[3].buffers)


def test_two_copies_are_twice_the_parameters():
    model = gpt(8, tied_embeddings=False)
    once, twice = shape_of("1f1b"), shape_of("dualpipe")
    held = [[stage_parameters(model, shape, stage) for stage in range(4)] for shape in (once, twice)]
    assert sum(held[1]) == pytest.approx(2 * sum(held[0]))
    # Each stage has its own chunk, and that of the stage at the other end.
    assert held[1] == pytest.approx([one + other for one, other in zip(held[0], reversed(held[0]), strict=True)])
    # In the V the first stage has both ends of one copy.
    folded = [stage_parameters(model, shape_of("dualpipev"), stage) for stage in range(4)]
    assert sum(folded) == pytest.approx(sum(held[0]))
    assert folded[0] - folded[1] == pytest.approx((held[0][0] - held[0][1]) + (held[0][3] - held[0][1]))


@pytest.mark.parametrize(("tied", "senders"), [(True, [0, 3]), (False, [])])
def test_only_shared_parameters_are_summed_between_stages(tied, senders):
    model = gpt(8, 512, 8, tied_embeddings=tied)

    def sending(name):
        costs, trace = step(shape_of(name), BLOCKING, model=model)
        assert len(costs.shared) == 4
        spans = [span for span in trace.spans if span.instruction.work.unit == "shared gradients"]
        assert all(span.instruction.work.kind == "reduce" for span in spans)
        return sorted(int(span.actor.removeprefix("stage ")) for span in spans)

    assert sending("1f1b") == sending("zb-h1") == senders
    # In a V both ends of the model are on the first stage; of two copies every stage has a mirror image.
    assert sending("zb-v") == sending("dualpipev") == []
    assert sending("dualpipe") == [0, 1, 2, 3]


@pytest.mark.parametrize("data", [1, 2, 4])
def test_two_copies_sum_what_their_replicas_have_not_summed_yet(data):
    # By hand: a device's gradients in fp32, of which each replica brings its share to the mirrored stage.
    model, shape = gpt(8, tied_embeddings=False), shape_of("dualpipe", data=data)
    costs, trace = step(shape, BLOCKING, model=model)
    for stage, shared in enumerate(costs.shared):
        assert sum(shared.moved_bytes.values()) == pytest.approx(4 * stage_parameters(model, shape, stage) / data)
    # A copy is one more replica, not one more stage.
    spans = [span for span in trace.spans if span.instruction.work.unit == "shared gradients"]
    assert {line for span in spans for line in span.parts} == {"data_comm"}


def test_adapters_of_two_copies_are_summed_too():
    model, shape = gpt(8, tied_embeddings=False), shape_of("dualpipe")
    recipe = training(8, lora=Lora(8, ("query", "value")))
    costs = step_costs(model, recipe, shape, machine(stack=BLOCKING), Network(cluster(64)))
    # By hand: two copies of 8 layers, each with two matrices of rank 8 beside each of two square ones.
    adapters = 2 * 8 * 2 * 2 * 8 * model.hidden
    assert sum(sum(one.moved_bytes.values()) for one in costs.shared) == pytest.approx(4 * adapters)


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("zb-h1", (1, 3, 2, 2)),
        ("dualpipe", (1, 3, 3, 1)),
        ("zb-v", (1, 2, 1, 1, 1, 1, 2, 1)),
        ("dualpipev", (1, 2) * 4),
    ],
)
def test_chunks_of_different_sizes_run_as_often(name, cut):
    shape = shape_of(name, layers_per_chunk=cut)
    costs, trace = step(shape, OVERLAPPING, model=gpt(sum(cut), 512, 8))
    ledger = close_ledger(trace, shape.devices)
    useful_s = sum(chunk.parts["useful"] for chunk in costs.chunks) * shape.micro_batches
    assert ledger.device_seconds["useful"] == pytest.approx(useful_s)
    busy_s = [
        shape.micro_batches / shape.pipelining.copies
        * sum(float(costs.chunks[chunk % shape.chunks].parts["useful"]) for chunk in shape.chunks_of(stage))
        for stage in range(4)
    ]  # fmt: skip
    for stage, expected_s in enumerate(busy_s):
        spans = trace.spans_of(f"stage {stage}", COMPUTE)
        assert sum(span.parts.get("useful", 0.0) for span in spans) == pytest.approx(expected_s)
