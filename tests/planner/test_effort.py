"""How hard a choice was: counts that fit into each other, and a textbook's plan."""

import pytest
from builders import cluster, gpt, gpu, gpu_stack, machine, plan, point, training

from sim.parallel.wafer_plan import WaferPlan
from sim.planner.effort import changes, effort, textbook_default
from sim.planner.search import search
from sim.scenario.types import MEMORY_MARGIN

MODEL = gpt(8, 1024, 8, max_sequence=1024)


def searched(devices=16, stack="megatron-2022", model=MODEL, **device):
    scenario = point(model, devices, None, recipe=training(32, 1024))
    return search(scenario, machine(gpu(**device), gpu_stack(stack)), cluster(devices))


@pytest.mark.parametrize("stack", ["megatron-2021", "megatron-2022", "fsdp-2023"])
def test_counts_fit_into_each_other(stack):
    found = effort(searched(stack=stack))
    assert 1 <= found.within_5_percent <= found.within_20_percent <= found.fitting <= found.legal
    assert found.median_over_best >= 1
    assert found.default_over_best is None or found.default_over_best >= 1 - 1e-9


def test_the_textbook_takes_a_node_and_the_shallowest_pipeline_that_fits():
    roomy = textbook_default(searched()).plan
    assert (roomy.tensor, roomy.pipeline, roomy.data) == (8, 1, 2)
    assert (roomy.micro_batch, roomy.recompute, roomy.schedule, roomy.zero) == (1, "full", "1f1b", 0)
    assert roomy.sequence_parallel
    # With less memory than one stage of eight ranks needs, a deeper pipeline.
    needs = textbook_default(searched()).peak_bytes
    tight = textbook_default(searched(hbm_bytes=0.999 * needs / (1 - MEMORY_MARGIN))).plan
    assert (tight.tensor, tight.pipeline, tight.data) == (8, 2, 1)


def test_a_textbook_of_a_model_whose_heads_eight_does_not_divide():
    shape = textbook_default(searched(model=gpt(8, 1536, 12, max_sequence=1024))).plan
    assert shape.tensor == 6
    assert textbook_default(searched(stack="fsdp-2023")).plan.tensor == 1


def test_where_no_textbook_plan_fits_there_is_none():
    needs = min(float(one.peak_bytes.min()) for one in searched(2).fitting)
    found = searched(2, hbm_bytes=needs / (1 - MEMORY_MARGIN) * (1 + 1e-9))
    assert effort(found).default is None or found.best.plan.recompute == "full"


def test_settings_that_change():
    assert changes(plan(tensor=2, data=4), plan(tensor=2, data=8)) == ()
    assert changes(plan(tensor=2), plan(tensor=4, zero=1)) == ("tensor", "zero")
    assert changes(WaferPlan(1, 90, 8), WaferPlan(16, 45, 1)) == ("micro_batch",)
