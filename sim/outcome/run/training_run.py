"""What the simulated runs of one system say: how long, how much of it trains, and where every device-second goes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.catalog import Reliability
from sim.errors import InputError
from sim.outcome.ledger import Ledger, checked
from sim.outcome.run.closed_form import expected_cycle_s
from sim.outcome.run.conditions import Conditions
from sim.outcome.run.simulated import NEVER, RUN_LINES, TRAINING, Runs, most_interruptions, simulate_runs
from sim.page.numbers import duration
from sim.scenario.bounds import MOST_STEPS, check_size

RUN_PERCENTILES = (10, 50, 90)
"""Per cent of the runs whose longest is reported."""
_STREAM = 0x72756E
"""Sets what is drawn here apart from what else a seed decides. Systems draw the same, so that noise cancels."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRun:
    """Simulated runs of one system. ledger: of the mean run, over all devices given to it.

    reliability: as it was used, with what the scenario changed in it.
    """

    conditions: Conditions
    reliability: Reliability
    runs: Runs
    ledger: Ledger

    @property
    def mean_s(self) -> float:
        """Mean wall time."""
        return float(self.runs.times_s.mean())

    @property
    def goodput(self) -> float:
        """Share of the wall time, from the first start on, that trains: steps that stay, over everything."""
        return float(self.runs.lines_s[TRAINING].sum() / self.runs.times_s.sum())

    @property
    def mean_failures(self) -> float:
        """Unexpected interruptions of the mean run."""
        return float(self.runs.failures.mean())

    def percentile_s(self, percent: float) -> float:
        """What so many per cent of the runs do not exceed."""
        return float(np.percentile(self.runs.times_s, percent))

    def goodput_percentile(self, percent: float) -> float:
        """The share that trains which so many per cent of the runs do not exceed."""
        return float(np.percentile(self.runs.lines_s[TRAINING] / self.runs.times_s, percent))


def simulated_training_run(
    run: Conditions, reliability: Reliability, step: Ledger, runs: int, seed: int, where: str
) -> TrainingRun:
    """Simulate so many runs. step: the account of one step. where: first in messages.

    Raises InputError where a run would hardly ever end.
    """
    most = most_interruptions(runs)
    _check_progress(run, most, where)
    found = simulate_runs(run, runs, np.random.default_rng([seed, _STREAM]))
    if not found.finished.all():
        share = 1.0 - float(found.finished.mean())
        limits = f"take over {NEVER:g} times as long as without failures, or are interrupted {most:,} times"
        raise _endless(run, f"{100 * share:.3g} % of the runs {limits}", where)
    return TrainingRun(run, reliability, found, run_ledger(step, found))


def run_ledger(step: Ledger, runs: Runs) -> Ledger:
    """The account of the mean run: steps that stay as a step is spent, and the lines of the run.

    Raises LedgerNotClosed when the lines do not sum to devices x mean time within 1e-9.
    """
    trained_s = float(runs.lines_s[TRAINING].mean())
    lines = {line: seconds * (trained_s / step.step_time_s) for line, seconds in step.device_seconds.items()}
    for line in RUN_LINES:
        lines[line] += step.devices * float(runs.lines_s[line].mean())
    return checked(Ledger(lines, step.devices, float(runs.times_s.mean())))


def _check_progress(run: Conditions, most: int, where: str) -> None:
    """Refuse a run of which is known before it is simulated that it would hardly ever end."""
    check_size(run.steps, MOST_STEPS, "steps of a run", where)
    if min(run.between_failures_s, run.between_maintenance_s) * most < run.undisturbed_s:
        raise _endless(run, f"it is due to be interrupted over {most:,} times", where)
    every = min(run.checkpoints.every_steps or run.steps, run.steps)
    if math.isinf(run.between_failures_s) or run.shape != 1.0:
        return
    blocking_s = run.checkpoints.blocking_s if run.checkpoints.every_steps else 0.0
    cycle_s = float(expected_cycle_s(every * run.step_s, blocking_s, run.between_failures_s, run.mean_recovery_s))
    if run.steps / every * cycle_s > NEVER * (run.undisturbed_s + run.longest_interruption_s):
        raise _endless(run, "so little is done between two of them that it hardly gets on", where)


def _endless(run: Conditions, problem: str, where: str) -> InputError:
    every = run.checkpoints.every_steps
    work = f"checkpoints are {duration(every * run.step_s)} of work apart" if every else "there are no checkpoints"
    due = [
        f"{what} every {duration(between_s)}, {duration(lasts_s)} until it goes on"
        for what, between_s, lasts_s in (
            ("a failure", run.between_failures_s, run.mean_recovery_s),
            ("maintenance", run.between_maintenance_s, run.maintenance_s + run.restart_s),
        )
        if not math.isinf(between_s)
    ]
    return InputError(
        where,
        "\n".join([f"the run would hardly ever end: {problem}", *due, work]),
        "use fewer devices, checkpoints more often, faster storage, or a lower rate of failures or maintenance",
    )
