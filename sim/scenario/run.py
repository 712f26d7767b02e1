"""Makes what a scenario asks of the training run, and writes it back."""

from __future__ import annotations

from typing import Any

from sim.catalog import load_reliability
from sim.scenario.run_tables import Interval, RunTable
from sim.scenario.types import RunRequest
from sim.units import Rate, nearest_read_as, written_rate

_DURATIONS = ("detection", "replacement", "repair", "restart")
_AS_THEY_ARE = ("failures", "failure_shape", "hardware_share")


def run_from(table: RunTable | None, name_at: str) -> RunRequest:
    """What the table asks for; None asks for nothing but the defaults.

    name_at: where the file names the profile. Raises InputError for an unknown profile.
    """
    if table is None:
        return RunRequest()
    if table.reliability is not None:
        load_reliability(table.reliability, name_at)
    changes: dict[str, Any] = {key: getattr(table, key) for key in _AS_THEY_ARE}
    changes |= {f"{key}_s": getattr(table, key) for key in _DURATIONS}
    if table.restart is not None:
        changes["restart_per_device_s"] = 0.0
    if table.start_up is not None:
        changes |= {"start_up_s": table.start_up, "start_up_per_device_s": 0.0}
    if table.maintenance is not None:
        changes |= {"maintenance": Rate(1.0 / table.maintenance.every, "cluster")}
        changes["maintenance_s"] = table.maintenance.lasts
    checkpoint, storage, evaluation = table.checkpoint, table.storage, table.evaluation
    if checkpoint is not None:
        changes["asynchronous_checkpoints"] = None if checkpoint.mode is None else checkpoint.mode == "asynchronous"
        changes["snapshot_bytes_per_s"] = checkpoint.snapshot_rate
    every = checkpoint.every if checkpoint else Interval("best")
    return RunRequest(
        profile=table.reliability or "",
        changes={key: value for key, value in changes.items() if value is not None},
        checkpoint_rule=every.rule,
        checkpoint_steps=every.steps,
        checkpoint_s=every.seconds,
        storage_write_bytes_per_s=storage.write_rate if storage else None,
        storage_read_bytes_per_s=storage.read_rate if storage else None,
        storage_bytes=storage.capacity if storage else None,
        spares=table.spares,
        evaluation_every_steps=evaluation.every if evaluation else 0,
        evaluation_s=evaluation.lasts if evaluation else 0.0,
        runs=table.runs,
    )


def written_run(run: RunRequest) -> dict[str, Any]:
    """A run as a scenario file has it: what was asked for, as [system.run]; empty where nothing was."""
    changes: dict[str, Any] = dict(run.changes)
    checkpoint = _checkpoint(run, changes)
    storage = {
        key: f"{value!r} {unit}"
        for key, value, unit in (
            ("write_rate", run.storage_write_bytes_per_s, "B/s"),
            ("read_rate", run.storage_read_bytes_per_s, "B/s"),
            ("capacity", run.storage_bytes, "B"),
        )
        if value is not None
    }
    written: dict[str, Any] = {"reliability": run.profile} if run.profile else {}
    for key in _AS_THEY_ARE:
        if key in changes:
            written[key] = written_rate(changes[key]) if isinstance(changes[key], Rate) else changes[key]
    written |= {key: f"{changes[f'{key}_s']!r} s" for key in (*_DURATIONS, "start_up") if f"{key}_s" in changes}
    if "maintenance" in changes:
        often = changes["maintenance"].per_s
        every, lasts = (
            f"{nearest_read_as(often, 1.0 / often, lambda period_s: 1.0 / period_s)!r} s",
            f"{changes['maintenance_s']!r} s",
        )
        written["maintenance"] = {"every": every, "lasts": lasts}
    if run.evaluation_every_steps:
        lasts = f"{run.evaluation_s!r} s"
        written["evaluation"] = {"every": f"{run.evaluation_every_steps} steps", "lasts": lasts}
    if run.spares is not None:
        written["spares"] = run.spares
    if run.runs != RunRequest().runs:
        written["runs"] = run.runs
    return {
        **written,
        **({"checkpoint": checkpoint} if checkpoint else {}),
        **({"storage": storage} if storage else {}),
    }


def _checkpoint(run: RunRequest, changes: dict[str, Any]) -> dict[str, Any]:
    every = Interval(run.checkpoint_rule, run.checkpoint_steps, run.checkpoint_s)
    found: dict[str, Any] = {}
    if every != Interval("best"):
        found["every"] = every.rule or (f"{every.steps} steps" if every.steps else f"{every.seconds!r} s")
    if "asynchronous_checkpoints" in changes:
        found["mode"] = "asynchronous" if changes["asynchronous_checkpoints"] else "synchronous"
    if "snapshot_bytes_per_s" in changes:
        found["snapshot_rate"] = f"{changes['snapshot_bytes_per_s']!r} B/s"
    return found
