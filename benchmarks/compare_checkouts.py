"""Holds every number that two checkouts of the project compute against each other.

    python benchmarks/compare_checkouts.py BEFORE AFTER [--quick] [--only TEXT] [--fresh]

BEFORE and AFTER are folders of checkouts, each with its own interpreter in .venv. Exits with 1 where a number differs
by more than 1e-12 of it, or is gone; what only AFTER has is listed. --quick: the scenarios that search for nothing, and
a tenth of the rows, in about a minute each. Without it everything on the shelf, all rows, sweeps and searches.
What a checkout comes to is kept in the temporary folder under the hash of its files, so that a run that was stopped
goes on; --fresh computes it again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LIMIT = 1e-12
"""Largest difference of a number, relative to it."""
RESIDUE = 1e-15
"""What sums that cancel leave, relative to the largest number of the same name in the same document: no difference."""
SHOWN = 12
"""Lines of each list that are printed."""
_OWN = ("versions", "scaletax", "files")
"""Keys of a document that say what made it."""
_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?")

DUMP = """
import contextlib, csv, dataclasses, io, json, sys, tempfile
from pathlib import Path

def command(words, wanted):
    from sim.cli import cli
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        try:
            cli.main([*words, "--out", folder], standalone_mode=False)
        except SystemExit:
            pass
        found = {}
        for path in sorted(Path(folder).iterdir()):
            if path.name in wanted and path.suffix == ".json":
                found[path.name] = json.loads(path.read_text(encoding="utf-8"))
            elif path.name in wanted:
                with path.open(encoding="utf-8", newline="") as file:
                    found[path.name] = list(csv.DictReader(file))
        return found

def validation(every):
    try:
        from sim.records.validation import validation_document
    except ImportError:
        from sim.report.validation.document import validation_document
    from sim.validation.selection import read_selection, validate_rows
    table = read_selection()
    table = dataclasses.replace(table, rows=table.rows[::every])
    document = validation_document(*validate_rows(table, "all"))
    document["rows"] = {row["id"]: row for row in document["rows"]}
    return document

def collectives():
    from sim.validation.collectives import compare_collectives
    return {one.row.id: [one.predicted_s, one.error, one.algorithm] for one in compare_collectives()}

def spread(rows, steps):
    from sim.validation.slow_node import compare_slow_node, read_slow_nodes
    from sim.validation.spread_comparison import compare_spread, gpt3_rows
    found = compare_spread(gpt3_rows()[:rows], steps=steps)
    document = {one.row.id: [dataclasses.asdict(one.simulated), one.micro_batches] for one in found}
    for one in read_slow_nodes():
        slow = compare_slow_node(one, None if rows is None else (0,))
        document[one.id] = [slow.slowdown, slow.cost_at, slow.own_work, slow.needed_slowdown]
    return document

def pairs():
    from sim.validation.fine_tuning import compare_pairs
    return {one.measured.name: [one.full_tokens_per_s, one.lora_tokens_per_s] for one in compare_pairs()}

