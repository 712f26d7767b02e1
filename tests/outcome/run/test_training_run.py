"""What simulated runs say: percentiles in order, an account that closes, and a refusal where a run never ends."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.catalog import Reliability
from sim.errors import InputError
from sim.outcome.ledger import Ledger
from sim.outcome.lines import LINES
from sim.outcome.run.conditions import Checkpoints, Conditions
from sim.outcome.run.simulated import RUN_LINES, simulate_runs
from sim.outcome.run.training_run import RUN_PERCENTILES, run_ledger, simulated_training_run

DEVICES = 64
STEP = Ledger({**dict.fromkeys(LINES, 0.0), "useful": 0.75 * DEVICES, "bubble": 0.25 * DEVICES}, DEVICES, 1.0)
RUN = Conditions(
    200_000.0,
    1.0,
    start_up_s=300.0,
    checkpoints=Checkpoints(600, 5.0, 5.0, 5.0),
    between_failures_s=20_000.0,
    recovery_s=600.0,
    evaluation_every_steps=5000,
    evaluation_s=60.0,
    between_maintenance_s=90_000.0,
    maintenance_s=1000.0,
    restart_s=100.0,
)


def trained(run=RUN, runs=200, seed=5):
    return simulated_training_run(run, Reliability(), STEP, runs, seed, "my.toml run")


def test_percentiles_are_in_order_and_around_the_mean():
    found = trained()
    times = [found.percentile_s(percent) for percent in RUN_PERCENTILES]
    shares = [found.goodput_percentile(percent) for percent in RUN_PERCENTILES]
    assert times == sorted(times)
    assert times[0] < found.mean_s < times[-1]
    assert shares == sorted(shares)
    assert 0 < shares[0] < found.goodput < shares[-1] < 1


def test_the_account_of_the_mean_run_closes_with_all_its_lines():
    found = trained()
    assert sum(found.ledger.device_seconds.values()) == pytest.approx(DEVICES * found.mean_s, rel=1e-9)
    assert all(found.ledger.device_seconds[line] > 0 for line in RUN_LINES)
    # What trains is spent as a step is.
    assert found.ledger.share("useful") == pytest.approx(0.75 * found.goodput)
    assert found.ledger.share("bubble") == pytest.approx(0.25 * found.goodput)
    assert set(found.ledger.device_seconds) == set(LINES)


@settings(max_examples=25)
@given(st.floats(3e3, 1e7), st.sampled_from([0.7, 1.0, 2.0]), st.integers(0, 50), st.sampled_from([None, 0, 2]))
def test_the_account_closes_for_every_run(between_s, shape, seed, spares):
    run = dataclasses.replace(RUN, between_failures_s=between_s, shape=shape, spares=spares, repair_s=1e4)
    found = simulate_runs(run, 10, np.random.default_rng(seed))
    ledger = run_ledger(STEP, found)
    assert sum(ledger.device_seconds.values()) == pytest.approx(DEVICES * found.times_s.mean(), rel=1e-9)


def test_without_anything_but_steps_the_account_is_that_of_the_step():
    found = trained(Conditions(1000.0, 1.0))
    assert found.mean_s == pytest.approx(1000.0, rel=1e-12)
    assert found.goodput == pytest.approx(1.0, rel=1e-12)
    assert found.ledger.device_seconds == pytest.approx({key: 1000 * s for key, s in STEP.device_seconds.items()})
    assert found.mean_failures == 0


def test_the_seed_alone_decides():
    assert trained().runs.times_s.tobytes() == trained().runs.times_s.tobytes()
    assert trained().percentile_s(50) != trained(seed=6).percentile_s(50)


HOPELESS = {
    "failures, no checkpoints": {"checkpoints": Checkpoints(), "between_failures_s": 2000.0},
    "failures while it recovers": {"between_failures_s": 100.0},
    "failures all the time": {"between_failures_s": 1e-6},
    "in bursts": {"between_failures_s": 40.0, "shape": 2.0, "steps": 5000.0},
    "maintenance within a step": {"between_failures_s": math.inf, "between_maintenance_s": 0.5},
    "maintenance all the time": {"between_failures_s": math.inf, "between_maintenance_s": 1e-3},
}


@pytest.mark.parametrize("over", HOPELESS.values(), ids=HOPELESS)
def test_a_run_that_would_hardly_ever_end_is_refused(over):
    with pytest.raises(InputError) as caught:
        trained(dataclasses.replace(RUN, **over), runs=20)
    where, problem, *rest = str(caught.value).splitlines()
    assert where == "my.toml run"
    assert problem.startswith("  the run would hardly ever end: ")
    assert any(line.startswith(("  a failure every", "  maintenance every")) for line in rest)
    assert any("checkpoints" in line for line in rest[:-1])
    assert rest[-1].startswith("  use fewer devices, checkpoints more often")
    assert "inf" not in str(caught.value)
