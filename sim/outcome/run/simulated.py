"""Many runs side by side, from one interruption to the next.

Between two interruptions a run is arithmetic: so many steps, checkpoints and evaluations. So the events that are
simulated are failures and maintenance, one of every run in each turn of the loop, as arrays over the runs.

Failures strike at any time, also while a run recovers from the last one. What was done since the last checkpoint that
is safe on storage is lost. Maintenance is planned: the step is finished and a checkpoint written before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.outcome.run.conditions import Conditions
from sim.outcome.run.draws import Failures, Spares
from sim.outcome.run.progress import Values, duration_s, reached, stretch

RUN_LINES = ("warm_up", "checkpoint", "evaluation", "maintenance", "lost_work", "restart")
"""Lines of the ledger beside those of the steps that stay."""
TRAINING = "training"
"""The steps that stay."""
NEVER = 50.0
"""A run that takes so many times as long as without failures is given up."""
MOST_INTERRUPTIONS = 20_000
"""A run that is interrupted more often is given up as well."""
_MOST_TURNS = 50_000_000
"""Interruptions of all runs together, after which all are given up: about a minute of work."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """R runs. times_s, failures: (R,) wall time and number of failures.

    lines_s: (R,) seconds by line of RUN_LINES, and of TRAINING; they sum to times_s.
    finished: (R,) whether it ended before it was given up.
    """

    times_s: Values
    failures: NDArray[np.int64]
    lines_s: dict[str, Values]
    finished: NDArray[np.bool_]


def simulate_runs(run: Conditions, runs: int, rng: np.random.Generator) -> Runs:
    """Simulate so many runs under the same conditions; what differs is drawn."""
    state = _State(run, runs, rng)
    limit_s = NEVER * (run.undisturbed_s + run.longest_interruption_s)
    for _ in range(most_interruptions(runs)):
        if not state.running.any():
            break
        state.advance()
        state.running &= state.clock_s < limit_s
    return Runs(state.clock_s, state.failures, state.lines_s, state.finished)


def most_interruptions(runs: int) -> int:
    """How often each of so many runs may be interrupted before it is given up."""
    return min(MOST_INTERRUPTIONS, _MOST_TURNS // runs)


class _State:
    """Where every run stands. (R,) each; runs that have ended keep what they had."""

    def __init__(self, run: Conditions, runs: int, rng: np.random.Generator) -> None:
        self.run, self.rng = run, rng
        self.clock_s = np.full(runs, run.start_up_s)
        self.done = np.zeros(runs)
        self.down_s = np.zeros(runs)
        self.failures = np.zeros(runs, dtype=np.int64)
        self.running = np.ones(runs, dtype=bool)
        self.finished = np.zeros(runs, dtype=bool)
        self.lines_s = {line: np.zeros(runs) for line in (*RUN_LINES, TRAINING)}
        self.lines_s["warm_up"] += run.start_up_s
        self.draws, self.pool = Failures(run, rng), Spares(run, runs, rng)
        self.fails_at_s = self.draws.between_s(runs)
        self.maintained_at_s = np.full(runs, run.between_maintenance_s)

    def advance(self) -> None:
        """Take every run that is not over to its next interruption, or to its end."""
        up_at_s = self.clock_s + self.down_s
        still_down = self.running & (self.fails_at_s < up_at_s)
        up = self.running & ~still_down
        self._add("restart", up, self.down_s)
        # A failure during maintenance is found when that is over.
        self._add("restart", still_down, np.maximum(self.fails_at_s - self.clock_s, 0.0))
        until_s = np.minimum(self.fails_at_s, self.maintained_at_s)
        step_s = self.draws.step_s(until_s - up_at_s)
        whole = stretch(self.run, self.done, np.full_like(self.done, self.run.steps))
        end_s = up_at_s + duration_s(whole, step_s)
        ends = up & (end_s <= until_s)
        self._add(TRAINING, ends, whole.steps * step_s)
        self._add("checkpoint", ends, whole.checkpoint_s)
        self._add("evaluation", ends, whole.evaluation_s)
        stopped = up & ~ends
        self._stop(stopped, step_s, up_at_s)
        self.clock_s = np.where(ends, end_s, self.clock_s)
        self._fail(still_down)
        self.finished |= ends
        self.running &= ~ends

    def _stop(self, stopped: NDArray[np.bool_], step_s: Values, up_at_s: Values) -> None:
        """Account for what runs did until a failure or maintenance interrupts them."""
        if not stopped.any():
            return
        run, checkpoints = self.run, self.run.checkpoints
        planned = stopped & (self.maintained_at_s < self.fails_at_s)
        failed = stopped & ~planned
        until_s = np.minimum(self.fails_at_s, self.maintained_at_s)
        time_s = np.where(stopped, np.maximum(until_s - up_at_s, 0.0), 0.0)
        upto = reached(run, self.done, step_s, time_s)
        part = stretch(run, self.done, upto)
        busy_s = duration_s(part, step_s)
        self._add("checkpoint", stopped, part.checkpoint_s)
        self._add("evaluation", stopped, part.evaluation_s)
        safe = self._safe(upto, step_s, time_s)
        stays = np.where(planned, upto, safe)
        self._add(TRAINING, stopped, (stays - self.done) * step_s)
        self._add("lost_work", failed, (upto - safe) * step_s + time_s - busy_s)
        self._add("checkpoint", planned, checkpoints.write_s)
        self._add("maintenance", planned, run.maintenance_s)
        self.done = np.where(stopped, stays, self.done)
        after_s = up_at_s + busy_s + checkpoints.write_s + run.maintenance_s
        self.clock_s = np.where(planned, after_s, self.clock_s)
        self.down_s = np.where(planned, run.restart_s, self.down_s)
        self.maintained_at_s = np.where(planned, after_s + run.between_maintenance_s, self.maintained_at_s)
        self._fail(failed)

    def _safe(self, upto: Values, step_s: Values, time_s: Values) -> Values:
        """(R,) steps that need not be done again: those before the last checkpoint that was written in time."""
        every, write_s = self.run.checkpoints.every_steps, self.run.checkpoints.write_s
        if not every:
            return self.done
        last = np.maximum(np.floor(upto / every) * every, self.done)
        begun_s = duration_s(stretch(self.run, self.done, last), step_s) - self.run.checkpoints.blocking_s
        unfinished = (last > self.done) & (begun_s + write_s > time_s)
        safe: Values = np.where(unfinished, np.maximum(last - every, self.done), last)
        return safe

    def _fail(self, failed: NDArray[np.bool_]) -> None:
        """Let runs fail where they are due, and find out how long each is down."""
        if not failed.any():
            return
        at_s = np.maximum(self.fails_at_s, self.clock_s)
        self.clock_s = np.where(failed, at_s, self.clock_s)
        self.failures += failed
        self.down_s = np.where(failed, self.run.recovery_s + self.pool.wait_s(failed, at_s), self.down_s)
        self.fails_at_s = np.where(failed, at_s + self.draws.between_s(failed.size), at_s)

    def _add(self, line: str, where: NDArray[np.bool_], seconds: Values | float) -> None:
        np.add(self.lines_s[line], seconds, out=self.lines_s[line], where=where)
