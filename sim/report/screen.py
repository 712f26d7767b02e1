"""One screen for people: a row per point, what the rows say, what the reader must know beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path

from sim.outcome.lines import GROUPS
from sim.outcome.outcome import Outcome
from sim.page.borders import ascii_only
from sim.page.numbers import duration, few, number, percent
from sim.report.accuracy import accuracy_notes, error_band, warnings_of
from sim.report.layout import WIDTH, longest_word, table, wrapped
from sim.report.run_screen import run_sources, run_table
from sim.report.sentences import Sentence, findings
from sim.report.step_notes import step_notes
from sim.report.step_times import differs
from sim.study.points import curves
from sim.study.stack_range import StackStep, stack_ranges

_MANY_FILES = 4
_MOST_NOTES = 8
_MORE_NOTES = 2
"""What more there is to know where devices differ."""
_WORDS_WIDTH = 29
"""Characters that the columns of words, system and plan, share; figures have the rest of the line."""
_PLAN_WIDTH = 18
_SWEPT_WIDTH = 26
"""Of both where labels name axes of a sweep: half for each, more for the system where a word of it needs that."""
_CONVENTIONS = {
    "full-attention": ("MFU counts attention over the full square, as most papers do", "its causal half only"),
    "causal-attention": ("MFU counts the causal half of attention only", "the full square, as most papers do,"),
}


def screen(outcomes: Sequence[Outcome]) -> str:
    """Return the report of a run as plain text: ASCII only, narrow enough for a terminal."""
    if not outcomes:
        return "no points\n"
    said = findings(outcomes)
    warnings = _once(outcomes, [warnings_of(point) for point in outcomes])
    notes = [*_line_words(said), *_conventions(outcomes), *_notes(outcomes)]
    most = _MOST_NOTES + (_MORE_NOTES if any(map(differs, outcomes)) else 0)
    if len(notes) > most:
        left_out = len(notes) - most + 1
        notes[most - 1 :] = [f"{left_out} more: see the notes of each point in results.json"]
    parts = [
        _headline(outcomes),
        _table(outcomes),
        run_table(outcomes),
        "\n".join(wrapped(line) for line in run_sources(outcomes)),
        "\n".join(wrapped(line) for line in [*(sentence.text for sentence in said), *_stack_ranges(outcomes)]),
        "\n".join(wrapped(line) for line in [*_marked("warning", warnings), *_marked("note", notes)]),
    ]
    return ascii_only("\n\n".join(part for part in parts if part)) + "\n"


def written_files(paths: Sequence[Path]) -> str:
    """The files of a run for people, a chart in two formats once: a line each, or where there are many, a paragraph."""
    suffixes: dict[Path, list[str]] = {}
    for path in paths:
        suffixes.setdefault(path.with_suffix(""), []).append(path.suffix)
    named = {
        stem: f"{first}" + "".join(f" and {more}" for more in others) for stem, (first, *others) in suffixes.items()
    }
    folders = {stem.parent for stem in named}
    if len(folders) > 1 or len(named) < _MANY_FILES:
        return "\n".join(["Written:", *(f"  {stem}{suffix}" for stem, suffix in named.items())])
    names = ", ".join(f"{stem.name}{suffix}" for stem, suffix in named.items())
    text = textwrap.fill(names, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return f"Written to {folders.pop()}:\n{text}"


def _headline(outcomes: Sequence[Outcome]) -> str:
    """What is trained, where all points agree on it."""
    titles = dict.fromkeys(outcome.scenario.title for outcome in outcomes)
    works = dict.fromkeys(
        f"{point.scenario.model.name}, {point.scenario.training.tokens:.3g} tokens,"
        f" batch {point.scenario.training.global_batch:,} x {point.scenario.training.sequence:,}"
        for point in outcomes
    )
    title = textwrap.shorten(" / ".join(titles), WIDTH, placeholder=" ...")
    return "\n".join([title, *([next(iter(works))] if len(works) == 1 else [])])


def _table(outcomes: Sequence[Outcome]) -> str:
    systems, plans = curves(outcomes), [point.plan.summary() for point in outcomes]
    plan_width = min(_PLAN_WIDTH, max(map(len, plans)))
    widths = (_WORDS_WIDTH - plan_width, plan_width)
    if word := longest_word(curve.label for curve in systems if curve.variant):
        most = _SWEPT_WIDTH - longest_word(plans)
        system_width = min(max(word, _SWEPT_WIDTH // 2), most, max(len(curve.label) for curve in systems))
        widths = (system_width, _SWEPT_WIDTH - system_width)
    return table([_row(curve.label, point, widths) for curve in systems for point in curve.points], "lrlr")


def _row(label: str, point: Outcome, widths: tuple[int, int]) -> dict[str, str]:
    return {
        "system": textwrap.fill(ascii_only(label), widths[0], break_on_hyphens=False),
        "de-\nvices": f"{point.devices:,}",
        "plan": textwrap.fill(point.plan.summary(), widths[1], break_on_hyphens=False),
        "step\ntime": duration(point.step_time_s),
        "tokens\n/s": number(point.tokens_per_s),
        "MFU": percent(point.mfu),
        "error\nP10 to P90": error_band(point),
        "peak\nGiB": _memory(point),
        "tax": percent(point.ledger.tax),
        "time to\ntrain": duration(point.time_to_train_s),
        "device-\nhours": number(point.device_hours),
    }


def _stack_ranges(outcomes: Sequence[Outcome]) -> list[str]:
    return stack_ranges(StackStep(one.scenario, one.stack, one.step_time_s) for one in outcomes)


def _memory(point: Outcome) -> str:
    """Peak of the fullest device and what it has, in whole GiB."""
    return "/".join(f"{size / 2**30:.0f}" for size in (point.memory.peak_bytes, point.memory.capacity_bytes))


def _line_words(said: Sequence[Sentence]) -> list[str]:
    """What the ledger lines named in the sentences mean."""
    words = {line: meaning for group in GROUPS.values() for line, meaning in group.items()}
    named = dict.fromkeys(line for sentence in said for line in sentence.lines)
    return ["; ".join(f"{line}: {words[line]}" for line in named)] if named else []


def _conventions(outcomes: Sequence[Outcome]) -> list[str]:
    """The FLOP convention by its name, and what the other one would say; and whose peak, where points differ in it."""
    notes = []
    for convention in dict.fromkeys(point.scenario.report.flop_convention for point in outcomes):
        own = [point for point in outcomes if point.scenario.report.flop_convention == convention]
        other = [point.mfu_causal if convention == "full-attention" else point.mfu_full for point in own]
        low, high = percent(min(other)), percent(max(other))
        counted, alternative = _CONVENTIONS[convention]
        reach = low if low == high else f"{low} to {high}"
        notes.append(f"{counted} (flop_convention {convention}); counting {alternative} it is {reach}")
    formats = dict.fromkeys(" and ".join(point.formats) for point in outcomes)
    if len(formats) > 1:
        notes.append(
            f"MFU of a point is against the peak of its own formats ({', '.join(formats)}): compare points of different"
            " precision by time, not by MFU"
        )
    if len({point.device_title for point in outcomes}) > 1:
        notes.append("one device-hour is one hour of one device, whatever its size and price")
    return notes


def _notes(outcomes: Sequence[Outcome]) -> list[str]:
    """The notes of all points, each once: first on devices that differ, last on how far to believe the points."""
    differing = step_notes(outcomes)
    notes = [[*first, *point.notes, *accuracy_notes(point)] for first, point in zip(differing, outcomes, strict=True)]
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


def _marked(kind: str, lines: Sequence[str]) -> list[str]:
    return [f"{kind}: {line}" for line in lines]
