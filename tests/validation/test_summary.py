"""Statistics, targets and the summary: worked by hand on a few made-up comparisons."""

from __future__ import annotations

from typing import Any

import pytest
from measured import case, comparison, row

from sim.validation.cases import case_of
from sim.validation.compare import Comparison, Validation
from sim.validation.errors import errors_of, memory_errors
from sim.validation.obstacles import Unsupported
from sim.validation.summary import Counts, summarise
from sim.validation.table import Problem
from sim.validation.targets import Target, headline, targets


def validation(*comparisons: Comparison) -> Validation:
    left_out = tuple(Unsupported(row(id=f"x{index}", gpu=gpu), "the device 'T' is not in the catalogue (known: y)",
                                 "the device is not in the catalogue")
                     for index, gpu in enumerate(("T", "T")))  # fmt: skip
    return Validation(comparisons, left_out, (Problem("t.csv", 3, "b", "layers", "'x' is not a number"),))


def target(found: tuple[Target, ...], what: str, measure: str = "mean absolute") -> Target:
    return next(one for one in found if one.what.startswith(what) and one.measure == measure)


def test_statistics_by_hand() -> None:
    errors = errors_of([("a", -0.1), ("b", 0.2), ("c", 0.0), ("d", -0.3), ("e", 0.1)])
    assert errors is not None
    assert errors.rows == 5
    assert errors.mean == pytest.approx(-0.02)
    assert errors.mean_absolute == pytest.approx(0.14)
    assert errors.median_absolute == pytest.approx(0.1)
    # Sorted without sign 0, 0.1, 0.1, 0.2, 0.3: nine tenths of the way lie at 0.26.
    assert errors.p90_absolute == pytest.approx(0.26)
    assert (errors.p10, errors.p90) == (pytest.approx(-0.22), pytest.approx(0.16))
    assert (errors.worst_row, errors.worst) == ("d", -0.3)
    assert errors_of([]) is None


def test_memory_counts_where_it_was_measured() -> None:
    errors = memory_errors([comparison(id="a"), comparison(id="m", memory_GiB=20.0, predicted_memory=22.0)])
    assert errors is not None
    assert errors.rows == 1
    assert errors.mean == pytest.approx(0.1)


def test_fit_rows_never_enter_the_headline() -> None:
    checks = [comparison(0.02, id="a"), comparison(-0.04, id="b")]
    wild = comparison(9.0, "fit", id="c")
    with_fit, without = summarise(validation(*checks, wild)), summarise(validation(*checks))
    assert with_fit.headline == without.headline
    # How many rows can be simulated does not ask for their role.
    errors = [[one for one in found.targets if one.measure != "left out"] for found in (with_fit, without)]
    assert errors[0] == errors[1]
    assert with_fit.worst == without.worst
    assert with_fit.series == without.series
    assert with_fit.sources[0].errors == without.sources[0].errors


def test_the_headline_is_of_listed_sources_on_two_devices() -> None:
    rows = [
        comparison(0.02, id="a"),
        comparison(0.5, id="b", source="somebody"),
        comparison(0.5, id="c", gpu="V100-SXM3-32GB (DGX-2)", precision="fp16"),
    ]
    errors = headline(rows)
    assert errors is not None
    assert (errors.rows, errors.mean) == (1, pytest.approx(0.02))


def test_targets_are_met_or_missed_by_their_limit() -> None:
    close = targets([comparison(0.045 - 1e-9, id=str(index)) for index in range(5)])
    assert target(close, "dense").met
    assert target(close, "vtrain-single").met
    assert target(close, "worst source").over == "vtrain-single"
    far = targets([comparison(-0.2, id=str(index)) for index in range(5)])
    missed = target(far, "dense", "P90 absolute")
    assert missed.met is False
    assert missed.reached == pytest.approx(0.2)
    assert target(far, "worst source").met is False


def test_a_target_without_rows_is_neither_met_nor_missed() -> None:
    found = targets([comparison(0.0)])
    for what in ("vtrain-multi", "Korthikanti", "CS-2", "worst source", "peak memory", "scaling"):
        assert target(found, what).met is None, what


def test_rows_of_sources_that_are_not_listed_reach_no_target() -> None:
    found = targets([comparison(0.0, id=str(index), source="somebody") for index in range(6)])
    assert all(one.met is None for one in found)


def test_groups_count_every_row_of_their_source() -> None:
    compared = [comparison(0.1, id="a"), comparison(0.0, "fit", id="b")]
    supported = [(one.case, one.role) for one in compared] + [(case(id="c"), "fit")]
    summary = summarise(validation(*compared), supported)  # type: ignore[arg-type]
    (group,) = summary.sources
    assert group.counts == Counts(check=1, fit=2, not_simulated=2)
    assert group.errors is not None
    assert group.errors.rows == 1
    (stack,) = summary.stacks
    assert (stack.name, stack.counts) == ("vtrain", Counts(check=1, fit=2))


def test_a_source_with_rows_for_fitting_only_is_named_without_errors() -> None:
    supported = [(case(id="c", source="vtrain-multi"), "fit")]
    summary = summarise(validation(comparison()), supported)  # type: ignore[arg-type]
    lonely = next(group for group in summary.sources if group.name == "vtrain-multi")
    assert (lonely.counts.fit, lonely.errors, lonely.known) == (1, None, True)


def test_nothing_is_left_out_in_silence() -> None:
    summary = summarise(validation(comparison()))
    assert summary.reasons == [("the device is not in the catalogue", 2)]
    assert [one.rows for one in summary.left_out] == [2]
    assert summary.problems == ("t.csv, line 3 (b), column layers: 'x' is not a number",)


def test_the_worst_rows_come_with_what_is_not_useful() -> None:
    lines = {"useful": 0.4, "kernel_loss": 0.3, "bubble": 0.2, "launch": 0.07, "data_comm": 0.03}
    summary = summarise(validation(comparison(0.01, id="a"), comparison(-0.5, id="b", lines=lines)))
    worst = summary.worst[0]
    assert (worst.row, worst.error) == ("b", pytest.approx(-0.5))
    assert [line for line, _ in worst.lines] == ["kernel_loss", "bubble", "launch"]


def test_fit_rows_alone_are_counted_as_such_and_reach_no_target() -> None:
    summary = summarise(validation(comparison(0.3, "fit")), role="fit")
    assert summary.role == "fit"
    assert summary.targets == ()
    assert summary.sources[0].errors is not None


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"precision": "int4"}, "a precision that is not simulated"),
        ({"layers": None, "heads": None}, "the source does not say shape, devices or batch"),
        ({"ep": 8}, "mixtures of experts are not simulated yet"),
    ],
)
def test_reasons_that_differ_in_names_are_one(cells: dict[str, Any], words: str) -> None:
    (left_out,) = summarise(Validation((), (case_of(row(**cells)),), ())).left_out
    assert left_out.reason == words
