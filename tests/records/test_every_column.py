"""Every column of every table, in files and on the screen, is what its name says. A column without an entry fails."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders import write_results
from small_systems import PIPELINE, WAFER, scenario
from systems import SYSTEMS, simulated, systems
from test_every_number import NUMBERS, amount, attribute, held

from sim.catalog import law_names
from sim.cli import cli
from sim.outcome.lines import LINES, SPLIT_LINES, line_title
from sim.outcome.outcome import Outcome
from sim.page.blocks import Chart, Table
from sim.page.numbers import duration, gibibytes, percent, usd_span
from sim.planning import believed
from sim.records.document import entry_rows
from sim.records.metrics import METRICS
from sim.records.validation import row_record
from sim.report.plan import plan_page, plan_screen, write_plans
from sim.report.point_tables import lines_of, lost
from sim.report.run import run_page, run_screen
from sim.scenario import PlanRequest
from sim.study.compare import Comparison, Equal, compare
from sim.study.findings import findings, knee_of
from sim.study.plans import SystemStudy, study_all, systems_of
from sim.sweep.tables import frame
from sim.validation.compare import Comparison as Compared
from sim.validation.selection import read_selection, validate_rows

AMOUNTS = ("energy_joules", "rental_usd", "purchase_usd")


def cost(name: str, end: str) -> Callable[[Outcome], Any]:
    return lambda o: None if getattr(o.bill, name) is None else amount(o, name, end)


# Column of summary.csv -> what it holds, of the outcome.
NAMES: dict[str, Callable[[Outcome], Any]] = {
    "title": lambda o: o.scenario.title,
    "system": lambda o: o.scenario.system.name,
    "device": lambda o: o.device_title,
    "topology": lambda o: " + ".join(part.topology for part in o.parts),
    "stack": lambda o: o.scenario.system.stack,
    "model": lambda o: o.scenario.model.name,
    "plan": lambda o: o.plan.summary(),
    "flop_convention": lambda o: o.scenario.report.flop_convention,
    "resolution": lambda o: o.resolution.name,
    "variation": lambda o: o.scenario.system.variation.name,
    "outside_checked_range": lambda o: "; ".join(o.confidence.standing.outside),
    "not_checked_because": lambda o: "; ".join(o.confidence.standing.unlike),
}
RUN: dict[str, Callable[[Outcome], Any]] = {
    "undisturbed_s": lambda o: o.steps * o.step_time_s,
    **{f"time_to_train_p{percent}_s": NUMBERS[f"time_to_train_p{percent}_s"] for percent in (10, 50, 90)},
    **{
        name: NUMBERS[name]
        for name in ("goodput", "failures", "mean_time_between_failures_s", "checkpoint_every_steps")
    },
    **{f"{name}_{end}": cost(name, end) for name in AMOUNTS for end in ("low", "high")},
    **{name: cost(name, "typical") for name in AMOUNTS},
}
COLUMNS: dict[str, Callable[[Outcome], Any]] = {
    **NAMES,
    **RUN,
    "system.sharded.devices": lambda o: o.scenario.axes.get("system.sharded.devices"),
    "system.wafer.devices": lambda o: o.scenario.axes.get("system.wafer.devices"),
    "plan_devices": lambda o: o.plan.devices,
    **{
        name: NUMBERS[name]
        for name in (
            "devices", "step_time_s", "tokens_per_step", "tokens_per_s", "mfu_full", "mfu_causal", "mfu_half", "hfu",
            "distribution_tax", "steps", "time_to_train_s", "device_hours",
        )
    },
    **{
        name: NUMBERS[name]
        for name in (
            "simulated_steps", "step_time_alike_s", "step_time_mean_s", "step_time_p50_s", "step_time_p95_s",
            "step_time_p99_s", "step_time_coefficient_of_variation", "step_time_error_p10", "step_time_error_p90",
            "peak_memory_error_p10", "peak_memory_error_p90", "check_sources", "tokens_per_s_per_device",
            "memory_peak_bytes", "memory_capacity_bytes",
        )
    },
    **{f"{line}_device_s": (lambda o, line=line: o.ledger.device_seconds[line]) for line in LINES},
}  # fmt: skip


def same(cell: Any, expected: Any, name: str) -> None:
    """Hold a cell to a value; a cell of a text file is empty where there is none."""
    if expected is None or isinstance(expected, str):
        assert cell in ((None, "") if not expected else (expected,)), name
    else:
        assert float(cell) == pytest.approx(float(expected), rel=1e-9, abs=1e-15), name


def hold_row(row: Mapping[str, Any], of: Any, columns: Mapping[str, Callable[[Any], Any]]) -> None:
    """Hold every cell of a row to its entry."""
    assert set(row) <= set(columns), set(row) - set(columns)
    for name, cell in row.items():
        same(cell, columns[name](of), name)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run writes."""
    found = tmp_path_factory.mktemp("columns")
    write_results(systems(), [], found, charts=False)
    return found


