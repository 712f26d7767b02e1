"""Tables of published training measurements: what a row may hold, and what is wrong with one.

The columns are those of training_measurements.csv in this room, or of wafer_measurements.csv. A blank means that the
source does not say.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import typing
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from sim.errors import InputError, closest, some_of
from sim.reading import read_text
from sim.validation.cells import value_of
from sim.validation.contradictions import contradictions
from sim.validation.rows import run_flags

TRAINING_TABLES = ("training_measurements.csv", "wafer_measurements.csv")
"""What the project carries."""
_MOST_LINES, _FEW_ROWS = 8, 3
"""Unknown columns that are named one by one, and rows."""
_SEPARATES_A_WAFER_TABLE = "metric"


@dataclass(frozen=True, slots=True)
class Row:
    """One published training measurement, as its source states it; None where the source does not say.

    year: of the measurement. gpus_per_node and the link rates are of the cluster: GB/s and Gbit/s per device and
    direction. grad_accum: micro-batches of a replica in a step. zero_group: replicas that share out sharded states,
    where fewer than the data degree. tokens_per_s_per_gpu, step_time_s: end to end. model_tflops_per_gpu, mfu: by the
    source's convention. verified: "yes" where the figure was read in the source itself, "memory" where not.
    """

    id: str
    source: str
    gpu: str
    year: int | None = None
    n_gpus: int | None = None
    gpus_per_node: int | None = None
    intra_node_GBps_per_gpu: float | None = None  # noqa: N815 (a column of the table)
    inter_node_Gbps_per_gpu: float | None = None  # noqa: N815 (a column of the table)
    model: str = ""
    layers: int | None = None
    d_model: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    d_ffn: int | None = None
    gated_mlp: int | None = None
    vocab: int | None = None
    seq_len: int | None = None
    micro_batch: int | None = None
    grad_accum: int | None = None
    global_batch_sequences: int | None = None
    dp: int | None = None
    tp: int | None = None
    pp: int | None = None
    vpp: int | None = None
    cp: int | None = None
    ep: int | None = None
    sequence_parallel: int | None = None
    zero_stage: int | None = None
    zero_group: int | None = None
    recompute: str = ""
    precision: str = ""
    flash_attention: int | None = None
    schedule: str = ""
    tokens_per_s_per_gpu: float | None = None
    step_time_s: float | None = None
    memory_GiB: float | None = None  # noqa: N815
    verified: str = ""
    note: str = ""
    stack: str = ""
    """A name of the catalogue, in a table of one's own; blank: by the rules of sources.toml."""
    recipe: str = ""
    """Of the catalogue, where it is not the one that the stack has for the precision."""
    fp8_gather: int | None = None
    """Parameters are gathered in the narrow format of the products."""
    fp8_attention: int | None = None
    """The products of attention are in it too."""
    cuda_graph: str = ""
    """What was captured: none, layer (layers or parts of them), full (the whole iteration)."""
    tensor_overlap: int | None = None
    """Tensor-parallel exchanges run beside the products that they feed or follow."""
    recompute_layers: int | None = None
    """Layers of a stage that are recomputed as a whole, where not all are."""
    megatron_fsdp: int | None = None
    offload_layers: int | None = None
    """Layers whose activations wait in the host's memory."""
    optimizer_offload: int | None = None
    """The host keeps the optimizer's states and updates the parameters."""
    excluded: str = ""
    """Why the row is compared with nothing; blank: it is."""

    @property
    def degrees(self) -> tuple[int, int, int, int] | None:
        """(data, tensor, pipeline, context), where all but the context degree are stated."""
        if self.dp is None or self.tp is None or self.pp is None:
            return None
        return self.dp, self.tp, self.pp, self.cp or 1


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one row of a table."""

    table: str
    line: int
    """Of the file, the header being line 1."""
    row: str
    column: str
    problem: str
    source: str = ""
    """As the row names it."""

    def __str__(self) -> str:
        name = f" ({self.row})" if self.row else ""
        return f"{self.table}, line {self.line}{name}, column {self.column}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table that can be used, and what is wrong with the others."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()


_FIELDS = {field.name: field for field in dataclasses.fields(Row)}
_TYPES = typing.get_type_hints(Row)
_SHAPE = ("layers", "d_model", "heads", "seq_len")
_NEEDED = ("id", "source", "gpu", "n_gpus", *_SHAPE, "global_batch_sequences")
_WAFER_NEEDED = ("id", "source", "system", "n_systems", *_SHAPE, "metric", "value", "unit")
_NEEDED_OF = {
    (False, False): _NEEDED, (False, True): (*_NEEDED, "vocab"),
    (True, False): _WAFER_NEEDED, (True, True): (*_WAFER_NEEDED, "global_batch_sequences", "vocab"),
}  # fmt: skip
"""By (whether of wafers, whether of one's own): of sources that the project carries the vocabulary is known."""
_SAID = ("params", "model_tflops_per_gpu", "mfu", "tokens_trained", "days", "gpu_hours", "cost_usd")
"""What sources say beside it: nothing is computed from these columns."""
_OF_WAFERS = ("system", "n_systems", "ffn", "metric", "value", "unit")


def read_tables(path: Path | None = None, devices: Collection[str] | None = None) -> Table:
    """The tables that the project carries, or one file with the same columns.

    devices: names that the file may use for devices; any where None.
    Raises InputError for a file that is no such table; a malformed row becomes a Problem.
    """
    if path is not None:
        return parse_table(read_text(path, str(path)), str(path), devices)
    found = [
        parse_table((resources.files("sim.validation") / name).read_text(encoding="utf-8"), name, more=run_flags())
        for name in TRAINING_TABLES
    ]
    return Table(
        tuple(row for table in found for row in table.rows), tuple(one for table in found for one in table.problems)
    )


def parse_table(
    text: str, name: str, devices: Collection[str] | None = None, more: Mapping[str, Mapping[str, str]] = {}
) -> Table:
    """Read the text of a table.

    name: of the file, for messages. devices: as in read_tables. more: id of a row -> cells to put into it.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = [column or "" for column in reader.fieldnames or ()]
    except csv.Error as error:
        raise _not_csv(name, error) from error
    is_wafer = _SEPARATES_A_WAFER_TABLE in columns
    _check_columns(columns, _NEEDED_OF[is_wafer, devices is not None], name)
    rows: list[Row] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    try:
        for raw in reader:
            where = (name, reader.line_num, (raw.get("id") or "").strip())
            cells = {key: (value or "").strip() for key, value in raw.items() if isinstance(key, str)}
            if None in raw:
                problem = f"more cells than the header's {len(columns)} columns"
                problems.append(Problem(*where, "(all)", problem, cells.get("source", "")))
                continue
            cells, wrong = _from_wafer_columns(cells) if is_wafer else (cells, [])
            cells = {**cells, **more.get(cells["id"], {})}
            parsed, found = _row(cells)
            wrong += found
            if devices is not None and cells.get("gpu") and cells["gpu"] not in devices:
                wrong.append(("system" if is_wafer else "gpu", unknown_device(cells["gpu"], devices)))
            if cells["id"] in seen and cells["id"]:
                wrong.append(("id", f"'{cells['id']}' is already the id of line {seen[cells['id']]}"))
            seen.setdefault(cells["id"], reader.line_num)
            problems += [Problem(*where, column, problem, cells.get("source", "")) for column, problem in wrong]
            if parsed is not None and not wrong:
                rows.append(parsed)
    except csv.Error as error:
        raise _not_csv(name, error) from error
    return Table(tuple(rows), tuple(problems))


def _not_csv(name: str, error: csv.Error) -> InputError:
    return InputError(name, f"this is not CSV ({error})", f"see sim/validation/{TRAINING_TABLES[0]}")


def _check_columns(columns: list[str], needed: tuple[str, ...], name: str) -> None:
    known = [*_FIELDS, *_SAID, *(_OF_WAFERS if _SEPARATES_A_WAFER_TABLE in columns else ())]
    unknown = [f"unknown column '{one}'{closest(one, known)}" for one in columns if one not in known]
    if len(unknown) > _MOST_LINES:
        unknown[_MOST_LINES:] = [f"and {len(unknown) - _MOST_LINES} more unknown columns"]
    twice = [f"column '{one}' is there {count} times" for one, count in Counter(columns).items() if count > 1]
    missing = [f"'{column}'" for column in needed if column not in columns]
    lacking = f"{'this column is' if len(missing) == 1 else 'these columns are'} missing: {some_of(missing)}"
    wrong = [*unknown, *twice, *([lacking] if missing else [])]
    if wrong:
        carried = TRAINING_TABLES[_SEPARATES_A_WAFER_TABLE in columns]
        raise InputError(name, "\n".join(wrong), f"all columns: the header of sim/validation/{carried}")


def unknown_device(given: str, known: Collection[str]) -> str:
    """Say that a device is not in the catalogue, and which ones are."""
    some = some_of(known, given, listed_by="scaletax list devices")
    return f"the device '{given}' is not in the catalogue{closest(given, known)} (known: {some})"


def problem_lines(problems: Sequence[Problem]) -> tuple[str, ...]:
    """Say what is wrong with the rows of tables; what is wrong alike with more than a few, once, with their number."""
    alike: dict[tuple[str, str, str], list[Problem]] = {}
    for one in problems:
        alike.setdefault((one.table, one.column, one.problem), []).append(one)
    many = {
        same[0]: f"{table}, {len(same):,} rows (lines {same[0].line} to {same[-1].line}), column {column}: {problem}"
        for (table, column, problem), same in alike.items()
        if len(same) > _FEW_ROWS
    }
    told = {one for same in alike.values() if len(same) > _FEW_ROWS for one in same[1:]}
    return tuple(many.get(one, str(one)) for one in problems if one not in told)


def _row(cells: Mapping[str, str]) -> tuple[Row | None, list[tuple[str, str]]]:
    """A row, or what is wrong with its cells: (column, problem)."""
    values: dict[str, object] = {}
    wrong: list[tuple[str, str]] = []
    for column, cell in cells.items():
        if column not in _FIELDS:
            continue
        try:
            values[column] = value_of(cell, column, _TYPES[column])
        except ValueError as error:
            wrong.append((column, str(error)))
    if wrong:
        return None, wrong
    wrong = [(column, "is blank, but every row needs it") for column in ("id", "source", "gpu") if not values[column]]
    row = Row(**values)  # type: ignore[arg-type]
    return row, wrong + contradictions(row)


def _from_wafer_columns(cells: Mapping[str, str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The same measurement in the columns of the other table, and what is wrong with it.

    A throughput in samples/s becomes a step time; the unit of any other metric stays in the note.
    """
    found = {column: cells[column] for column in _FIELDS if column in cells}
    found |= {"gpu": cells["system"].split(" ")[0], "n_gpus": cells["n_systems"], "d_ffn": cells.get("ffn", "")}
    found["note"] = f"{cells['metric']} [{cells['unit']}]; {cells.get('note', '')}"
    batch, value = cells.get("global_batch_sequences", ""), cells["value"]
    if cells["metric"] != "training_throughput" or cells["unit"] != "samples/s" or not batch or not value:
        return found, []
    try:
        found["step_time_s"] = repr(float(batch) / float(value))
    except (ValueError, ZeroDivisionError):
        return found, [("value", f"'{batch}' sequences at '{value}' samples/s give no step time")]
    return found, []
