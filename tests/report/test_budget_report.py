"""The answer of a scaling law on the screen, in files, and as a chart."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from sim.catalog import economics_of, load_law
from sim.errors import InputError
from sim.outcome.quality.study import Question, Study, answer
from sim.page.numbers import large
from sim.page.terminal import page_text, screen
from sim.records.budget import budget_document
from sim.report.budget import budget_page, budget_screen, write_budget
from sim.report.charts.budget import lifetime_compute
from sim.study.price import machine

DEVICE = "h100-80gb-sxm"


def study(**question: float) -> Study:
    return answer(load_law("chinchilla"), Question(**question))


def test_the_first_lines_answer() -> None:
    found = study(parameters=13e9, tokens=617.4e9, inference_tokens=2e12)
    for machine_ in (None, machine(DEVICE, "40 %", None)):
        lines = screen(budget_screen(found, machine_)).splitlines()
        assert len(lines) <= 22
        assert max(map(len, lines)) <= 80
        assert any(line.startswith("Trust: ") for line in lines)
        assert "asked about" in " ".join(lines)
    text = " ".join(screen(budget_screen(found, None)).split())
    assert "13 B parameters on 617 B tokens (47.5 per parameter)" in text
    assert "7.12 B parameters on 1.3 T tokens" in text
    assert "16.3 % less" in " ".join(text.split())
    assert text.isascii()
    assert "fitted on: 70 M to 16 B parameters" in " ".join(text.split())


def test_other_laws_answer_beside_it_and_never_about_a_loss_of_their_own() -> None:
    text = page_text(budget_page(study(compute_flops=1e21), None))
    assert {"chinchilla-epoch", "cerebras-gpt"} <= set(text.split("What other laws say")[1].split())
    assert "What other laws say" not in page_text(budget_page(study(target_loss=2.1), None))


def test_costs_are_flops_over_what_a_device_does() -> None:
    priced = machine(DEVICE, "50 %", "25 %")
    assert priced is not None
    found = study(compute_flops=1e21, inference_tokens=1e12)
    training_s = found.recipe.training_flops / (0.5 * priced.peak_flops_per_s)
    inference_s = 2 * found.recipe.parameters * 1e12 / (0.25 * priced.peak_flops_per_s)
    assert priced.device_hours(found.recipe, 1e12) == pytest.approx((training_s + inference_s) / 3600)
    rental = economics_of(DEVICE).rental
    assert rental is not None
    cost = priced.cost_usd(found.recipe, 1e12)
    assert cost is not None
    assert cost.typical == pytest.approx((training_s + inference_s) * rental.usd.typical)
    assert priced.inference_weight == 2.0
    assert "rented at prices of 2026-03" in " ".join(page_text(budget_page(found, priced)).split())


def test_a_price_that_nobody_states_is_unknown() -> None:
    unpriced = machine("v100-32gb-sxm", "30 %", None)
    text = screen(budget_screen(study(compute_flops=1e21), unpriced))
    assert "unknown" in text
    document = budget_document(study(compute_flops=1e21), unpriced, ())
    assert {row["rental_usd"] for row in document["same_loss"]} == {None}


@pytest.mark.parametrize(
    ("given", "words"),
    [((DEVICE, None, None), "without its utilisation"), ((None, "40 %", None), "without its utilisation"),
     ((DEVICE, "0", None), "no share of a peak"), ((DEVICE, "140 %", None), "not a share"),
     (("h100", "40 %", None), "unknown device")],
)  # fmt: skip
def test_devices_that_cannot_be_priced(given: tuple[str | None, str | None, str | None], words: str) -> None:
    with pytest.raises(InputError, match=words):
        machine(*given)
    assert machine(None, None, None) is None


def test_counts_are_written_for_people() -> None:
    assert [large(number) for number in (13e9, 999.9e9, 1.33e12, 2.5e15, 12)] == [
        "13 B", "1 T", "1.33 T", "2,500 T", "12",
    ]  # fmt: skip


def test_files_hold_every_row(tmp_path: Path) -> None:
    found = study(compute_flops=1e22, inference_tokens=1e12)
    names = {path.name for path in write_budget(found, None, tmp_path / "out")}
    assert names == {"results.json", "report.md", "report.html", "budget.csv", "budget.png", "budget.svg"}
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    rows = list(csv.DictReader((tmp_path / "out" / "budget.csv").read_text().splitlines()))
    assert len(rows) == len(document["same_loss"]) == len(found.same_loss)
    for row, recipe in zip(rows, found.same_loss, strict=True):
        assert float(row["training_flops"]) == pytest.approx(6 * recipe.parameters * recipe.tokens)
    compute = answer(load_law("cerebras-gpt"), Question(compute_flops=1e21))
    assert {path.suffix for path in write_budget(compute, None, tmp_path / "compute")} == {
        ".json",
        ".csv",
        ".md",
        ".html",
    }


def test_models_outside_what_the_law_was_fitted_on_are_marked_and_absurd_ones_left_out() -> None:
    found = answer(load_law("chinchilla-epoch"), Question(compute_flops=1e21))
    rows = {row["parameters"]: row["fitted"] for row in budget_document(found, None, ())["same_loss"]}
    # Of the sizes beside 2.78 billion, the smallest but one needs a trillion tokens, the smallest more than 7,143 each.
    assert list(rows.values()) == [False] + [True] * 8
    text = " ".join(page_text(budget_page(found, None), 200).split())
    assert "4.47e+21 outside 982 M" in text
    assert "models marked outside lie outside those that chinchilla-epoch was fitted on" in text
    assert "left out: 491 M parameters, whose tokens per parameter lie outside 0.312 to 7,143" in text


def test_a_curve_ends_where_the_law_knows_no_model() -> None:
    (curve,) = [line for line in lifetime_compute(study(compute_flops=1e21)).lines if line.get_label() == "training"]
    sizes, flops = np.asarray(curve.get_xdata()), np.asarray(curve.get_ydata())
    assert float((flops / (6 * sizes) / sizes).max()) <= 500e9 / 70e6


def test_the_chart_marks_the_lowest_points() -> None:
    found = study(compute_flops=1e22, inference_tokens=1e12)
    ax = lifetime_compute(found)
    curves = {str(line.get_label()): line for line in ax.lines}
    assert {"training", "inference", "in all"} <= set(curves)
    assert found.least_lifetime is not None
    whole = curves["in all"]
    heights, sizes = whole.get_ydata(), whole.get_xdata()
    lowest = float(sizes[int(heights.argmin())])  # type: ignore[union-attr, index, arg-type]
    assert lowest == pytest.approx(found.least_lifetime.parameters, rel=0.03)
