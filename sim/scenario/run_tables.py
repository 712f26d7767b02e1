"""The structure of [system.run]: how often the system fails, how it recovers, when it writes checkpoints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from sim.errors import InputError, shown
from sim.scenario.table import Count, Table
from sim.units import Rate, fraction, quantity, rate

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


def _rate(value: object) -> Rate:
    return rate(value, "")


def _share(value: object) -> float:
    return fraction(value, "")


def _bytes(value: object) -> float:
    return quantity(value, "bytes", "")


def _bytes_per_s(value: object) -> float:
    return quantity(value, "bytes_per_s", "")


Duration = Annotated[float, PlainValidator(duration)]
Speed = Annotated[float, PlainValidator(_bytes_per_s)]


class CheckpointTable(Table):
    """[system.run.checkpoint]."""

    every: Annotated[Interval, PlainValidator(interval)] = Field(Interval("best"), examples=['"1 h"', '"best"'])
    mode: Literal["synchronous", "asynchronous"] | None = None
    snapshot_rate: Speed | None = Field(None, examples=['"10 GB/s"'])


class StorageTable(Table):
    """[system.run.storage]: what the cluster's storage does, over all nodes."""

    write_rate: Speed | None = Field(None, examples=['"100 GB/s"'])
    read_rate: Speed | None = Field(None, examples=['"100 GB/s"'])
    capacity: Annotated[float, PlainValidator(_bytes)] | None = Field(None, examples=['"1 PB"'])


class EvaluationTable(Table):
    """[system.run.evaluation]."""

    every: Annotated[int, PlainValidator(steps)] = Field(examples=['"1000 steps"'])
    lasts: Duration = Field(examples=['"12 min"'])


class MaintenanceTable(Table):
    """[system.run.maintenance]."""

    every: Annotated[float, PlainValidator(period)] = Field(examples=['"7 days"'])
    lasts: Duration = Field(examples=['"2 h"'])


class RunTable(Table):
    """[system.run]: a profile of the catalogue (by default the device's), and what is changed in it."""

    reliability: str | None = Field(None, examples=['"llama-3"'])
    failures: Annotated[Rate, PlainValidator(_rate)] | None = Field(None, examples=['"0.2 per device-year"'])
    failure_shape: Annotated[float, Field(ge=0.2, le=10)] | None = None
    hardware_share: Annotated[float, PlainValidator(_share)] | None = Field(None, examples=['"78 %"'])
    spares: Annotated[int, Field(ge=0, le=10_000)] | None = None
    detection: Duration | None = Field(None, examples=['"5 min"'])
    replacement: Duration | None = Field(None, examples=['"3 min"'])
    repair: Duration | None = Field(None, examples=['"1 day"'])
    restart: Duration | None = Field(None, examples=['"5 min"'])
    start_up: Duration | None = Field(None, examples=['"10 min"'])
    checkpoint: CheckpointTable | None = None
    storage: StorageTable | None = None
    evaluation: EvaluationTable | None = None
    maintenance: MaintenanceTable | None = None
    runs: Annotated[Count, Field(le=_MOST_RUNS)] = 1000


def run_or_profile(value: object) -> object:
    """The name of a profile stands for a table that says no more than that."""
    if isinstance(value, str):
        return {"reliability": value}
    if not isinstance(value, dict):
        raise InputError(
            "",
            f"{shown(value)} is no run",
            'write for example run = "none" (scaletax list reliability), or a table [system.run]',
        )
    return value
