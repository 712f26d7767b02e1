"""The handful of choices on wafers, against whole simulations."""

import dataclasses

import pytest

from sim.catalog import Wafer, WaferStack, load_device, load_model, load_stack
from sim.cost.wafer import WAFER_STYLE
from sim.hardware.network import Network
from sim.hardware.topology import load_topology
from sim.parallel.wafer_plan import plan_wafers
from sim.planner.wafer_search import wafer_choices, wafer_effort
from sim.scenario import PlanRequest, Report, Scenario, System, Training
from sim.simulate import simulate


def scenario(systems=2, batch=24, model="cerebras-gpt-111m", sequence=512, plan=None):
    topology = "andromeda"
    system = System("wafers", topology, systems, "cerebras-r2", plan or PlanRequest(), 0.01)
    return Scenario("test", __file__, load_model(model), Training(1e9, sequence, batch), system, Report())


def choices(one):
    wafer, stack = load_device("cs-2", "test"), load_stack("cerebras-r2", "test")
    assert isinstance(wafer, Wafer)
    assert isinstance(stack, WaferStack)
    plan = plan_wafers(one, wafer, stack, WAFER_STYLE)
    return plan, wafer_choices(one, plan, wafer, stack, Network(load_topology("andromeda", one.system.devices, "test")))


def test_they_are_the_divisors_the_fastest_first():
    _, found = choices(scenario())
    assert sorted(choice.plan.micro_batch for choice in found) == [1, 2, 3, 4, 6, 12]
    steps = [choice.step_s for choice in found]
    assert steps == sorted(steps)
    assert wafer_effort(found).legal == wafer_effort(found).fitting == 6


@pytest.mark.parametrize("micro_batch", [1, 3, 12])
def test_few_passes_stand_for_many(micro_batch):
    fixed = PlanRequest(rule="fixed", micro_batch=micro_batch)
    outcome = simulate(scenario(plan=fixed))
    _, found = choices(scenario())
    (choice,) = [one for one in found if one.plan.micro_batch == micro_batch]
    assert choice.step_s == pytest.approx(outcome.step_time_s, rel=1e-9)
    assert choice.tax == pytest.approx(outcome.ledger.tax, abs=1e-9)


@pytest.mark.parametrize("model", ["cerebras-gpt-111m", "cerebras-gpt-13b"])
def test_what_is_chosen_without_a_search_is_the_fastest(model):
    plan, found = choices(scenario(1, 120, model, 2048))
    assert dataclasses.replace(found[0].plan, chosen_by=plan.chosen_by) == plan
