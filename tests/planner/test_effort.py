"""How hard a choice was: counts that fit into each other, and what a rule of thumb would choose."""

import dataclasses
import math

import pytest
from builders import cluster, gpt, gpu, gpu_stack, machine, plan, point, training

from sim.hardware.network import Network, NetworkTable
from sim.parallel.wafer_plan import WaferPlan
from sim.planner.effort import changes, effort, rule_of_thumb
from sim.planner.screen import Screen, Screened
from sim.planner.search import Search, search
from sim.planner.space import legal_plans

RECIPE = training(32, 1024)
MODEL = gpt(8, 1024, 8, max_sequence=1024)


def searched(devices=16, stack="megatron-2022", **device):
    on = machine(gpu(**device), gpu_stack(stack))
    return search(point(MODEL, devices, None, recipe=RECIPE), on, cluster(devices))


def untried(batch=32, stack="megatron-2022", **software):
    """All plans on 16 devices with room for everything, none of them tried in the engine."""
    scenario, on = point(MODEL, 16, None, recipe=training(batch, 1024)), machine(stack=gpu_stack(stack, **software))
    network = Network(cluster(16))
    screen = Screen(scenario, on, NetworkTable(network))
    blocks = tuple(screen.screened(block, math.inf) for block in legal_plans(scenario, on.stack))
    return Search(scenario, on, network, 0, blocks, ())


def only(found, wanted):
    """The same with only the plans that are wanted. wanted: a block with its memory -> which of them."""
    fitting = []
    for one in found.fitting:
        rows = wanted(one)
        fitting.append(Screened(one.plans.at(rows), one.peak_bytes[rows], one.step_s[rows]))
    return dataclasses.replace(found, fitting=tuple(fitting))


def within(found, capacity_bytes):
    return only(found, lambda one: one.peak_bytes <= capacity_bytes)


@pytest.mark.parametrize("stack", ["megatron-2021", "megatron-2022", "fsdp-2023"])
def test_counts_fit_into_each_other(stack):
    found = effort(searched(stack=stack))
    assert 1 <= found.within_5_percent <= found.within_20_percent <= found.fitting <= found.legal
    assert found.median_over_best >= 1
    assert found.rule_of_thumb_over_best is None or found.rule_of_thumb_over_best >= 1 - 1e-9


def test_the_rule_makes_do_with_less_memory_step_by_step():
    # A smaller micro-batch, then more tensor ranks up to a node, then a pipeline, and recomputation last.
    found = untried(context_bytes=0.0, communicator_bytes=0.0)
    needs = rule_of_thumb(found).peak_bytes
    steps = {
        1.0: "DP16 mb2 ZeRO1",
        0.9: "DP16 mb1 ZeRO1",
        0.6: "TP2 DP8 mb2 ZeRO1 SP",
        0.3: "TP4 DP4 mb2 ZeRO1 SP",
        0.15: "TP8 DP2 mb1 ZeRO1 SP",
        0.11: "TP8 PP2 DP1 mb1 SP",
        0.1: "TP8 PP2 DP1 mb1 SP selective-rc",
        0.07: "TP8 PP2 DP1 mb1 SP full-rc",
    }
    chosen = {share: rule_of_thumb(within(found, share * needs)) for share in steps}
    assert {share: one.plan.summary() for share, one in chosen.items()} == steps
    assert rule_of_thumb(within(found, 0.01 * needs)) is None


def test_the_rule_splits_a_model_for_devices_that_the_batch_would_leave_idle():
    assert rule_of_thumb(untried(batch=8)).plan.summary() == "TP2 DP8 mb1 ZeRO1 SP"
    # Where the model cannot be split, devices stay idle rather than none being used.
    assert rule_of_thumb(untried(batch=8, stack="fsdp-2023")).plan.devices == 8


def test_the_rule_leaves_a_pipeline_four_micro_batches_a_stage():
    found = untried(batch=64)
    two_stages = only(found, lambda one: (one.plans.pipeline == 2) & (one.plans.tensor == 1))
    # Of the eight sequences of a replica all at once would fit, and two at once leave two micro-batches a stage.
    assert rule_of_thumb(two_stages).plan.summary() == "PP2 DP8 mb1 ZeRO1"
    # Where there are too few for that, the more the better.
    eight_stages = only(untried(batch=16), lambda one: (one.plans.pipeline == 8) & (one.plans.tensor == 1))
    assert rule_of_thumb(eight_stages).plan.summary() == "PP8 DP2 mb1 ZeRO1"


def test_settings_that_change():
    assert changes(plan(tensor=2, data=4), plan(tensor=2, data=8)) == ()
    assert changes(plan(tensor=2), plan(tensor=4, zero=1)) == ("tensor", "zero")
    assert changes(WaferPlan(1, 90, 8), WaferPlan(16, 45, 1)) == ("micro_batch",)
