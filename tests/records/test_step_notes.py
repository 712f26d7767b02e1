"""Notes on devices that differ: one for all points that differ in seed and steps only, and what proves nothing."""

from __future__ import annotations

import dataclasses

import numpy as np

from sim.outcome.outcome import Outcome
from sim.outcome.step_times import HeldUp, StepTimes
from sim.records.document import results_document
from sim.records.step_notes import step_notes
from sim.report.sentences import notes_by_place
from sim.scenario import AxisKey
from sim.study.findings import findings

LINKS = "links are those of the step with every device alike"


def text_of(*outcomes: Outcome) -> str:
    return "".join(f" - {note}" for note in notes_by_place(outcomes)) + " - "


def drawn_anew(outcome: Outcome, seed: int, steps: int = 30) -> Outcome:
    """The same point as if it had been run with another seed through other steps."""
    scenario = dataclasses.replace(outcome.scenario, seed=seed, axes={AxisKey("seed"): seed, AxisKey("steps"): steps})
    times = StepTimes(np.full(steps, outcome.step_time_s), outcome.step_time_s, (HeldUp("nobody", steps),))
    return dataclasses.replace(outcome, scenario=scenario, step_times=times)


def test_nothing_is_said_of_devices_that_are_alike(several: tuple[Outcome, ...]) -> None:
    assert step_notes(several) == [[]] * len(several)
    assert "resolution" not in " ".join(notes_by_place(several))


def test_a_resolution_that_was_asked_for_is_named(asked_for: dict[str, Outcome]) -> None:
    for name, outcome in asked_for.items():
        assert f"resolution {name} (asked for)" in text_of(outcome)


def test_the_note_says_how_it_was_simulated(varied: tuple[Outcome, ...], one_step: Outcome) -> None:
    text = text_of(*varied)
    assert text.count("resolution full (devices differ: variation 'as-found')") == 1
    assert f"through 30 steps, seed 3; {LINKS}" in text
    assert "through 1 step, seed 3" in text_of(one_step)


def test_points_that_differ_in_seed_and_steps_share_one_note(varied: tuple[Outcome, ...], alone: Outcome) -> None:
    for seeds, steps, words in (
        ((0, 1, 2, 3), (30,), "through 30 steps, seeds 0 to 3"),
        ((7, 9), (30,), "through 30 steps, seeds 7 and 9"),
        ((1, 5, 7), (10, 1000), "through 10 to 1,000 steps, seeds 1, 5 and 7"),
        ((1, 2, 4, 9), (30,), "through 30 steps, 4 seeds"),
    ):
        points = [drawn_anew(varied[1], seed, count) for seed in seeds for count in steps]
        text = text_of(*points)
        assert text.count("resolution full") == 1
        # It holds for all of them, so it names none.
        assert f"{words}; {LINKS} - " in text
        beside = text_of(*points, alone)
        assert beside.count("resolution full") == 1


def test_variations_share_the_note_by_name(varied: tuple[Outcome, ...], asked_for: dict[str, Outcome]) -> None:
    def named(name: str, seed: int) -> Outcome:
        point = drawn_anew(varied[1], seed)
        variation = dataclasses.replace(point.scenario.system.variation, name=name)
        system = dataclasses.replace(point.scenario.system, variation=variation)
        return dataclasses.replace(point, scenario=dataclasses.replace(point.scenario, system=system))

    for names, words in (
        (("as-found", "custom"), "variations 'as-found' and 'custom'"),
        (("b", "a", "c"), "variations 'b', 'a' and 'c'"),
        (("a", "b", "c", "d"), "4 variations"),
    ):
        text = text_of(*(named(name, seed) for seed, name in enumerate(names)))
        assert text.count("resolution full") == 1
        assert f"resolution full (devices differ: {words}): each device" in text
    # Where nothing varies the note is another.
    text = text_of(named("a", 0), asked_for["full"])
    assert text.count("resolution full") == 2


def test_all_of_them_are_in_the_report(varied: tuple[Outcome, ...]) -> None:
    text = text_of(*varied)
    for notes in step_notes(varied):
        assert all(note in text for note in notes)


def test_the_figures_of_a_profile_describe_gpus(varied: tuple[Outcome, ...]) -> None:
    note = "the figures of as-found describe GPUs; wafers that run under it are given the spread of GPUs"
    assert [note in notes for notes in step_notes(varied)] == [False, False, False, True, True]
    assert f" - {note}" in text_of(*varied[3:])
    points = results_document(findings(varied))["points"]
    assert [note in point["notes"] for point in points] == [False, False, False, True, True]
    assert all(set(outcome.notes) < set(point["notes"]) for outcome, point in zip(varied, points, strict=True))
    # Numbers of the scenario's own describe what they are given for.
    scenario = varied[4].scenario
    own = dataclasses.replace(scenario.system.variation, figures=(), profile="none")
    system = dataclasses.replace(scenario.system, variation=own)
    given = dataclasses.replace(varied[4], scenario=dataclasses.replace(scenario, system=system))
    assert "describe GPUs" not in text_of(given)


def test_the_speed_of_a_single_device_is_one_draw(varied: tuple[Outcome, ...]) -> None:
    note = "the speed of a single device is one draw (seed 3): that it is fast or slow proves nothing"
    assert [note in notes for notes in step_notes(varied)] == [False, False, False, True, False]
    both = step_notes([drawn_anew(varied[3], 0), drawn_anew(varied[3], 1)])
    assert both[0] == both[1]
    several = "the speed of a single device is one draw for each seed (seeds 0 and 1); one alone proves nothing"
    assert several in both[0]
    scenario = varied[3].scenario
    even = dataclasses.replace(scenario.system.variation, speed_spread=0.0)
    system = dataclasses.replace(scenario.system, variation=even)
    alike = dataclasses.replace(varied[3], scenario=dataclasses.replace(scenario, system=system))
    assert not any("draw" in note for note in step_notes([alike])[0])
