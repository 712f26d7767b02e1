"""The report of a comparison: computed from the numbers, and other numbers make another verdict."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path

import pytest
from builders import believed, screen_of, write_results

from sim.catalog import Range
from sim.errors import InputError
from sim.outcome.comparison.knee import knee
from sim.outcome.comparison.matching import Match
from sim.outcome.comparison.metrics import account, meter_watts, time_span_s, without_failures_s
from sim.outcome.confidence import NEVER_CHECKED
from sim.outcome.economics import RunBill
from sim.outcome.economics.bill import PriceOf
from sim.outcome.ledger import Ledger
from sim.outcome.outcome import Outcome
from sim.page.blocks import Page
from sim.page.markdown import markdown
from sim.page.numbers import duration
from sim.records.comparison import comparison_rows
from sim.records.document import results_document
from sim.records.notes import run_notes
from sim.report.comparison_tables import comparison_sections, criteria_table
from sim.report.verdict import CRITERIA, devices_within, verdict
from sim.scenario import ComparedWith
from sim.study.compare import Comparison, check_comparison, compare, equal
from sim.study.criteria import Ahead, criteria
from sim.study.findings import findings

Curve = dict[int, float]
DAY_S = 86400.0


@pytest.fixture
def templates(several: tuple[Outcome, ...]) -> dict[str, Outcome]:
    """A point of a cluster, and one of wafers, to be given other numbers."""
    return {"gpu cluster": several[1], "wafer": several[5]}


def numbered(
    template: Outcome,
    devices: int,
    time_s: float,
    usd_per_device_day: float | None,
    stack: str | None,
    tax: float,
) -> Outcome:
    """An outcome with numbers of one's own: prices of plus or minus 10 %, kilowatts, and one step in all."""
    scenario = template.scenario
    system = dataclasses.replace(scenario.system, devices=devices)
    training = dataclasses.replace(scenario.training, tokens=template.tokens_per_step)
    compared = dataclasses.replace(scenario.report, comparison=ComparedWith("wafer", (1,)))
    total_s = devices * time_s
    lines = dict.fromkeys(template.ledger.device_seconds, 0.0)
    lines |= {"useful": (1 - tax) * total_s, "bubble": tax * total_s}
    rental = None
    if usd_per_device_day is not None:
        usd = usd_per_device_day * total_s / DAY_S
        rental = Range(0.9 * usd, usd, 1.1 * usd)
    joules = 1000.0 * total_s
    bill = RunBill(
        total_s / 3600, 1e9, Range(joules, joules, joules), rental, None, None, unknown=("purchase price of it",)
    )
    return dataclasses.replace(
        template,
        scenario=dataclasses.replace(scenario, system=system, training=training, report=compared),
        ledger=Ledger(lines, devices, time_s),
        run=None,
        bill=bill,
        confidence=believed(-0.02, 0.03) if stack else NEVER_CHECKED,
        counterfactual_step_times_s={"free network": 0.5 * time_s},
    )


def compared(
    templates: dict[str, Outcome],
    gpu_days: Curve,
    wafer_days: Curve,
    *,
    gpu_usd: float | None = 10.0,
    wafer_usd: float | None = 1000.0,
    stack: str | None = "fsdp-2023",
    gpu_tax: float = 0.2,
    wafer_tax: float = 0.0,
) -> Comparison:
    gpus = [
        numbered(templates["gpu cluster"], size, days * DAY_S, gpu_usd, stack, gpu_tax)
        for size, days in gpu_days.items()
    ]
    wafers = [
        numbered(templates["wafer"], size, days * DAY_S, wafer_usd, stack, wafer_tax)
        for size, days in wafer_days.items()
    ]
    found = compare([*gpus, *wafers])
    assert found is not None
    return found


GPU_DAYS = {10: 100.0, 100: 10.0, 1000: 4.0}
WAFER_DAYS = {1: 10.0, 2: 5.0}


