"""Simulated runs: exact where nothing fails, closed forms where those hold, and what must never shorten a run."""

import dataclasses
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.outcome.run.closed_form import effective_time_ratio, expected_cycle_s, young_interval_s
from sim.outcome.run.conditions import Checkpoints, Conditions
from sim.outcome.run.intervals import best_interval_steps
from sim.outcome.run.simulated import MOST_INTERRUPTIONS, RUN_LINES, TRAINING, most_interruptions, simulate_runs

DAY_S = 86400.0
LONG = Conditions(
    steps=600_000.0,
    step_s=10.0,
    checkpoints=Checkpoints(360, 60.0, 60.0, 60.0),
    between_failures_s=2 * DAY_S,
    recovery_s=600.0,
)
"""Sixty-nine days of training with an hour of work between checkpoints, and a failure every other day."""


def runs(run, count=300, seed=1):
    return simulate_runs(run, count, np.random.default_rng(seed))


def goodput(run, count=300, seed=1):
    found = runs(run, count, seed)
    return float(found.lines_s[TRAINING].sum() / found.times_s.sum())


def mean_s(run, count=300, seed=1):
    """Mean wall time and its standard error."""
    found = runs(run, count, seed)
    return float(found.times_s.mean()), float(found.times_s.std() / math.sqrt(count))


def changed(run=LONG, every=None, write_s=None, **over):
    checkpoints = run.checkpoints
    if every is not None:
        checkpoints = dataclasses.replace(checkpoints, every_steps=every)
    if write_s is not None:
        checkpoints = dataclasses.replace(checkpoints, blocking_s=write_s, write_s=write_s)
    return dataclasses.replace(run, checkpoints=checkpoints, **over)


@given(steps=st.floats(0.5, 1e6), step_s=st.floats(1e-3, 1e3))
def test_without_failures_and_checkpoints_it_takes_steps_times_step_time(steps, step_s):
    found = runs(Conditions(steps, step_s), 3)
    assert found.times_s == pytest.approx(np.full(3, steps * step_s), rel=1e-12)
    assert found.finished.all()
    assert not found.failures.any()


def test_start_checkpoints_and_evaluation_add_up_by_hand():
    run = Conditions(
        100.0,
        2.0,
        start_up_s=30.0,
        checkpoints=Checkpoints(10, 5.0, 5.0),
        evaluation_every_steps=25,
        evaluation_s=7.0,
    )
    found = runs(run, 2)
    # Nine checkpoints and three evaluations: none follows the last step.
    assert found.times_s.tolist() == [30.0 + 200.0 + 45.0 + 21.0] * 2
    assert found.times_s.tolist() == [run.undisturbed_s + 45.0] * 2
    assert found.lines_s["warm_up"].tolist() == [30.0, 30.0]
    assert found.lines_s["checkpoint"].tolist() == [45.0, 45.0]
    assert found.lines_s["evaluation"].tolist() == [21.0, 21.0]


CASES = st.builds(
    Conditions,
    steps=st.floats(1.0, 3000.0),
    step_s=st.floats(0.1, 20.0),
    step_variation=st.sampled_from([0.0, 0.05]),
    start_up_s=st.floats(0.0, 500.0),
    checkpoints=st.sampled_from(
        [Checkpoints(), Checkpoints(50, 9.0, 9.0, 3.0), Checkpoints(40, 1.0, 60.0, 3.0), Checkpoints(7, 0.0, 0.0)]
    ),
    between_failures_s=st.sampled_from([math.inf, 3e5, 2e4, 4e3]),
    shape=st.sampled_from([0.6, 1.0, 2.0]),
    hardware_share=st.sampled_from([0.0, 0.5, 1.0]),
    recovery_s=st.floats(0.0, 900.0),
    replacement_s=st.floats(0.0, 300.0),
    repair_s=st.floats(300.0, 3000.0),
    spares=st.sampled_from([None, 0, 1, 3]),
    between_maintenance_s=st.sampled_from([math.inf, 7e3]),
    maintenance_s=st.floats(0.0, 600.0),
    restart_s=st.floats(0.0, 300.0),
    evaluation_every_steps=st.sampled_from([0, 30]),
    evaluation_s=st.floats(0.0, 30.0),
)


@settings(max_examples=60)
@given(CASES, st.integers(0, 99))
def test_lines_sum_to_wall_time_and_the_steps_that_stay_to_the_run(run, seed):
    found = runs(run, 8, seed)
    total_s = sum(found.lines_s.values())
    assert total_s == pytest.approx(found.times_s, rel=1e-9)
    assert set(found.lines_s) == {*RUN_LINES, TRAINING}
    assert all((seconds >= -1e-9).all() for seconds in found.lines_s.values())
    if not run.step_variation:
        assert found.lines_s[TRAINING][found.finished] == pytest.approx(run.training_s, rel=1e-9)


