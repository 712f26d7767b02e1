"""From a step to the whole run: what the scenario asks, what the cluster is, and refusals that say where."""

import dataclasses
import subprocess
import sys

import pytest
from builders import fixed, gpt, point, training

from sim.errors import InputError
from sim.scenario.run_request import CheckpointRequest, EvaluationRequest, Interval, RunRequest, StorageRequest
from sim.simulate import simulate
from sim.units import Rate

TINY = point(gpt(), 16, fixed(tensor=2), recipe=training())
FEW = 50


def asking(scenario=TINY, **asked):
    """The scenario with a run of its own, of a few draws."""
    run = RunRequest(**{"runs": FEW, **asked})
    return dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, run=run))


def test_on_a_cluster_that_never_fails_it_takes_steps_times_step_time():
    outcome = simulate(asking(profile="none", checkpoint=CheckpointRequest(Interval("never"))))
    assert outcome.run.mean_s == pytest.approx(outcome.steps * outcome.step_time_s, rel=1e-12)
    assert outcome.time_to_train_s == pytest.approx(outcome.undisturbed_s, rel=1e-12)
    assert outcome.run.goodput == pytest.approx(1.0, rel=1e-12)
    assert outcome.run.conditions.steps == pytest.approx(1e9 / (32 * 128))


def test_without_failures_no_checkpoint_is_written():
    assert simulate(asking(profile="none")).run.conditions.checkpoints.every_steps == 0


def test_the_profile_is_the_devices_unless_one_is_named():
    assert simulate(asking()).run.reliability.name == "rsc-1"
    assert simulate(asking(profile="llama-3")).run.reliability.name == "llama-3"
    assert simulate(asking(repair_s=7.0)).run.reliability.name == "rsc-1, changed"


def test_the_topologys_storage_writes_the_checkpoints():
    # DGX A100 SuperPOD: 273 GB/s written, 1 TB/s read.
    checkpoints = simulate(asking()).run.conditions.checkpoints
    assert checkpoints.write_s == pytest.approx(checkpoints.size_bytes / 273e9)
    assert checkpoints.read_s == pytest.approx(checkpoints.size_bytes / 1e12)


def test_failures_strike_the_devices_at_work_and_not_those_that_stay_unused():
    a_day = {"failures": Rate(1.0 / 86400, "device")}
    used = simulate(asking(point(gpt(), 17, recipe=training()), **a_day))
    assert used.plan.devices < used.devices == used.run.ledger.devices == 17
    assert used.run.conditions.between_failures_s == pytest.approx(86400 / used.plan.devices)
    a_node = {"failures": Rate(1.0 / 86400, "node")}
    assert simulate(asking(**a_node)).run.conditions.between_failures_s == pytest.approx(86400 / 2)
    # Three nodes of eight, of which the fastest plan fills one or two: 24 devices share no batch of 32 evenly.
    three = simulate(asking(point(gpt(), 24, recipe=training()), **a_node))
    assert three.plan.devices in (8, 16)
    assert three.devices == 24
    assert three.run.conditions.between_failures_s == pytest.approx(86400 * 8 / three.plan.devices)


def test_the_account_of_the_run_closes_over_all_devices():
    outcome = simulate(asking(failures=Rate(1.0 / 40000, "device")))
    ledger = outcome.run.ledger
    assert ledger.devices == outcome.devices == 16
    assert sum(ledger.device_seconds.values()) == pytest.approx(16 * outcome.run.mean_s, rel=1e-9)
    assert ledger.device_seconds["restart"] > 0
    # The step's own lines shrink alike.
    for line, seconds in outcome.ledger.device_seconds.items():
        if seconds and line != "data_comm":
            assert ledger.share(line) / outcome.ledger.share(line) == pytest.approx(outcome.run.goodput, rel=1e-6)


def test_more_failures_and_slower_storage_never_shorten_a_run():
    calm, rough = (simulate(asking(runs=300, failures=Rate(per_s, "device"))).run.mean_s for per_s in (1e-7, 1e-5))
    assert rough > calm
    fast, slow = (
        simulate(
            asking(
                runs=300,
                checkpoint=CheckpointRequest(Interval(steps=1000)),
                storage=StorageRequest(write_bytes_per_s=rate),
                failures=Rate(1e-6, "device"),
            )
        ).run.mean_s
        for rate in (1e9, 1e6)
    )
    assert slow > fast


def test_a_checkpoint_larger_than_its_storage_is_refused():
    with pytest.raises(InputError) as caught:
        simulate(asking(storage=StorageRequest(capacity_bytes=1e6)))
    where, problem, remedy = str(caught.value).splitlines()
    assert where.startswith("test.toml")
    assert where.endswith(" run")
    assert problem == "  a checkpoint has 46.1 MiB, the storage 0.954 MiB"
    assert "raise storage.capacity" in remedy
    assert (
        simulate(
            asking(storage=StorageRequest(capacity_bytes=1e6), checkpoint=CheckpointRequest(Interval("never")))
        ).run.conditions.checkpoints.every_steps
        == 0
    )


def test_a_run_that_would_hardly_ever_end_is_refused():
    with pytest.raises(InputError) as caught:
        simulate(asking(failures=Rate(0.01, "device")))
    assert "the run would hardly ever end" in str(caught.value)
    assert "use fewer devices" in str(caught.value)


def test_an_unknown_profile_is_refused():
    with pytest.raises(InputError, match="did you mean 'rsc-1'"):
        simulate(asking(profile="rsc1"))


def test_evaluation_takes_its_time():
    plain, evaluated = (
        simulate(asking(profile="none", evaluation=evaluation)) for evaluation in (None, EvaluationRequest(1000, 3.0))
    )
    # 244,140.6 steps: 244 evaluations.
    assert evaluated.run.mean_s - plain.run.mean_s == pytest.approx(244 * 3.0, rel=1e-6)


def test_the_seed_decides():
    often = asking(failures=Rate(1e-5, "device"))
    first, again = simulate(often).run, simulate(often).run
    other = simulate(dataclasses.replace(often, seed=1)).run
    assert first.runs.times_s.tobytes() == again.runs.times_s.tobytes()
    assert first.runs.times_s.tobytes() != other.runs.times_s.tobytes()


PROGRAM = """
from pathlib import Path
from sim.simulate import simulate
from sim.sweep.grid import load_scenarios
(scenario,) = load_scenarios(Path("scenarios/quickstart.toml"), ())[:1]
print(simulate(scenario).run.runs.times_s.tobytes().hex())
"""


@pytest.mark.slow
def test_the_hash_seed_does_not_matter():
    found = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "77")
    ]
    assert found[0] == found[1]
