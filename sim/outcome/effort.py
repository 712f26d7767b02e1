"""How hard the best plan was to find, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from sim.parallel.step_plan import StepPlan


@dataclass(frozen=True, slots=True)
class Effort:
    """What there was to choose from. Plans are counted, of those that use as many devices as their degrees allow.

    legal, fitting: all, and those whose memory is there. within_5_percent, within_20_percent: those that fit and take
    no more than so much longer than the best. median_over_best: the median step of those that fit over the best one.
    rule_of_thumb: what practice would choose unsearched, None where nothing like it fits. rule_of_thumb_over_best: its
    step over the best.
    """

    legal: int
    fitting: int
    within_5_percent: int
    within_20_percent: int
    median_over_best: float
    rule_of_thumb: StepPlan | None = None
    rule_of_thumb_step_s: float | None = None
    rule_of_thumb_over_best: float | None = None
