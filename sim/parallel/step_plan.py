"""What every plan says of itself, whatever kind of machine it is for."""

from __future__ import annotations

from dataclasses import Field
from typing import Any, ClassVar, Protocol

from sim.scenario.types import PlanRequest


class StepPlan(Protocol):
    """How one step is split over devices. A frozen dataclass, compared by value."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def devices(self) -> int:
        """Devices that the plan uses."""
        ...

    @property
    def micro_batch(self) -> int: ...
    @property
    def micro_batches(self) -> int: ...
    @property
    def chosen_by(self) -> str:
        """ "user", or the rule that chose it."""
        ...

    def summary(self) -> str:
        """One line for tables."""
        ...

    def request(self) -> PlanRequest:
        """The plan as a user would write it down."""
        ...
