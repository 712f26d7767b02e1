"""Notes on points whose devices differ: how they were simulated, and what their differences cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.machines import KINDS, kind_called
from sim.outcome.outcome import Outcome
from sim.page.numbers import counted
from sim.study.points import differs

_MOST_LISTED = 3


def step_notes(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """The notes of each point, in order; what differs between points only in names and numbers is one note."""
    notes: list[list[str]] = [[] for _ in outcomes]
    for about, words in _NOTES:
        groups: dict[str, list[int]] = {}
        for index, outcome in enumerate(outcomes):
            if subject := about(outcome):
                groups.setdefault(subject, []).append(index)
        for subject, members in groups.items():
            note = words(subject, [outcomes[index] for index in members])
            for index in members:
                notes[index].append(note)
    return notes


def _simulated_so(outcome: Outcome) -> str:
    """How devices were simulated, where that is not what one would expect without being told."""
    if differs(outcome):
        return "resolution full"
    told = outcome.resolution.name == "full" or outcome.scenario.system.resolution == "folded"
    return f"resolution {outcome.resolution.name} ({outcome.resolution.why})" if told else ""


def _resolution_words(subject: str, points: Sequence[Outcome]) -> str:
    if differs(points[0]):
        return (
            f"{subject} (devices differ: {_variations(points)}): each device has its own clock through"
            f" {_steps(points)}, {_seeds(points)}; links are those of the step with every device alike"
        )
    if points[0].resolution.name == "full":
        return f"{subject}: each device has its own clock; nothing varies from step to step"
    return f"{subject}: one device stands for all that are alike"


def _borrowed_profile(outcome: Outcome) -> str:
    """The profile whose figures act on devices that it does not describe."""
    variation = outcome.scenario.system.variation
    borrowed = not kind_called(outcome.machine).is_profiled
    return variation.profile if borrowed and differs(outcome) and variation.figures else ""


def _profile_words(subject: str, points: Sequence[Outcome]) -> str:
    described = " and ".join(kind.plural for kind in KINDS if kind.is_profiled)
    others = " and ".join(dict.fromkeys(kind_called(point.machine).plural for point in points))
    return (
        f"the figures of {subject} describe {described}; {others} that run under it are given the spread of {described}"
    )


def _device_alone(outcome: Outcome) -> str:
    """What is drawn once only: the speed of a single device."""
    drawn = differs(outcome) and outcome.scenario.system.variation.speed_spread > 0
    return "the speed of a single device" if drawn and outcome.plan.devices == 1 else ""


def _alone_words(subject: str, points: Sequence[Outcome]) -> str:
    if len({point.scenario.seed for point in points}) > 1:
        return f"{subject} is one draw for each seed ({_seeds(points)}); one alone proves nothing"
    return f"{subject} is one draw ({_seeds(points)}): that it is fast or slow proves nothing"


_NOTES: tuple[tuple[Callable[[Outcome], str], Callable[[str, Sequence[Outcome]], str]], ...] = (
    (_simulated_so, _resolution_words),
    (_borrowed_profile, _profile_words),
    (_device_alone, _alone_words),
)
"""What a note is about, nothing where a point needs none; and the note on all points that it is about."""


def _variations(points: Sequence[Outcome]) -> str:
    """Which variations: "variation 'well-run'", "variations 'well-run' and 'as-found'", "5 variations"."""
    names = list(dict.fromkeys(f"'{point.scenario.system.variation.name}'" for point in points))
    return f"variation {names[0]}" if len(names) == 1 else _listed("variations", names)


def _steps(points: Sequence[Outcome]) -> str:
    """How many were simulated: "100 steps", "10 to 100 steps"."""
    numbers = sorted({len(point.step_times.times_s) for point in points if point.step_times})
    most = counted(numbers[-1], "step")
    return most if len(numbers) == 1 else f"{numbers[0]:,} to {most}"


def _seeds(points: Sequence[Outcome]) -> str:
    """Which seeds: "seed 3", "seeds 0 to 9", "seeds 1, 5 and 7", "12 seeds"."""
    seeds = sorted({point.scenario.seed for point in points})
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return _listed("seeds", [str(seed) for seed in seeds])


def _listed(noun: str, names: Sequence[str]) -> str:
    """A few by name, more by their number."""
    if len(names) > _MOST_LISTED:
        return f"{len(names)} {noun}"
    return f"{noun} {', '.join(names[:-1])} and {names[-1]}"
