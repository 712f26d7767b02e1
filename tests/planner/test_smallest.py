"""When nothing fits: how far the nearest is from it, and how many devices it would take."""

import re

import pytest
from builders import cluster, fixed, gpt, gpu, gpu_stack, machine, point, training

from sim.errors import DoesNotFit
from sim.planner.search import search
from sim.planner.smallest import would_hold

MODEL = gpt(8, 2048, 16, vocab=32000, max_sequence=1024)


def searched(devices, memory, stack="megatron-2022", model=MODEL):
    scenario = point(model, devices, None, recipe=training(32, 1024))
    return search(scenario, machine(gpu(hbm_bytes=memory), gpu_stack(stack)), cluster(devices))


def refusal(devices, memory, **over):
    with pytest.raises(DoesNotFit) as caught:
        searched(devices, memory, **over)
    return str(caught.value)


@pytest.mark.parametrize(("memory", "stack"), [(4e9, "megatron-2022"), (6e9, "megatron-2021"), (4e9, "fsdp-2023")])
def test_the_fewest_devices_hold_it_and_one_less_does_not(memory, stack):
    text = refusal(1, memory, stack=stack)
    fewest = int(re.search(r"([\d,]+) of these devices would hold it", text)[1].replace(",", ""))
    plan = searched(fewest, memory, stack).best.plan
    assert plan.devices <= fewest
    assert f"{fewest} of these devices" in refusal(fewest - 1, memory, stack=stack)


def test_the_nearest_plan_is_itemised():
    text = refusal(1, 4e9)
    needs = float(re.search(r"the nearest, [^,]+, needs ([\d.]+) GiB of the 3\.7 GiB", text)[1])
    items = [float(one) for one in re.findall(r"[a-z]+ ([\d.]+)(?:,| GiB\n)", text.split("GiB of the 3.7 GiB")[1])]
    assert sum(items) == pytest.approx(needs, abs=0.3)


def test_a_plan_of_ones_own_that_does_not_fit_is_told_what_would():
    on = machine(gpu(hbm_bytes=6e9), gpu_stack("megatron-2022"))
    told = would_hold(point(MODEL, 8, fixed(tensor=1), recipe=training(32, 1024)), on, cluster(8))
    fewest = int(re.match(r"([\d,]+) of these devices would hold it, as ", told)[1])
    # The devices that are there count as well: another plan may fit on them.
    assert fewest <= 8
    assert searched(fewest, 6e9).best.plan.devices <= fewest
    alone = would_hold(point(MODEL, 1, fixed(tensor=1), recipe=training(32, 1024)), on, cluster(1))
    assert alone == told


def test_where_no_number_of_devices_is_enough_it_is_said():
    assert "no number of these devices holds it" in refusal(1, 1.4e9)