def plain(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    return float(value) if hasattr(value, "__float__") else str(value)

with open(sys.argv[1], encoding="utf-8") as file:
    tasks = json.load(file)
with open(sys.argv[2], "a", encoding="utf-8") as out:
    for name, function, arguments in tasks:
        try:
            found = globals()[function](*arguments)
        except Exception as error:
            found = {"failed": f"{type(error).__name__}: {error}"}
        out.write(json.dumps([name, found], default=plain) + "\\n")
        out.flush()
"""

Task = tuple[str, str, list[Any]]


def tasks(quick: bool) -> list[Task]:
    """(name, function of the dump, arguments) of all that is compared; scenarios are those of the checkout."""
    run_files = ["results.json", "summary.csv", "entries.csv", "comparison.csv"]
    found: list[Task] = []
    for path in sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml")):
        file, text = f"scenarios/{path.name}", path.read_text(encoding="utf-8")
        if not quick or not _searches(path):
            steps = ["--set", "steps=2"] if quick and path.stem in ("stragglers", "sweep-jitter") else []
            found.append((f"run {path.stem}", "command", [["run", file, "--no-charts", *steps], run_files]))
        if not quick and tomllib.loads(text).get("sweep"):
            limit = ["--limit", "12", "--jobs", "1", "--fresh"]
            found.append((f"sweep {path.stem}", "command", [["sweep", file, *limit], ["points.csv"]]))
        if not quick and path.stem in ("claim-1.3b", "llama-65b-2048-a100", "mpt-7b-440-a100", "quickstart"):
            jobs = ["--no-charts", "--jobs", "1"]
            found.append((f"plan {path.stem}", "command", [["plan", file, *jobs], ["results.json"]]))
    found.append(("validation rows", "validation", [10 if quick else 1]))
    found.append(("validation collectives", "collectives", []))
    found.append(("validation spread", "spread", [1, 20] if quick else [None, 100]))
    found.append(("validation fine-tuning", "pairs", []))
    return found


def _searches(path: Path) -> bool:
    """Whether a scenario, or what it is built on, searches for plans or takes long."""
    text = path.read_text(encoding="utf-8")
    base = re.search(r'^base *= *"(.+)"', text, re.MULTILINE)
    searches = re.search(r'^ *(plan *= *"best"|search *=)|\[.*search\]', text, re.MULTILINE) is not None
    return searches or (base is not None and _searches((path.parent / base[1]).with_suffix(".toml")))


def computed(checkout: Path, wanted: list[Task], fresh: bool) -> dict[str, Any]:
    """What a checkout comes to, task by task. What is known already is in a file that gets what is new."""
    keep = Path(tempfile.gettempdir()) / f"scaletax-compare-{hash_of(checkout)}.jsonl"
    if fresh:
        keep.unlink(missing_ok=True)
    known = _read(keep)
    missing = [task for task in wanted if _key(task) not in known]
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            asked = Path(folder, "tasks.json")
            asked.write_text(json.dumps([(_key(task), *task[1:]) for task in missing]), encoding="utf-8")
            python = checkout / ".venv" / "bin" / "python"
            words = [str(python), "-c", DUMP, str(asked), str(keep)]
            done = subprocess.run(words, cwd=checkout, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(f"{checkout}: the dump ended with {done.returncode}\n{done.stderr[-3000:]}")
        known = _read(keep)
    return {task[0]: known[_key(task)] for task in wanted}


def _key(task: Task) -> str:
    return json.dumps(task)


def _read(path: Path) -> dict[str, Any]:
    """Task -> what it came to; the last line may have been cut off."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return dict(json.loads(line) for line in lines if line.endswith("]\n"))


