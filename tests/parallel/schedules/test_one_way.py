"""GPipe, 1F1B and interleaved 1F1B: every pass once, and never more held than memory was given for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.parallel.schedules import SCHEDULES, Durations, Slot
from sim.parallel.schedules.one_way import warm_up_forwards

KINDS = st.sampled_from(["gpipe", "1f1b", "interleaved"])


@st.composite
def schedules(draw):
    """(schedule, stages, virtual, micro-batches), legal together."""
    kind, stages = draw(KINDS), draw(st.integers(1, 8))
    if kind != "interleaved":
        return kind, stages, 1, draw(st.integers(1, 24))
    stages = max(stages, 2)
    return kind, stages, draw(st.integers(2, 4)), stages * draw(st.integers(1, 4))


def bubble_share(stages, virtual, micro_batches):
    """Idle over busy time of equal stages whose forward is 1 s and whose backward is 2 s."""
    others = Durations(1.0 * (stages - 1), 2.0 * (stages - 1))
    return SCHEDULES["interleaved"].bubble_s(stages, virtual, micro_batches, others) / (3.0 * micro_batches)


def held_chunks(order):
    """Most chunks whose forward is done and whose backward is not."""
    held = np.cumsum([1 if slot.phase == "forward" else -1 for slot in order])
    return int(held.max())


@given(schedules())
def test_every_pass_once_and_forward_before_backward(shape):
    kind, stages, virtual, micro_batches = shape
    for stage in range(stages):
        order = SCHEDULES[kind].order(stage, stages, virtual, micro_batches)
        own = [(batch, chunk) for batch in range(micro_batches) for chunk in range(stage, stages * virtual, stages)]
        place = {slot: index for index, slot in enumerate(order)}
        assert set(place) == {Slot(phase, *unit) for phase in ("forward", "backward") for unit in own}
        assert len(order) == 2 * len(own)
        assert all(place[Slot("forward", *unit)] < place[Slot("backward", *unit)] for unit in own)


@given(schedules())
def test_forwards_before_the_first_backward(shape):
    kind, stages, virtual, micro_batches = shape
    for stage in range(stages):
        order = SCHEDULES[kind].order(stage, stages, virtual, micro_batches)
        first = next(index for index, slot in enumerate(order) if slot.phase == "backward")
        if kind == "gpipe":
            assert first == micro_batches
        else:
            # The warm-up, and the forward that the first backward is paired with where there is one left.
            warm_up = int(warm_up_forwards(stage, stages, virtual, micro_batches))
            assert first == min(warm_up + 1, micro_batches * virtual)


@given(schedules())
def test_never_more_in_flight_than_memory_is_counted_for(shape):
    kind, stages, virtual, micro_batches = shape
    for stage in range(stages):
        order = SCHEDULES[kind].order(stage, stages, virtual, micro_batches)
        counted = float(SCHEDULES[kind].held(stage, stages, virtual, micro_batches))
        assert held_chunks(order) == pytest.approx(counted * virtual, abs=1e-9)


@given(st.integers(1, 16), st.integers(1, 64))
def test_1f1b_holds_as_many_as_stages_follow(stages, micro_batches):
    # Narayanan et al. 2021, sec. 2.2.1: at most p on the first stage, 1 on the last; GPipe holds all.
    held = [float(SCHEDULES["1f1b"].held(stage, stages, 1, micro_batches)) for stage in range(stages)]
    assert held == [min(stages - stage, micro_batches) for stage in range(stages)]
    assert SCHEDULES["gpipe"].held(0, stages, 1, micro_batches) == micro_batches


@given(st.integers(2, 12), st.integers(2, 6), st.integers(3, 6))
def test_interleaving_holds_more(stages, virtual, rounds):
    # Korthikanti et al. 2022, sec. 4.2.3: p (1 + (p - 1) / (p v)) on the first stage.
    held = float(SCHEDULES["interleaved"].held(0, stages, virtual, rounds * stages))
    assert held == pytest.approx(stages * (1 + (stages - 1) / (stages * virtual)))


def test_interleaved_order_by_hand():
    # Two stages of two chunks, four micro-batches: stage 0 holds chunks 0 and 2. Groups of two micro-batches a chunk.
    order = SCHEDULES["interleaved"].order(0, 2, 2, 4)
    shown = [f"{slot.phase[0].upper()}{slot.micro_batch}.{slot.chunk}" for slot in order]
    assert shown == [
        "F0.0", "F1.0", "F0.2", "F1.2", "F2.0", "B0.2", "F3.0", "B1.2", "F2.2", "B0.0", "F3.2", "B1.0",
        "B2.2", "B3.2", "B2.0", "B3.0",
    ]  # fmt: skip


def test_1f1b_order_by_hand():
    shown = ["".join((slot.phase[0], str(slot.micro_batch))) for slot in SCHEDULES["1f1b"].order(1, 4, 1, 4)]
    assert shown == ["f0", "f1", "f2", "b0", "f3", "b1", "b2", "b3"]


def test_counts_by_hand():
    # p = 4, v = 2: 2 x 3 + 4 on the first stage, 4 on the last.
    assert [int(warm_up_forwards(stage, 4, 2, 8)) for stage in range(4)] == [10, 8, 6, 4]
    assert [int(warm_up_forwards(stage, 4, 1, 8)) for stage in range(4)] == [3, 2, 1, 0]
    assert int(warm_up_forwards(0, 4, 1, 2)) == 2
    assert bubble_share(4, 1, 12) == 0.25
    assert bubble_share(4, 3, 4) == 0.25
    assert bubble_share(1, 1, 8) == 0


@given(st.lists(st.integers(1, 8), min_size=1, max_size=6), st.integers(1, 4), st.integers(1, 32))
def test_arrays_give_what_numbers_give(stages, virtual, micro_batches):
    together = np.array(stages)
    for formula in (
        lambda p: warm_up_forwards(0, p, virtual, micro_batches),
        lambda p: SCHEDULES["1f1b"].held(0, p, virtual, micro_batches),
        lambda p: bubble_share(p, virtual, micro_batches),
    ):
        assert [float(one) for one in formula(together)] == [float(formula(one)) for one in stages]


def test_interleaving_as_many_micro_batches_as_stages_runs_all_forwards_first():
    for stage in range(4):
        phases = [slot.phase for slot in SCHEDULES["interleaved"].order(stage, 4, 2, 4)]
        assert phases == ["forward"] * 8 + ["backward"] * 8
        assert SCHEDULES["interleaved"].held(stage, 4, 2, 4) == 4