def ahead(comparison: Comparison) -> dict[str, Ahead]:
    return {CRITERIA[row.kind].title: row.ahead for row in criteria(comparison)}


def less(comparison: Comparison) -> dict[str, str]:
    """What is compared -> who has less of it, as the report's table says."""
    found = criteria_table(comparison)
    column = [heading.title for heading in found.headings].index("less has")
    return {row[0]: row[column] for row in found.rows}


def page(comparison: Comparison) -> str:
    """The sections of a report on a comparison."""
    return markdown(Page("test", (), tuple(filter(None, comparison_sections(comparison)))))


def test_what_is_as_fast_is_found_by_hand(templates: dict[str, Outcome]):
    (equal,) = compared(templates, GPU_DAYS, WAFER_DAYS).equals
    assert equal.match.reach == "within"
    assert equal.match.devices == pytest.approx(100.0)
    # 100 GPUs for 10 days at 10 USD a day.
    assert equal.rental_usd is not None
    assert equal.rental_usd.typical == pytest.approx(10_000.0)
    assert equal.tax == pytest.approx(0.2)
    assert equal.useful == pytest.approx(equal.curve.points[0].useful_share)


def test_the_error_bands_widen_a_match(templates: dict[str, Outcome]):
    comparison = compared(templates, GPU_DAYS, WAFER_DAYS)
    (equal,) = comparison.equals
    assert equal.lowest is not None
    assert equal.highest is not None
    # Time falls as 1 / n up to 100 devices: the fewest are those whose simulated time is longer by both errors.
    assert equal.lowest.devices == pytest.approx(100 * (1 - 0.02) / (1 + 0.03))
    assert equal.lowest.devices < equal.match.devices < equal.highest.devices


def test_without_published_rows_there_is_no_error_band(templates: dict[str, Outcome]):
    comparison = compared(templates, GPU_DAYS, WAFER_DAYS, stack=None)
    (equal,) = comparison.equals
    assert (equal.lowest, equal.highest) == (None, None)
    assert "(error not checked)" in verdict(comparison)[0]
    assert "gpu cluster 100 (not checked)" in verdict(comparison)[0]
    assert ahead(comparison)["time of the fastest size simulated"] == "not checked"
    assert ahead(comparison)["rental at equal time"] == "not checked"
    assert ahead(comparison)["distribution tax at equal time"] != "not checked"


@pytest.mark.parametrize(("size", "has_band"), [(1, True), (10, False), (100, False), (1000, False)])
def test_a_match_has_no_error_band_where_a_size_around_it_was_not_checked(
    templates: dict[str, Outcome], size: int, has_band: bool
):
    # 100 devices are as fast; within the bands somewhat fewer than that, or somewhat more.
    comparison = compared(templates, {1: 1000.0, **GPU_DAYS}, WAFER_DAYS)
    curve = comparison.equals[0].curve
    points = tuple(
        dataclasses.replace(one, confidence=NEVER_CHECKED) if one.devices == size else one for one in curve.points
    )
    found = equal(comparison.references[0], dataclasses.replace(curve, points=points))
    assert found.match.devices == pytest.approx(100.0)
    assert (found.lowest is not None, found.highest is not None) == (has_band, has_band)


def test_the_same_money_and_the_same_power(templates: dict[str, Outcome]):
    (equal,) = compared(templates, GPU_DAYS, WAFER_DAYS).equals
    # 10,000 USD are those of every size up to 100 devices, of which 100 are the fastest.
    afforded = equal.afforded["rental"]
    assert afforded is not None
    assert afforded.devices == pytest.approx(100.0)
    # One kilowatt is a tenth of the smallest cluster, and nobody knows what a device costs to buy.
    assert equal.afforded["power"] is None
    assert "owned" not in equal.afforded


def test_a_counterfactual_halves_the_devices_where_time_falls_as_they_grow(templates: dict[str, Outcome]):
    (equal,) = compared(templates, GPU_DAYS, WAFER_DAYS).equals
    assert equal.counterfactual["free network"].devices == pytest.approx(50.0)