def test_every_column_of_the_summary(folder: Path) -> None:
    rows = rows_of(folder / "summary.csv")
    assert set(rows[0]) == set(COLUMNS)
    for row, outcome in zip(rows, systems(), strict=True):
        hold_row(row, outcome, COLUMNS)


def typical(name: str) -> Callable[[Equal], Any]:
    return lambda e: one.typical if (one := getattr(e, name)) else None


def afforded(name: str, what: str) -> Callable[[Equal], Any]:
    return lambda e: getattr(found, what) if (found := e.afforded.get(name)) else None


def matched(name: str, what: str) -> Callable[[Equal], Any]:
    return lambda e: getattr(found, what) if (found := getattr(e, name)) else None


EQUALS: dict[str, Callable[[Equal], Any]] = {
    "reference": lambda e: e.reference[0].label,
    "reference_devices": lambda e: e.reference[1].devices,
    "reference_time_s": lambda e: NUMBERS["time_to_train_s"](e.reference[1]),
    "system": lambda e: e.curve.label,
    **{
        f"{column}{suffix}": matched(name, what)
        for column, name in (("devices", "match"), ("devices_low", "lowest"), ("devices_high", "highest"))
        for suffix, what in (("", "devices"), ("_reach", "reach"))
    },
    **{f"devices_at_equal_{name}": afforded(name, "devices") for name in ("rental", "owned", "power")},
    **{f"time_at_equal_{name}_s": afforded(name, "time_s") for name in ("rental", "owned", "power")},
    "tax": lambda e: e.tax,
    "useful_share": lambda e: e.useful,
    **{name: typical(name) for name in ("rental_usd", "owned_usd", "energy_joules")},
}


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    found = compare(systems())
    assert found is not None
    return found


def test_every_column_of_the_comparison(folder: Path, comparison: Comparison) -> None:
    rows = rows_of(folder / "comparison.csv")
    assert set(rows[0]) == set(EQUALS)
    for row, equal in zip(rows, comparison.equals, strict=True):
        hold_row(row, equal, EQUALS)


ENTRIES = """
[[entry]]
name = "small"
published = { device_hours = 2e4, days = 3, cost_usd = 1e4, loss = 3.5, source = "llama-2023", clean = true }
[[entry]]
name = "larger"
model = { name = "cerebras-gpt-256m" }
published = { device_hours = 3e4, source = "llama-2023", clean = false }
"""


def published(name: str) -> Callable[[Outcome], Any]:
    return lambda o: getattr(o.scenario.published, name)


def error(name: str) -> Callable[[Outcome], Any]:
    """Predicted over published less one; a clean figure is of the steps alone."""

    def found(o: Outcome) -> float | None:
        theirs = o.scenario.published
        assert theirs is not None
        own_s = o.steps * o.step_time_s if theirs.clean else NUMBERS["time_to_train_s"](o)
        own, other = (own_s, theirs.time_s) if name == "time" else (own_s * o.devices / 3600, theirs.device_hours)
        return None if other is None else own / other - 1

    return found


def loss(law: str) -> Callable[[Outcome], Any]:
    return lambda o: next((one.loss for one in o.expected_losses if one.law == law), None)


