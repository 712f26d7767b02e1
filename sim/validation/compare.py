"""Prediction against measurement: every row of the tables through the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sim.errors import ScaletaxError
from sim.machines import Prepared, facts_of
from sim.outcome.confidence import NEVER_CHECKED, Confidence, confidence
from sim.outcome.outcome import Memory, Outcome
from sim.processes import mapped
from sim.simulate import simulate_prepared
from sim.validation.cases import Case, case_of
from sim.validation.conventions import convention_of
from sim.validation.labels import origin_of
from sim.validation.obstacles import Unsupported
from sim.validation.roles import Role, role_of
from sim.validation.table import Problem, Row, Table
from sim.validation.tuning import settled

_GIB = 2.0**30
MOST_PASSES = 100_000
"""Beyond it a step takes minutes to simulate; no published one comes near it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measured and one predicted step, and what the prediction is made of.

    lines: ledger line -> share of the device-seconds of the predicted step. plan: in a few words. confidence: what all
    sources but the row's own say of the prediction.
    """

    case: Case
    role: Role
    predicted_s: float
    predicted_memory_GiB: float  # noqa: N815
    plan: str
    lines: dict[str, float]
    confidence: Confidence = NEVER_CHECKED

    @property
    def row(self) -> Row:
        """The measurement."""
        return self.case.row

    @property
    def stack(self) -> str:
        """The software stack that the row ran."""
        return self.case.stack

    @property
    def measured_s(self) -> float:
        """The measured step time."""
        return self.case.step_time_s

    @property
    def error(self) -> float:
        """Signed relative error of the step time: negative means predicted too fast."""
        return self.predicted_s / self.measured_s - 1.0

    @property
    def is_inside(self) -> bool | None:
        """Whether its error lies inside the band that other sources make; None where they make none."""
        band = self.confidence.step
        return None if band is None else bool(band.low <= self.error <= band.high)

    @property
    def memory_error(self) -> float | None:
        """Signed relative error of the peak memory, where it was measured."""
        measured = self.row.memory_GiB
        return None if not measured else self.predicted_memory_GiB / measured - 1.0


@dataclass(frozen=True, slots=True)
class Validation:
    """What a table says about the simulator. Every row of it is in exactly one of the three."""

    comparisons: tuple[Comparison, ...]
    unsupported: tuple[Unsupported, ...]
    problems: tuple[Problem, ...]


def compare(
    table: Table,
    jobs: int = 1,
    wanted: Callable[[Case, Role], bool] = lambda case, role: True,
    done: Callable[[], object] = lambda: None,
) -> Validation:
    """Simulate every row of a table that can be, on `jobs` processes; the result does not depend on how many.

    wanted: which of the rows that can be simulated to take. done: called after each, for progress.
    """
    cases = [case_of(row) for row in table.rows]
    chosen = [one for one in cases if isinstance(one, Case) and wanted(one, role_of(one))]
    # The longest first, so that no process is left with one of them at the end.
    order = sorted(range(len(chosen)), key=lambda index: (-length_of(chosen[index]), index))
    found: dict[int, Comparison | Unsupported] = {}
    longest_first = mapped(compare_case, [chosen[index] for index in order], jobs)
    for index, result in zip(order, longest_first, strict=True):
        found[index] = result
        done()
    results = [found[index] for index in range(len(chosen))]
    return Validation(
        tuple(one for one in results if isinstance(one, Comparison)),
        tuple(one for one in (*cases, *results) if isinstance(one, Unsupported)),
        table.problems,
    )


def compare_case(case: Case) -> Comparison | Unsupported:
    """Simulate one row with its open settings chosen. A row that breaks the simulator is listed so."""
    try:
        whole, prepared = settled(case)
        if passes_of(prepared) > MOST_PASSES:
            return Unsupported(case.row, f"a step of {passes_of(prepared)} passes is too long to simulate")
        outcome = simulate_prepared(prepared)
    except ScaletaxError as error:
        return Unsupported.refused(case.row, error)
    except Exception as error:
        return Unsupported(case.row, f"a defect of scaletax: {type(error).__name__}: {error}")
    return Comparison(
        whole,
        role_of(case),
        outcome.step_time_s,
        measured_bytes(outcome.memory, convention_of(case.row).memory) / _GIB,
        outcome.plan.summary(),
        _lines(outcome),
        _confidence(case, prepared),
    )


def _confidence(case: Case, prepared: Prepared) -> Confidence:
    """What all sources but the row's own say of its prediction, its stack named or guessed."""
    facts = facts_of(prepared)
    assert facts is not None
    return confidence(facts, is_guessed=not case.known, without=origin_of(case.row.source))


def passes_of(prepared: Prepared) -> int:
    """Passes of a step that the engine draws: micro-batches through a pipeline's chunks, or a wafer's layers."""
    return prepared.kind.passes(prepared.plan, prepared.scenario.model.layers)


def measured_bytes(memory: Memory, what: Literal["allocated", "reserved"]) -> float:
    """Of the fullest stage, what a framework's allocator reports: what it has handed out, or has reserved."""
    beyond = {"allocated": ("fragmentation", "runtime"), "reserved": ("runtime",)}[what]
    return sum(size for item, size in memory.stages[memory.fullest].items() if item not in beyond)


def length_of(case: Case) -> float:
    """About how many passes a step has: sequences of a replica times pipeline stages, before settings are chosen."""
    row = case.row
    return (row.global_batch_sequences or 1) / ((row.dp or 1) * (row.micro_batch or 1)) * (row.pp or 1)


def _lines(outcome: Outcome) -> dict[str, float]:
    ledger = outcome.ledger
    return {line: share for line in ledger.device_seconds if (share := ledger.share(line)) > 0}
