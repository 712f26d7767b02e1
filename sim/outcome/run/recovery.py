"""From rates and bandwidths to the conditions of one run."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from sim.catalog import Reliability
from sim.errors import InputError
from sim.hardware.topology import Storage
from sim.outcome.run.conditions import Checkpoints, Conditions
from sim.outcome.run.intervals import best_interval_steps
from sim.page.numbers import gibibytes
from sim.scenario.types import RunRequest
from sim.units import Rate


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a run happens on. devices: at work. nodes: that they are in. storage: None where the topology has none."""

    devices: int
    nodes: int
    storage: Storage | None = None


def asked_reliability(request: RunRequest, profile: Reliability) -> Reliability:
    """The profile with what the scenario changes in it; a figure that it replaces is no longer cited."""
    changes = request.changes
    if not changes:
        return profile
    figures = tuple(figure for figure in profile.figures if figure.name not in changes)
    name, title = f"{profile.name}, changed", f"{profile.title}; changed by the scenario"
    return dataclasses.replace(profile, name=name, title=title, **changes, figures=figures)


def between_s(rate: Rate, cluster: Cluster) -> float:
    """Mean time between events of the whole cluster; infinite where none is due.

    Hand-worked: 6.5 per 1000 node-days on 100 nodes: 1.54 days.
    """
    members = {"device": cluster.devices, "node": cluster.nodes, "cluster": 1}[rate.of]
    return 1.0 / (rate.per_s * members) if rate.per_s else math.inf


def storage_of(request: RunRequest, reliability: Reliability, cluster: Cluster) -> Storage:
    """Where checkpoints go: as the scenario says, or the topology, or so much for each node."""
    default_bytes_per_s = reliability.storage_bytes_per_s * cluster.nodes
    there = cluster.storage or Storage(default_bytes_per_s, default_bytes_per_s, None)
    asked = request.storage
    return Storage(
        asked.write_bytes_per_s or there.write_bytes_per_s,
        asked.read_bytes_per_s or there.read_bytes_per_s,
        asked.capacity_bytes or there.capacity_bytes,
    )


def check_storage(size_bytes: float, storage: Storage, where: str) -> None:
    """Raise InputError for a checkpoint that is larger than its storage."""
    if storage.capacity_bytes is not None and size_bytes > storage.capacity_bytes:
        raise InputError(
            where,
            f"a checkpoint has {_readable(size_bytes)}, the storage {_readable(storage.capacity_bytes)}",
            'raise storage.capacity, or write checkpoint.every = "never"',
        )


def _readable(size_bytes: float) -> str:
    # Adapters may have less than a tenth of a GiB.
    return f"{size_bytes / 2**20:,.3g} MiB" if size_bytes < 2**30 else gibibytes(size_bytes)


def conditions(
    request: RunRequest,
    reliability: Reliability,
    cluster: Cluster,
    size_bytes: float,
    steps: float,
    step_s: float,
    step_variation: float,
) -> Conditions:
    """Everything that decides how long a run takes. size_bytes: of a checkpoint."""
    storage = storage_of(request, reliability, cluster)
    write_s, read_s = size_bytes / storage.write_bytes_per_s, size_bytes / storage.read_bytes_per_s
    snapshot_s = size_bytes / cluster.devices / reliability.snapshot_bytes_per_s
    blocking_s = min(snapshot_s, write_s) if reliability.asynchronous_checkpoints else write_s
    # Without checkpoints there is nothing to read either.
    loaded_s = 0.0 if request.checkpoint.every.rule == "never" else read_s
    restart_s = reliability.restart_s + reliability.restart_per_device_s * cluster.devices + loaded_s
    run = Conditions(
        steps=steps,
        step_s=step_s,
        step_variation=step_variation,
        start_up_s=reliability.start_up_s + reliability.start_up_per_device_s * cluster.devices,
        checkpoints=Checkpoints(0, blocking_s, write_s, read_s, size_bytes),
        between_failures_s=between_s(reliability.failures, cluster),
        shape=reliability.failure_shape,
        hardware_share=reliability.hardware_share,
        recovery_s=reliability.detection_s + restart_s,
        replacement_s=reliability.replacement_s,
        repair_s=reliability.repair_s,
        spares=request.spares,
        between_maintenance_s=between_s(reliability.maintenance, cluster),
        maintenance_s=reliability.maintenance_s,
        restart_s=restart_s,
        evaluation_every_steps=request.evaluation.every_steps if request.evaluation else 0,
        evaluation_s=request.evaluation.lasts_s if request.evaluation else 0.0,
    )
    return dataclasses.replace(run, checkpoints=_checkpoints(request, run))


def _checkpoints(request: RunRequest, run: Conditions) -> Checkpoints:
    """How often one is written, and what it then stops the training for."""
    if request.checkpoint.every.rule == "never":
        return Checkpoints()
    asked = request.checkpoint.every
    every = asked.steps
    if asked.rule == "best":
        every = best_interval_steps(run)
    elif not every:
        every = max(1, round(asked.seconds / run.step_s))
    # The next one waits until the last is written.
    blocking_s = max(run.checkpoints.blocking_s, run.checkpoints.write_s - every * run.step_s) if every else 0.0
    return dataclasses.replace(run.checkpoints, every_steps=every, blocking_s=blocking_s)