def hash_of(checkout: Path) -> str:
    """Of all files that results depend on."""
    digest = hashlib.sha256(DUMP.encode())
    for folder in ("sim", "scenarios", "topologies"):
        for path in sorted((checkout / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(checkout)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def stored(checkout: Path) -> dict[str, Any]:
    """Results that the repository keeps: of the validation, and every number in generated text."""
    found: dict[str, Any] = {"validation.json": json.loads((checkout / "docs" / "validation.json").read_text("utf-8"))}
    for path in sorted([*checkout.glob("docs/*.md"), checkout / "README.md"]):
        blocks = re.findall(r"<!-- begin (\S+) -->(.*?)<!-- end", path.read_text(encoding="utf-8"), re.DOTALL)
        numbers = {name: [float(one.replace(",", "")) for one in _NUMBER.findall(text)] for name, text in blocks}
        if numbers:
            found[path.name] = numbers
    bands = tomllib.loads((checkout / "sim" / "catalog" / "accuracy.toml").read_text(encoding="utf-8"))
    return found | {"accuracy.toml": bands}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of everything in a document that is no container; cells of tables as numbers where they are."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key not in _OWN:
                yield from leaves(member, (*path, str(key)))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, (*path, str(index)))
    else:
        yield path, _as_number(value)


def _as_number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return value
        return number if math.isfinite(number) else value
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


_OF_RUN = (
    "time_to_train_p10_s", "time_to_train_p50_s", "time_to_train_p90_s", "goodput", "failures",
    "mean_time_between_failures_s", "checkpoint_every_steps",
)  # fmt: skip
_OF_STEPS = {"steps": "simulated_steps", "coefficient_of_variation": "step_time_coefficient_of_variation"} | {
    name: f"step_time_{name}" for name in ("alike_s", "mean_s", "p50_s", "p95_s", "p99_s")
}
_ERRORS = ("step_time_error_p10", "step_time_error_p90", "peak_memory_error_p10", "peak_memory_error_p90")
_AMOUNTS = ("energy_joules", "rental_usd", "purchase_usd")


def of_schema_2(found: Any) -> Any:
    """Results of schema 1 with every number where schema 2 has it; sentences, which are written anew, left out."""
    for name, document in found.items() if isinstance(found, dict) else ():
        if name != "results.json" or "points" not in document:
            continue
        for point in document["points"]:
            point.pop("notes", None)
            if document["schema"] == 1:
                _flatten(point)
        compared = document.get("comparison", {})
        for words in ("verdict", "criteria"):
            compared.pop(words, None)
        document["schema"] = 2
    return found


def _flatten(point: dict[str, Any]) -> None:
    run, bill, steps = point["run"], point["bill"], point["step_times"]
    for name in _OF_RUN if run else ():
        point[name] = run.pop(name)
    for name in _AMOUNTS if bill else ():
        amount = bill.pop(name) or {}
        for end, suffix in (("low", "_low"), ("typical", ""), ("high", "_high")):
            point[f"{name}{suffix}"] = amount.get(end)
    if bill:
        del bill["device_hours"]
    for name, flat in _OF_STEPS.items() if steps else ():
        point[flat] = steps.pop(name)
    point["resolution"], point["resolution_why"] = point["resolution"]["name"], point["resolution"]["why"]
    point["variation_profile"], point["variation"] = point["variation"], point["variation"]["name"]
    for name in ("peak_bytes", "capacity_bytes"):
        point[f"memory_{name}"] = point["memory"].pop(name)
    for name in _ERRORS:
        point[name] = point["accuracy"].pop(name)


class Group:
    """What was found in the documents of one name."""

    def __init__(self, before: Any, after: Any) -> None:
        before, after = of_schema_2(before), of_schema_2(after)
        old, new = dict(leaves(before)), dict(leaves(after))
        self.numbers = sum(isinstance(value, float) for value in old.values())
        self.lost = [path for path in old if path not in new]
        self.added = [path for path in new if path not in old]
        self.failed = [one["failed"] for one in (before, after) if "failed" in one]
        self.largest = 0.0
        self.beyond: list[tuple[tuple[str, ...], float, Any, float]] = []
        self.words: list[tuple[tuple[str, ...], Any, Any]] = []
        sizes: dict[str, float] = {}
        for path, value in old.items():
            if isinstance(value, float):
                sizes[_name(path)] = max(sizes.get(_name(path), 0.0), abs(value))
        for path, value in old.items():
            if path in new:
                self._compare(path, value, new[path], sizes)

    def _compare(self, path: tuple[str, ...], old: Any, new: Any, sizes: Mapping[str, float]) -> None:
        if not isinstance(old, float):
            if old != new and isinstance(old, str) and isinstance(new, str):
                self.words.append((path, old, new))
            elif old != new:
                self.beyond.append((path, old, new, math.inf))
            return
        if not isinstance(new, float):
            self.beyond.append((path, old, new, math.inf))
            return
        apart = abs(old - new)
        if apart <= RESIDUE * sizes[_name(path)]:
            return
        relative = apart / max(abs(old), abs(new))
        self.largest = max(self.largest, relative)
        if relative > LIMIT:
            self.beyond.append((path, old, new, relative))


def _name(path: tuple[str, ...]) -> str:
    """The last part of a path that is no index."""
    return next((part for part in reversed(path) if not part.isdigit()), "")


def report(name: str, group: Group) -> bool:
    """Print what differs; whether anything may not."""
    bad = bool(group.beyond or group.lost or group.failed)
    print(
        f"{'DIFFERS' if bad else 'ok':8s}{name:42s}{group.numbers:9,} numbers, largest difference {group.largest:.1e}"
    )
    worst = sorted(group.beyond, key=lambda one: -one[3])
    _print("failed", group.failed)
    _print("beyond the limit", [f"{'/'.join(p)}: {old!r} -> {new!r} ({rel:.1e})" for p, old, new, rel in worst])
    _print("lost", _patterns(group.lost))
    _print("only after", _patterns(group.added))
    _print("other words", [f"{'/'.join(path)}: {old!r} -> {new!r}" for path, old, new in group.words])
    return bad


def _patterns(paths: list[tuple[str, ...]]) -> list[str]:
    """Paths that differ in places of lists only, as one with the number of them."""
    counts = Counter("/".join("*" if part.isdigit() else part for part in path) for path in paths)
    return [f"{pattern} ({count} times)" if count > 1 else pattern for pattern, count in counts.items()]


def _print(title: str, lines: list[str]) -> None:
    for line in lines[:SHOWN]:
        print(f"        {title}: {line}")
    if len(lines) > SHOWN:
        print(f"        {title}: and {len(lines) - SHOWN} more")


def main() -> None:
    """Compute, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--quick", action="store_true", help="scenarios that search for nothing, a tenth of the rows")
    parser.add_argument("--only", default="", help="only what has this text in its name, such as 'run quick'")
    parser.add_argument("--fresh", action="store_true", help="compute everything again")
    given = parser.parse_args()
    before, after = given.before.resolve(), given.after.resolve()
    wanted = [task for task in tasks(given.quick) if given.only in task[0]]
    begun = time.perf_counter()
    old = computed(before, wanted, given.fresh)
    middle = time.perf_counter()
    new = computed(after, wanted, given.fresh)
    bad = [name for name in old if report(name, Group(old[name], new[name]))]
    if given.only in "stored results" and report("stored results", Group(stored(before), stored(after))):
        bad.append("stored results")
    print(f"{middle - begun:.0f} s before, {time.perf_counter() - middle:.0f} s after")
    print(f"{len(bad)} of {len(old) + 1} groups differ: {', '.join(bad)}" if bad else "nothing else moved")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
