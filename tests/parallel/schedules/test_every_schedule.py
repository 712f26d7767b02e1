"""What holds for every pipeline schedule, in every legal small shape."""

import itertools

import numpy as np
import pytest
from pipelines import legal, passes_of, phase_seconds, spans

from sim.errors import InputError
from sim.parallel.cuts import balanced_cut
from sim.parallel.schedules import SCHEDULES, Durations, default_schedule, last_passes, schedule_named
from sim.parallel.schedules.base import peak_layers_in_flight

NAMES = list(SCHEDULES)


@pytest.mark.parametrize("name", NAMES)
def test_every_phase_of_every_micro_batch_runs_once_on_the_stage_of_its_chunk(name):
    for shape in legal(name):
        schedule, found = shape.schedule, []
        for stage, order in enumerate(shape.orders):
            own = [one for slot in order for one in slot.passes]
            assert {one.chunk for one in own} == set(schedule.chunks_of(stage, shape.stages, shape.virtual))
            assert {one.phase for one in own} <= set(schedule.phases)
            found += own
        inputs = [one[:3] for slot in found for one in passes_of(slot) if one[0] == "input gradient"]
        forwards = [(one.micro_batch, one.chunk) for one in found if one.phase == "forward"]
        completed = [(one.micro_batch, one.chunk) for one in found if one.completes]
        # Every copy of the model has a share of the micro-batches, through all its chunks.
        share = shape.micro_batches // schedule.copies
        expected = sorted(
            (copy * share + batch, copy * shape.chunks + chunk)
            for copy in range(schedule.copies)
            for batch in range(share)
            for chunk in range(shape.chunks)
        )
        assert sorted(forwards) == sorted(completed) == sorted((batch, chunk) for _, batch, chunk in inputs) == expected


@pytest.mark.parametrize("name", NAMES)
def test_forward_then_input_gradient_then_weight_gradient(name):
    for shape in legal(name):
        for order in shape.orders:
            place = {one: index for index, slot in enumerate(order) for one in passes_of(slot)}
            for phase, batch, chunk in place:
                back = place["input gradient", batch, chunk]
                assert place["forward", batch, chunk] < back
                if phase == "weight gradient":
                    assert back < place[phase, batch, chunk]


@pytest.mark.parametrize("name", NAMES)
def test_stages_never_wait_for_each_other(name):
    # The simulator fails where they do.
    for shape in legal(name):
        found = spans(shape, phase_seconds(1.0, 1.0, 1.0))
        assert [len(one) for one in found] == [len(order) for order in shape.orders]


def most_held(order, size_of=lambda chunk: 1):
    held, most = 0, 0
    for slot in order:
        held += sum(size_of(one.chunk) for one in slot.passes if one.phase == "forward")
        most = max(most, held)
        held -= sum(size_of(one.chunk) for one in slot.passes if one.phase in ("backward", "weight gradient"))
    assert held == 0
    return most


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_holds_what_memory_is_counted_for_and_no_more(name):
    for shape in legal(name):
        assert [most_held(order) for order in shape.orders] == pytest.approx(shape.held_chunks, abs=1e-9), shape


def most_due(order):
    due, most = 0, 0
    for slot in order:
        due += sum(one.phase == "input gradient" for one in slot.passes)
        most = max(most, due)
        due -= sum(one.phase == "weight gradient" for one in slot.passes)
    assert due == 0
    return most


@pytest.mark.parametrize("name", NAMES)
def test_as_many_weight_gradients_are_due_as_it_says(name):
    for shape in legal(name):
        chunks = shape.virtual * shape.schedule.copies
        due = [chunks * float(shape.schedule.due(stage, *shape[1:])) for stage in shape.every]
        assert [most_due(order) for order in shape.orders] == pytest.approx(due), shape


@pytest.mark.parametrize("name", NAMES)
def test_one_stage_between_the_ends_holds_most(name):
    for shape in legal(name):
        schedule, stages = shape.schedule, shape.stages
        own = [schedule.held(one, *shape[1:]) + 100 * schedule.due(one, *shape[1:]) for one in shape.every]
        fullest = int(schedule.fullest_between(stages))
        assert own[fullest] == max(own[1:-1], default=own[-1]), shape
        assert 0 < fullest < stages - 1 or stages < 3


@pytest.mark.parametrize("name", NAMES)
def test_chunks_of_different_sizes(name):
    # Powers of two tell any two sets of chunks apart.
    for shape in legal(name, most_stages=4):
        for order in shape.orders:
            peak = peak_layers_in_flight(order, lambda chunk: 2 ** (chunk % 8))
            assert peak == most_held(order, lambda chunk: 2 ** (chunk % 8))


@pytest.mark.parametrize("name", NAMES)
def test_the_last_pass_of_a_chunk_completes_its_gradients(name):
    for shape in legal(name, most_stages=4):
        for stage, order in enumerate(shape.orders):
            last = last_passes(order)
            assert sorted(last) == shape.schedule.chunks_of(stage, shape.stages, shape.virtual)
            for chunk, slot in last.items():
                run = [one for each in order for one in each.passes if one.chunk == chunk]
                assert run[-1] == slot
                assert slot.completes


