"""Running the points of a scenario file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sim.scenario import AxisKey
from sim.sweep.execute import Failure, run_point, run_points
from sim.sweep.grid import load_scenarios

ROOT = Path(__file__).parents[2]


def test_processes_change_nothing_and_keep_the_order() -> None:
    scenarios = load_scenarios(ROOT / "scenarios" / "quickstart.toml")
    alone, together = run_points(scenarios, 1), run_points(scenarios, 2)
    assert [one.scenario for one in alone] == [one.scenario for one in together]
    assert [one.ledger for one in alone] == [one.ledger for one in together]  # type: ignore[union-attr]


def test_a_failure_is_a_result_among_others() -> None:
    path = ROOT / "scenarios" / "quickstart.toml"
    results = run_points(load_scenarios(path, ["system.8 A100.devices=9"]))
    assert [isinstance(result, Failure) for result in results] == [True, False]


def test_an_error_names_its_point_once() -> None:
    path = ROOT / "scenarios" / "quickstart.toml"
    scenario = dataclasses.replace(
        load_scenarios(path, ["system.8 A100.devices=9"])[0], axes={AxisKey("system.devices"): 9}
    )
    failure = run_point(scenario)
    assert isinstance(failure, Failure)
    assert str(failure.error).count("at the sweep point system.devices = 9") == 1


def test_progress_is_told_once_a_point() -> None:
    told: list[int] = []
    run_points(load_scenarios(ROOT / "scenarios" / "quickstart.toml"), done=lambda: told.append(1))
    assert len(told) == 2


def test_counterfactuals_come_with_every_point() -> None:
    (cluster, wafer) = [run_point(one) for one in load_scenarios(ROOT / "scenarios" / "quickstart.toml")]
    for outcome in (cluster, wafer):
        assert not isinstance(outcome, Failure)
        times = outcome.counterfactual_step_times_s
        # One node, and wafers: neither has a larger scale-up domain; and no jitter was asked for.
        network = {"free network", "network ten times faster"}
        assert network <= set(times) <= {*network, "no bubble", "unlimited memory"}
        assert times["free network"] <= outcome.step_time_s
