"""A few sentences that the rows of a report support, computed from them and true for any rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence

from sim.outcome.lines import LINES, SPLIT_LINES
from sim.outcome.outcome import Outcome
from sim.page.numbers import counted, duration, few, number, percent
from sim.records.belief import accuracy_notes, warnings_of
from sim.records.notes import run_notes
from sim.records.step_notes import step_notes
from sim.report.stragglers import step_sentences
from sim.study.points import Curve, curves, differing_work, representatives

_MOST_SENTENCES = 7
_MOST_TAX_SENTENCES = 2
_MOST_SYSTEMS_NAMED = 3
_ALIKE = 0.005
"""Times this near to each other are not called faster or slower."""


def sentences(outcomes: Sequence[Outcome]) -> list[str]:
    """At most seven: speed, steps that differ, distribution tax, equal sizes, unused devices, largest shares, links.

    Where steps differ, one sentence on the tax is enough, and if there is no room links are left out.
    """
    if not outcomes:
        return []
    systems = curves(outcomes)
    unlike = differing_work(outcomes)
    steps = step_sentences(systems)
    found = [
        _not_compared(len(outcomes), unlike) if unlike else _fastest(systems),
        *steps,
        *_tax_changes(systems)[: 1 if steps else _MOST_TAX_SENTENCES],
        "" if unlike else _closest_match(systems),
        _most_stranded(systems),
        _largest_shares(systems),
        _busiest_links(systems),
    ]
    return [sentence for sentence in found if sentence][:_MOST_SENTENCES]


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


def _tax_changes(systems: Sequence[Curve]) -> list[str]:
    """How the distribution tax changes with size: where it changes most, each kind of device before a second of one."""
    growing = [curve for curve in systems if len(curve.sizes) > 1]
    growing.sort(key=lambda curve: -abs(curve.largest.ledger.tax - curve.smallest.ledger.tax))
    first = {curve.device_title: curve for curve in reversed(growing)}
    growing.sort(key=lambda curve: curve is not first[curve.device_title])
    return [_tax_change(curve) for curve in growing]


def _tax_change(curve: Curve) -> str:
    small, large = curve.smallest, curve.largest
    span = f"From {small.devices:,} to {counted(large.devices, 'device')} the distribution tax of {curve.label}"
    before, after = percent(small.ledger.tax), percent(large.ledger.tax)
    if before == after:
        return f"{span} stays at {after}."
    grows = large.ledger.tax > small.ledger.tax
    sign = 1 if grows else -1
    line = max(SPLIT_LINES, key=lambda name: sign * (large.ledger.share(name) - small.ledger.share(name)))
    change = f"({percent(small.ledger.share(line))} to {percent(large.ledger.share(line))})"
    verb = "grows" if grows else "falls"
    return f"{span} {verb} from {before} to {after}; the line that {verb} most is {line} {change}."


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


def _largest_shares(systems: Sequence[Curve]) -> str:
    """The two largest ledger lines of a few systems at their largest point."""
    named = []
    for curve, point in representatives(systems)[:_MOST_SYSTEMS_NAMED]:
        ledger = point.ledger
        top = sorted(LINES, key=lambda line: -ledger.share(line))[:2]
        shares = " and ".join(f"{line} {percent(ledger.share(line))}" for line in top)
        named.append(f"{curve.place(point)}, {shares}")
    return f"Largest shares of the device-seconds: {'; '.join(named)}."


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


def notes_by_place(outcomes: Sequence[Outcome]) -> list[str]:
    """Warnings and notes of all points, each once; those on devices that differ first, those on the run last."""
    differing = step_notes(outcomes)
    notes = [
        [
            *first,
            *(f"warning: {one}" for one in warnings_of(point)),
            *point.notes,
            *accuracy_notes(point),
            *run_notes(point),
        ]
        for first, point in zip(differing, outcomes, strict=True)
    ]
    return _once(outcomes, notes, {note for notes in differing for note in notes})


def _once(outcomes: Sequence[Outcome], notes: Sequence[Sequence[str]], first: Collection[str] = ()) -> list[str]:
    """What is noted of each point, each note once; one that not all points share names its points.

    first: notes that come before all others.
    """
    systems = curves(outcomes)
    noted = {id(point): own for point, own in zip(outcomes, notes, strict=True)}
    owners: dict[str, list[str]] = {}
    for curve in systems:
        for point in curve.points:
            for note in noted[id(point)]:
                owners.setdefault(note, []).append(curve.place(point))
        # What holds for every size of a system is said of the system, once.
        for note, places in owners.items():
            own = [curve.place(point) for point in curve.points]
            if len(own) > 1 and places[-len(own) :] == own:
                owners[note] = [*places[: -len(own)], curve.label]
    everywhere = [[curve.label] if len(curve.points) > 1 else [curve.place(curve.points[0])] for curve in systems]
    whole = [place for places in everywhere for place in places]
    # What concerns whole systems comes before what concerns single sizes.
    ordered = sorted(owners.items(), key=lambda entry: (entry[0] not in first, not set(entry[1]) <= set(whole)))
    return [note if places == whole else f"{note} ({few(places, 2)})" for note, places in ordered]
