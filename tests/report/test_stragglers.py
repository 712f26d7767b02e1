"""What is told of devices that differ is recomputed here from the steps; of devices that are alike nothing is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import pytest
from builders import screen_of

from sim.outcome.outcome import Outcome
from sim.outcome.step_times import HeldUp, StepTimes
from sim.page.numbers import duration
from sim.report.stragglers import device_name, node_name, resolved_percentiles, step_answer, steps_table
from sim.study.points import curves


def rows_of(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], dict[str, str]]:
    """System and devices -> title -> cell, of the table of steps."""
    found = steps_table(curves(outcomes))
    titles = [heading.title for heading in found.headings]
    return {(row[0], row[1]): dict(zip(titles, row, strict=True)) for row in found.rows}


def row_of(outcome: Outcome) -> dict[str, str]:
    (row,) = rows_of([outcome]).values()
    return row


def with_steps(outcome: Outcome, times_s: Sequence[float], held_up: Sequence[HeldUp], alike_s: float = 1.0) -> Outcome:
    steps = StepTimes(np.array(times_s), alike_s, tuple(held_up), node_devices=8)
    return dataclasses.replace(outcome, step_times=steps)


def device(number: int, steps: int, actor: str = "replica", replica: int | None = None, rank: int = 0) -> HeldUp:
    return HeldUp("device", steps, number, actor, number if replica is None else replica, rank)


def test_the_table_holds_the_steps(varied: tuple[Outcome, ...]) -> None:
    found = rows_of(varied)
    assert set(found) == {(one.scenario.system.name, f"{one.devices:,}") for one in varied}
    for point in varied:
        row, steps = found[point.scenario.system.name, f"{point.devices:,}"], point.step_times
        assert steps is not None
        longer = f"{100 * (steps.mean_s / steps.alike_s - 1):.1f} % longer"
        assert row["than with devices alike"] == ("as long" if longer == "0.0 % longer" else longer)
        assert row["mean step"] == duration(steps.mean_s)
        assert row["steps"] == "30"


def varying(outcome: Outcome, times_s: Sequence[float]) -> Outcome:
    """An outcome with these steps, on devices that are said to differ."""
    scenario = outcome.scenario
    variation = dataclasses.replace(scenario.system.variation, name="noisy", speed_spread=0.1)
    system = dataclasses.replace(scenario.system, variation=variation)
    changed = dataclasses.replace(outcome, scenario=dataclasses.replace(scenario, system=system))
    return with_steps(changed, times_s, [device(3, len(times_s))])


def test_percentiles_need_steps_beyond_them(alone: Outcome) -> None:
    for count, percents in ((1, []), (2, [50]), (19, [50]), (20, [50, 95]), (99, [50, 95]), (100, [50, 95, 99])):
        outcome = varying(alone, np.linspace(1.0, 2.0, count).tolist())
        assert outcome.step_times is not None
        assert resolved_percentiles(outcome.step_times) == percents


def test_a_mean_step_is_longer_shorter_or_as_long(alone: Outcome) -> None:
    for times_s, words in (([1.1] * 4, "10.0 % longer"), ([0.9] * 4, "10.0 % shorter"), ([1.0001] * 4, "as long")):
        row = row_of(varying(alone, times_s))
        assert row["than with devices alike"] == words
        # Nobody holds up a step that is no longer than it would be.
        assert (row["held up by"] == "nobody in particular") == ("longer" not in words)


def test_the_first_screen_says_how_much_longer_steps_are(varied: tuple[Outcome, ...], alone: Outcome) -> None:
    (sentence,) = step_answer(curves(varied))
    for point, place in ((varied[1], "gpu cluster on 16 devices"), (varied[4], "wafer on 4 devices")):
        assert point.step_times is not None
        longer = 100 * (point.step_times.mean_s / point.step_times.alike_s - 1)
        told = "as long" if abs(longer) <= 0.05 else f"{longer:.1f} % longer"
        assert f"{told} for {place}" in sentence
    assert step_answer(curves([alone])) == []
    assert sentence in " ".join(screen_of(varied).split())


def test_who_holds_everyone_up_is_who_the_outcome_names(varied: tuple[Outcome, ...]) -> None:
    found = rows_of(varied)
    for point in (varied[1], varied[2]):
        assert point.step_times is not None
        first = point.step_times.held_up[0]
        who = "delays of the network" if first.by == "network" else device_name(first, point)
        told = found[point.scenario.system.name, f"{point.devices:,}"]["held up by"]
        assert told.startswith(f"{who} in {first.steps} of 30")


@pytest.mark.parametrize(
    ("held_up", "words"),
    [
        ([device(3, 40)], "gpu 3 in 40 of 40"),
        ([device(3, 30), device(5, 10)], "gpu 3 in 30 of 40, gpu 5 in 10 of 40"),
        ([device(3, 30), HeldUp("network", 10)], "gpu 3 in 30 of 40, delays of the network in 10 of 40"),
        ([HeldUp("nobody", 30), device(5, 10)], "nobody in 30 of 40, gpu 5 in 10 of 40"),
        ([device(3, 20), device(5, 10), device(6, 10)], "gpu 3 in 20 of 40, gpu 5 in 10 of 40"),
        ([device(3, 34), *(device(n, 2) for n in (4, 5, 6))], "gpu 3 in 34 of 40"),
        ([device(n, 2) for n in range(20)], "nobody in particular"),
        ([device(13933, 40)], "gpu 13,933 in 40 of 40"),
    ],
)
def test_how_often_somebody_holds_everyone_up(alone: Outcome, held_up: list[HeldUp], words: str) -> None:
    outcome = with_steps(varying(alone, [1.1]), [1.1] * 40, held_up)
    assert row_of(outcome)["held up by"] == words


def test_a_device_is_called_by_its_place_in_the_plan(
    pipeline: Outcome, alone: Outcome, varied: tuple[Outcome, ...]
) -> None:
    assert device_name(device(13, 1, "stage 1", 2, 1), pipeline) == "gpu 13 (stage 1, replica 2, rank 1)"
    assert device_name(device(5, 1), alone) == "gpu 5"
    assert device_name(device(2, 1, "wafer"), varied[4]) == "wafer 2"


def test_a_node_is_called_by_its_devices(alone: Outcome, varied: tuple[Outcome, ...]) -> None:
    assert node_name(1, varied[1]) == "node 1 (8 devices from gpu 8 on)"
    assert node_name(3, varied[4]) == "node 3 (wafer 3)"
    # 20 devices end within the third node of 8.
    cut = dataclasses.replace(varied[1], ledger=dataclasses.replace(varied[1].ledger, devices=20))
    assert node_name(2, cut) == "node 2 (4 devices from gpu 16 on)"
    held_up = [HeldUp("node", 30, node=0), device(5, 10)]
    told = row_of(with_steps(varying(alone, [1.1]), [1.1] * 40, held_up))["held up by"]
    assert told == "node 0 (8 devices from gpu 0 on) in 30 of 40, gpu 5 in 10 of 40"


@pytest.mark.parametrize(
    ("late_s", "words"),
    [
        (
            {"work": 0.58, "stalls": 0.31, "data_comm": 0.09, "tensor_comm": 0.02},
            "slower devices 58 %, stalls 31 %, the network 11 %",
        ),
        ({"work": 0.1, "stalls": 0.9}, "stalls 90 %, slower devices 10 %"),
        ({"work": -0.5, "stalls": 0.3, "pipeline_comm": 0.1}, "stalls 75 %, the network 25 %"),
        ({"work": 0.995, "stalls": 0.005}, "slower devices 100 %"),
        ({"data_comm": 0.3, "tensor_comm": -0.1}, "the network 100 %"),
        ({"work": -0.5}, "-"),
        ({}, "-"),
    ],
)
def test_what_a_longer_step_is_made_of(alone: Outcome, late_s: dict[str, float], words: str) -> None:
    def because_of(times_s: list[float]) -> str:
        outcome = varying(alone, times_s)
        assert outcome.step_times is not None
        steps = dataclasses.replace(outcome.step_times, late_s=late_s)
        return row_of(dataclasses.replace(outcome, step_times=steps))["longer because of"]

    assert because_of([1.1]) == because_of([1.1, 1.3]) == words
    # A step that is no longer is made of nothing more.
    assert because_of([0.9, 1.0]) == "-"


def test_what_simulated_steps_are_made_of_is_said(varied: tuple[Outcome, ...]) -> None:
    words = rows_of(varied)["gpu cluster", "16"]["longer because of"]
    steps = varied[1].step_times
    assert steps is not None
    assert steps.late_s["work"] > 0
    shares = [int(share) for share in re.findall(r"(\d+) %", words)]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=3)
