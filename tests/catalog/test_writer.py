"""Fitted values are written into a file line by line: they read back, and nothing else changes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim.catalog
from sim.catalog.figures import read_figure
from sim.catalog.writer import with_figures, write_figures
from sim.errors import InputError
from sim.units import quantity

TEXT = """record = "gpu"
title = "A stack"

launch_factor = { value = 1.5, kind = "assumed", date = "2026-10", note = "by hand" }
host_launch_s = { value = "6 us", kind = "assumed", date = "2026-10", note = "by hand" }

[attention_efficiency]
"flash-1 forward" = { value = 0.5, kind = "assumed", date = "2026-10", note = "by hand" }
"flash-1 backward" = { value = 0.4, kind = "assumed", date = "2026-10", note = "by hand" }

[gradient_bytes]
bf16 = { value = "4 B", kind = "assumed", date = "2026-10", note = "by hand" }
"""
SAID = {"source": "some-rows", "date": "2026-11", "note": "on 7 rows with role fit"}
CATALOGUE = Path(sim.catalog.__file__).parent
FILES = sorted([*(CATALOGUE / "stacks").glob("*.toml"), *(CATALOGUE / "devices").glob("*.toml")])


def written(values: dict[str, float], text: str = TEXT) -> str:
    return with_figures(text, values, SAID["source"], SAID["date"], SAID["note"], "a file")


def test_only_the_named_lines_change() -> None:
    found = written({"launch_factor": 2.25, "attention_efficiency.flash-1 backward": 0.123456})
    said = 'kind = "fitted", source = "some-rows", date = "2026-11", note = "on 7 rows with role fit" }'
    assert [(old, new) for old, new in zip(TEXT.splitlines(), found.splitlines(), strict=True) if old != new] == [
        (
            'launch_factor = { value = 1.5, kind = "assumed", date = "2026-10", note = "by hand" }',
            f"launch_factor = {{ value = 2.25, {said}",
        ),
        (
            '"flash-1 backward" = { value = 0.4, kind = "assumed", date = "2026-10", note = "by hand" }',
            f'"flash-1 backward" = {{ value = 0.1235, {said}',
        ),
    ]


def test_what_is_written_is_a_figure() -> None:
    raw = tomllib.loads(written({"host_launch_s": 7.5e-6}))["host_launch_s"]
    figure = read_figure("host_launch_s", raw, "a file")
    assert (figure.kind, figure.value) == ("fitted", "7.5 us")
    assert {key: getattr(figure, key) for key in SAID} == SAID


@given(st.floats(1e-9, 1e3), st.floats(1e-9, 1e3), st.floats(1e-9, 1.0), st.floats(0.1, 1e9))
def test_values_read_back_to_four_digits(factor: float, launch_s: float, share: float, some_bytes: float) -> None:
    values = {
        "launch_factor": factor,
        "host_launch_s": launch_s,
        "attention_efficiency.flash-1 forward": share,
        "loss_traffic_bytes": some_bytes,
    }
    text = written(values)
    raw = tomllib.loads(text)
    assert raw["launch_factor"]["value"] == pytest.approx(factor, rel=5.1e-4)
    assert raw["attention_efficiency"]["flash-1 forward"]["value"] == pytest.approx(share, rel=5.1e-4)
    assert quantity(raw["host_launch_s"]["value"], "s", "a file") == pytest.approx(launch_s, rel=5.1e-4)
    assert quantity(raw["loss_traffic_bytes"]["value"], "bytes", "a file") == pytest.approx(some_bytes, rel=5.1e-4)
    # Once written, writing it again changes nothing.
    assert written(values, text) == text


def test_a_figure_that_was_inherited_is_added_before_the_first_table() -> None:
    found = written({"overlap_slowdown": 0.25})
    lines = found.splitlines()
    (added,) = [index for index, line in enumerate(lines) if line.startswith("overlap_slowdown = ")]
    assert added < lines.index("[attention_efficiency]")
    # Everything else is as it was.
    assert [line for line in lines if line and not line.startswith("overlap_slowdown")] == [
        line for line in TEXT.splitlines() if line
    ]
    assert tomllib.loads(found)["overlap_slowdown"]["value"] == 0.25


def test_a_file_without_tables_gets_it_at_its_end() -> None:
    text = TEXT[: TEXT.index("[")].rstrip() + "\n"
    found = written({"overlap_slowdown": 0.25}, text)
    assert found.startswith(text)
    assert tomllib.loads(found)["overlap_slowdown"]["value"] == 0.25


def test_an_entry_is_added_to_its_own_table() -> None:
    before = tomllib.loads(TEXT)
    after = tomllib.loads(written({"attention_efficiency.flash-2 forward": 0.6}))
    assert after["attention_efficiency"].pop("flash-2 forward")["value"] == 0.6
    assert after == before


def test_entries_of_other_tables_with_the_same_name_stay() -> None:
    text = TEXT + '\n[other]\nbf16 = { value = 1.0, kind = "assumed", date = "2026-10", note = "by hand" }\n'
    after = tomllib.loads(written({"other.bf16": 3.0}, text))
    assert (after["gradient_bytes"]["bf16"]["value"], after["other"]["bf16"]["value"]) == ("4 B", 3.0)
    # Nor does a name that begins another one.
    assert "launch_factor_of_old = 1" in written({"launch_factor": 2.0}, f"launch_factor_of_old = 1\n{TEXT}")


def test_a_table_that_is_missing_is_said_so() -> None:
    with pytest.raises(InputError, match=r"no table \[optimizer_traffic_bytes\]"):
        written({"optimizer_traffic_bytes.adam": 30.0})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_any_figure_of_the_catalogue_can_be_replaced(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    before = tomllib.loads(text)
    for key, entry in before.items():
        if not isinstance(entry, dict):
            continue
        names = [key] if "value" in entry else [f"{key}.{inner}" for inner in entry]
        for name in names:
            lines = zip(text.splitlines(), written({name: 0.5}, text).splitlines(), strict=True)
            (changed,) = [new for old, new in lines if old != new]
            assert re.match(rf'"?{re.escape(name.removeprefix(f"{key}."))}"? = ', changed)


def test_a_file_on_disk_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "stack.toml"
    path.write_text(TEXT, encoding="utf-8")
    write_figures(path, {"launch_factor": 2.25}, SAID["source"], SAID["date"], SAID["note"])
    assert path.read_text(encoding="utf-8") == written({"launch_factor": 2.25})


def test_a_gap_of_nothing_has_no_unit() -> None:
    # A file's quantities are above zero; what is nothing is written as a number, which reads back.
    line = next(line for line in written({"host_launch_s": 0.0}).splitlines() if line.startswith("host_launch_s"))
    assert tomllib.loads(line)["host_launch_s"]["value"] == 0
