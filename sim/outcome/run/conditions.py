"""What a run over days is made of: everything that decides how long it takes, in seconds and steps."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Every so many steps, what one stops the training for, and until when it is safe.

    every_steps: 0 for none. blocking_s: training stands still. write_s: until the whole of it is on storage; the same
    as blocking_s where training waits for that. read_s: to load one.
    """

    every_steps: int = 0
    blocking_s: float = 0.0
    write_s: float = 0.0
    read_s: float = 0.0
    size_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """One run. steps: may end with a part of one. step_s, step_variation: mean, and coefficient of variation.

    between_failures_s: mean time between failures of the whole cluster, infinite where nothing fails; shape: of their
    Weibull distribution. hardware_share: of failures after which a spare takes the place of a node. spares: nodes kept
    for that, None where there is always one. recovery_s: detection and restart, reading the checkpoint included,
    without the replacement. evaluation: every so many steps (0: never) for so long.
    """

    steps: float
    step_s: float
    step_variation: float = 0.0
    start_up_s: float = 0.0
    checkpoints: Checkpoints = Checkpoints()
    between_failures_s: float = math.inf
    shape: float = 1.0
    hardware_share: float = 1.0
    recovery_s: float = 0.0
    replacement_s: float = 0.0
    repair_s: float = 0.0
    spares: int | None = None
    between_maintenance_s: float = math.inf
    maintenance_s: float = 0.0
    restart_s: float = 0.0
    """Starting again after maintenance: nothing is to be found out, and no node to be replaced."""
    evaluation_every_steps: int = 0
    evaluation_s: float = 0.0

    @property
    def training_s(self) -> float:
        """Steps times step time: what a run would take if nothing else did."""
        return self.steps * self.step_s

    @property
    def undisturbed_s(self) -> float:
        """The run where nothing fails, so that no checkpoint is needed."""
        return self.start_up_s + self.training_s + self.evaluations * self.evaluation_s

    @property
    def evaluations(self) -> int:
        """How many there are before the last step."""
        every = self.evaluation_every_steps
        return max(math.ceil(self.steps / every) - 1, 0) if every else 0

    @property
    def mean_recovery_s(self) -> float:
        """From a failure to the first step after it, on average, while there are spares."""
        return self.recovery_s + self.hardware_share * self.replacement_s

    @property
    def longest_interruption_s(self) -> float:
        """More than a single one takes, so that a run shorter than that is not given up for it."""
        replaced_s = self.replacement_s if self.spares is None else max(self.replacement_s, self.repair_s)
        return self.recovery_s + replaced_s + self.restart_s + self.maintenance_s + self.checkpoints.write_s