@pytest.mark.parametrize("between_days", [1.0, 4.0, 16.0])
@pytest.mark.parametrize("every", [90, 360])
def test_goodput_is_what_kokolis_et_al_expect_where_failures_are_rare(every, between_days):
    run = changed(every=every, between_failures_s=between_days * DAY_S)
    expected = effective_time_ratio(every * 10.0, 60.0, run.between_failures_s, run.recovery_s)
    assert goodput(run) == pytest.approx(float(expected), rel=0.02)


@pytest.mark.parametrize("between_s", [7200.0, 0.5 * DAY_S, 4 * DAY_S])
def test_wall_time_is_what_daly_has_exactly_for_exponential_failures(between_s):
    run = changed(steps=60_000.0, between_failures_s=between_s)
    found_s, error_s = mean_s(run)
    cycle_s = float(expected_cycle_s(3600.0, 60.0, between_s, 600.0))
    assert found_s == pytest.approx(run.steps / 360 * cycle_s, rel=0.01, abs=4 * error_s)


@pytest.mark.parametrize("write_s", [6.0, 60.0, 600.0])
def test_the_best_interval_is_near_youngs_and_better_than_half_and_double(write_s):
    run = changed(write_s=write_s)
    best = best_interval_steps(run)
    young = float(young_interval_s(write_s, run.between_failures_s)) / run.step_s
    assert best == pytest.approx(young, rel=0.15)
    at_best = goodput(changed(run, every=best), 600)
    assert at_best > goodput(changed(run, every=max(1, best // 2)), 600)
    assert at_best > goodput(changed(run, every=2 * best), 600)
    expected = float(effective_time_ratio(best * run.step_s, write_s, run.between_failures_s, run.recovery_s))
    assert at_best == pytest.approx(expected, rel=0.02)


def test_more_failures_never_make_a_run_shorter():
    means = [mean_s(changed(between_failures_s=days * DAY_S)) for days in (math.inf, 16, 8, 4, 2, 1, 0.5)]
    for (shorter, error_s), (longer, other_s) in itertools.pairwise(means):
        assert longer > shorter - 3 * math.hypot(error_s, other_s)
    assert means[-1][0] > 1.05 * means[0][0]


WORSE = {
    "longer detection": {"recovery_s": 3600.0},
    "larger checkpoints": {"write_s": 600.0},
    "longer replacement": {"replacement_s": 1800.0},
    "maintenance": {"between_maintenance_s": 5 * DAY_S, "maintenance_s": 7200.0},
    "evaluation": {"evaluation_every_steps": 1000, "evaluation_s": 600.0},
    "a slow start": {"start_up_s": 7200.0},
}


@pytest.mark.parametrize("over", WORSE.values(), ids=WORSE)
def test_what_is_worse_is_never_shorter(over):
    before_s, error_s = mean_s(LONG)
    after_s, other_s = mean_s(changed(**over))
    assert after_s > before_s - 3 * math.hypot(error_s, other_s)
    assert after_s > before_s


@pytest.mark.slow
def test_fewer_spares_are_never_shorter_and_very_many_are_as_good_as_always_one():
    base = changed(steps=200_000.0, between_failures_s=0.5 * DAY_S, repair_s=1.5 * DAY_S, replacement_s=300.0)
    times = {count: mean_s(dataclasses.replace(base, spares=count)) for count in (0, 1, 2, 4, 9, 500, None)}
    ordered = list(times.values())
    for (fewer, other_s), (more, error_s) in itertools.pairwise(ordered):
        assert fewer > more - 3 * math.hypot(error_s, other_s)
    assert times[0][0] > times[1][0] > times[4][0] > times[9][0]
    assert times[500][0] == pytest.approx(times[None][0], rel=1e-12)


def test_a_node_that_is_back_sooner_than_a_spare_is_waited_for():
    base = changed(steps=60_000.0, between_failures_s=0.2 * DAY_S, repair_s=200.0, replacement_s=900.0)
    one, none = (runs(dataclasses.replace(base, spares=count), 50) for count in (1, 0))
    assert one.times_s.tolist() == none.times_s.tolist()


def test_a_single_failure_by_hand():
    # It strikes at 1,000 s: 100 s of start, 45 steps of 20 s, four checkpoints of none; ten steps between those.
    run = Conditions(
        100.0, 20.0, start_up_s=100.0, checkpoints=Checkpoints(10, 0.0, 0.0), between_failures_s=1e9, recovery_s=60.0
    )
    found = simulate_runs(run, 1, OneFailure(1000.0))
    assert found.failures.tolist() == [1]
    assert found.lines_s["lost_work"].tolist() == [100.0]
    assert found.lines_s["restart"].tolist() == [60.0]
    assert found.times_s.tolist() == [100.0 + 2000.0 + 100.0 + 60.0]


def test_a_failure_while_an_asynchronous_checkpoint_is_written_falls_back_to_the_one_before():
    # Checkpoints after 200, 400, ... s take 50 s to write: at 430 s only the first is safe.
    run = Conditions(100.0, 20.0, checkpoints=Checkpoints(10, 0.0, 50.0), between_failures_s=1e9)
    assert simulate_runs(run, 1, OneFailure(430.0)).lines_s["lost_work"].tolist() == [230.0]
    assert simulate_runs(run, 1, OneFailure(460.0)).lines_s["lost_work"].tolist() == [60.0]


def test_a_failure_while_it_recovers_starts_the_recovery_again():
    run = Conditions(10.0, 20.0, between_failures_s=1e9, recovery_s=60.0)
    found = simulate_runs(run, 1, OneFailure(50.0, 30.0))
    assert found.failures.tolist() == [2]
    assert found.lines_s["restart"].tolist() == [90.0]
    assert found.times_s.tolist() == [50.0 + 90.0 + 200.0]


def test_maintenance_by_hand():
    # Every 300 s of 1,000: the step is finished, a checkpoint of 5 s written, 40 s pass, and 10 s until it goes on.
    run = Conditions(
        50.0,
        20.0,
        checkpoints=Checkpoints(0, 0.0, 5.0),
        between_maintenance_s=310.0,
        maintenance_s=40.0,
        restart_s=10.0,
    )
    found = runs(run, 2)
    assert found.lines_s["lost_work"].tolist() == [0.0, 0.0]
    assert found.lines_s["maintenance"].tolist() == [120.0, 120.0]
    assert found.lines_s["checkpoint"].tolist() == [15.0, 15.0]
    assert found.times_s.tolist() == [1000.0 + 3 * 55.0] * 2


class OneFailure(np.random.Generator):
    """Failures at known times after one another, and none after them."""

    def __init__(self, *between_s):
        super().__init__(np.random.PCG64(0))
        self.between_s = [*between_s]

    def weibull(self, a, size=None):
        return np.full(size, self.between_s.pop(0) / 1e9 if self.between_s else 1.0)


def test_a_weibull_distribution_of_shape_one_is_exponential():
    found = runs(changed(between_failures_s=0.25 * DAY_S), 400)
    # A Poisson process: as much variance as mean, while the run is up or down.
    assert found.failures.var() == pytest.approx(found.failures.mean(), rel=0.25)
    assert found.times_s.mean() / found.failures.mean() == pytest.approx(0.25 * DAY_S, rel=0.01)


@pytest.mark.parametrize("shape", [0.5, 0.8, 1.5, 3.0])
def test_failures_of_any_shape_are_as_many_and_in_bursts_below_one(shape):
    found = runs(changed(between_failures_s=0.25 * DAY_S, shape=shape), 400)
    assert found.times_s.mean() / found.failures.mean() == pytest.approx(0.25 * DAY_S, rel=0.03)
    assert (found.failures.var() > found.failures.mean()) == (shape < 1)


def test_steps_that_differ_spread_a_run_by_as_much_as_the_mean_of_many():
    run = Conditions(10_000.0, 1.0, step_variation=0.1)
    assert runs(run, 2000).times_s.std() == pytest.approx(0.1 / 100 * 10_000.0, rel=0.1)


def test_a_run_that_never_gets_on_is_given_up():
    run = Conditions(2000.0, 1.0, between_failures_s=30.0, shape=2.0, recovery_s=10.0)
    found = runs(run, 5)
    assert not found.finished.any()


def test_a_short_run_is_not_given_up_for_one_interruption():
    run = Conditions(60.0, 1.0, between_failures_s=2000.0, recovery_s=600.0, repair_s=3600.0, spares=0)
    found = runs(run, 100)
    assert found.finished.all()
    assert found.times_s.max() > 50 * 60.0


def test_the_same_seed_gives_the_same_runs_and_another_gives_others():
    first, again, other = runs(LONG, seed=3), runs(LONG, seed=3), runs(LONG, seed=4)
    assert first.times_s.tobytes() == again.times_s.tobytes()
    assert first.failures.tobytes() == again.failures.tobytes()
    assert first.times_s.tobytes() != other.times_s.tobytes()


PROGRAM = """
import numpy as np
from sim.outcome.run.conditions import Checkpoints, Conditions
from sim.outcome.run.simulated import simulate_runs
run = Conditions(600000.0, 10.0, checkpoints=Checkpoints(360, 60.0, 60.0, 60.0), between_failures_s=172800.0,
    recovery_s=600.0)
print(simulate_runs(run, 300, np.random.default_rng(3)).times_s.tobytes().hex())
"""


@pytest.mark.parametrize("hash_seed", ["0", "77"])
def test_another_process_with_another_hash_seed_gives_the_same(hash_seed):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == runs(LONG, seed=3).times_s.tobytes().hex()


def test_many_runs_may_be_interrupted_less_often_each():
    assert most_interruptions(1) == most_interruptions(1000) == MOST_INTERRUPTIONS
    assert most_interruptions(100_000) == 500
