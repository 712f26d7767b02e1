"""How far a run gets in a given time: counted step by step, and by arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.outcome.run.conditions import Checkpoints, Conditions
from sim.outcome.run.progress import duration_s, reached, stretch


def conditions(steps=20.0, checkpoint=(0, 0.0), evaluation=(0, 0.0)):
    every, lasts = checkpoint
    return Conditions(
        steps,
        1.0,
        checkpoints=Checkpoints(every, lasts, lasts, 0.0),
        evaluation_every_steps=evaluation[0],
        evaluation_s=evaluation[1],
    )


def walked(run, start, time_s):
    """The last step that is over, walking through the steps one at a time."""
    at, spent = start, 0.0
    while at < np.ceil(run.steps) - 1:
        nxt = at + 1
        spent += run.step_s
        if run.checkpoints.every_steps and nxt % run.checkpoints.every_steps == 0:
            spent += run.checkpoints.blocking_s
        if run.evaluation_every_steps and nxt % run.evaluation_every_steps == 0:
            spent += run.evaluation_s
        if spent > time_s:
            return at
        at = nxt
    return at


def test_a_stretch_by_hand():
    run = conditions(10.0, (3, 2.0), (5, 7.0))
    part = stretch(run, np.array([0.0, 3.0]), np.array([10.0, 10.0]))
    # After steps 3, 6 and 9; after 5, and not after 10, which is the last.
    assert part.checkpoint_s.tolist() == [6.0, 4.0]
    assert part.evaluation_s.tolist() == [7.0, 7.0]
    assert duration_s(part, np.array([1.0, 2.0])).tolist() == [23.0, 25.0]


def test_nothing_follows_a_last_step_that_is_not_whole():
    part = stretch(conditions(9.5, (3, 2.0)), np.zeros(1), np.array([9.5]))
    assert part.checkpoint_s.tolist() == [6.0]
    part = stretch(conditions(9.0, (3, 2.0)), np.zeros(1), np.array([9.0]))
    assert part.checkpoint_s.tolist() == [4.0]


@pytest.mark.parametrize(
    ("steps", "every", "count"),
    [(20.0, 5, 3), (20.5, 5, 4), (21.0, 5, 4), (24.9, 5, 4), (25.0, 5, 4), (4.0, 5, 0), (5.0, 5, 0), (20.0, 0, 0)],
)
def test_evaluations_before_the_last_step(steps, every, count):
    # After every fifth step but the last: of 20 steps after 5, 10 and 15.
    run = conditions(steps, evaluation=(every, 7.0))
    assert run.evaluations == count
    assert run.undisturbed_s == steps + 7.0 * count
    part = stretch(run, np.zeros(1), np.array([steps]))
    assert part.evaluation_s == 7.0 * count


@given(
    steps=st.integers(1, 60),
    checkpoint=st.tuples(st.integers(0, 9), st.integers(0, 5)),
    evaluation=st.tuples(st.integers(0, 9), st.integers(0, 5)),
    start=st.integers(0, 59),
    time=st.integers(0, 200),
)
def test_reached_is_what_walking_reaches(steps, checkpoint, evaluation, start, time):
    run = conditions(float(steps), checkpoint, evaluation)
    start = min(start, steps - 1)
    found = reached(run, np.array([float(start)]), np.ones(1), np.array([time + 0.5]))
    assert found[0] == walked(run, start, time + 0.5)


def test_reached_never_ends_the_run():
    assert reached(conditions(5.0), np.zeros(1), np.ones(1), np.array([1e6]))[0] == 4.0


def test_a_step_whose_checkpoint_is_not_over_is_not():
    run = conditions(20.0, (4, 10.0))
    found = reached(run, np.zeros(3), np.ones(3), np.array([4.0, 13.9, 14.0]))
    assert found.tolist() == [3.0, 3.0, 4.0]
    assert run.training_s == pytest.approx(20.0)
