"""Runs the points of a scenario file, one by one or on several processes; a failing point does not stop the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sim.counterfactual import counterfactuals
from sim.errors import ScaletaxError, defect_of
from sim.outcome.outcome import Outcome
from sim.processes import mapped
from sim.scenario import Scenario, at_point
from sim.simulate import prepare, simulate_prepared
from sim.training import with_run


@dataclass(frozen=True, slots=True)
class Failure:
    """A point that ended in an error."""

    scenario: Scenario
    error: ScaletaxError


Result = Outcome | Failure


def run_point(scenario: Scenario) -> Result:
    """Simulate one point, its run and its counterfactuals; an error is a result too, a defect among them."""
    try:
        prepared = prepare(scenario)
        outcome = with_run(prepared, simulate_prepared(prepared))
        return replace(outcome, counterfactual_step_times_s=counterfactuals(prepared, outcome))
    except Exception as error:
        return Failure(scenario, at_point(defect_of(error, scenario.where), scenario.axes))


def run_points(scenarios: Sequence[Scenario], jobs: int = 1, done: Callable[[], object] = lambda: None) -> list[Result]:
    """Simulate every point, in order, on `jobs` processes; the results do not depend on how many.

    done: called after each point, for progress.
    """
    results = []
    for result in mapped(run_point, scenarios, jobs):
        results.append(result)
        done()
    return results
