"""What is compared of an outcome, each by one name; None is unknown."""

from __future__ import annotations

from dataclasses import dataclass

from sim.outcome.ledger import Ledger
from sim.outcome.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Span:
    """From low to high."""

    low: float
    high: float

    def apart(self, other: Span) -> bool:
        """Whether they have nothing in common."""
        return self.high < other.low or other.high < self.low


def error_span(outcome: Outcome) -> Span | None:
    """P10 and P90 of the errors of step times like the outcome's, shares; None where none was compared."""
    band = outcome.confidence.step
    return None if band is None else Span(band.low, band.high)


def time_span_s(outcome: Outcome) -> Span | None:
    """Time to train within the error band of its steps: an error of -10 % is a run of 1 / 0.9 of what is simulated."""
    errors = error_span(outcome)
    if errors is None:
        return None
    return Span(outcome.time_to_train_s / (1 + errors.high), outcome.time_to_train_s / (1 + errors.low))


def account(outcome: Outcome) -> Ledger:
    """Every device-second of the mean run; of the steps to all tokens where no run was simulated."""
    if outcome.run is not None:
        return outcome.run.ledger
    step = outcome.ledger
    lines = {line: seconds * outcome.steps for line, seconds in step.device_seconds.items()}
    return Ledger(lines, step.devices, step.step_time_s * outcome.steps)


def without_failures_s(outcome: Outcome) -> float | None:
    """The run in which nothing fails, so that no checkpoint is needed; None where no run was simulated."""
    return None if outcome.run is None else outcome.run.conditions.undisturbed_s


def rental_usd(outcome: Outcome) -> float | None:
    """Typical rental of the run."""
    return None if outcome.bill is None or outcome.bill.rental_usd is None else outcome.bill.rental_usd.typical


def owned_usd(outcome: Outcome) -> float | None:
    """Typical cost of the run on hardware that is owned."""
    return None if outcome.bill is None or outcome.bill.purchase_usd is None else outcome.bill.purchase_usd.typical


def energy_joules(outcome: Outcome) -> float | None:
    """Typical energy of the run at the meter of the hall."""
    return None if outcome.bill is None or outcome.bill.energy_joules is None else outcome.bill.energy_joules.typical


def meter_watts(outcome: Outcome) -> float | None:
    """Mean power at the meter of the hall, all that is billed included."""
    energy = energy_joules(outcome)
    return None if energy is None else energy / outcome.time_to_train_s