def test_the_knee_and_the_line_that_bends(templates: dict[str, Outcome]):
    bends = compared(templates, GPU_DAYS, WAFER_DAYS).bends
    # n T^2: 100,000, 10,000, 16,000.
    assert (bends[0].knee.devices, bends[0].knee.place) == (100.0, "inside")
    assert bends[0].growth is not None
    assert bends[0].growth.line == "useful"
    assert bends[0].growth.share == pytest.approx(0.8)
    assert bends[1].knee.place == "last"
    assert bends[1].knee == knee([1, 2], [10.0, 5.0])


def test_other_numbers_make_another_verdict(templates: dict[str, Outcome]):
    cheap = compared(templates, GPU_DAYS, WAFER_DAYS, wafer_usd=100.0, gpu_tax=0.3)
    dear = compared(templates, GPU_DAYS, WAFER_DAYS, wafer_usd=10_000.0, gpu_tax=0.0, wafer_tax=0.3)
    assert ahead(cheap)["rental at equal time"] == "reference"
    assert ahead(dear)["rental at equal time"] == "other"
    assert ahead(cheap)["distribution tax at equal time"] == "reference"
    assert ahead(dear)["distribution tax at equal time"] == "other"
    assert less(cheap)["rental at equal time"] == less(cheap)["distribution tax at equal time"] == "wafer on 1 device"
    assert less(dear)["rental at equal time"] == less(dear)["distribution tax at equal time"] == "gpu cluster"
    assert "wafer is ahead more often than behind in distribution tax at equal time, rental" in " ".join(verdict(cheap))
    assert "wafer is ahead more often than behind in energy at equal time;" in " ".join(verdict(dear))


def test_prices_whose_ranges_meet_are_not_told_apart(templates: dict[str, Outcome]):
    close = compared(templates, GPU_DAYS, WAFER_DAYS, wafer_usd=1100.0)
    assert ahead(close)["rental at equal time"] == "not told apart"
    assert less(close)["rental at equal time"] == "not told apart"
    assert "and 2 cannot be told apart" in " ".join(verdict(close))


def test_times_within_both_bands_are_not_told_apart(templates: dict[str, Outcome]):
    name = "time of the fastest size simulated"
    assert ahead(compared(templates, {10: 10.0}, {1: 10.1}))[name] == "not told apart"
    assert ahead(compared(templates, {10: 10.0}, {1: 20.0}))[name] == "other"
    assert ahead(compared(templates, {10: 20.0}, {1: 10.0}))[name] == "reference"


def test_what_no_source_states_is_called_unknown(templates: dict[str, Outcome]):
    comparison = compared(templates, GPU_DAYS, WAFER_DAYS, gpu_usd=None)
    assert ahead(comparison)["rental at equal time"] == "unknown"
    assert less(comparison)["rental at equal time"] == "unknown"
    assert "Unknown: purchase price of it." in verdict(comparison)[-1]
    assert comparison_rows(comparison)[0]["rental_usd"] is None


def billed(template: Outcome, assumed: tuple[PriceOf, ...], dates: tuple[str, ...]) -> Outcome:
    point = numbered(template, 1, 10.0 * DAY_S, 1000.0, "fsdp-2023", 0.0)
    assert point.bill is not None
    return dataclasses.replace(point, bill=dataclasses.replace(point.bill, assumed=assumed, rental_dates=dates))


