"""From rates, bandwidths and what a scenario changes to the conditions of a run."""

import dataclasses
import math

import pytest

from sim.catalog import Reliability, load_reliability
from sim.errors import InputError
from sim.hardware.topology import Storage
from sim.outcome.run.conditions import Checkpoints
from sim.outcome.run.intervals import least_interval_steps
from sim.outcome.run.recovery import Cluster, asked_reliability, between_s, check_storage, conditions, storage_of
from sim.scenario.run_request import CheckpointRequest, Interval, RunRequest, StorageRequest
from sim.units import Rate, rate

DAY_S = 86400.0
CLUSTER = Cluster(800, 100, Storage(50e9, 100e9, 1e15))
PROFILE = Reliability(
    failures=rate("6.5 per 1000 node-days", ""),
    detection_s=300.0,
    replacement_s=150.0,
    repair_s=DAY_S,
    restart_s=200.0,
    restart_per_device_s=0.1,
    start_up_s=100.0,
    start_up_per_device_s=0.05,
    snapshot_bytes_per_s=10e9,
    storage_bytes_per_s=1e9,
)


BEST = RunRequest()


def made(request=BEST, profile=PROFILE, cluster=CLUSTER, size_bytes=2e12, steps=1e5, step_s=10.0):
    return conditions(request, profile, cluster, size_bytes, steps, step_s, 0.0)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("6.5 per 1000 node-days", 1000 / 650),
        ("0.365 per device-year", 365.25 / (0.365 * 800)),
        ("2 per cluster-week", 3.5),
    ],
)
def test_the_time_between_failures_by_hand(text, days):
    assert between_s(rate(text, ""), CLUSTER) == pytest.approx(days * DAY_S)


def test_what_never_happens_is_infinitely_far():
    assert between_s(rate("0 per device-year", ""), CLUSTER) == math.inf


def test_conditions_by_hand():
    run = made(RunRequest(checkpoint=CheckpointRequest(Interval(seconds=3600.0))))
    assert run.checkpoints == Checkpoints(360, 40.0, 40.0, 20.0, 2e12)
    assert run.start_up_s == pytest.approx(140.0)
    assert run.recovery_s == pytest.approx(300.0 + 200.0 + 80.0 + 20.0)
    assert run.restart_s == pytest.approx(run.recovery_s - 300.0)
    assert run.mean_recovery_s == pytest.approx(run.recovery_s + 150.0)
    assert run.between_maintenance_s == math.inf


def test_training_goes_on_while_an_asynchronous_checkpoint_is_written():
    # A copy of 2.5 GB a device takes 0.25 s, writing 40 s.
    profile = dataclasses.replace(PROFILE, asynchronous_checkpoints=True)
    run = made(RunRequest(checkpoint=CheckpointRequest(Interval(steps=100))), profile)
    assert run.checkpoints.blocking_s == pytest.approx(0.25)
    assert run.checkpoints.write_s == pytest.approx(40.0)
    # The next one has to wait until the last is written: 40 s less two steps.
    assert made(
        RunRequest(checkpoint=CheckpointRequest(Interval(steps=2))), profile
    ).checkpoints.blocking_s == pytest.approx(20)
    assert least_interval_steps(run) == 4
    assert made(RunRequest(), profile).checkpoints.every_steps >= 4


def test_without_checkpoints_none_is_written_or_read():
    run = made(RunRequest(checkpoint=CheckpointRequest(Interval("never"))))
    assert run.checkpoints == Checkpoints()
    assert run.recovery_s == pytest.approx(made().recovery_s - 20.0)


def test_no_checkpoint_is_needed_where_nothing_fails_or_the_run_is_short():
    assert made(profile=Reliability()).checkpoints.every_steps == 0
    assert made(steps=20.0).checkpoints.every_steps == 0
    assert made().checkpoints.every_steps > 0


def test_storage_is_the_scenarios_else_the_topologys_else_so_much_a_node():
    assert storage_of(RunRequest(), PROFILE, CLUSTER) == CLUSTER.storage
    assert storage_of(RunRequest(), PROFILE, Cluster(800, 100)) == Storage(100e9, 100e9, None)
    asked = RunRequest(storage=StorageRequest(write_bytes_per_s=1e9, capacity_bytes=5e12))
    assert storage_of(asked, PROFILE, CLUSTER) == Storage(1e9, 100e9, 5e12)


def test_a_checkpoint_larger_than_its_storage_is_refused():
    check_storage(1e15, CLUSTER.storage, "here")
    check_storage(1e30, Storage(1.0, 1.0, None), "here")
    with pytest.raises(InputError) as caught:
        check_storage(2 * 2**40, Storage(1.0, 1.0, 2**40), "here")
    assert str(caught.value).splitlines() == [
        "here",
        "  a checkpoint has 2,048.0 GiB, the storage 1,024.0 GiB",
        '  raise storage.capacity, or write checkpoint.every = "never"',
    ]


def test_a_changed_profile_says_so_and_cites_no_figure_that_it_replaced():
    profile = load_reliability("llama-3")
    assert asked_reliability(RunRequest(), profile) is profile
    changed = asked_reliability(RunRequest(failures=Rate(1e-6, "node"), repair_s=60.0), profile)
    assert changed.failures == Rate(1e-6, "node")
    assert changed.repair_s == 60.0
    assert changed.detection_s == profile.detection_s
    assert changed.name == "llama-3, changed"
    gone = {figure.name for figure in profile.figures} - {figure.name for figure in changed.figures}
    assert gone == {"failures", "repair_s"}
