"""How far a run gets in a given time while nothing fails, and what that time goes to.

Legend: R runs side by side. A checkpoint follows every k-th step and an evaluation every e-th, none the last step.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.outcome.run.conditions import Conditions

Values = NDArray[np.float64]


class Stretch(NamedTuple):
    """Consecutive steps of each run. (R,) each: steps done, seconds of checkpoints and of evaluations between them.

    A plain 0 of what there is none of.
    """

    steps: Values
    checkpoint_s: Values | float
    evaluation_s: Values | float


def stretch(run: Conditions, start: Values, stop: Values) -> Stretch:
    """What lies between two numbers of steps, the start's own pauses excluded and the stop's included.

    Nothing follows the last step of the run.
    """
    last = math.ceil(run.steps) - 1
    begin, end = np.minimum(start, last), np.minimum(stop, last)
    pauses: list[Values | float] = [0.0, 0.0]
    costs = (run.checkpoints.every_steps, run.checkpoints.blocking_s), (run.evaluation_every_steps, run.evaluation_s)
    for index, (every, pause_s) in enumerate(costs):
        if every:
            pauses[index] = (np.floor(end / every) - np.floor(begin / every)) * pause_s
    return Stretch(stop - start, *pauses)


def duration_s(part: Stretch, step_s: Values) -> Values:
    """(R,) how long it takes at so many seconds a step."""
    total: Values = part.steps * step_s + part.checkpoint_s + part.evaluation_s
    return total


def reached(run: Conditions, start: Values, step_s: Values, time_s: Values) -> Values:
    """(R,) the last step that is over, its pauses included, when so much time has passed; never the end of the run.

    Whole steps: what is done of the next one is not counted. Found by bisection between what the mean pace allows.
    """
    checkpoints, last = run.checkpoints, float(math.ceil(run.steps) - 1)
    pauses_s = (checkpoints.blocking_s if checkpoints.every_steps else 0.0) + (
        run.evaluation_s if run.evaluation_every_steps else 0.0
    )
    pace_s = step_s + sum(
        pause_s / every
        for every, pause_s in (
            (checkpoints.every_steps, checkpoints.blocking_s),
            (run.evaluation_every_steps, run.evaluation_s),
        )
        if every
    )
    low = np.clip(np.floor(start + (time_s - pauses_s) / pace_s) - 1.0, start, last)
    high = np.clip(np.ceil(start + (time_s + pauses_s) / pace_s) + 1.0, start, last + 1.0)
    # The last step that is over is in [low, high), and start always is.
    while bool((high - low > 1.0).any()):
        middle = np.floor((low + high) / 2.0)
        over = duration_s(stretch(run, start, middle), step_s) <= time_s
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return low
