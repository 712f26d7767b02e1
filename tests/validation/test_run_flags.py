"""Flags of published runs fill what a table leaves blank, and replace nothing but step times that were rounded."""

from __future__ import annotations

import pytest
from measured import table_text

from sim.validation.rows import read_rows, run_flags
from sim.validation.table import Row, parse_table, read_tables

REPLACED = {"step_time_s"}


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    return {row.id: row for row in read_tables().rows}


def test_every_flag_is_of_a_carried_row_and_says_where_it_was_read(rows: dict[str, Row]) -> None:
    flags = read_rows("run_flags.csv")
    assert {one["id"] for one in flags} <= set(rows)
    assert len({one["id"] for one in flags}) == len(flags)
    assert all(one["source"] and one["release"] for one in flags)


def test_flags_fill_blanks_and_contradict_no_cell() -> None:
    stated = {row["id"]: row for row in read_rows("training_measurements.csv")}
    for name, flags in run_flags().items():
        for column in flags.keys() & stated[name].keys() - REPLACED:
            cell = stated[name][column]
            same = cell in ("", "not stated", flags[column]) or float(cell) == float(flags[column])
            assert same, (name, column)


def test_a_step_time_from_rounded_throughput_gives_way_to_that_from_the_rate_in_flops(rows: dict[str, Row]) -> None:
    # Llama 3 70B on 64 H100: 1,664 tokens/s a GPU are 13 sequences a second in all. 731 TFLOP/s are 2 % less, at
    # 449.2 GFLOP a token: 256 x 8,192 tokens x 449.2e9 / (731e12 x 64 GPUs) = 20.1 s.
    row = rows["mbridge_26.04.01_LLAMA3_70B_H100_fp8_64_pretrain_80"]
    assert row.tokens_per_s_per_gpu == 1664
    assert 64 * 1664 / 8192 == 13
    assert row.step_time_s == pytest.approx(256 * 8192 * 449.2e9 / (731e12 * 64), rel=1e-3)


def test_a_table_of_ones_own_may_state_flags() -> None:
    columns = ("id", "source", "gpu", "n_gpus", "layers", "d_model", "heads", "seq_len", "global_batch_sequences")
    cells = {"cuda_graph": "full", "tensor_overlap": "1", "recipe": "bf16-only", "offload_layers": "20"}
    (row,) = parse_table(table_text(cells, columns=(*columns, *cells)), "t.csv").rows
    assert (row.cuda_graph, row.tensor_overlap, row.recipe, row.offload_layers) == ("full", 1, "bf16-only", 20)
    (problem,) = parse_table(table_text({"cuda_graph": "some"}, columns=(*columns, "cuda_graph")), "t.csv").problems
    assert "none of none, layer, full" in problem.problem
