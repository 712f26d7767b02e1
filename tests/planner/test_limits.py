"""Limits keep exactly the plans that are within them, and say what there is when they leave none."""

import dataclasses

import numpy as np
import pytest
from builders import cluster, gpt, gpu, gpu_stack, machine, point, training
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.catalog import load_stack, stack_names
from sim.errors import DoesNotFit, InputError
from sim.planner.limits import limited
from sim.planner.search import search
from sim.planner.space import legal_plans, plan_at
from sim.scenario.limits import compared, plan_limit
from sim.scenario.types import Search


def scenario(only=(), margin=0.0, devices=8):
    one = point(gpt(6, 256, 4), devices, None, recipe=training(12))
    limits = tuple(plan_limit(text) for text in only)
    return dataclasses.replace(one, system=dataclasses.replace(one.system, search=Search(limits, margin)))


LIMITS = st.sampled_from([
    "tensor <= 2", "pipeline > 1", "virtual_stages = 1", "data != 3", "micro_batch >= 2", "zero = 1", "devices >= 8",
    "sequence_parallel = true", "sequence_parallel != true", "recompute = selective", "schedule = interleaved",
    "schedule != gpipe",
])  # fmt: skip


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(LIMITS, max_size=3))
def test_what_is_left_is_what_is_within(texts):
    one, stack = scenario(), gpu_stack()
    limits = [plan_limit(text) for text in texts]

    def plans(blocks):
        return [plan_at(one, stack, block, row) for block in blocks for row in range(len(block))]

    every = plans(legal_plans(one, stack))
    within = [plan for plan in every if all(compared(limit, getattr(plan, limit.key)) for limit in limits)]
    assert plans(limited(legal_plans(one, stack), limits)) == within


def test_a_search_keeps_to_its_limits():
    for text in ("tensor = 2", "recompute = full", "data <= 4"):
        found = search(scenario([text]), machine(), cluster(8))
        limit = plan_limit(text)
        assert all(compared(limit, getattr(one.plan, limit.key)) for one in found.candidates)


def test_a_twentieth_of_the_memory_stays_free_unless_told_otherwise():
    default = point(gpt(6, 2048, 16), 8, None, recipe=training(12))
    none_free = dataclasses.replace(default, system=dataclasses.replace(default.system, search=Search((), 0.0)))
    capacity = float(
        np.median(np.concatenate([one.peak_bytes for one in search(default, machine(), cluster(8)).fitting]))
    )
    fullest = [
        max(float(one.peak_bytes.max()) for one in search(asked, machine(gpu(hbm_bytes=capacity)), cluster(8)).fitting)
        for asked in (default, none_free)
    ]
    assert fullest[0] <= 0.95 * capacity < fullest[1] <= capacity


def test_the_margin_of_memory_stays_free():
    large = dataclasses.replace(scenario(), model=gpt(6, 2048, 16))
    roomy = search(large, machine(), cluster(8))
    # Twice what a middling plan needs: with half of it free, that one just fits.
    capacity = 2 * float(np.median(np.concatenate([one.peak_bytes for one in roomy.fitting])))
    tight = dataclasses.replace(large, system=dataclasses.replace(large.system, search=Search((), 0.5)))
    found = search(tight, machine(gpu(hbm_bytes=capacity)), cluster(8))
    assert 0 < len(found.step_s) < len(roomy.step_s)
    assert max(one.peak_bytes.max() for one in found.fitting) <= capacity / 2


@pytest.mark.parametrize(
    ("only", "says"),
    [
        (["tensor = 3"], "tensor = 3: 0 legal plans keep to it; tensor can be 1, 2, 4"),
        (["tensor >= 500"], "no legal plan of small on 8 devices has tensor >= 500"),
        (["tensor = 1", "sequence_parallel = true"], "each can be kept to, but not all of them at once"),
        (["pipeline = 5"], "pipeline can be 1, 2, 3, 4, 6"),
    ],
)
def test_limits_that_leave_nothing_say_what_there_is(only, says):
    with pytest.raises(InputError) as caught:
        search(scenario(only), machine(), cluster(8))
    assert not isinstance(caught.value, DoesNotFit)
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("schedule", ["zb-h1", "zb-h2", "zb-v", "dualpipe", "dualpipev"])
@pytest.mark.parametrize("option", ["", "--only"])
def test_a_schedule_that_the_stack_lacks_is_said_where_it_was_asked_for(schedule, option):
    limit = dataclasses.replace(plan_limit(f"schedule = {schedule}"), option=option)
    one = scenario(["tensor <= 2"])
    only = (plan_limit("tensor <= 2"), limit) if not option else (limit,)
    one = dataclasses.replace(one, system=dataclasses.replace(one.system, search=Search(only)))
    with pytest.raises(InputError) as caught:
        search(one, machine(), cluster(8))
    assert caught.value.where == option or caught.value.where.endswith(".search] only")
    assert f"the stack {gpu_stack().name} does not run {schedule}: it runs" in caught.value.problem
    able = caught.value.remedy.split(": ")[1].split(", ")
    assert able == [name for name in stack_names() if schedule in getattr(load_stack(name), "schedules", ())]
    assert "dualpipe" in able
