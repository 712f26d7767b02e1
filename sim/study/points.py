"""Groups the points of one report: which of them are one system at several sizes, and how each is called."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.outcome.outcome import Outcome
from sim.page.numbers import counted
from sim.scenario import AxisKey, Scenario, Training
from sim.study.axis_words import axis_words

_LONGEST_NAME = 80
_MOST_DRAWN = 3
_HOW = ("global_batch", "asked_batch_tokens", "tokens_per_parameter", "precision", "recipe", "optimizer")
"""Fields of a training that say how its work is done, or say it again; the others say what is done."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One system, everything else alike, at one or more sizes.

    points: by device count, smallest first.
    variant: the sweep axes that tell it from others of the same system; empty where there are none.
    """

    points: tuple[Outcome, ...]
    variant: str = ""

    @property
    def system(self) -> str:
        """The system's name in the scenario, behind its entry where there is one."""
        return named_system(self.points[0].scenario)

    @property
    def label(self) -> str:
        """The system's name, with its variant."""
        return f"{self.system} ({self.variant})" if self.variant else self.system

    @property
    def device_title(self) -> str:
        """What the system is made of."""
        return self.points[0].device_title

    @property
    def smallest(self) -> Outcome:
        """The point with the fewest devices."""
        return self.points[0]

    @property
    def largest(self) -> Outcome:
        """The point with the most devices."""
        return self.points[-1]

    @property
    def sizes(self) -> list[int]:
        """Device counts, each once."""
        return sorted({point.devices for point in self.points})

    def place(self, point: Outcome) -> str:
        """How sentences call one point: "cluster on 64 devices", or "16 A100" where the name says it."""
        return placed(self.label, point.scenario, point.devices)


def placed(label: str, scenario: Scenario, devices: int) -> str:
    """A label with the number of devices, where the system's name does not have it."""
    named = {str(devices), f"{devices:,}"} & set(scenario.system.name.split())
    return label if named else f"{label} on {counted(devices, 'device')}"


def named_system(scenario: Scenario) -> str:
    """How a system is called beside others: an entry says what is run, its system on what."""
    return f"{scenario.entry}, {scenario.system.name}" if scenario.entry else scenario.system.name


def curves(outcomes: Sequence[Outcome]) -> list[Curve]:
    """Group outcomes that differ in nothing but the device count, in the order in which they were given."""
    groups: list[tuple[Scenario, list[Outcome]]] = []
    for outcome in outcomes:
        alike = _without_size(outcome.scenario)
        for scenario, members in groups:
            if scenario == alike:
                members.append(outcome)
                break
        else:
            groups.append((alike, [outcome]))
    members_of = [tuple(sorted(members, key=lambda point: point.devices)) for _, members in groups]
    return [Curve(points, variant) for points, variant in zip(members_of, _variants(members_of), strict=True)]


def representatives(systems: Sequence[Curve]) -> list[tuple[Curve, Outcome]]:
    """The largest point of each system, the first of every kind of device before a second one of a kind."""
    by_name: dict[str, tuple[Curve, Outcome]] = {}
    for curve in systems:
        name, point = curve.system, curve.largest
        if name not in by_name or _work_size(point) > _work_size(by_name[name][1]):
            by_name[name] = (curve, point)
    first = {curve.device_title: name for name, (curve, _) in reversed(by_name.items())}
    return sorted(by_name.values(), key=lambda pair: pair[0].system not in first.values())


def drawn(outcomes: Sequence[Outcome]) -> list[tuple[str, Curve, Outcome]]:
    """(name for files, system, point) of the few points whose step is drawn and traced."""
    found: dict[str, tuple[Curve, Outcome]] = {}
    for curve, point in representatives(curves(outcomes))[:_MOST_DRAWN]:
        name = slug(f"{curve.label} {point.devices}")
        free = (name, *(f"{name}-{number}" for number in range(2, 99)))
        found[next(one for one in free if one not in found)] = (curve, point)
    return [(name, *pair) for name, pair in found.items()]


def comparable(outcomes: Sequence[Outcome]) -> bool:
    """Whether all points train the same model on the same tokens, so that their times can be compared."""
    return not differing_work(outcomes)


def differing_work(outcomes: Sequence[Outcome]) -> list[str]:
    """In what of their work points differ: the model, or keys of [training]; not in how they do it, formats and all."""
    keys = [one.name for one in dataclasses.fields(Training) if one.name not in _HOW]
    works = [
        {"model": scenario.model, **{key: getattr(scenario.training, key) for key in keys}}
        for scenario in (outcome.scenario for outcome in outcomes)
    ]
    return [key for key in ("model", *keys) if any(work[key] != works[0][key] for work in works)]


def changes_work(axis: AxisKey) -> bool:
    """Whether points along an axis of a sweep train something else, as in differing_work."""
    return axis.table == "model" or (axis.table == "training" and axis.last not in _HOW)


def differs(outcome: Outcome) -> bool:
    """Whether the devices of a point differ, so that its steps are not the step of equal devices."""
    return outcome.step_times is not None and not outcome.scenario.system.variation.is_none


def slug(text: str) -> str:
    """A text as part of a file name: lower-case letters, digits, dashes, and not too many of them."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST_NAME].strip("-") or "point"


def _work_size(point: Outcome) -> tuple[int, float]:
    return point.devices, point.ledger.total_s


def _without_size(scenario: Scenario) -> Scenario:
    system = dataclasses.replace(scenario.system, devices=0)
    return dataclasses.replace(scenario, system=system, axes={}, path=Path())


def _variants(groups: Sequence[tuple[Outcome, ...]]) -> list[str]:
    """What tells each group from others of the same system: the axes that differ, or else a number."""
    names = [named_system(points[0].scenario) for points in groups]
    named = [points[0].scenario.axes.items() for points in groups]
    axes = [{key: value for key, value in own if key.last != "devices"} for own in named]
    seen: Counter[tuple[str, str]] = Counter()
    variants = []
    for name, own in zip(names, axes, strict=True):
        others = [other for other_name, other in zip(names, axes, strict=True) if other_name == name]
        differing = {key: value for key, value in own.items() if any(other.get(key) != value for other in others)}
        words = ", ".join(axis_words(key, value) for key, value in differing.items())
        seen[name, words] += 1
        number = seen[name, words]
        variants.append(words if number == 1 else f"{words} #{number}".strip())
    return variants
