"""The points of a sweep as rows: for a CSV file, for Parquet, as a pandas DataFrame, and for charts."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError, shown
from sim.page import borders
from sim.scenario import AxisKey
from sim.sweep.store import Store, read_only

if TYPE_CHECKING:
    import pandas

CSV_NAME, PARQUET_NAME = "points.csv", "points.parquet"
_LAST = ("warnings", "error")
_NAMES = ("title", "entry")
"""What a point is called; all else in its place of the grid are its axes."""
_ROWS_AT_ONCE = 5000


def rows_of(store: Store) -> Iterator[dict[str, Any]]:
    """A flat row for every finished point in the order of the grid; of a failed one its axes and its error."""
    for names, record, failed in store.records():
        row = {**{key if key in _NAMES else AxisKey(key): value for key, value in names.items()}, **record["row"]}
        row["warnings"] = "; ".join(record.get("warnings", []))
        row["error"] = row.get("error") if failed else None
        yield row


def problems_of(store: Store) -> list[str]:
    """Errors of points in sentences, the most frequent first: how many have each, and the first with its remedy."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for names, record, failed in store.records():
        if failed:
            problem = record.get("problem", record["row"]["error"])
            counts[problem] += 1
            axes = [f"{key} = {shown(value)}" for key, value in names.items() if key != "title"]
            place = ", ".join([f"'{record['row']['system']}'", *axes])
            first.setdefault(problem, "; ".join([place, *record.get("remedy", "").splitlines()]))
    return [
        f"{count:,} failed: {problem}; {'the first ' if count > 1 else ''}at {first[problem]}"
        for problem, count in counts.most_common()
    ]


def columns_of(store: Store) -> list[str]:
    """Columns of all rows, in the order in which they first appear, what went wrong last."""
    names: dict[str, None] = {}
    for row in rows_of(store):
        names |= dict.fromkeys(row)
    return [*(name for name in names if name not in _LAST), *_LAST]


def write_tables(store: Store, folder: Path) -> None:
    """Write all rows into a folder, as Parquet too where pyarrow is installed. Raises InputError."""
    write_csv(store, folder / CSV_NAME)
    write_parquet(store, folder / PARQUET_NAME)


def write_csv(store: Store, path: Path) -> None:
    """Write all rows as CSV, whole or not at all, one at a time. Raises InputError where it cannot be written."""
    columns = columns_of(store)
    with whole_file(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        borders.write_csv(file, rows_of(store), columns)


def write_parquet(store: Store, path: Path) -> bool:
    """Write all rows as Parquet, some at a time; False where pyarrow is not installed. Raises InputError."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return False
    columns = columns_of(store)
    kinds = _kinds(store, columns)
    schema = pyarrow.schema([(name, getattr(pyarrow, kinds[name])()) for name in columns])
    with whole_file(path) as unfinished, parquet.ParquetWriter(unfinished, schema) as writer:
        for part in _parts(rows_of(store)):
            data = {name: [_cell(row.get(name), kinds[name]) for row in part] for name in columns}
            writer.write_table(pyarrow.table(data, schema=schema))
    return True


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file that gets its name when it is whole. Raises InputError where it cannot be written."""
    unfinished = path.with_name(f".{path.name}.new")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        problem = f"cannot be written: {error.strerror or error}"
        raise InputError(str(path), problem, "free the disk; nothing of the sweep is lost") from None


def frame(folder: Path | str) -> pandas.DataFrame:
    """The points of a sweep's folder as a pandas DataFrame, in the order of the grid; columns as in points.csv.

    Raises InputError where there is no sweep, or pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise InputError("frame", "pandas is not installed", "pip install 'scaletax[tables]'") from None
    with read_only(Path(folder)) as store:
        return pandas.DataFrame(list(rows_of(store)), columns=columns_of(store))


def _kinds(store: Store, columns: list[str]) -> dict[str, str]:
    """Numbers where all cells of a column are, text elsewhere."""
    kinds = dict.fromkeys(columns, "float64")
    seen = dict.fromkeys(columns, False)
    for row in rows_of(store):
        for name, value in row.items():
            if value is None:
                continue
            seen[name] = True
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                kinds[name] = "string"
    return {name: kinds[name] if seen[name] else "string" for name in columns}


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    return float(value) if kind == "float64" else str(value)


def _parts(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == _ROWS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part