OF_ENTRIES: dict[str, Callable[[Outcome], Any]] = {
    **{name: value for name, value in COLUMNS.items() if not name.startswith("system.") and "_device_s" not in name},
    "entry": lambda o: o.scenario.entry,
    "mfu": NUMBERS["mfu_causal"],
    **{f"loss_{law}": loss(law) for law in law_names()},
    **{
        f"published_{name}": published(name)
        for name in ("time_s", "device_hours", "cost_usd", "loss", "source", "note")
    },
    "published_clean": lambda o: str(o.scenario.published.clean),
    "published_remembered": lambda o: str(o.scenario.published.remembered),
    "time_to_train_s_error": error("time"),
    "device_hours_error": error("device hours"),
    "refused": lambda o: None,
}


@pytest.fixture(scope="module")
def entries() -> tuple[Outcome, ...]:
    """The wafers of the file, as two entries."""
    head, _, rest = SYSTEMS.partition("[[system]]")
    wafer = "[[system]]" + rest.split("[[system]]")[-1].split("[report.comparison]")[0]
    return simulated(head + wafer.replace('stack = "cer', 'devices = 2\nstack = "cer') + ENTRIES)


def test_every_column_of_the_entries(entries: tuple[Outcome, ...]) -> None:
    rows = entry_rows(findings(entries))
    assert set(rows[0]) == set(OF_ENTRIES)
    for row, outcome in zip(rows, entries, strict=True):
        hold_row(
            {name: str(cell) if isinstance(cell, bool) else cell for name, cell in row.items()}, outcome, OF_ENTRIES
        )


def test_every_column_of_a_sweep(tmp_path: Path) -> None:
    file = tmp_path / "systems.toml"
    file.write_text(SYSTEMS, encoding="utf-8")
    cli.main(["sweep", str(file), "--jobs", "1", "--out", str(tmp_path / "out")], standalone_mode=False)
    table, of_frame = rows_of(tmp_path / "out" / "points.csv"), frame(tmp_path / "out")
    # A sweep simulates steps: its time is that of the steps alone, and it has no runs to be spread over.
    alone = {
        "time_to_train_s": RUN["undisturbed_s"],
        "device_hours": lambda o: o.steps * o.step_time_s * o.devices / 3600,
        "warnings": lambda o: None,
        "error": lambda o: None,
    }
    columns = {**COLUMNS, **alone}
    assert len(table) == len(of_frame) == len(systems())
    by_place = {(o.scenario.system.name, o.devices): o for o in systems()}
    for row, (_, same_row) in zip(table, of_frame.iterrows(), strict=True):
        outcome = by_place[row["system"], int(row["devices"])]
        told = {name: cell for name, cell in row.items() if name != "warnings"}
        has_run = bool(row.get("goodput"))
        hold_row(told, outcome, COLUMNS | {"error": lambda o: None} if has_run else columns)
        for name, cell in told.items():
            assert str(same_row[name]) == cell or cell == "" or float(cell) == float(same_row[name])


@pytest.fixture(scope="module")
def studies() -> list[SystemStudy]:
    """A search on GPUs at two sizes, and one on wafers."""
    points = [scenario(PIPELINE, devices, PlanRequest()) for devices in (4, 8)]
    found, failures = study_all(systems_of([*points, scenario(WAFER, 2, PlanRequest())], ()), 4)
    assert not failures
    return found


def plan_row(rows: str) -> dict[str, Callable[..., Any]]:
    """Numbers of one list of plans."""
    return {
        f"{rows}/*/plan/**": lambda s, i, *path: attribute(getattr(s.found, rows)[int(i)].plan, *path),
        f"{rows}/*/step_time_s": lambda s, i: getattr(s.found, rows)[int(i)].step_s,
        f"{rows}/*/peak_bytes": lambda s, i: getattr(s.found, rows)[int(i)].peak_bytes,
        f"{rows}/*/mfu": lambda s, i: getattr(s.found, rows)[int(i)].mfu,
        f"{rows}/*/distribution_tax": lambda s, i: getattr(s.found, rows)[int(i)].tax,
    }


BELIEVED = (
    "step_time_error_p10", "step_time_error_p90", "peak_memory_error_p10", "peak_memory_error_p90", "searched",
    "evidence/**", "checked_on/**",
)  # fmt: skip


def of_search(name: str) -> Callable[..., Any]:
    return lambda s, *path: NUMBERS[name if name in NUMBERS else f"accuracy/{name}"](
        SimpleNamespace(confidence=believed(s.found)), *path
    )


