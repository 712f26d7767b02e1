"""The error band of a point: beside its step time, in the notes, in the files, and the warning outside its range."""

from __future__ import annotations

import dataclasses
import re

from sim.catalog import Accuracy
from sim.outcome.comparison.metrics import error_span, time_span_s
from sim.outcome.confidence import NEVER_CHECKED, Confidence
from sim.outcome.outcome import Outcome
from sim.report.accuracy import accuracy_columns, accuracy_notes, accuracy_record, error_band, warnings_of
from sim.report.document import results_document, summary_rows
from sim.report.screen import screen

CHECKED = Accuracy(
    "s", 20, -0.057, 0.021, 0.03, ("a100",), (1e9, 7e10), (8, 512), (2048, 2048), (64, 1024), ("bf16",), ("adam",)
)
OUTSIDE = ("8 to 512 devices", "sequences of 2,048")


def with_confidence(outcome: Outcome, confidence: Confidence) -> Outcome:
    return dataclasses.replace(outcome, confidence=confidence)


def test_the_band_stands_beside_step_time_and_mfu(alone: Outcome) -> None:
    text = screen([with_confidence(alone, Confidence(CHECKED))])
    assert re.search(r"[\d.]+ % +-6 to \+2 % +\d+/\d+ +[\d.]+ %", text)
    assert "-5.7% to +2.1% off (P10 to P90 of 20 published check rows" in " ".join(text.split())
    assert "warning" not in text


def test_a_band_about_nothing_has_no_sign_that_means_nothing(alone: Outcome) -> None:
    point = with_confidence(alone, Confidence(dataclasses.replace(CHECKED, error_p90=-0.001)))
    assert error_band(point) == "-6 to +0 %"


def test_few_rows_are_said_to_be_few(alone: Outcome) -> None:
    point = with_confidence(alone, Confidence(dataclasses.replace(CHECKED, rows=3)))
    assert error_band(point) == "-6 to +2 % (3 rows)"
    assert "only 3 published rows to check it on; simulated step times were -5.7% to +2.1% off" in warnings_of(point)[0]
    assert accuracy_notes(point) == []
    single = with_confidence(alone, Confidence(dataclasses.replace(CHECKED, rows=1)))
    assert error_band(single) == "-6 to +2 % (1 row)"


def test_few_rows_are_warned_of_before_all_else(several: tuple[Outcome, ...]) -> None:
    few = dataclasses.replace(CHECKED, rows=2)
    points = [with_confidence(point, Confidence(CHECKED, OUTSIDE)) for point in several]
    lines = screen([*points[:-1], with_confidence(points[-1], Confidence(few, OUTSIDE))]).splitlines()
    assert "only 2 published rows" in next(line for line in lines if line.startswith("warning: "))


def test_a_stack_that_nothing_checks_is_not_checked(alone: Outcome) -> None:
    point = with_confidence(alone, NEVER_CHECKED)
    assert error_band(point) == "not checked"
    assert "not compared with any published row" in accuracy_notes(point)[0]
    assert warnings_of(point) == []
    nothing = {"step_time_error_p10": None, "step_time_error_p90": None}
    assert accuracy_record(point) == {**nothing, "checked_on": None, "outside": []}
    assert accuracy_columns(point)["step_time_error_p10"] is None


def test_outside_the_checked_range_there_is_a_warning(alone: Outcome) -> None:
    point = with_confidence(alone, Confidence(CHECKED, OUTSIDE))
    text = " ".join(screen([point]).split())
    for words, warning in zip(OUTSIDE, warnings_of(point), strict=True):
        assert words in warning
        assert f"warning: {warning}" in text


def test_warnings_come_before_notes_and_are_never_cut(several: tuple[Outcome, ...]) -> None:
    points = [
        with_confidence(point, Confidence(CHECKED, (f"{index} to {index + 1} devices",)))
        for index, point in enumerate(several)
    ]
    lines = screen(points).splitlines()
    warned = [index for index, line in enumerate(lines) if line.startswith("warning: ")]
    noted = [index for index, line in enumerate(lines) if line.startswith("note: ")]
    assert len(warned) == len(points)
    assert max(warned) < min(noted)


def test_outside_the_checked_range_no_band_is_shown(alone: Outcome) -> None:
    point = with_confidence(alone, Confidence(CHECKED, OUTSIDE))
    assert error_band(point) == "not checked"
    assert "-6 to +2 %" not in screen([point])
    assert error_span(point) is None
    assert time_span_s(point) is None


def test_the_files_hold_the_band(alone: Outcome) -> None:
    point = with_confidence(alone, Confidence(CHECKED))
    (record,) = results_document([point])["points"]
    assert (record["accuracy"]["step_time_error_p10"], record["accuracy"]["step_time_error_p90"]) == (-0.057, 0.021)
    (row,) = summary_rows([point])
    assert (row["step_time_error_p10"], row["step_time_error_p90"], row["check_rows"]) == (-0.057, 0.021, 20)
    assert row["outside_checked_range"] == ""


def test_the_files_hold_no_band_but_what_lies_outside(alone: Outcome) -> None:
    point = with_confidence(alone, Confidence(CHECKED, OUTSIDE))
    (record,) = results_document([point])["points"]
    assert record["accuracy"]["step_time_error_p10"] is None
    assert record["accuracy"]["checked_on"]["error_p10"] == -0.057
    assert record["accuracy"]["outside"] == list(OUTSIDE)
    assert set(warnings_of(point)) <= set(record["notes"])
    (row,) = summary_rows([point])
    assert (row["step_time_error_p10"], row["step_time_error_p90"], row["check_rows"]) == (None, None, 20)
    assert row["outside_checked_range"] == "; ".join(OUTSIDE)
