"""A few sentences that the rows of a report support, computed from them and true for any rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from sim.outcome.lines import LINES, SPLIT_LINES
from sim.outcome.outcome import Outcome
from sim.page.numbers import counted, duration, number, percent
from sim.report.step_times import step_sentences
from sim.study.points import Curve, curves, differing_work, representatives

_MOST_SENTENCES = 7
_MOST_TAX_SENTENCES = 2
_MOST_SYSTEMS_NAMED = 3
_ALIKE = 0.005
"""Times this near to each other are not called faster or slower."""


class Sentence(NamedTuple):
    """A sentence, and the ledger lines that it names."""

    text: str
    lines: tuple[str, ...] = ()


def sentences(outcomes: Sequence[Outcome]) -> list[str]:
    """What the rows support, in words."""
    return [sentence.text for sentence in findings(outcomes)]


def findings(outcomes: Sequence[Outcome]) -> list[Sentence]:
    """At most seven sentences: speed, steps that differ, distribution tax, matching sizes, stranded devices, largest
    shares, links.

    Where steps differ, one sentence on the tax is enough, and if there is no room links are left out.
    """
    if not outcomes:
        return []
    systems = curves(outcomes)
    unlike = differing_work(outcomes)
    steps = step_sentences(systems)
    found = [
        Sentence(_not_compared(len(outcomes), unlike) if unlike else _fastest(systems)),
        *map(Sentence, steps),
        *_tax_changes(systems)[: 1 if steps else _MOST_TAX_SENTENCES],
        Sentence("" if unlike else _closest_match(systems)),
        Sentence(_most_stranded(systems)),
        _largest_shares(systems),
        Sentence(_busiest_links(systems)),
    ]
    return [sentence for sentence in found if sentence.text][:_MOST_SENTENCES]


def _fastest(systems: Sequence[Curve]) -> str:
    """Which point trains soonest, and by how much over the best of any other system."""
    bests = [(curve, min(curve.points, key=lambda point: point.time_to_train_s)) for curve in systems]
    bests.sort(key=lambda pair: pair[1].time_to_train_s)
    curve, best = bests[0]
    if len(bests) == 1:
        return _fastest_of_one(curve, best)
    rival, second = bests[1]
    ratio = second.time_to_train_s / best.time_to_train_s
    if math.isclose(ratio, 1.0, rel_tol=_ALIKE):
        return (
            f"{curve.place(best)} and {rival.place(second)} train equally fast, within {percent(_ALIKE)}:"
            f" {duration(best.time_to_train_s)}."
        )
    return (
        f"{curve.place(best)} trains fastest: {duration(best.time_to_train_s)}, {_times(ratio)} as fast as"
        f" the best of any other system, {rival.place(second)} ({duration(second.time_to_train_s)})."
    )


def _fastest_of_one(curve: Curve, best: Outcome) -> str:
    time = duration(best.time_to_train_s)
    if len(curve.sizes) == 1:
        return f"{curve.place(best)} trains in {time}."
    smallest = curve.smallest
    if best.devices == smallest.devices:
        return f"{curve.place(best)} trains fastest: {time}; more devices do not help."
    faster = smallest.time_to_train_s / best.time_to_train_s
    return (
        f"{curve.place(best)} trains fastest: {time}, {_times(faster)} as fast as {counted(smallest.devices, 'device')}"
        f" with {_times(best.devices / smallest.devices)} as many devices."
    )


def _not_compared(points: int, unlike: Sequence[str]) -> str:
    return f"The {counted(points, 'point')} differ in {' and '.join(unlike)}, so their times are not compared."


def _tax_changes(systems: Sequence[Curve]) -> list[Sentence]:
    """How the distribution tax changes with size: where it changes most, each kind of device before a second of one."""
    growing = [curve for curve in systems if len(curve.sizes) > 1]
    growing.sort(key=lambda curve: -abs(curve.largest.ledger.tax - curve.smallest.ledger.tax))
    first = {curve.device_title: curve for curve in reversed(growing)}
    growing.sort(key=lambda curve: curve is not first[curve.device_title])
    return [_tax_change(curve) for curve in growing]


def _tax_change(curve: Curve) -> Sentence:
    small, large = curve.smallest, curve.largest
    span = f"From {small.devices:,} to {counted(large.devices, 'device')} the distribution tax of {curve.label}"
    before, after = percent(small.ledger.tax), percent(large.ledger.tax)
    if before == after:
        return Sentence(f"{span} stays at {after}.")
    grows = large.ledger.tax > small.ledger.tax
    sign = 1 if grows else -1
    line = max(SPLIT_LINES, key=lambda name: sign * (large.ledger.share(name) - small.ledger.share(name)))
    change = f"({percent(small.ledger.share(line))} to {percent(large.ledger.share(line))})"
    verb = "grows" if grows else "falls"
    text = f"{span} {verb} from {before} to {after}; the line that {verb} most is {line} {change}."
    return Sentence(text, (line,))


def _closest_match(systems: Sequence[Curve]) -> str:
    """The two points on different devices whose rates are nearest, and what each costs in device-hours."""
    pairs = [
        (one, a, other, b)
        for one, other in itertools.combinations(systems, 2)
        if one.device_title != other.device_title
        for a in one.points
        for b in other.points
    ]
    if not pairs:
        return ""
    one, a, other, b = min(pairs, key=lambda pair: abs(math.log(pair[1].tokens_per_s / pair[3].tokens_per_s)))
    if a.devices < b.devices:
        one, a, other, b = other, b, one, a
    return (
        f"Nearest in rate: {one.place(a)} reaches {_times(a.tokens_per_s / b.tokens_per_s)} the tokens/s of"
        f" {other.place(b)}, with {_times(a.devices / b.devices)} as many devices, for"
        f" {_times(a.device_hours / b.device_hours)} the device-hours."
    )


def _most_stranded(systems: Sequence[Curve]) -> str:
    """The point that leaves the largest share of its device time unused."""
    points = [(curve, point) for curve in systems for point in curve.points]
    curve, worst = max(points, key=lambda pair: pair[1].ledger.share("stranded"))
    unused = worst.devices - worst.plan.devices
    if not unused:
        return ""
    stranded = worst.ledger.share("stranded")
    working_tax = (worst.ledger.tax - stranded) / (1 - stranded)
    return (
        f"{curve.place(worst)} leaves {unused:,} of them unused: {percent(stranded)} of its device time is"
        f" stranded{'' if len(points) == 1 else ', the largest such share'}; on the devices at work the tax is"
        f" {percent(working_tax)}."
    )


def _largest_shares(systems: Sequence[Curve]) -> Sentence:
    """The two largest ledger lines of a few systems at their largest point."""
    named, lines = [], []
    for curve, point in representatives(systems)[:_MOST_SYSTEMS_NAMED]:
        ledger = point.ledger
        top = sorted(LINES, key=lambda line: -ledger.share(line))[:2]
        shares = " and ".join(f"{line} {percent(ledger.share(line))}" for line in top)
        named.append(f"{curve.place(point)}, {shares}")
        lines += top
    return Sentence(f"Largest shares of the device-seconds: {'; '.join(named)}.", tuple(lines))


def _busiest_links(systems: Sequence[Curve]) -> str:
    """Which link carries most of what it could, for a few systems at their largest point."""
    named = []
    for curve, point in representatives(systems)[:_MOST_SYSTEMS_NAMED]:
        link = point.links.bottleneck
        if link is not None:
            busy = f"busy {percent(link.busiest_utilisation)} of the step"
            named.append(f"{curve.place(point)}, {link.label} ({link.busiest}) {busy}")
    return f"Busiest links: {'; '.join(named)}." if named else ""


def _times(ratio: float) -> str:
    """A ratio for people: "2.13 times", "1,190 times"."""
    return f"{number(ratio)} times"