def test_what_rests_on_an_assumed_figure_says_so_and_prices_have_dates(templates: dict[str, Outcome]):
    gpus = [
        numbered(templates["gpu cluster"], size, days * DAY_S, 10.0, "fsdp-2023", 0.0)
        for size, days in GPU_DAYS.items()
    ]
    comparison = compare(
        [*gpus, billed(templates["wafer"], (PriceOf("power", "it"), PriceOf("rental", "it")), ("2022-11",))]
    )
    assert comparison is not None
    rests_on = {CRITERIA[row.kind].title: tuple(map(str, row.assumed)) for row in criteria(comparison)}
    assert rests_on["rental at equal time"] == ("rental of it",)
    assert rests_on["energy at equal time"] == rests_on["cost if owned at equal time"] == ("power of it",)
    assert rests_on["distribution tax at equal time"] == ()
    text = page(comparison)
    assert "rests on assumed" in text
    assert "rental of it" in text
    dear = dataclasses.replace(templates["wafer"], bill=comparison.points[-1].bill)
    assert any("rental prices of 2022-11" in note for note in run_notes(dear))
    (record,) = results_document(findings([dear]))["points"]
    assert record["bill"]["rental_dates"] == ["2022-11"]


def test_a_band_that_leaves_the_sizes_widens_a_range_up_to_their_end(templates: dict[str, Outcome]):
    # 20 devices are as fast. If the wafer's true time is 4 times as long, 200 days, fewer than the 10 simulated are.
    exact, wide = (believed(low, 0.0) for low in (0.0, -0.75))
    gpus = [
        numbered(templates["gpu cluster"], size, days * DAY_S, 10.0 * size, None, 0.0)
        for size, days in {10: 100.0, 1000: 1.0}.items()
    ]
    wafer = numbered(templates["wafer"], 1, 50.0 * DAY_S, 1000.0, None, 0.0)
    comparison = compare(
        [
            *(dataclasses.replace(one, confidence=exact) for one in gpus),
            dataclasses.replace(wafer, confidence=wide),
        ]
    )
    assert comparison is not None
    (equal,) = comparison.equals
    assert equal.match.devices == pytest.approx(20.0)
    assert equal.lowest == Match("fewer", 10.0)
    # 10 devices for 100 days at 100 USD a day each, 10 % off.
    assert equal.rental_usd is not None
    assert equal.rental_usd.low == pytest.approx(0.9 * 10 * 100 * 100)
    assert equal.rental_usd.typical == pytest.approx(20 * 50 * 200)


@pytest.mark.parametrize(
    ("gpu_days", "match", "words"),
    [
        ({10: 1.0, 100: 0.5}, Match("fewer", 10.0), "fewer than 10"),
        ({10: 100.0, 1000: 50.0}, Match("more", 1000.0), "more than 1,000"),
        ({10: 100.0, 1000: 100.0}, Match("never", 1000.0), "never: the curve does not reach it with 1,000"),
    ],
)
def test_outside_the_sizes_nothing_is_compared(
    templates: dict[str, Outcome], gpu_days: Curve, match: Match, words: str
):
    comparison = compared(templates, gpu_days, WAFER_DAYS)
    (equal,) = comparison.equals
    assert equal.match == match
    assert (equal.tax, equal.rental_usd, equal.energy_joules) == (None, None, None)
    assert ahead(comparison)["rental at equal time"] == "outside the sizes"
    assert words in verdict(comparison)[0]
    assert words in page(comparison)


def test_a_point_is_as_fast_as_itself_in_every_curve(templates: dict[str, Outcome]):
    for size, days in GPU_DAYS.items():
        (equal,) = compared(templates, GPU_DAYS, {1: days}).equals
        assert equal.match == Match("within", pytest.approx(size))


def with_comparison(outcomes: tuple[Outcome, ...], asked: ComparedWith) -> list[Outcome]:
    return [
        dataclasses.replace(
            one,
            scenario=dataclasses.replace(
                one.scenario, report=dataclasses.replace(one.scenario.report, comparison=asked)
            ),
        )
        for one in outcomes
    ]


