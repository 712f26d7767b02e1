"""Which plan runs: the user's if it is legal and fits, else the best that a search finds."""

import dataclasses
import re

import pytest
from builders import cluster, fixed, gpt, gpu, gpu_stack, machine, point, training
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import DoesNotFit, InputError
from sim.parallel.check import check_plan
from sim.parallel.memory import plan_memory
from sim.planner.choose import choose_plan
from sim.scenario.types import PlanRequest

LARGE = gpt(16, 4096, 32, vocab=32000, max_sequence=2048)


def choose(model=LARGE, devices=64, request=None, batch=256, sequence=2048, stack="megatron-2022", memory=80e9):
    scenario = point(model, devices, request, recipe=training(batch, sequence))
    on = machine(gpu(hbm_bytes=memory), gpu_stack(stack))
    return choose_plan(scenario, [on], [cluster(devices)]).plan, scenario, on


def peak_bytes(scenario, on, shape):
    stages = plan_memory(scenario.model, scenario.training, shape, on.stack, on.style)
    return max(stage.total for stage in stages)


@pytest.mark.slow
@settings(max_examples=15)
@given(
    st.sampled_from([1, 2, 6, 8, 24, 60, 64]),
    st.sampled_from([48, 128, 250]),
    st.sampled_from([(LARGE, 80e9), (LARGE, 40e9), (gpt(), 80e9), (gpt(7, 1792, 14), 16e9)]),
    st.sampled_from(["megatron-2021", "megatron-2022", "fsdp-2023"]),
)
def test_the_plan_found_is_legal_and_fits(devices, batch, work, stack):
    model, memory = work
    try:
        shape, scenario, on = choose(model, devices, None, batch, 2048, stack, memory)
    except DoesNotFit:
        # Then not even everything that a plan may do is enough for the states of an even share.
        return
    used = dataclasses.replace(scenario.system, devices=shape.devices)
    again = check_plan(shape.request(), dataclasses.replace(scenario, system=used), on.stack)
    assert dataclasses.replace(again, chosen_by="search") == shape
    assert peak_bytes(scenario, on, shape) <= memory
    assert shape.devices <= devices
    sequences = sum(shape.replica_micro_batches) or shape.data * shape.micro_batches
    assert sequences * shape.micro_batch == batch


def test_how_hard_it_was_is_told_with_a_plan_that_was_found_and_with_no_other():
    scenario, on = point(LARGE, 8, None, recipe=training(64, 2048)), machine()
    assert choose_plan(scenario, [on], [cluster(8)]).effort.fitting > 100
    given_ = point(LARGE, 8, fixed(tensor=8), recipe=training(64, 2048))
    assert choose_plan(given_, [on], [cluster(8)]).effort is None


def test_a_small_model_with_enough_to_do_is_not_split():
    shape, _, _ = choose(gpt(4, 1024, 16), 8, batch=2048, sequence=128)
    assert (shape.tensor, shape.pipeline, shape.data, shape.chosen_by) == (1, 1, 8, "search")


def test_devices_that_the_batch_leaves_over():
    shape, _, _ = choose(gpt(4, 1024, 16), 7, batch=64, sequence=128)
    assert shape.devices <= 7
    assert 64 % shape.data == 0


def test_the_users_plan_is_taken_as_it_is():
    shape, _, _ = choose(request=fixed(tensor=8, pipeline=2, micro_batch=2, recompute="full"))
    assert (shape.tensor, shape.pipeline, shape.data, shape.micro_batch) == (8, 2, 4, 2)
    assert (shape.recompute, shape.chosen_by) == ("full", "user")


def test_an_illegal_plan_is_refused_before_its_memory_is():
    with pytest.raises(InputError, match="tensor 8 x pipeline 4 x data 4 = 128 devices, but the system has 64"):
        choose(request=fixed(tensor=8, pipeline=4, data=4), memory=1.0)


def refusal(**given_):
    with pytest.raises(DoesNotFit) as caught:
        choose(**given_)
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_what_does_not_fit_is_itemised():
    text = refusal(request=fixed(data=64), memory=48 * 2.0**30)
    assert re.search(r"stage 0 needs [\d.]+ GiB of the 48\.0 GiB on one NVIDIA A100", text)
    names = ("weights", "gradients", "optimizer", "activations", "buffers", "fragmentation", "runtime")
    found = re.search(", ".join(rf"{name} ([\d.]+)" for name in names) + " GiB", text)
    items = [float(one) for one in found.groups()]
    needed = float(re.search(r"needs ([\d.]+) GiB", text)[1])
    assert sum(items) == pytest.approx(needed, abs=0.3)
    # 2, 4 and 12 bytes a parameter.
    assert items[1] == pytest.approx(2 * items[0], abs=0.1)
    assert items[2] == pytest.approx(6 * items[0], abs=0.3)


CASES = {
    "activations": {"request": fixed(tensor=8, micro_batch=16, sequence_parallel=False), "memory": 40e9},
    "states": {"request": fixed(), "memory": 50e9},
    "states of few devices": {"request": fixed(), "memory": 50e9, "devices": 8},
    "degrees all given": {"request": fixed(tensor=2, pipeline=1, data=32), "memory": 40e9},
    "old stack": {"request": fixed(tensor=4), "memory": 20e9, "stack": "megatron-2021"},
    "two stages": {"request": fixed(tensor=2, pipeline=2, micro_batch=4), "memory": 30e9},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_change_that_would_fit_really_does(case):
    # Each change is made in the request just as the message writes it, and nothing else is touched.
    text = refusal(**case)
    remedy = text.splitlines()[-1]
    assert remedy.strip().startswith("would fit with ")
    changes = re.findall(r'(\w+) = (?:"(\w+)"|(\d+))[^(]*\(([\d.]+) GiB\)', remedy)
    assert changes
    for key, word, number, gib in changes:
        request = dataclasses.replace(case["request"], **{key: word or int(number)})
        if re.search(rf"{key} = \S+[^(]*without data|{key} = \S+[^(]*data left out", remedy):
            request = dataclasses.replace(request, data=None)
        shape, scenario, on = choose(**{**case, "request": request})
        assert peak_bytes(scenario, on, shape) / 2**30 == pytest.approx(float(gib), abs=0.1)


def test_nothing_that_helps_is_said_so():
    assert "no single change of the plan would fit" in refusal(request=fixed(), memory=2e9, devices=1)
    text = refusal(devices=1, memory=20e9)
    assert "no plan fits small on 1 x NVIDIA A100" in text


def test_nothing_is_looked_for_beside_a_plan_that_was_given():
    # A request is either "best" or fixed: what is not said is then 1, never searched for.
    assert PlanRequest().rule == "best"
    shape, _, _ = choose(gpt(4, 1024, 16), 8, fixed(tensor=2), 64, 128)
    assert (shape.tensor, shape.pipeline, shape.data) == (2, 1, 4)
