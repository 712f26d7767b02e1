"""A few sentences that the rows of a report support, computed from them and true for any rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sim.outcome.lines import SPLIT_LINES, line_title
from sim.outcome.outcome import Outcome
from sim.page.numbers import counted, few, listed, percent
from sim.records.belief import accuracy_notes, warnings_of
from sim.records.notes import run_notes
from sim.records.step_notes import step_notes
from sim.study.points import Curve, curves, differing_work

_MOST_TAX_SENTENCES = 3


def sentences(systems: Sequence[Curve]) -> list[str]:
    """What the curves of a run say that its answer does not: how the distribution tax grows, and devices left idle."""
    return list(filter(None, [*_tax_changes(systems)[:_MOST_TAX_SENTENCES], _most_stranded(systems)]))


def not_compared(outcomes: Sequence[Outcome]) -> list[str]:
    """That points train different things, where they do: then none of them is the fastest."""
    unlike = differing_work(outcomes)
    points = counted(len(outcomes), "point")
    return [f"The {points} differ in {listed(unlike)}, so their times are not compared."] if unlike else []


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
    return f"{span} {verb} from {before} to {after}; what {verb} most is {line_title(line)} {change}."


def _most_stranded(systems: Sequence[Curve]) -> str:
    """The point that leaves the largest share of its device time unused."""
    points = [(curve, point) for curve in systems for point in curve.points]
    if not points:
        return ""
    curve, worst = max(points, key=lambda pair: pair[1].ledger.share("stranded"))
    unused = worst.devices - worst.plan.devices
    if not unused:
        return ""
    stranded = worst.ledger.share("stranded")
    working_tax = (worst.ledger.tax - stranded) / (1 - stranded)
    return (
        f"{curve.place(worst)} leaves {unused:,} of them unused: {percent(stranded)} of its device time is"
        f" idle{'' if len(points) == 1 else ', the largest such share'}; on the devices at work the tax is"
        f" {percent(working_tax)}."
    )


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
