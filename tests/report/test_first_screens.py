"""First screens of runs at several widths: what must stand where, whatever the scenario; not their bytes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from small_systems import GPU, scenario
from systems import systems

from sim.outcome.outcome import Outcome
from sim.page.blocks import Said, Table
from sim.page.numbers import duration
from sim.page.terminal import screen
from sim.report.run import next_line, run_page, run_screen, trust
from sim.scenario import PlanRequest
from sim.simulate import simulate
from sim.study.findings import MOST_ROWS, Findings, findings, knee_of
from sim.sweep.execute import Failure, run_points
from sim.sweep.grid import load

ROOT = Path(__file__).parents[2]
WIDTHS = [80, 100, 120, 200]
ENTRIES = """
schema = 1
title = "Entries"
[training]
tokens = 1e9
global_batch = "64 sequences"
[[system]]
name = "node"
topology = "hgx-a100-node"
devices = 8
stack = "fsdp-2023"
[[entry]]
name = "first"
model = { name = "cerebras-gpt-111m" }
published = { device_hours = 2, source = "llama-2023", clean = false }
[[entry]]
name = "second"
model = { name = "cerebras-gpt-256m" }
published = { days = 1, source = "llama-2023", remembered = true, note = "a note" }
[[entry]]
name = "third"
model = { name = "chatgpt" }
expect = "refused"
"""
STACKS = """
schema = 1
[model]
name = "cerebras-gpt-590m"
[training]
tokens = 1e9
global_batch = "64 sequences"
[[system]]
name = "A100"
topology = "hgx-a100-node"
devices = 8
stack = ["vtrain", "megatron-core-2024"]
"""
MANY = """
schema = 1
[model]
name = "cerebras-gpt-111m"
[training]
tokens = 1e9
global_batch = "64 sequences"
[[system]]
name = "a cluster with a long name, in a hall far away"
topology = "dgx-a100-superpod"
stack = "fsdp-2023"
[[system]]
name = "wafer"
topology = "andromeda"
stack = "cerebras-r2"
[report.comparison]
system = "wafer"
devices = [1, 2]
[sweep]
"system.a cluster with a long name, in a hall far away.devices" = [8, 16, 32, 64]
"system.wafer.devices" = [1, 2, 4, 8]
"training.precision" = ["bf16", "fp16"]
"""


@cache
def found_of(text: str) -> Findings:
    """What a file's text comes to."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mine.toml"
        path.write_text(text, encoding="utf-8")
        loaded = load(path)
        results = run_points(loaded.scenarios)
    outcomes = [one for one in results if not isinstance(one, Failure)]
    failures = [str(one.error) for one in results if isinstance(one, Failure)]
    return findings(outcomes, failures, loaded.refusals)


@cache
def small() -> tuple[Outcome, ...]:
    return tuple(simulate(scenario(GPU, devices, PlanRequest())) for devices in (2, 4, 8, 16))


KINDS: dict[str, Callable[[], Findings]] = {
    "quickstart": lambda: found_of((ROOT / "scenarios/quickstart.toml").read_text(encoding="utf-8")),
    "comparison": lambda: findings(systems()),
    "entries": lambda: found_of(ENTRIES),
    "one point": lambda: findings(small()[2:3]),
    "several sizes": lambda: findings(small()),
    "devices that differ": lambda: findings(systems()[:4]),
    "several stacks": lambda: found_of(STACKS),
    "failures": lambda: findings(small()[:2], ["it does not fit: 81 GiB"]),
    "a comparison of many": lambda: found_of(MANY),
}


