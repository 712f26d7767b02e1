"""Every metric of a simulated point, once: its key, its title, its unit, what it means, and how it is taken.

results.json, summary.csv, the rows of sweeps, charts, tables of reports and docs/metrics.md hold what this list says. A
new metric is one entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from sim.catalog import Range
from sim.outcome.confidence import Band
from sim.outcome.lines import GROUPS, LINES, line_title
from sim.outcome.outcome import Outcome
from sim.outcome.run.training_run import TrainingRun
from sim.outcome.step_times import PERCENTILES, StepTimes
from sim.page.numbers import BYTES, COUNT, DAYS, DEVICE_SECONDS, ERROR, JOULES, SECONDS, SHARE, TEXT, UNKNOWN, USD, Unit

Value = float | int | str | None
Family = Literal["step", "memory", "run", "cost", "spread", "belief", "account"]
"""Which table of a report a metric stands in."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One quantity of a point.

    key: in files, with the unit that is stored as suffix. title: over a column, along an axis. meaning: for people, a
    sentence without its first word's capital. value: None where a point has none. called: short names on the command
    line.
    """

    key: str
    title: str
    family: Family
    unit: Unit
    meaning: str
    value: Callable[[Outcome], Value]
    called: tuple[str, ...] = ()

    def text(self, outcome: Outcome) -> str:
        """As people read it; a dash where a point has none, and what no source states is unknown."""
        return self.written(self.value(outcome))

    def written(self, value: Any) -> str:
        """A value of it as people read it."""
        if value is None or value == "":
            return UNKNOWN if self.family == "cost" else "-"
        return str(value) if isinstance(value, (str, bool)) else self.unit.write(value)

    @property
    def axis(self) -> str:
        """Along an axis: "time to train (days)"."""
        return f"{self.title} ({self.unit.axis})" if self.unit.axis else self.title


def _of_run(value: Callable[[TrainingRun], Value]) -> Callable[[Outcome], Value]:
    return lambda one: None if one.run is None else value(one.run)


def _percentile_s(percent: int) -> Callable[[Outcome], Value]:
    return _of_run(lambda run: run.percentile_s(percent))


def _between_failures_s(run: TrainingRun) -> Value:
    between_s = run.conditions.between_failures_s
    return between_s if math.isfinite(between_s) else None


def _of_steps(value: Callable[[StepTimes], Value], *, several: bool = False) -> Callable[[Outcome], Value]:
    """several: of one step alone there is none."""

    def found(one: Outcome) -> Value:
        steps = one.step_times
        return None if steps is None or (several and len(steps.times_s) < 2) else value(steps)

    return found


def _spread_s(percent: int) -> Callable[[Outcome], Value]:
    return _of_steps(lambda steps: steps.percentile_s(percent), several=True)


def _amount(name: str, end: int) -> Callable[[Outcome], Value]:
    """An end of an amount of the bill: low, typical, high."""

    def found(one: Outcome) -> Value:
        amount: Range | None = getattr(one.bill, name, None)
        return None if amount is None else amount.ends[end]

    return found


def _amounts(name: str, title: str, unit: Unit, meaning: str, called: tuple[str, ...]) -> tuple[Metric, ...]:
    low, high = f"{meaning}, every price and power at its low end", f"{meaning}, every price and power at its high end"
    return (
        Metric(f"{name}_low", f"{title}, low", "cost", unit, low, _amount(name, 0)),
        Metric(name, title, "cost", unit, f"{meaning}, typical", _amount(name, 1), called),
        Metric(f"{name}_high", f"{title}, high", "cost", unit, high, _amount(name, 2)),
    )


def _end(band: Callable[[Outcome], Band | None], end: Literal["low", "high"]) -> Callable[[Outcome], Value]:
    def found(one: Outcome) -> Value:
        known = band(one)
        return None if known is None else float(getattr(known, end))

    return found


def _step_band(one: Outcome) -> Band | None:
    return one.confidence.step


def _memory_band(one: Outcome) -> Band | None:
    return one.confidence.memory


def _line(line: str, meaning: str) -> Metric:
    key, title = f"{line}_device_s", line_title(line)
    return Metric(key, title, "account", DEVICE_SECONDS, meaning, lambda one: one.ledger.device_seconds[line])


STEP_TIME = Metric(
    "step_time_s", "step time", "step", SECONDS, "one optimizer step over the global batch, the mean if steps differ",
    lambda one: one.step_time_s,
)  # fmt: skip
TOKENS_PER_S = Metric(
    "tokens_per_s", "tokens/s", "step", COUNT, "throughput of the whole system", lambda one: one.tokens_per_s
)
TOKENS_PER_S_PER_DEVICE = Metric(
    "tokens_per_s_per_device", "tokens/s/device", "step", COUNT, "throughput over all devices given, used or not",
    lambda one: one.tokens_per_s / one.devices,
)  # fmt: skip
MFU_FULL = Metric(
    "mfu_full", "MFU", "step", SHARE,
    "model FLOPs utilisation at the precision's dense peak, attention counted over the full square, as most papers do",
    lambda one: one.mfu_full, ("mfu",),
)  # fmt: skip
MFU_CAUSAL = Metric(
    "mfu_causal", "MFU, causal", "step", SHARE,
    "the same with the causal half of attention: of one precision on devices of one kind the account's useful share",
    lambda one: one.mfu_causal,
)  # fmt: skip
MFU_HALF = Metric(
    "mfu_half", "MFU, bf16", "step", SHARE,
    "MFU by the convention of screens against the peak of half precision, whatever the precision: for comparing them",
    lambda one: one.mfu_half,
)  # fmt: skip
TAX = Metric(
    "distribution_tax", "lost to splitting", "step", SHARE,
    "distribution tax: the share of all device-seconds that exists only because the work is split",
    lambda one: one.ledger.tax, ("tax",),
)  # fmt: skip
TIME_TO_TRAIN = Metric(
    "time_to_train_s", "time to train", "run", DAYS,
    "what half of the simulated runs do not exceed, failures included; steps times step time without a run",
    lambda one: one.time_to_train_s, ("time",),
)  # fmt: skip
DEVICE_HOURS = Metric(
    "device_hours", "device-hours", "run", COUNT, "time to train times all devices given, used or not",
    lambda one: one.device_hours,
)  # fmt: skip
GOODPUT = Metric(
    "goodput", "goodput", "run", SHARE, "share of the wall time of all runs that trains",
    _of_run(lambda run: run.goodput),
)  # fmt: skip
FAILURES = Metric("failures", "failures", "run", COUNT, "of the mean run", _of_run(lambda run: run.mean_failures))
MEMORY_PEAK = Metric(
    "memory_peak_bytes", "peak memory", "memory", BYTES, "of the device that is fullest for its size",
    lambda one: one.memory.peak_bytes, ("memory",),
)  # fmt: skip
MEMORY_CAPACITY = Metric(
    "memory_capacity_bytes",
    "its memory",
    "memory",
    BYTES,
    "what that device has",
    lambda one: one.memory.capacity_bytes,
)  # fmt: skip

METRICS: tuple[Metric, ...] = (
    STEP_TIME,
    Metric("tokens_per_step", "tokens a step", "step", COUNT, "of the global batch", lambda one: one.tokens_per_step),
    TOKENS_PER_S,
    TOKENS_PER_S_PER_DEVICE,
    MFU_FULL,
    MFU_CAUSAL,
    MFU_HALF,
    Metric("hfu", "HFU", "step", SHARE, "MFU with what is computed a second time", lambda one: one.hfu),
    Metric(
        "flop_convention", "FLOPs counted", "step", TEXT, "how MFU on screens counts attention",
        lambda one: one.scenario.report.flop_convention,
    ),
    TAX,
    Metric("steps", "steps", "run", COUNT, "optimizer steps to see all tokens", lambda one: one.steps),
    TIME_TO_TRAIN,
    DEVICE_HOURS,
    Metric(
        "undisturbed_s", "without failures", "run", DAYS, "steps times step time: no failure, no checkpoint",
        lambda one: one.undisturbed_s,
    ),
    Metric("time_to_train_p10_s", "P10 of runs", "run", DAYS, "what one run in ten does not exceed", _percentile_s(10)),
    Metric("time_to_train_p50_s", "P50 of runs", "run", DAYS, "what half of them do not exceed", _percentile_s(50)),
    Metric("time_to_train_p90_s", "P90 of runs", "run", DAYS, "what nine in ten do not exceed", _percentile_s(90)),
    GOODPUT,
    FAILURES,
    Metric(
        "mean_time_between_failures_s", "between failures", "run", DAYS, "mean time between failures of the cluster",
        _of_run(_between_failures_s),
    ),
    Metric(
        "checkpoint_every_steps", "steps to a checkpoint", "run", COUNT, "from one checkpoint to the next",
        _of_run(lambda run: run.conditions.checkpoints.every_steps or None),
    ),
    *_amounts("energy_joules", "energy", JOULES, "energy of the median run, the facility included", ("energy",)),
    *_amounts("rental_usd", "rented", USD, "what the median run costs on rented devices", ("cost", "rental")),
    *_amounts("purchase_usd", "owned", USD, "what it costs on devices that are owned", ("owned",)),
    Metric("resolution", "resolution", "spread", TEXT, "every device by itself, or alike ones as one",
           lambda one: one.resolution.name),
    Metric("variation", "variation", "spread", TEXT, "in what devices differ",
           lambda one: one.scenario.system.variation.name),
    Metric("simulated_steps", "steps simulated", "spread", COUNT, "with every device by itself",
           _of_steps(lambda steps: len(steps.times_s))),
    Metric("step_time_alike_s", "with devices alike", "spread", SECONDS, "the step if no device differed",
           _of_steps(lambda steps: steps.alike_s)),
    Metric("step_time_mean_s", "mean step", "spread", SECONDS, "mean of the steps simulated",
           _of_steps(lambda steps: steps.mean_s)),
    *(
        Metric(f"step_time_p{percent}_s", f"P{percent} of steps", "spread", SECONDS,
               f"what {percent} of 100 steps do not exceed", _spread_s(percent))
        for percent in PERCENTILES
    ),
    Metric("step_time_coefficient_of_variation", "variation of steps", "spread", SHARE,
           "standard deviation of step times over their mean",
           _of_steps(lambda steps: steps.coefficient_of_variation, several=True)),
    MEMORY_PEAK,
    MEMORY_CAPACITY,
    Metric("step_time_error_p10", "error, P10", "belief", ERROR,
           "what one in ten errors of predictions like it is below; negative is predicted too fast",
           _end(_step_band, "low")),
    Metric("step_time_error_p90", "error, P90", "belief", ERROR, "what one in ten is above", _end(_step_band, "high")),
    Metric("peak_memory_error_p10", "memory error, P10", "belief", ERROR, "the same of peak memory",
           _end(_memory_band, "low")),
    Metric("peak_memory_error_p90", "memory error, P90", "belief", ERROR, "the same of peak memory",
           _end(_memory_band, "high")),
    Metric("check_sources", "sources compared", "belief", COUNT, "published sources behind the band",
           lambda one: 0 if one.confidence.step is None else one.confidence.step.sources),
    Metric("outside_checked_range", "outside", "belief", TEXT, "in what it lies outside the rows of its stack",
           lambda one: "; ".join(one.confidence.standing.outside)),
    Metric("not_checked_because", "not checked", "belief", TEXT, "what no published row has",
           lambda one: "; ".join(one.confidence.standing.unlike)),
)  # fmt: skip
ACCOUNT: tuple[Metric, ...] = tuple(_line(line, words) for group in GROUPS.values() for line, words in group.items())
"""The lines of the account of a step, which results.json has in its ledger."""
assert len(ACCOUNT) == len(LINES)


def values(outcome: Outcome) -> dict[str, Value]:
    """Key -> value of every metric of a point, as files have it."""
    return {metric.key: metric.value(outcome) for metric in METRICS}


def by_key() -> Mapping[str, Metric]:
    """Every metric by its key."""
    return MappingProxyType({metric.key: metric for metric in (*METRICS, *ACCOUNT)})


def called(name: str) -> str:
    """The key that a name stands for: a short one, or the key without its unit; the name itself where it is none."""
    every = (*METRICS, *ACCOUNT)
    return next((one.key for one in every if name in one.called or one.key == f"{name}_{one.unit.stored}"), name)