PLANS: dict[str, Callable[..., Any]] = {
    **{f"accuracy/{name}": of_search(name) for name in BELIEVED},
    "devices": lambda s: s.found.about.scenario.system.devices,
    "memory_margin": lambda s: s.found.about.scenario.system.search.memory_margin,
    "capacity_bytes": lambda s: s.found.capacity_bytes,
    **plan_row("best"),
    **plan_row("front"),
    "even": lambda s: s.found.even,
    "effort/**": lambda s, *path: attribute(s.found.effort, *path),
    "run/*": lambda s, key: next(one.value(s.run) for one in METRICS if one.key == key),
    "step_time_quantiles_s/*": lambda s, i: s.found.step_s[round((len(s.found.step_s) - 1) * int(i) / 100)],
    "sizes/*/devices": lambda s, i: s.sizes[int(i)].devices,
    "sizes/*/unused": lambda s, i: s.sizes[int(i)].devices - s.sizes[int(i)].found.best[0].plan.devices,
    "sizes/*/changed": lambda s, i: s.sizes[int(i)].changed,
    "sizes/*/effort/**": lambda s, i, *path: attribute(s.sizes[int(i)].found.effort, *path),
    "sizes/*/best/plan/**": lambda s, i, *path: attribute(s.sizes[int(i)].found.best[0].plan, *path),
    "sizes/*/best/step_time_s": lambda s, i: s.sizes[int(i)].found.best[0].step_s,
    "sizes/*/best/peak_bytes": lambda s, i: s.sizes[int(i)].found.best[0].peak_bytes,
    "sizes/*/best/mfu": lambda s, i: s.sizes[int(i)].found.best[0].mfu,
    "sizes/*/best/distribution_tax": lambda s, i: s.sizes[int(i)].found.best[0].tax,
}


def test_every_number_of_a_search(studies: list[SystemStudy], tmp_path: Path) -> None:
    document = json.loads(write_plans(studies, [], tmp_path, charts=False)[0].read_text(encoding="utf-8"))
    used = set()
    for search, study in zip(document["searches"], studies, strict=True):
        used |= held(search, study, PLANS)
    assert used == set(PLANS)
    for one in document["measured_median_over_best"]:
        assert set(one) == {"title", "least", "most"}
        assert 1 <= one["least"] <= one["most"]


ROWS: dict[str, Callable[[Compared], Any]] = {
    "stack": lambda c: c.stack,
    "stack_is_guessed": lambda c: not c.case.known,
    "role": lambda c: c.role,
    "id": lambda c: c.row.id,
    "source_name": lambda c: c.row.source,
    "device": lambda c: c.row.gpu,
    "devices": lambda c: c.case.scenario.system.devices,
    "topology": lambda c: c.case.scenario.system.topology,
    "model": lambda c: c.row.model,
    "measured_step_time_s": lambda c: c.measured_s,
    "predicted_step_time_s": lambda c: c.predicted_s,
    "error": lambda c: c.predicted_s / c.measured_s - 1,
    **{f"band_{end}": (lambda c, end=end: getattr(c.confidence.step, end, None)) for end in ("low", "high")},
    **{f"memory_band_{end}": (lambda c, end=end: getattr(c.confidence.memory, end, None)) for end in ("low", "high")},
    "measured_memory_GiB": lambda c: c.row.memory_GiB,
    "predicted_memory_GiB": lambda c: c.predicted_memory_GiB,
    "memory_error": lambda c: None if c.row.memory_GiB is None else c.predicted_memory_GiB / c.row.memory_GiB - 1,
    "plan": lambda c: c.plan,
    **{f"{line}_share": (lambda c, line=line: c.lines.get(line, 0.0)) for line in LINES},
}
OTHER_WORDS = {"source", "assumed"}


def test_every_column_of_a_validation() -> None:
    table = read_selection()
    wanted = {"torchtitan-2024-12-0008", "torchtitan-2024-12-0009", table.rows[0].id}
    rows = tuple(row for row in table.rows if row.id in wanted)
    validation, _ = validate_rows(dataclasses.replace(table, rows=rows), "all")
    assert {one.row.memory_GiB is None for one in validation.comparisons} == {True, False}
    for one in validation.comparisons:
        record = row_record(one)
        assert set(record) == set(ROWS) | OTHER_WORDS
        hold_row({name: cell for name, cell in record.items() if name not in OTHER_WORDS}, one, ROWS)


