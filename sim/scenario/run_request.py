"""[system.run]: how often the system fails, how it recovers, when it writes checkpoints."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from sim.catalog import Reliability, reliability_names
from sim.errors import InputError, shown
from sim.scenario.offers import OneOf
from sim.scenario.table import NUMBER_OR_TEXT, As, Count, Table, given_keys, like, measured, unless
from sim.units import Rate, fraction, quantity, rate, written_rate

_MOST_RUNS = 100_000
_STEPS = re.compile(r"([1-9]\d{0,14})\s*steps?")
_NOTHING = re.compile(r"0+(?:\.0*)?(\s*[A-Za-z]+)")
_LONGEST_S = 3650 * 86400.0


@dataclass(frozen=True, slots=True)
class Interval:
    """How often: every so many steps, every so many seconds, as seldom as is best, or never; one of them is set."""

    rule: Literal["best", "never", ""] = ""
    steps: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return self.rule or (f"{self.steps} steps" if self.steps else f"{self.seconds!r} s")


def duration(value: object) -> float:
    """Read a length of time such as "5 min" in seconds; nothing is written "0 s". Raises InputError."""
    if isinstance(value, str) and (nothing := _NOTHING.fullmatch(value.strip())):
        # Nothing of what is no time is refused as one of it is.
        return 0.0 * quantity(f"1{nothing[1]}", "s", "")
    return _time(value)


def period(value: object) -> float:
    """Read the time from one planned interruption to the next, a second or more. Raises InputError."""
    length_s = _time(value)
    if length_s < 1.0:
        raise InputError("", f"{shown(value)} is shorter than a second", 'write for example "7 days"')
    return length_s


def _time(value: object) -> float:
    length_s = quantity(value, "s", "")
    if length_s > _LONGEST_S:
        raise InputError("", f"{shown(value)} is longer than ten years", "write less")
    return length_s


def interval(value: object) -> Interval:
    """Read how often checkpoints are written: "best", "never", "1 h" or "500 steps". Raises InputError."""
    text = value.strip() if isinstance(value, str) else value
    if text == "best":
        return Interval("best")
    if text == "never":
        return Interval("never")
    if isinstance(text, str) and (match := _STEPS.fullmatch(text)):
        return Interval(steps=int(match[1]))
    try:
        return Interval(seconds=_time(value))
    except InputError as error:
        raise InputError("", error.problem, 'write "best", "never", a time such as "1 h", or "500 steps"') from None


def steps(value: object) -> int:
    """Read a number of steps such as "1000 steps". Raises InputError."""
    match = _STEPS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise InputError("", f"{shown(value)} is not a number of steps", 'write for example "1000 steps"')
    return int(match[1])


_DURATION = measured("s", "s", duration)
_SPEED = measured("bytes_per_s", "B/s")
_RATE = As(lambda value: rate(value, ""), written_rate)
_PART = As(lambda value: fraction(value, ""), types=NUMBER_OR_TEXT)
_REPLACED = {field.name for field in dataclasses.fields(Reliability)} - {"maintenance"}


@dataclass(frozen=True, slots=True)
class CheckpointRequest(Table):
    """[system.run.checkpoint]."""

    every: Annotated[
        Interval, As(interval, lambda every: None if every.rule == "best" else str(every)), like('"1 h"', '"best"')
    ] = Interval("best")
    """How often one is written: a time, a number of steps, as seldom as is best, or never."""
    mode: Literal["synchronous", "asynchronous"] | None = None
    """Whether training waits until one is written."""
    snapshot_bytes_per_s: Annotated[float | None, _SPEED, like('"10 GB/s"', name="snapshot_rate")] = None


@dataclass(frozen=True, slots=True)
class StorageRequest(Table):
    """[system.run.storage]: what the cluster's storage does, over all nodes."""

    write_bytes_per_s: Annotated[float | None, _SPEED, like('"100 GB/s"', name="write_rate")] = None
    read_bytes_per_s: Annotated[float | None, _SPEED, like('"100 GB/s"', name="read_rate")] = None
    capacity_bytes: Annotated[float | None, measured("bytes", "B"), like('"1 PB"', name="capacity")] = None


@dataclass(frozen=True, slots=True)
class EvaluationRequest(Table):
    """[system.run.evaluation]."""

    every_steps: Annotated[int, As(steps, lambda count: f"{count} steps"), like('"1000 steps"', name="every")]
    lasts_s: Annotated[float, _DURATION, like('"12 min"', name="lasts")]


@dataclass(frozen=True, slots=True)
class MaintenanceRequest(Table):
    """[system.run.maintenance]."""

    every_s: Annotated[float, measured("s", "s", period), like('"7 days"', name="every")]
    lasts_s: Annotated[float, _DURATION, like('"2 h"', name="lasts")]


@dataclass(frozen=True, slots=True)
class RunRequest(Table):
    """[system.run]: what is asked of the run over days. None: as the catalogue or the topology has it."""

    profile: Annotated[str | None, OneOf(reliability_names), like('"llama-3"', name="reliability")] = None
    """Profile of failures; by default that of the device. none: nothing fails."""
    failures: Annotated[Rate | None, _RATE, like('"0.2 per device-year"')] = None
    failure_shape: Annotated[float, Field(ge=0.2, le=10)] | None = None
    """Shape of the Weibull distribution of times between failures; 1: exponential."""
    hardware_share: Annotated[float | None, _PART, like('"78 %"')] = None
    detection_s: Annotated[float | None, _DURATION, like('"5 min"', name="detection")] = None
    replacement_s: Annotated[float | None, _DURATION, like('"3 min"', name="replacement")] = None
    repair_s: Annotated[float | None, _DURATION, like('"1 day"', name="repair")] = None
    restart_s: Annotated[float | None, _DURATION, like('"5 min"', name="restart")] = None
    start_up_s: Annotated[float | None, _DURATION, like('"10 min"', name="start_up")] = None
    maintenance: MaintenanceRequest | None = None
    evaluation: EvaluationRequest | None = None
    spares: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Nodes that stand by to replace failed ones."""
    runs: Annotated[Count, Field(le=_MOST_RUNS), unless(1000)] = 1000
    """Runs that are drawn."""
    checkpoint: Annotated[CheckpointRequest, unless(CheckpointRequest())] = CheckpointRequest()
    storage: Annotated[StorageRequest, unless(StorageRequest())] = StorageRequest()

    @property
    def changes(self) -> dict[str, Any]:
        """What takes the place of the figures of a profile, by the fields of the catalogue's Reliability."""
        changes = {name: value for name, value in given_keys(self).items() if name in _REPLACED}
        for start in {"restart", "start_up"} & {name.removesuffix("_s") for name in changes}:
            changes[f"{start}_per_device_s"] = 0.0
        if self.maintenance is not None:
            changes |= {"maintenance": Rate(1.0 / self.maintenance.every_s, "cluster")}
            changes |= {"maintenance_s": self.maintenance.lasts_s}
        if self.checkpoint.mode is not None:
            changes["asynchronous_checkpoints"] = self.checkpoint.mode == "asynchronous"
        if self.checkpoint.snapshot_bytes_per_s is not None:
            changes["snapshot_bytes_per_s"] = self.checkpoint.snapshot_bytes_per_s
        return changes