def text_of(found: Findings, width: int, colour: bool = False) -> str:
    last = next_line([Path("results/name/results.json"), Path("results/name/report.html")], "scaletax run x --verbose")
    return screen(run_screen(found, 28.0), width, colour) + screen([last], width, colour)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_first_screen_fits_and_has_what_it_must(kind: str, width: int) -> None:
    found = KINDS[kind]()
    blocks, text = run_screen(found, 28.0), text_of(found, width)
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    assert text.isascii()
    assert "\x1b" not in text
    # The answer before the table: within the first five lines.
    (shown,) = [one for one in blocks if isinstance(one, Table)]
    answers = [one.text for one in blocks if isinstance(one, Said) and one.tone == "answer"]
    assert answers
    assert answers[0].split()[0] in lines[1].split()
    assert blocks.index(shown) > max(index for index, one in enumerate(blocks) if isinstance(one, Said) and index < 3)
    assert " ".join(answers[0].split()) in " ".join(" ".join(lines[1:5]).split())
    assert 1 <= len(shown.rows) <= MOST_ROWS
    # One rule only: the table is in one piece.
    assert len([line for line in lines if re.fullmatch(r"-+( +-+)+", line)]) == 1
    starts = [line.partition(":")[0] for line in lines if re.match(r"(Trust|Next):", line)]
    assert starts == ["Trust", "Next"]
    assert "checked?" in [heading.title for heading in shown.within(width).headings]
    assert "28 s" in lines[0]
    assert "nan" not in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_wider_terminals_show_more_and_break_no_cell(kind: str, width: int) -> None:
    found = KINDS[kind]()
    (shown,) = [one for one in run_screen(found) if isinstance(one, Table)]
    narrow, wide = shown.within(80), shown.within(width)
    assert len(narrow.headings) <= len(wide.headings)
    text = text_of(found, width)
    # Needed columns of long names are broken where there is no room for them.
    if width >= (200 if kind == "a comparison of many" else 100):
        for row in wide.rows:
            assert all(" ".join(cell.split()) in " ".join(text.split()) for cell in row)
            assert re.search(" +".join(re.escape(cell.strip()) for cell in row if cell.strip()), text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_terminal_gets_colour_and_the_same_words(kind: str) -> None:
    found = KINDS[kind]()
    coloured = text_of(found, 80, colour=True)
    assert coloured.splitlines()[1].startswith("\x1b[1m")
    plain = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert [line.rstrip() for line in plain.splitlines()] == text_of(found, 80).splitlines()


def test_the_smallest_the_knee_and_the_largest_are_shown_where_all_are_too_many() -> None:
    found = KINDS["a comparison of many"]()
    told = found.telling()
    assert len(found.outcomes) > MOST_ROWS >= len(told)
    for curve in found.curves:
        assert any(point is curve.smallest for _, point in told)
        assert any(point is curve.largest for _, point in told)
    for _, point in found.comparison.references if found.comparison else ():
        assert any(point is one for _, one in told)
    (shown,) = [one for one in run_screen(found) if isinstance(one, Table)]
    assert len(shown.rows) > 1
    assert f"16 points ({len(shown.rows)} shown)" in text_of(found, 80)


def test_the_fastest_systems_are_shown_where_there_is_room_for_few() -> None:
    one = small()[0]
    rates = [1 + 7 * index % 16 for index in range(16)]
    many = [
        dataclasses.replace(
            one,
            scenario=dataclasses.replace(
                one.scenario, system=dataclasses.replace(one.scenario.system, name=f"at {rate}")
            ),
            ledger=dataclasses.replace(one.ledger, step_time_s=one.step_time_s * rate),
            run=None,
        )
        for rate in rates
    ]
    told = findings(many).telling(3)
    times = sorted(point.time_to_train_s for point in many)[:3]
    assert sorted(point.time_to_train_s for _, point in told) == times
    # In the order of the file.
    places = [next(i for i, other in enumerate(many) if other is point) for _, point in told]
    assert places == sorted(places)


def test_a_knee_is_explained_only_beside_its_mark() -> None:
    for found in (KINDS["comparison"](), KINDS["several sizes"](), KINDS["a comparison of many"]()):
        rows = found.telling()
        marked = any(point is knee_of(curve) for curve, point in rows)
        assert trust(found, rows).endswith("*: knee.") == marked
        assert "knee" not in trust(found)
        assert "checked?" not in trust(found), "no table stands beside it"
    assert marked


def test_a_command_to_copy_has_a_line_of_its_own_where_it_would_be_cut() -> None:
    command = f"scaletax run {'x' * 30} --out y --verbose"
    lines = screen([Said(f"Next: {'p' * 30}/report.html", then=(command,))], 80).splitlines()
    assert lines == [f"Next: {'p' * 30}/report.html |", f"  {command}"]
    assert (
        screen([Said("Next: a/report.html", then=("scaletax run a",))], 80) == "Next: a/report.html | scaletax run a\n"
    )


def test_long_names_widen_nothing_and_leave_fewer_rows() -> None:
    found = KINDS["several sizes"]()
    long = [
        dataclasses.replace(
            one,
            scenario=dataclasses.replace(
                one.scenario, system=dataclasses.replace(one.scenario.system, name="n" * 200), title="t" * 200
            ),
        )
        for one in found.outcomes
    ]
    for width in WIDTHS:
        text = text_of(findings(long), width)
        assert max(map(len, text.splitlines())) <= width
        assert "n" * 10 in text
    (shown,) = [one for one in run_screen(findings(long)) if isinstance(one, Table)]
    assert 1 <= len(shown.rows) < len(found.outcomes)


def test_failures_are_told_of_and_there_is_a_screen_without_points() -> None:
    assert "1 point failed" in text_of(KINDS["failures"](), 80)
    assert text_of(findings(()), 80).startswith("no points")


def test_the_answer_is_that_of_the_points() -> None:
    found = KINDS["several sizes"]()
    best = min(found.outcomes, key=lambda one: one.time_to_train_s)
    said = next(one.text for one in run_screen(found) if isinstance(one, Said) and one.tone == "answer")
    assert duration(best.time_to_train_s) in said
    (curve, point), *_ = KINDS["comparison"]().comparison.references
    lead = " ".join(one.text for one in run_page(KINDS["comparison"]()).lead if isinstance(one, Said))
    assert f"{point.devices} {curve.label}" in lead
    assert duration(point.time_to_train_s) in lead
