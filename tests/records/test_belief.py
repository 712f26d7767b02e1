"""The error band of a point: beside its step time, in the notes, in the files, and the warning outside its range."""

from __future__ import annotations

import dataclasses
import re

import pytest
from builders import believed, report_of, screen_of

from sim.catalog.accuracy import Compared, Situation
from sim.outcome.comparison.metrics import error_span, time_span_s
from sim.outcome.confidence import NEVER_CHECKED, Band, Confidence, Standing
from sim.outcome.outcome import Outcome
from sim.records.belief import (
    accuracy_notes,
    confidence_record,
    error_band,
    situation_words,
    warnings_of,
)
from sim.records.document import results_document, summary_rows
from sim.records.metrics import values
from sim.report.sentences import notes_by_place
from sim.study.findings import findings

CHECKED = Compared(
    "s", ("one", "two"), 20, ("a100",), (1e9, 7e10), (8, 512), (2048, 2048), (64, 1024), ("bf16",), ("adam",)
)
OUTSIDE = ("8 to 512 devices", "sequences of 2,048")
BAND = believed(-0.057, 0.021)
BEYOND = dataclasses.replace(BAND, standing=Standing(Situation("GPU"), CHECKED, OUTSIDE))
UNLIKE = Confidence(Standing(unlike=("optimizer sgd", "precision fp8")))


def with_confidence(outcome: Outcome, confidence: Confidence) -> Outcome:
    return dataclasses.replace(outcome, confidence=confidence)


def test_the_band_stands_beside_time_and_mfu(alone: Outcome) -> None:
    point = with_confidence(alone, dataclasses.replace(BAND, standing=Standing(Situation("GPU"), CHECKED)))
    assert re.search(r"[\d.]+ %  .*-6\.\.\+2 %", screen_of([point]))
    text = report_of([point])
    assert "eight of ten step times are -5.7..+2.1 % off" in text
    assert "GPU: 200 rows of 12 sources" in text
    assert "warning" not in text


def test_a_band_about_nothing_has_no_sign_that_means_nothing(alone: Outcome) -> None:
    assert error_band(with_confidence(alone, believed(-0.057, -0.001))) == "-6..-0 %"


def test_what_a_search_adds_and_the_band_of_memory_are_noted(alone: Outcome) -> None:
    memory = Band(-0.1, 0.11, Situation(), 60, 11)
    point = with_confidence(alone, dataclasses.replace(BAND, memory=memory, is_searched=True))
    (note,) = accuracy_notes(point)
    assert "off, with what a search for the fastest plan adds" in note
    assert note.endswith("of peak memory -10.0..+11.0 %")
    assert values(point)["peak_memory_error_p90"] == 0.11


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (Situation(), "all predictions"),
        (Situation("wafer"), "wafer"),
        (
            Situation("GPU", "guessed", "outside", "above 128"),
            "GPU, stack guessed, outside its checked range, above 128 devices",
        ),
        (Situation("GPU", "named", "inside", "node"), "GPU, stack named, inside its checked range, within a node"),
    ],
)
def test_situations_are_said_in_words(of: Situation, words: str) -> None:
    assert situation_words(of) == words


def test_a_point_that_nothing_is_like_is_not_checked(alone: Outcome) -> None:
    point = with_confidence(alone, UNLIKE)
    assert error_band(point) == "not checked"
    assert accuracy_notes(point) == []
    (line,) = warnings_of(point)
    assert line.endswith("no error band, as no published row has optimizer sgd, or precision fp8")
    assert confidence_record(UNLIKE)["not_checked_because"] == ["optimizer sgd", "precision fp8"]
    assert confidence_record(NEVER_CHECKED)["checked_on"] is None
    assert values(point)["step_time_error_p10"] is None
    assert error_span(point) is None
    assert time_span_s(point) is None


def test_of_parts_of_different_kinds_nothing_is_known(alone: Outcome) -> None:
    (line,) = warnings_of(with_confidence(alone, NEVER_CHECKED))
    assert "nothing like it was compared" in line


def test_a_stack_that_nobody_ran_is_said_to_be_one(alone: Outcome) -> None:
    (line,) = warnings_of(with_confidence(alone, BAND))
    assert "no published row ran it" in line


def test_outside_the_checked_range_there_is_a_warning(alone: Outcome) -> None:
    point = with_confidence(alone, BEYOND)
    text = report_of([point])
    assert error_band(point) == "-6..+2 %"
    for words, warning in zip(OUTSIDE, warnings_of(point), strict=True):
        assert words in warning
        assert f"warning: {warning}" in text


def test_warnings_are_all_in_the_report_and_counted_on_the_screen(several: tuple[Outcome, ...]) -> None:
    points = [
        with_confidence(
            point, dataclasses.replace(BAND, standing=Standing(Situation("GPU"), CHECKED, (f"{index} devices",)))
        )
        for index, point in enumerate(several)
    ]
    lines = notes_by_place(points)
    assert len([line for line in lines if line.startswith("warning: ")]) == len(points)
    # A first screen says how many points have one.
    assert f"{len(points)} of {len(points)} points outside what was compared" in " ".join(screen_of(points).split())


def test_the_files_hold_the_band(alone: Outcome) -> None:
    point = with_confidence(alone, BEYOND)
    (record,) = results_document(findings([point]))["points"]
    assert (record["step_time_error_p10"], record["step_time_error_p90"]) == (-0.057, 0.021)
    assert record["accuracy"]["checked_on"]["sources"] == ["one", "two"]
    assert record["accuracy"]["evidence"]["of"]["machine"] == "GPU"
    assert record["accuracy"]["outside"] == list(OUTSIDE)
    assert set(warnings_of(point)) <= set(record["notes"])
    (row,) = summary_rows([point])
    assert (row["step_time_error_p10"], row["step_time_error_p90"], row["check_sources"]) == (-0.057, 0.021, 12)
    assert row["outside_checked_range"] == "; ".join(OUTSIDE)
