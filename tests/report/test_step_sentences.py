"""What is said where devices differ is recomputed here from the steps; where they are alike nothing is said."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import pytest
from builders import screen_of

from sim.outcome.outcome import Outcome
from sim.outcome.step_times import HeldUp, StepTimes
from sim.report.sentences import sentences
from sim.report.stragglers import device_name, node_name, resolved_percentiles, step_sentences
from sim.study.points import curves

SPREAD, HELD = "Steps where devices differ, beside one with every device alike: ", "Who holds everyone up: "


def said(outcomes: Sequence[Outcome], start: str) -> dict[str, str]:
    """Point -> what a sentence with this start says of it."""
    (found,) = [sentence for sentence in sentences(outcomes) if sentence.startswith(start)]
    assert found.endswith(".")
    return dict(part.split(", ", 1) for part in found.removeprefix(start).removesuffix(".").split("; "))


def with_steps(outcome: Outcome, times_s: Sequence[float], held_up: Sequence[HeldUp], alike_s: float = 1.0) -> Outcome:
    steps = StepTimes(np.array(times_s), alike_s, tuple(held_up), node_devices=8)
    return dataclasses.replace(outcome, step_times=steps)


def device(number: int, steps: int, actor: str = "replica", replica: int | None = None, rank: int = 0) -> HeldUp:
    return HeldUp("device", steps, number, actor, number if replica is None else replica, rank)


def test_the_spread_is_that_of_the_steps(varied: tuple[Outcome, ...]) -> None:
    found = said(varied, SPREAD)
    assert set(found) == {"gpu cluster on 16 devices", "pipeline on 16 devices", "wafer on 4 devices"}
    for point, place in ((varied[1], "gpu cluster on 16 devices"), (varied[4], "wafer on 4 devices")):
        words, steps = found[place], point.step_times
        assert steps is not None
        longer = f"{100 * (steps.mean_s / steps.alike_s - 1):.1f} % longer"
        assert ("as long" if longer == "0.0 % longer" else longer) in words
        assert f"coefficient of variation {100 * steps.coefficient_of_variation:.2g} %" in words
        for name, time_s in (("mean", steps.mean_s), ("P50", steps.percentile_s(50)), ("P95", steps.percentile_s(95))):
            number, unit = re.search(rf"{name} ([\d.,]+) (m?s)", words).groups()
            scale = {"s": 1.0, "ms": 1e3}[unit]
            last = 10.0 ** -len(number.partition(".")[2])
            assert float(number.replace(",", "")) == pytest.approx(time_s * scale, abs=0.51 * last)


def test_digits_tell_the_steps_apart(alone: Outcome) -> None:
    close = [1.6] * 50 + [1.6006] * 49 + [1.6012]
    words = step_sentences(curves([varying(alone, close)]))[0]
    assert "mean 1.6003 s, 60.0 % longer (P50 1.6003 s, P95 1.6006 s, P99 1.6006 s" in words


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
        words = step_sentences(curves([outcome]))[0]
        assert re.findall(r"P(\d+) ", words) == [str(percent) for percent in percents]
        assert ("longest 2.0" in words) == (1 < count < 100)


def test_a_single_step_has_no_spread(one_step: Outcome) -> None:
    text = " ".join(screen_of([one_step]).split())
    assert "in the one step simulated" in text
    assert not re.search(r"P50|P95|P99|longest|coefficient of variation|in all|of 1 step", text)


def test_a_mean_step_is_longer_shorter_or_as_long(alone: Outcome) -> None:
    for times_s, words in (([1.1] * 4, "10.0 % longer"), ([0.9] * 4, "10.0 % shorter"), ([1.0001] * 4, "as long")):
        found = step_sentences(curves([varying(alone, times_s)]))
        assert words in found[0]
        # Nobody holds up a step that is no longer than it would be.
        assert (len(found) == 2) == ("longer" in words)


def test_who_holds_everyone_up_is_who_the_outcome_names(varied: tuple[Outcome, ...]) -> None:
    found = said(varied, HELD)
    for point, place in ((varied[1], "gpu cluster on 16 devices"), (varied[2], "pipeline on 16 devices")):
        assert point.step_times is not None
        first = point.step_times.held_up[0]
        how_often = "in all 30 steps" if first.steps == 30 else f"in {first.steps} of 30 steps"
        who = "delays of the network" if first.by == "network" else device_name(first, point)
        assert found[place].startswith(f"{who} {how_often}")


@pytest.mark.parametrize(
    ("held_up", "words"),
    [
        ([device(3, 40)], "gpu 3 in all 40 steps"),
        ([device(3, 30), device(5, 10)], "gpu 3 in 30 of 40 steps, gpu 5 in 10"),
        ([device(3, 30), HeldUp("network", 10)], "gpu 3 in 30 of 40 steps, delays of the network in 10"),
        ([HeldUp("nobody", 30), device(5, 10)], "nobody in 30 of 40 steps, gpu 5 in 10"),
        ([device(3, 20), device(5, 10), device(6, 10)], "gpu 3 in 20 of 40 steps, gpu 5 in 10, another in the rest"),
        ([device(3, 34), *(device(n, 2) for n in (4, 5, 6))], "gpu 3 in 34 of 40 steps, 3 others in the rest"),
        ([device(n, 2) for n in range(20)], "nobody in particular, none of 20 in more than 2 of 40 steps"),
        ([device(n, 1) for n in range(40)], "nobody in particular, none of 40 in more than 1 of 40 steps"),
        ([device(13933, 40)], "gpu 13,933 in all 40 steps"),
    ],
)
def test_how_often_somebody_holds_everyone_up(alone: Outcome, held_up: list[HeldUp], words: str) -> None:
    outcome = with_steps(varying(alone, [1.1]), [1.1] * 40, held_up)
    assert step_sentences(curves([outcome]))[1] == f"{HELD}gpu cluster on 8 devices, {words}."


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
    words = step_sentences(curves([with_steps(varying(alone, [1.1]), [1.1] * 40, held_up)]))[1]
    assert words.endswith("node 0 (8 devices from gpu 0 on) in 30 of 40 steps, gpu 5 in 10.")


@pytest.mark.parametrize(
    ("late_s", "words"),
    [
        (
            {"work": 0.58, "stalls": 0.31, "data_comm": 0.09, "tensor_comm": 0.02},
            "58 % is slower devices, 31 % stalls, 11 % the network",
        ),
        ({"work": 0.1, "stalls": 0.9}, "90 % is stalls, 10 % slower devices"),
        ({"work": -0.5, "stalls": 0.3, "pipeline_comm": 0.1}, "75 % is stalls, 25 % the network"),
        ({"work": 0.995, "stalls": 0.005}, "100 % is slower devices"),
        ({"data_comm": 0.3, "tensor_comm": -0.1}, "100 % is the network"),
        ({"work": -0.5}, ""),
        ({}, ""),
    ],
)
def test_what_a_longer_step_is_made_of(alone: Outcome, late_s: dict[str, float], words: str) -> None:
    def said_of(times_s: list[float]) -> str:
        outcome = varying(alone, times_s)
        assert outcome.step_times is not None
        steps = dataclasses.replace(outcome.step_times, late_s=late_s)
        return step_sentences(curves([dataclasses.replace(outcome, step_times=steps)]))[0]

    for times_s in ([1.1], [1.1, 1.3]):
        _, _, found = said_of(times_s).partition(", of what it takes longer ")
        assert found == (f"{words}." if words else "")
    # A step that is no longer is made of nothing more.
    assert "of what it takes longer" not in said_of([0.9, 1.0])


def test_what_simulated_steps_are_made_of_is_said(varied: tuple[Outcome, ...]) -> None:
    words = said(varied, SPREAD)["gpu cluster on 16 devices"]
    steps = varied[1].step_times
    assert steps is not None
    assert steps.late_s["work"] > 0
    shares = [int(share) for share in re.findall(r"(\d+) % (?:is )?(?:slower devices|stalls|the network)", words)]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=3)


def test_no_more_sentences_than_before(varied: tuple[Outcome, ...], several: tuple[Outcome, ...]) -> None:
    for outcomes in (varied, [*several, *varied]):
        found = sentences(outcomes)
        assert len(found) <= 7
        assert any(sentence.startswith(SPREAD) for sentence in found)
        assert any(sentence.startswith("Largest shares") for sentence in found)
    text = screen_of(varied)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120