@pytest.mark.parametrize("name", NAMES)
def test_chunks_lie_on_stages_that_hold_their_layers_and_ends(name):
    for shape in legal(name, most_stages=6):
        schedule, stages, virtual = shape.schedule, shape.stages, shape.virtual
        everywhere = [schedule.chunks_of(stage, stages, virtual) for stage in shape.every]
        assert sorted(itertools.chain(*everywhere)) == list(range(schedule.copies * shape.chunks))
        for stage, own in enumerate(everywhere):
            assert all(schedule.stage_of(chunk, stages) == stage for chunk in own)
            assert schedule.has_first(stage, stages) == any(chunk % shape.chunks == 0 for chunk in own)
            assert schedule.has_last(stage, stages) == any((chunk + 1) % shape.chunks == 0 for chunk in own)
            # As many layers as balanced_cut gives its chunks, whether they come out even or not.
            for more in range(shape.chunks):
                cut = balanced_cut(shape.chunks + more, shape.chunks)
                held = schedule.stage_layers(shape.chunks + more, stages, virtual, stage)
                assert held == sum(cut[chunk % shape.chunks] for chunk in own)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_give_what_numbers_give(name):
    shapes = [shape for shape in legal(name, most_stages=6) for _ in shape.every]
    stages, virtual, micro_batches = (np.array([shape[index] for shape in shapes]) for index in (1, 2, 3))
    stage = np.concatenate([np.arange(shape.stages) for shape in legal(name, most_stages=6)])
    schedule, others = SCHEDULES[name], Durations(1.0 * stages, 3.0 * stages, 1.5 * stages)
    many = (
        schedule.held(stage, stages, virtual, micro_batches),
        schedule.due(stage, stages, virtual, micro_batches),
        schedule.stage_layers(70, stages, virtual, stage),
        schedule.bubble_s(stages, virtual, micro_batches, others),
        schedule.in_a_row(stages),
        schedule.waited_sends(stages, virtual, micro_batches),
        schedule.has_first(stage, stages),
        schedule.has_last(stage, stages),
    )
    columns = zip(stage.tolist(), shapes, strict=True)
    for row, (here, (_, p, v, m)) in enumerate(columns):
        one = (
            schedule.held(here, p, v, m),
            schedule.due(here, p, v, m),
            schedule.stage_layers(70, p, v, here),
            schedule.bubble_s(p, v, m, Durations(1.0 * p, 3.0 * p, 1.5 * p)),
            schedule.in_a_row(p),
            schedule.waited_sends(p, v, m),
            schedule.has_first(here, p),
            schedule.has_last(here, p),
        )
        assert [np.broadcast_to(column, stage.shape)[row] for column in many] == pytest.approx([*one])


@pytest.mark.parametrize(
    ("name", "shape", "problem"),
    [
        ("1f1b", (4, 2, 8), "virtual_stages 2"),
        ("gpipe", (4, 2, 8), "virtual_stages 2"),
        ("interleaved", (4, 1, 8), "virtual_stages 1"),
        ("interleaved", (1, 2, 8), "pipeline 1"),
        ("interleaved", (4, 2, 6), "multiple of pipeline 4"),
        ("zb-h1", (1, 1, 8), "'zb-h1' with pipeline 1"),
        ("zb-h2", (4, 2, 8), "'zb-h2' with virtual_stages 2"),
        ("zb-v", (4, 1, 8), "'zb-v' with virtual_stages 1"),
        ("zb-v", (1, 2, 8), "'zb-v' with pipeline 1"),
        ("dualpipe", (3, 1, 8), "'dualpipe' with pipeline 3"),
        ("dualpipe", (4, 2, 8), "'dualpipe' with virtual_stages 2"),
        ("dualpipe", (4, 1, 9), "even number of micro-batches"),
        ("dualpipe", (4, 1, 6), "a replica has 6"),
        ("dualpipev", (4, 2, 7), "a replica has 7"),
        ("dualpipev", (4, 1, 8), "virtual_stages 1"),
    ],
)
def test_what_a_schedule_cannot_run(name, shape, problem):
    schedule = schedule_named(name, "here")
    assert not schedule.allows(*shape)
    with pytest.raises(InputError, match=problem) as caught:
        schedule.check(*shape, "here")
    assert caught.value.remedy
    # Neither remedy nor problem keeps a name that was to be filled in.
    assert not set("{}") & set(str(caught.value))


@pytest.mark.parametrize("name", NAMES)
def test_what_it_allows_passes_its_check(name):
    for shape in legal(name, most_stages=4):
        shape.schedule.check(shape.stages, shape.virtual, shape.micro_batches, "here")


def test_names():
    assert all(SCHEDULES[name].name == name for name in NAMES)
    assert (default_schedule(1), default_schedule(2)) == ("1f1b", "interleaved")
    with pytest.raises(InputError, match="zb-h1"):
        schedule_named("zb-h3", "here")


@pytest.mark.parametrize("name", NAMES)
def test_what_stages_hold_is_asked_of_many_at_once(name):
    for shape in legal(name):
        every, few = np.array(shape.every), (shape.stages, shape.virtual, shape.micro_batches)
        found = np.broadcast_to(shape.schedule.held(every, *few), every.shape)
        assert list(found) == [shape.schedule.held(stage, *few) for stage in shape.every]
