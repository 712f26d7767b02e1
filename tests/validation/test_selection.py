"""Which rows are run: by source, by role, from whose table."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured import table_text

from sim.errors import InputError
from sim.validation.labels import label_of, of_source
from sim.validation.selection import read_selection, validate_rows
from sim.validation.table import parse_table, read_tables


def test_a_source_is_found_by_a_part_of_its_name_or_label() -> None:
    table = read_tables()
    assert {row.source for row in of_source(table, "VTRAIN-multi").rows} == {"vtrain-multi"}
    labels = {label_of(row.source) for row in of_source(table, "megascale-2024").rows}
    assert labels == {"megascale-2024"}


@pytest.mark.parametrize(("given", "near"), [("vtrian-single", "vtrain-single"), ("megascal-2024", "megascale-2024")])
def test_a_misspelt_source_gets_a_suggestion(given: str, near: str) -> None:
    with pytest.raises(InputError, match=f"did you mean '{near}'"):
        of_source(read_tables(), given)


def test_what_is_wrong_with_rows_of_other_sources_is_not_told() -> None:
    bad = {"id": "c", "source": "other", "layers": "x"}, {"id": "d", "source": "mine", "layers": "y"}
    table = parse_table(table_text({"source": "mine"}, *bad), "t.csv")
    assert [one.row for one in table.problems] == ["c", "d"]
    assert [one.row for one in of_source(table, "mine").problems] == ["d"]
    assert (of_source(table, "other").rows, len(of_source(table, "other").problems)) == ((), 1)


def test_labels_are_short_and_every_long_one_says_something() -> None:
    for row in read_tables().rows:
        assert 0 < len(label_of(row.source)) <= 32


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text(table_text())
    with pytest.raises(InputError, match="no rows"):
        read_selection(path)


def test_roles_choose_rows_and_progress_knows_how_many() -> None:
    table = parse_table(table_text({}, {"id": "b"}, {"id": "c", "gpu": "TPU"}), "t.csv")
    totals: list[int] = []
    validation, summary = validate_rows(table, "check", progress=totals.append)
    assert totals == [2, 2]
    assert [one.row.id for one in validation.comparisons] == ["a", "b"]
    assert [one.row.id for one in validation.unsupported] == ["c"]
    assert summary.sources[0].counts.check == 2
    none, left = validate_rows(table, "fit")
    assert none.comparisons == ()
    assert left.headline is None