def test_the_report_of_simulated_points(several: tuple[Outcome, ...], tmp_path: Path):
    outcomes = with_comparison(several, ComparedWith("wafer", (1, 2, 4)))
    files = {path.name for path in write_results(outcomes, [], tmp_path / "out", charts=False)}
    assert {"report.md", "comparison.csv"} <= files
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    document = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader((tmp_path / "out" / "comparison.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 4
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    for sentence in document["comparison"]["verdict"]:
        assert f"- {sentence}" in text
    for stack in ("fsdp-2023", "megatron-2022", "cerebras-r2"):
        assert f"{stack}: for sources never seen, eight of ten step times are" in text
        assert f"{stack} " in document["comparison"]["verdict"][-1]
    assert "wafer on 4 devices: not among the points that were simulated" in text
    assert "\n## Verdict\n" in text
    said = " ".join(screen_of(outcomes).split())
    for devices in (1, 2):
        wafer = next(one for one in several if (one.scenario.system.name, one.devices) == ("wafer", devices))
        assert re.search(rf"{devices} wafer trains? it in {duration(wafer.time_to_train_s)}\.", said)


def test_nothing_is_written_where_no_comparison_is_asked_for(several: tuple[Outcome, ...], tmp_path: Path):
    files = {path.name for path in write_results(several, [], tmp_path / "out", charts=False)}
    assert "comparison.csv" not in files
    assert "## Verdict" not in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "As fast" not in screen_of(several)


def test_a_system_that_is_not_there_is_refused(several: tuple[Outcome, ...]):
    scenarios = [one.scenario for one in with_comparison(several, ComparedWith("wafers", (1,)))]
    with pytest.raises(InputError, match="unknown system 'wafers'; did you mean 'wafer'"):
        check_comparison(scenarios)


def test_sizes_that_are_not_there_are_refused(several: tuple[Outcome, ...]):
    scenarios = [one.scenario for one in with_comparison(several, ComparedWith("wafer", (3,)))]
    with pytest.raises(InputError, match="has none of these sizes: 3"):
        check_comparison(scenarios)


def test_different_models_are_not_compared(different_models: tuple[Outcome, ...]):
    scenarios = [one.scenario for one in with_comparison(different_models, ComparedWith("gpu cluster", (8,)))]
    with pytest.raises(InputError, match="do not all train the same model"):
        check_comparison(scenarios)


def test_one_system_alone_says_so(several: tuple[Outcome, ...]):
    comparison = compare(with_comparison(several[5:], ComparedWith("wafer", (1,))))
    assert comparison is not None
    assert verdict(comparison) == ["There is only one system, and nothing to compare it with."]
    assert "nothing to compare" in page(comparison)


def test_an_error_of_a_tenth_too_fast_is_a_run_of_a_ninth_more(templates: dict[str, Outcome]):
    point = numbered(templates["wafer"], 1, 90.0, None, "cerebras-r2", 0.0)
    ends = time_span_s(dataclasses.replace(point, confidence=believed(-0.1, 0.2)))
    assert ends is not None
    assert (ends.low, ends.high) == pytest.approx((75.0, 100.0))


def test_a_run_is_accounted_for_and_compared_with_one_without_failures(several: tuple[Outcome, ...]):
    for one in several:
        assert one.run is not None
        assert account(one).total_s == pytest.approx(one.devices * one.run.mean_s)
        calm_s = without_failures_s(one)
        assert calm_s is not None
        assert one.undisturbed_s < calm_s <= one.time_to_train_s * (1 + 1e-9)


def test_a_step_alone_is_accounted_for_up_to_all_tokens(several: tuple[Outcome, ...]):
    one = dataclasses.replace(several[0], run=None, bill=None)
    assert account(one).total_s == pytest.approx(one.devices * one.undisturbed_s)
    assert (without_failures_s(one), meter_watts(one)) == (None, None)


def test_power_is_energy_over_time(templates: dict[str, Outcome]):
    assert meter_watts(numbered(templates["wafer"], 3, 50.0, None, None, 0.0)) == pytest.approx(3000.0)


def test_what_is_the_same_within_the_error_bands_is_said_once() -> None:
    outside, within = Match("fewer", 8.0), Match("within", 412.0)
    assert devices_within(outside, outside, outside) == "fewer than 8"
    assert devices_within(within, outside, Match("within", 450.0)) == "412 (fewer than 8 to 450)"
    assert devices_within(within, None, None) == "412 (not checked)"
