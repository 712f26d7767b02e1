"""Reading tables: what is malformed is named by row and column, what is good is kept, nothing else escapes."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import CELLS, table_text

from sim.errors import InputError
from sim.validation.conventions import device_of, table_devices
from sim.validation.table import TRAINING_TABLES, parse_table, problem_lines, read_tables


def test_a_good_row_is_read_as_it_stands() -> None:
    table = parse_table(table_text({"memory_GiB": ""}), "t.csv")
    (row,) = table.rows
    assert not table.problems
    assert (row.id, row.n_gpus, row.step_time_s, row.degrees) == ("a", 8, 0.5, (4, 2, 1, 1))
    assert row.memory_GiB is None


@pytest.mark.parametrize("missing", ["id", "gpu", "n_gpus", "global_batch_sequences"])
def test_a_missing_column_makes_the_file_unusable(missing: str) -> None:
    columns = [column for column in CELLS if column != missing]
    with pytest.raises(InputError, match=f"missing: '{missing}'"):
        parse_table(table_text({}, columns=columns), "t.csv")


def test_a_misspelt_column_gets_a_suggestion() -> None:
    text = table_text({}).replace("n_gpus", "n_gpu", 1)
    with pytest.raises(InputError, match=r"unknown column 'n_gpu'; did you mean 'n_gpus'\?\n.*missing: 'n_gpus'"):
        parse_table(text, "t.csv")


def test_columns_that_nobody_reads_are_refused_by_name() -> None:
    columns = [*CELLS, "tok_per_s", "throughput", "id"]
    with pytest.raises(InputError) as caught:
        parse_table(",".join(columns) + "\n", "t.csv")
    assert "unknown column 'tok_per_s'" in str(caught.value)
    assert "unknown column 'throughput'" in str(caught.value)
    assert "column 'id' is there 2 times" in str(caught.value)
    with pytest.raises(InputError, match="and 92 more unknown columns"):
        parse_table(",".join([*CELLS, *(f"x{number}" for number in range(100))]) + "\n", "t.csv")
    # What sources say beside what is simulated is no mistake.
    assert parse_table(table_text({}, columns=[*CELLS, "mfu", "params"]), "t.csv").rows


def test_a_table_of_ones_own_says_its_vocabulary() -> None:
    columns = [column for column in CELLS if column != "vocab"]
    assert parse_table(table_text({}, columns=columns), "t.csv").rows
    with pytest.raises(InputError, match="this column is missing: 'vocab'"):
        parse_table(table_text({}, columns=columns), "t.csv", table_devices())


def test_what_is_wrong_with_many_rows_is_said_once() -> None:
    rows = [{"id": f"r{number}", "gpu": "B200X"} for number in range(60)]
    problems = parse_table(table_text(*rows, {"layers": "x"}), "t.csv", table_devices()).problems
    many, one = problem_lines(problems)
    assert many.startswith("t.csv, 60 rows (lines 2 to 61), column gpu: the device 'B200X' is not in the catalogue")
    assert many.count(",") < 12
    assert "more (scaletax list devices))" in many
    assert one == "t.csv, line 62 (a), column layers: 'x' is not a number"


def test_devices_may_go_by_their_name_in_the_catalogue() -> None:
    table = parse_table(table_text({"gpu": "a100-80gb-sxm"}), "t.csv", table_devices())
    assert [device_of(one) for one in table.rows] == ["a100-80gb-sxm"]


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({"layers": "many"}, "layers", "'many' is not a number"),
        ({"layers": "4.5"}, "layers", "not a whole number"),
        ({"step_time_s": "-1"}, "step_time_s", "0 or more"),
        ({"step_time_s": "nan"}, "step_time_s", "finite"),
        ({"step_time_s": "inf"}, "step_time_s", "finite"),
        ({"step_time_s": "0"}, "step_time_s", "is 0"),
        ({"n_gpus": "0", "dp": ""}, "n_gpus", "is 0"),
        ({"tp": "0"}, "tp", "it is 1 or more"),
        ({"dp": "8"}, "n_gpus", "dp 8 x tp 2 x pp 1 x cp 1 = 16, but n_gpus is 8"),
        ({"pp": "8", "dp": "", "layers": "4"}, "pp", "8 stages, but there are 4 layers"),
        ({"d_model": "8"}, "heads", "more than the width"),
        ({"step_time_s": "1e-300"}, "step_time_s", "no size"),
        ({"seq_len": "1e300"}, "seq_len", "no size"),
        ({"recompute": "sometimes"}, "recompute", "none, selective, full"),
        ({"source": ""}, "source", "is blank"),
        ({"id": "good"}, "id", "already the id of line 2"),
    ],
)
def test_a_malformed_row_is_named_and_the_good_one_kept(cells: dict[str, str], column: str, says: str) -> None:
    table = parse_table(table_text({"id": "good"}, {"id": "bad", **cells}), "t.csv")
    assert [row.id for row in table.rows] == ["good"]
    (problem,) = table.problems
    assert (problem.line, problem.column) == (3, column)
    assert says in problem.problem
    assert str(problem).startswith("t.csv, line 3 (")


def test_several_faults_of_a_row_are_all_named() -> None:
    table = parse_table(table_text({"layers": "x", "heads": "y"}), "t.csv")
    assert [problem.column for problem in table.problems] == ["layers", "heads"]


def test_an_unknown_device_is_a_fault_where_the_devices_are_given() -> None:
    text = table_text({"gpu": "A100-SMX"})
    assert parse_table(text, "t.csv").rows
    (problem,) = parse_table(text, "t.csv", table_devices()).problems
    assert problem.column == "gpu"
    assert "did you mean 'A100-SXM'" in problem.problem


def test_an_unknown_wafer_is_named_by_its_own_column() -> None:
    columns = (
        "id",
        "source",
        "system",
        "n_systems",
        "layers",
        "d_model",
        "heads",
        "seq_len",
        "global_batch_sequences",
        "vocab",
        "metric",
        "value",
        "unit",
    )
    wafer = {**CELLS, "system": "CS-9 (Some)", "n_systems": "1", "metric": "m", "value": "1", "unit": "u"}
    (problem,) = parse_table(table_text(wafer, columns=columns), "t.csv", table_devices()).problems
    assert problem.column == "system"


def test_too_many_cells_are_a_fault() -> None:
    table = parse_table(table_text({}) + "b" + "," * 40 + "x\n", "t.csv")
    assert len(table.rows) == 1
    assert "more cells than the header" in table.problems[0].problem


@pytest.mark.parametrize("header", ["a\rb", "x" * 200_000])
def test_a_header_that_is_not_csv_is_refused(header: str) -> None:
    with pytest.raises(InputError, match=r"not CSV|missing"):
        parse_table(header, "t.csv")


def test_blank_lines_are_no_rows_and_a_row_of_commas_is_a_fault() -> None:
    text = table_text({}) + "\n\n"
    assert len(parse_table(text, "t.csv").rows) == 1
    assert {one.column for one in parse_table(text + "," * (len(CELLS) - 1) + "\n", "t.csv").problems} >= {"id"}


def test_an_empty_file_has_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("")
    with pytest.raises(InputError, match="missing"):
        read_tables(path)


def test_a_file_that_is_not_text_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with pytest.raises(InputError, match="there is no file"):
        read_tables(path)
    path.write_bytes(b"\xff\xfeid")
    with pytest.raises(InputError, match="not UTF-8"):
        read_tables(path)


def test_a_spreadsheets_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table_text({}), encoding="utf-8-sig")
    assert len(read_tables(path).rows) == 1


def test_a_throughput_of_wafers_becomes_a_step_time() -> None:
    columns = (
        "id", "source", "system", "n_systems", "layers", "d_model", "heads", "seq_len", "global_batch_sequences",
        "metric", "value", "unit",
    )  # fmt: skip
    wafer = {"system": "CS-2 (WSE-2)", "n_systems": "1", "metric": "training_throughput", "unit": "samples/s"}
    (row,) = parse_table(table_text({**wafer, "value": "32"}, columns=columns), "t.csv").rows
    assert (row.gpu, row.n_gpus, row.step_time_s) == ("CS-2", 1, 0.5)
    (problem,) = parse_table(table_text({**wafer, "value": "0"}, columns=columns), "t.csv").problems
    assert problem.column == "value"


def test_every_row_of_the_carried_tables_is_read_or_named() -> None:
    table = read_tables()
    assert len(table.rows) > 2000
    assert len({row.id for row in table.rows}) == len(table.rows)
    assert {problem.table for problem in table.problems} <= set(TRAINING_TABLES)


HEADER = ",".join(CELLS) + "\n"


@given(st.text(max_size=200))
@settings(max_examples=50)
def test_no_text_is_read_as_anything_but_a_table_or_an_input_error(text: str) -> None:
    for whole in (text, HEADER + text):
        with contextlib.suppress(InputError):
            parse_table(whole, "t.csv", ["A100-SXM"])


@given(st.dictionaries(st.sampled_from(sorted(CELLS)), st.text(max_size=12)))
def test_every_row_is_a_row_or_has_a_problem(cells: dict[str, str]) -> None:
    table = parse_table(table_text(cells), "t.csv")
    assert bool(table.rows) != bool(table.problems)
