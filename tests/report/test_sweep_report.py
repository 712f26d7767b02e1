"""The screen and the report of a sweep: the answer first, few lines, every number that of the point's row."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from sweep_rows import row

from sim.outcome.lines import LINES
from sim.page.blocks import Chart, Table
from sim.page.html import html, json_text
from sim.page.markdown import markdown
from sim.page.numbers import SECONDS, duration, gibibytes, percent, usd
from sim.page.terminal import screen
from sim.records import metrics
from sim.records.point_work import work
from sim.records.series import column
from sim.records.swept import Swept, swept
from sim.report.sweep import sweep_page, sweep_screen, write_sweep
from sim.scenario import read_document
from sim.sweep.grid import points_of, scenario_of
from sim.sweep.store import DONE, FAILED, Answer, Asked, Store
from sim.sweep.tables import frame, write_tables

SIZES = ((8, 864000.0), (16, 432000.0), (64, 400000.0))


def point(system: str, devices: int, time_s: float, **changes: Any) -> dict[str, Any]:
    """A row as the store has it, without what its file says."""
    whole: dict[str, Any] = {
        **row(system, devices, time_s), "plan": f"DP{devices} mb1", "flop_convention": "full-attention",
        "mfu_causal": 0.45, "outside_checked_range": "", "step_time_error_p10": -0.1, "step_time_error_p90": 0.2,
        "mfu_half": 0.0,
        "step_time_s": 1.5, "tokens_per_s_per_device": 2387.0, "goodput": 0.99, "memory_peak_bytes": 70 * 2.0**30,
    }  # fmt: skip
    return {key: value for key, value in {**whole, **changes}.items() if "." not in key and key != "error"}


def found(folder: Path, points: list[tuple[dict[str, Any], dict[str, Any]]], title: str = "A sweep") -> Swept:
    """What a store with these points comes to: (axes, row) each; a row with an error failed."""
    with Store(folder) as store:
        names = [(number, f"p{number}", {"title": title, **axes}) for number, (axes, _) in enumerate(points)]
        store.list(names)
        store.name(Asked(f"p{number}", f"k{number}", {}) for number in range(len(points)))
        store.write(
            [
                Answer(f"k{number}", {"row": one, **one.get("told", {})}, FAILED if "error" in one else DONE, {})
                for number, (_, one) in enumerate(points)
            ]
        )
        return swept(store, len(points))


def sizes(system: str, scale: float = 1.0, **changes: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [
        ({f"system.{system}.devices": count}, point(system, count, scale * time_s, **changes))
        for count, time_s in SIZES
    ]


def text_of(sweep: Swept, width: int = 80) -> str:
    return screen(sweep_screen(sweep, Path("results/s")), width)


def table_of(sweep: Swept) -> Table:
    (one,) = [block for block in sweep_screen(sweep, Path("s")) if isinstance(block, Table)]
    return one


def test_the_answer_stands_before_the_table_and_says_what_is_sure(tmp_path: Path) -> None:
    told = text_of(found(tmp_path, [*sizes("a"), *sizes("b", 0.5)]))
    lines = told.splitlines()
    assert lines[0] == "A sweep: 6 of 6 points done, 0 failed, 6 new"
    answer = " ".join(told.split("\n\n")[0].split())
    assert "Fastest: b on 64 devices, 2.3 days; then a on 64 devices, 2 times as long, more than both errors." in answer
    assert "Knee, past which more devices save little time: a at 16, b at 16 devices." in answer
    assert lines[-2] == "Trust: 8 of 10 errors on unseen sources within -10..+20 % (-: too fast)."
    assert lines[-1] == "Next: scaletax plot results/s | results/s/report.html, points.csv"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "1.1 times as long, within their errors, so not told apart"),
        ({"step_time_error_p10": None}, "1.1 times as long, not checked"),
    ],
)
def test_two_systems_within_their_errors_are_not_told_apart(tmp_path: Path, changes: Any, words: str) -> None:
    told = " ".join(text_of(found(tmp_path, [*sizes("a"), *sizes("b", 1.1, **changes)])).split())
    assert f"Fastest: a on 64 devices, 4.6 days; then b on 64 devices, {words}." in told


def test_every_cell_is_that_of_its_point_and_knees_are_marked(tmp_path: Path) -> None:
    sweep = found(tmp_path, [*sizes("a", mfu_full=0.3, distribution_tax=0.2), *sizes("wafer", 0.5)])
    rows = {curve.label: curve.rows for curve in sweep.curves}
    every = [one for name in ("a", "wafer") for one in rows[name]]
    cells = table_of(sweep).rows
    firsts = [cell[0] for cell in cells]
    assert firsts == ["a       8", "      16*", "       64", "wafer   8", "      16*", "       64"]
    for one, cell in zip(every, cells, strict=True):
        figures = (duration(one["time_to_train_s"]), percent(one["mfu_full"], 0), percent(one["distribution_tax"], 0))
        assert cell[1:6] == (*figures, one["plan"], "-10..+20 %")
        assert cell[6:] == ("1.5 s", "2,387", "99.0 %", gibibytes(one["memory_peak_bytes"]), usd(one["rental_usd"]))


def test_mfu_is_by_the_convention_of_the_scenario(tmp_path: Path) -> None:
    causal = found(tmp_path, sizes("a", flop_convention="causal-attention"))
    assert {cells[2] for cells in table_of(causal).rows} == {"45 %"}


@pytest.mark.parametrize("systems", [1, 3, 4, 9, 40])
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("bad", [0, 5])
def test_a_first_screen_has_24_lines_at_most(tmp_path: Path, systems: int, width: int, bad: int) -> None:
    points = [one for number in range(systems) for one in sizes(f"cluster {number}", 1 + number)]
    for number in range(bad):
        axes = {"system.a.devices": number}
        said = {"problem": f"a batch of {number} " * 5, "remedy": "more " * 9}
        failed = {"system": "a", "error": "x", "told": said}
        points.append((axes, failed))
    told = text_of(
        found(tmp_path, points, "A title of a sweep that takes a line of its own, and is a bit too long"), width
    )
    lines = told.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    assert told.isascii()
    assert ("cluster 0 " in told.partition("---")[2]) is (systems > 1)
    assert "checked?" in told
    assert ("peak" in told) is (width > 80)
    assert ("failed: a batch of 0 a batch of 0" in " ".join(told.split())) is bool(bad)


def test_narrow_formats_are_held_against_half_precision_as_well(tmp_path: Path) -> None:
    points = [
        ({"training.precision": name, "training.tokens": tokens}, point("a", 8, 1e5, mfu_full=0.4, mfu_half=half))
        for name, tokens, half in (("bf16", 1e9, 0.4), ("fp8", 2e9, 0.8))
    ]
    sweep = found(tmp_path, points)
    told = " ".join(text_of(sweep).split())
    assert "Highest MFU, bf16: " in told
    assert {cells[3] for cells in table_of(sweep).rows} == {"40 %", "80 %"}
    assert "bf16" not in " ".join(text_of(found(tmp_path / "alike", sizes("a"))).split())


def test_points_of_other_work_are_not_compared_in_time(tmp_path: Path) -> None:
    points = [
        ({"model.name": f"m{n}", "training.tokens": n * 1e9}, point("a", 8, n * 86400.0, mfu_full=0.1 * n))
        for n in (1, 2, 3)
    ]
    sweep = found(tmp_path, points)
    told = " ".join(text_of(sweep).split())
    assert "The points differ in model.name and training.tokens, so their times are not compared." in told
    assert "Highest MFU: a, m3 (30 %); lowest: a, m1 (10 %)." in told
    assert "Fastest" not in told
    assert [cells[0].strip() for cells in table_of(sweep).rows] == ["1 B", "2 B", "3 B"]
    assert [cells[4] for cells in table_of(sweep).rows] == ["m1", "m2", "m3"]


def test_variants_of_one_system_go_by_what_differs(tmp_path: Path) -> None:
    points = [
        ({"system.jitter": jitter, "system.devices": count}, point("a", count, time_s))
        for jitter in ("0 %", "1 %")
        for count, time_s in SIZES[:2]
    ]
    sweep = found(tmp_path, points)
    assert [cells[0] for cells in table_of(sweep).rows] == [
        "jitter 0 %  8",
        "           16",
        "jitter 1 %  8",
        "           16",
    ]
    assert "slowest: jitter 1 % on 8 devices, 10.0 days." in " ".join(text_of(sweep).split())


def test_points_that_differ_in_their_seed_alone_are_one(tmp_path: Path) -> None:
    points = [
        ({"seed": seed, "system.devices": count}, point("a", count, time_s + 86400.0 * seed))
        for seed in (1, 2, 3)
        for count, time_s in SIZES
    ]
    sweep = found(tmp_path, points)
    assert [cells[1] for cells in table_of(sweep).rows] == ["12.0 days", "7.0 days", "6.6 days"]
    assert "Points that differ in their seed alone are one: the middle one." in text_of(sweep)
    assert "seed" not in text_of(found(tmp_path / "other", points[:3]))


def test_what_lies_outside_and_what_was_never_compared_is_counted(tmp_path: Path) -> None:
    points = [
        *sizes("a", outside_checked_range="8 to 512 devices"),
        *sizes("b", step_time_error_p10=None, step_time_error_p90=None),
    ]
    told = " ".join(text_of(found(tmp_path, points)).split())
    assert (
        "3 of 6 points outside what its stack was compared with; 3 of 6 points like nothing that was measured." in told
    )
    assert "not checked" in told


def test_a_sweep_without_a_point_says_so(tmp_path: Path) -> None:
    failed = {"system": "a", "error": "error: x", "told": {"problem": "it does not fit", "remedy": "use\nmore"}}
    told = text_of(found(tmp_path, [({"seed": 1}, failed), ({"seed": 2}, failed)]))
    assert "No point was simulated." in told
    assert "2 failed: it does not fit; the first at 'a', seed = 1; use; more" in " ".join(told.split())
    assert "---" not in told


def test_the_report_has_all_curves_and_all_errors(tmp_path: Path) -> None:
    failed = [
        ({"system.a.devices": n}, {"system": "a", "error": "x", "told": {"problem": f"error {n}", "remedy": "r"}})
        for n in range(5)
    ]
    sweep = found(tmp_path, [*sizes("a"), *sizes("b"), *failed])
    report = sweep_page(sweep)
    by_title = {section.title: section.blocks for section in report.sections}
    (points,) = by_title["Points"]
    assert isinstance(points, Table)
    assert [cells[:2] for cells in points.rows] == [(n, s) for n in ("a", "b") for s in ("8", "16*", "64")]
    text = markdown(report)
    assert all(f"error {n}" in text for n in range(5))
    assert f"{metrics.STEP_TIME.title}: {metrics.STEP_TIME.meaning}." in text
    write_sweep(report, tmp_path)
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == text
    assert "<table" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_report_of_many_points_stays_readable(tmp_path: Path) -> None:
    points = [({"steps": n, "system.a.devices": 8 + n % 2}, point("a", 8 + n % 2, 1e5 + n)) for n in range(2200)]
    (table, more) = next(one for one in sweep_page(found(tmp_path, points)).sections if one.key == "points").blocks
    assert isinstance(table, Table)
    assert len(table.rows) <= 1000
    assert "points more: see points.csv" in getattr(more, "text", "")


TEXT = """
schema = 1
title = "points"
[model]
name = "cerebras-gpt-111m"
[training]
tokens = 2e9
sequence = 512
global_batch = "48 sequences"
[[system]]
name = "one"
topology = "dgx-a100-superpod"
devices = 8
stack = "fsdp-2023"
plan = { micro_batch = 1 }
[sweep]
"system.devices" = [4, 8]
"""


def test_a_metric_of_one_entry_is_in_tables_and_charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = dataclasses.replace(SECONDS, axis="ms", axis_size=1e-3)
    new = metrics.Metric(
        "half_step_s", "half a step", "step", unit, "half of it", lambda one: one.step_time_s / 2, ("half",)
    )
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, new))
    (tmp_path / "file.toml").write_text(TEXT, encoding="utf-8")
    document = read_document(tmp_path / "file.toml")
    with Store(tmp_path / "out") as store:
        for number, one in enumerate(points_of(document, "file")):
            record = json.loads(json.dumps(work(scenario_of(one, tmp_path / "file.toml")).record))
            store.list([(number, f"p{number}", dict(one.axes))])
            store.name([Asked(f"p{number}", f"k{number}", {})])
            store.write([Answer(f"k{number}", record, DONE, {})])
        write_tables(store, tmp_path / "out")
    rows = frame(tmp_path / "out")
    assert rows["half_step_s"].tolist() == pytest.approx((rows["step_time_s"] / 2).tolist())
    assert "half_step_s" in (tmp_path / "out" / "points.csv").read_text(encoding="utf-8").splitlines()[0]
    (first, _) = rows.to_dict("records")
    for called in ("half", "half_step", "half_step_s"):
        found = column(called, [first], "--y")
        assert found.words == "half a step (ms)"
        assert found.number(first) == pytest.approx(500 * first["step_time_s"])


def charts_of(sweep: Swept) -> dict[str, Chart]:
    blocks = [block for part in sweep_page(sweep).sections for block in part.blocks]
    return {one.key: one for one in blocks if isinstance(one, Chart)}


def test_the_page_draws_the_numbers_of_the_rows(tmp_path: Path) -> None:
    account = {"useful_device_s": 9.0, "data_comm_device_s": 3.0}
    sweep = found(tmp_path, [*sizes("a", **account), *sizes("b", 0.5, **account)])
    data = json.loads(json_text(sweep_page(sweep).data))
    curves = charts_of(sweep)["scaling"].data["curves"]
    keys = {one["key"] for one in data["metrics"]}
    assert {"time_to_train_s", "step_time_s", "mfu_causal", "goodput", "memory_peak_bytes"} <= keys
    for curve, own in zip(sweep.curves, curves, strict=True):
        assert own["label"] == curve.label
        for nth, index in enumerate(own["points"]):
            told, want = data["points"][index], curve.rows[nth]
            assert told["x"] == curve.xs[nth] == want["devices"]
            assert told["values"] == {key: want[key] for key in keys}
            assert told["band"] == [want["step_time_error_p10"], want["step_time_error_p90"]]
            assert told["spans"]["step_time_s"] == pytest.approx([1.5 / 1.2, 1.5 / 0.9])
            step = told["accounts"]["step"]
            assert {line: cell[0] for line, cell in step["lines"].items()} == {
                line: want[f"{line}_device_s"] for line in LINES if want.get(f"{line}_device_s")
            }
            assert step["total_s"] == pytest.approx(sum(cell[0] for cell in step["lines"].values()))
    assert charts_of(sweep)["account"].data["points"] == list(range(6))


def test_an_axis_of_text_is_drawn_in_its_order(tmp_path: Path) -> None:
    names = [("c", 3e5), ("a", 2e5), ("b", 1e5)]
    rows = [({"system.s.schedule": name}, point("s", 8, time_s)) for name, time_s in names]
    sweep = found(tmp_path, rows)
    drawn = charts_of(sweep)["scaling"].data
    assert drawn["categories"] == ["c", "a", "b"]
    assert not drawn["log"]
    places = [sweep_page(sweep).data["points"][index]["x"] for index in drawn["curves"][0]["points"]]
    assert places == [0.0, 1.0, 2.0]


def test_a_page_of_many_points_has_the_metrics_of_its_table_and_stays_small(tmp_path: Path) -> None:
    many = [
        ({"system.s.devices": count}, point("s", count, 1e9 / count, useful_device_s=1.0)) for count in range(1, 801)
    ]
    sweep = found(tmp_path, many)
    shown = sweep_page(sweep)
    assert len(html(shown).encode()) < 1.5e6
    (curve,) = charts_of(sweep)["scaling"].data["curves"]
    drawn = [shown.data["points"][index]["x"] for index in curve["points"]]
    assert len(drawn) == 300
    assert drawn[0] == 1
    assert drawn[-1] == 800
    assert drawn == sorted(set(drawn))
    assert "account" not in charts_of(sweep)
    assert "useful" not in {one["key"] for one in shown.data["metrics"]}


def test_where_nothing_was_simulated_there_is_nothing_to_draw(tmp_path: Path) -> None:
    failed = found(tmp_path, [({"system.s.devices": 3}, {**point("s", 3, 1.0), "error": "no plan fits"})])
    assert charts_of(failed) == {}
