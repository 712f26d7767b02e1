"""What was published of a point beside what is predicted of it."""

from __future__ import annotations

from dataclasses import dataclass

from sim.outcome.outcome import Outcome

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Checked:
    """One published figure beside the predicted one. error: signed, predicted over published less one."""

    name: str
    predicted: float
    published: float
    checks: bool
    """False where the published figure is remembered: shown, never counted."""

    @property
    def error(self) -> float:
        """By how much the prediction is above what was published, as a share of it."""
        return self.predicted / self.published - 1.0


def checked(outcome: Outcome) -> list[Checked]:
    """Every published figure of a point that the simulation predicts: time, and device-hours.

    A clean figure is held against the steps alone, any other against the run with its failures and checkpoints.
    """
    published = outcome.scenario.published
    if published is None:
        return []
    predicted_s = outcome.undisturbed_s if published.clean else outcome.time_to_train_s
    pairs = (
        ("time_to_train_s", predicted_s, published.time_s),
        ("device_hours", predicted_s * outcome.devices / _HOUR_S, published.device_hours),
    )
    return [Checked(name, own, theirs, not published.remembered) for name, own, theirs in pairs if theirs is not None]


def error_of(outcome: Outcome) -> float | None:
    """The error that counts: of the first published figure that is a check; None without one."""
    return next((one.error for one in checked(outcome) if one.checks), None)