def count(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def band(errors: tuple[float, float] | None) -> str:
    return "not checked" if errors is None else f"{100 * errors[0]:+.0f}..{100 * errors[1]:+.0f} %"


SCREEN: dict[str, Callable[[Outcome], str]] = {
    "system": lambda o: o.scenario.system.name,
    "devices": lambda o: f"{o.devices:,}",
    "plan": lambda o: o.plan.summary(),
    "step": lambda o: duration(o.step_time_s),
    "time": lambda o: duration(NUMBERS["time_to_train_s"](o)),
    "MFU": lambda o: percent(NUMBERS["mfu_causal"](o), 0),
    "lost to splitting": lambda o: lost(o),
    "then": lambda o: lines_of(o)[1],
    "peak memory": lambda o: gibibytes(o.memory.peak_bytes),
    "rented": lambda o: usd_span(b.low, b.high) if (b := o.bill.rental_usd) else "unknown",
    "checked?": lambda o: band(o.confidence.errors),
}


def of_row(row: Sequence[str], points: Sequence[Outcome]) -> Outcome:
    """The point of a row that begins with its system and its devices, which may be marked as the knee."""
    place = (row[0], row[1].rstrip("*"))
    return next(o for o in points if (o.scenario.system.name, f"{o.devices:,}") == place)


def titles_of(found: Table) -> list[str]:
    return [heading.title for heading in found.headings]


def hold_table(found: Table, columns: Mapping[str, Callable[[Any], str]], of: Any) -> None:
    """Hold every cell of a table on the screen to its entry. of: what a row is about."""
    assert titles_of(found) == list(columns)
    assert found.rows
    for row in found.rows:
        point = of(row)
        for name, cell in zip(columns, row, strict=True):
            assert cell.rstrip("*" if name.startswith("devices") else "") == columns[name](point), name


def table_of(blocks: Sequence[Any]) -> Table:
    """The one table of a screen."""
    (found,) = [one for one in blocks if isinstance(one, Table)]
    return found


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_every_column_of_the_screen(width: int) -> None:
    found = table_of(run_screen(findings(systems()))).within(width)
    # A long answer leaves room for a row less.
    assert len(systems()) - 1 <= len(found.rows) <= len(systems())
    columns = {name: SCREEN[name.partition(",")[0]] for name in titles_of(found)}
    assert {"system", "time", "lost to splitting", "checked?"} <= set(columns)
    assert len(columns) == len(SCREEN) or width < 200
    hold_table(found, columns, lambda row: of_row(row, systems()))


def test_the_knee_has_a_mark() -> None:
    found = table_of(run_screen(findings(systems())))
    marked = {(row[0], row[1].rstrip("*")) for row in found.rows if row[1].endswith("*")}
    shown = {row[0] for row in found.rows}
    knees = [(curve, knee_of(curve)) for curve in findings(systems()).curves if curve.label in shown]
    assert marked == {(curve.label, f"{knee.devices:,}") for curve, knee in knees if knee}


def test_what_is_lost_is_named_by_its_largest_lines() -> None:
    for outcome in systems():
        seconds = {line: outcome.ledger.device_seconds[line] for line in SPLIT_LINES}
        tax = math.fsum(seconds.values()) / outcome.ledger.total_s
        first = max(seconds, key=lambda line: seconds[line])
        assert lost(outcome).startswith(f"{percent(tax, 0):>5}")
        if tax >= 0.005:
            assert lost(outcome).endswith(line_title(first))
            assert lost(outcome).count("#") == math.ceil(6 * tax)


def page_tables() -> list[Table]:
    """All tables of the report in which a row is a point."""
    blocks = [block for one in run_page(findings(systems())).sections for block in one.blocks]
    behind = [part for block in blocks if isinstance(block, Chart) for part in block.behind]
    found = [block for block in (*blocks, *behind) if isinstance(block, Table)]
    return [one for one in found if titles_of(one)[:2] == ["system", "devices"]]


def test_every_metric_is_in_a_table_of_the_report() -> None:
    for metric in METRICS:
        if all(metric.value(o) in (None, "") for o in systems()):
            continue
        held = []
        for found in page_tables():
            titles = titles_of(found)
            if metric.title in titles:
                column = titles.index(metric.title)
                held.append(all(row[column] == metric.text(of_row(row, systems())) for row in found.rows))
        assert any(held), metric.key


def test_every_line_of_the_account_is_in_the_report() -> None:
    (found,) = [one for one in page_tables() if "useful" in titles_of(one)]
    lines = {line_title(line): line for line in LINES}
    assert len(found.rows) == len(systems())
    for row in found.rows:
        outcome = of_row(row, systems())
        for title, cell in zip(titles_of(found)[2:], row[2:], strict=True):
            assert cell == percent(outcome.ledger.device_seconds[lines[title]] / outcome.ledger.total_s)


def test_every_column_of_the_entries_on_the_screen(entries: tuple[Outcome, ...]) -> None:
    columns = {
        "entry": lambda o: o.scenario.entry,
        "model": NAMES["model"],
        "devices": SCREEN["devices"],
        "step": SCREEN["step"],
        "MFU, causal": SCREEN["MFU"],
        "time": SCREEN["time"],
        "loss": lambda o: f"{o.expected_losses[0].loss:.3f}",
        "published": lambda o: (
            duration(p.time_s) if (p := o.scenario.published).time_s else f"{p.device_hours:,.0f} dev.-h*"
        ),
        "error": lambda o: f"{100 * (error('time')(o) or error('device hours')(o)):+.1f} %",
        "checked?": SCREEN["checked?"],
    }
    found = table_of(run_screen(findings(entries)))
    hold_table(found, columns, lambda row: next(o for o in entries if o.scenario.entry == row[0]))


def test_every_column_of_a_search(studies: list[SystemStudy]) -> None:
    study = studies[0]._replace(sizes=())
    (shown,) = [one for one in plan_screen([study], 4) if isinstance(one, Table)]
    best, front, *_ = [one for part in plan_page([study], 4).sections for one in part.blocks if isinstance(one, Table)]
    fastest_s = study.found.best[0].step_s
    assert len(shown.rows) == len(best.rows) == 4
    for cells, plan_cells, one in zip(cells_of(best), cells_of(shown), study.found.best, strict=False):
        over = "best" if one.step_s == fastest_s else f"+{percent(one.step_s / fastest_s - 1)}"
        common = {
            "step": duration(one.step_s),
            "over best": over,
            "MFU": percent(one.mfu),
            "memory": gibibytes(one.peak_bytes),
            "lost to splitting": percent(one.tax or 0.0),
        }
        assert plan_cells == {"plan, mb: micro-batch": one.plan.summary(), **common}
        settings = dict(zip(study.found.about.kind.columns, study.found.about.kind.cells(one.plan), strict=True))
        assert cells == {**settings, "devices": str(one.plan.devices), **common}
    for cells, one in zip(cells_of(front), study.found.front, strict=True):
        over = "best" if one is study.found.front[0] else f"+{percent(one.step_s / study.found.front[0].step_s - 1)}"
        assert cells == {
            "memory": gibibytes(one.peak_bytes),
            "step": duration(one.step_s),
            "over best": over,
            "plan, mb: micro-batch": one.plan.summary(),
        }


def cells_of(found: Table) -> list[dict[str, str]]:
    """Each row by the titles of its columns."""
    titles = [heading.title for heading in found.headings]
    return [dict(zip(titles, row, strict=True)) for row in found.rows]


def test_swapped_columns_are_noticed(folder: Path) -> None:
    row = rows_of(folder / "summary.csv")[-1]
    for one, other in (("mfu_full", "mfu_causal"), ("rental_usd_low", "rental_usd_high"), ("steps", "tokens_per_s")):
        with pytest.raises(AssertionError):
            hold_row({**row, one: row[other], other: row[one]}, systems()[-1], COLUMNS)
    with pytest.raises(AssertionError, match="new"):
        hold_row({**row, "new": "1"}, systems()[-1], COLUMNS)
