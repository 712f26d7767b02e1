"""Changes formulas in small ways and tells which changes no test notices. Run with `make mutate`, by hand.

    python tests/mutation/mutate.py [--number 200] [--seed 1] [--only TEXT] [--limit N]

Each change is tried in a copy of the tree, against the tests nearest to it; the first failure ends it. What came out is
kept in results/mutations.jsonl under the hash of the changed file, so that it goes on where it stopped; what survived
is tried again when a test has changed. survivors.toml says of those that are known why nothing notices them. Exits with
1 where more than a tenth survive, or one without a reason.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Sequence
from pathlib import Path

from sites import Site, drawn

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "results" / "mutations.jsonl"
KNOWN = Path(__file__).with_name("survivors.toml")
CHANGED = ("sim/workload", "sim/cost", "sim/parallel", "sim/hardware/kernel.py", "sim/outcome")
PATTERNS = [path if path.endswith(".py") else f"{path}/**/*.py" for path in CHANGED]
NEEDED = (
    "sim",
    "scaletax",
    "tests",
    "benchmarks",
    "topologies",
    "scenarios",
    "docs",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
)
LAST = ("tests/workload/test_operation_table.py", "tests/records/test_every_number.py", "tests/test_simulate.py")
"""What is tried after the tests of a room: few changes get that far."""
CPU_S, WALL_S = 240, 1800
"""Most that one change may take: beyond, it loops, which is as good as noticed."""
MOST_SURVIVORS = 0.1
HEAVY = ("hypothesis", "pytest", "numpy", "scipy.optimize", "scipy.special", "simpy", "pydantic", "networkx", "pint")
"""Imported once, before each try becomes a process of its own."""


def nearest(file: str, tree: Path) -> list[str]:
    """Tests of a source file in a tree: those of its name, then of its folder, then a few of the whole."""
    inside = Path(file).relative_to("sim")
    folder = tree / "tests" / inside.parent
    named = [path for path in folder.glob("test_*.py") if inside.stem in path.stem]
    others = sorted(folder.glob("test_kernel*.py" if inside.parent == Path("hardware") else "test_*.py"))
    while not others and folder != tree / "tests":
        folder = folder.parent
        others = sorted(folder.glob("test_*.py"))
    chosen = [path.relative_to(tree).as_posix() for path in (*named, *others)]
    return list(dict.fromkeys([*chosen, *LAST]))


def copied(folder: Path) -> Path:
    """A copy of the tree that changes are tried in."""
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.png", "*.svg"))
        else:
            shutil.copy(source, target)
    return folder


def outcome(tree: Path, tests: Sequence[str]) -> tuple[str, str]:
    """("killed", the test), ("timeout", "") or ("survived", "") of a tree as it stands."""
    told = tree / "told.txt"
    child = os.fork()
    if not child:
        _test(tree, tests, told)
    begun = time.monotonic()
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            break
        if time.monotonic() - begun > WALL_S:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.05)
    if os.WIFSIGNALED(status):
        return "timeout", ""
    text = told.read_text(errors="replace")
    failed = [line for line in text.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1, 2) or (code and not failed):
        sys.exit(f"the tests could not be run:\n{text[-2000:]}")
    return ("killed", failed[0][:160]) if code else ("survived", "")


def _test(tree: Path, tests: Sequence[str], told: Path) -> None:
    """Run tests in this process, and end it with what they come to, whatever happens."""
    code = 70
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        os.chdir(tree)
        sys.path = [str(tree), *(path for path in sys.path if path not in (str(ROOT), str(Path(__file__).parent)))]
        with told.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            import pytest

            words = ["-q", "-x", "-m", "not slow", "-p", "no:xdist", "-p", "no:cacheprovider", "-rfE", "--tb=no"]
            words += [
                "-p",
                "no:unraisableexception",
                "-W",
                "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
            ]
            code = int(pytest.main([*words, *tests]))
            sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def tried(site: Site, tree: Path) -> tuple[str, str]:
    """What comes out of a change."""
    path = tree / site.file
    before = path.read_text(encoding="utf-8")
    compiled = path.parent / "__pycache__"
    try:
        _write(path, site.changed(before), compiled)
        return outcome(tree, nearest(site.file, tree))
    finally:
        _write(path, before, compiled)


def _write(path: Path, text: str, compiled: Path) -> None:
    """Write a module, and forget it as it was: two of one size in one second are told apart by nothing else."""
    path.write_text(text, encoding="utf-8")
    for stale in compiled.glob(f"{path.stem}.*.pyc"):
        stale.unlink()


def hash_of(*texts: str) -> str:
    """Of some texts together."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def key_of(site: Site) -> str:
    """The hash of the file as it is changed."""
    return hash_of(site.file, site.changed((ROOT / site.file).read_text(encoding="utf-8")))


def hash_of_tests(file: str, tree: Path) -> str:
    """Of the tests that a change of a file is tried against."""
    return hash_of(*((tree / path).read_text(encoding="utf-8") for path in nearest(file, tree)))


def kept() -> dict[str, dict[str, str]]:
    """What is known, by key; survivors only as long as their tests are the same."""
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    return {record["key"]: record for record in map(json.loads, lines)}


def is_fresh(record: dict[str, str] | None, site: Site) -> bool:
    """Whether what is known of a change still holds."""
    return record is not None and (record["outcome"] != "survived" or record["tests"] == hash_of_tests(site.file, ROOT))


def try_all(sites: Sequence[Site], limit: int) -> None:
    """Try what is not known, and keep what comes out."""
    known = kept()
    missing = [site for site in sites if not is_fresh(known.get(key_of(site)), site)][:limit]
    for name in HEAVY if missing else ():
        importlib.import_module(name)
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    KEPT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder))
        unchanged = outcome(tree, list(dict.fromkeys(path for site in missing for path in nearest(site.file, tree))))
        if missing and unchanged != ("survived", ""):
            sys.exit(f"the tests fail on the tree as it is: {unchanged[1]}")
        for number, site in enumerate(missing, start=1):
            begun = time.monotonic()
            what, by = tried(site, tree)
            record = {
                "key": key_of(site),
                "outcome": what,
                "by": by,
                "tests": hash_of_tests(site.file, tree),
                "site": told(site),
            }
            with KEPT.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            print(f"{number}/{len(missing)} {time.monotonic() - begun:5.1f} s {what:9s}{told(site)}   {by}", flush=True)


def told(site: Site) -> str:
    """A change in one line."""
    return f"{site.file}:{site.line} {site.place}: {site.old} -> {site.new}"


def reasons() -> dict[tuple[str, str, str, str], str]:
    """Why known survivors survive, by their keys."""
    entries = tomllib.loads(KNOWN.read_text(encoding="utf-8")).get("survivor", [])
    return {(one["file"], one["place"], one["old"], one["new"]): one["reason"] for one in entries}


def summary(sites: Sequence[Site]) -> bool:
    """Print how many of the sample were noticed, and who survived; whether that is good enough."""
    known, why = kept(), reasons()
    found = [(site, known[key_of(site)]) for site in sites if is_fresh(known.get(key_of(site)), site)]
    survivors = [site for site, record in found if record["outcome"] == "survived"]
    share = len(survivors) / len(found) if found else 0.0
    print(
        f"\n{len(found)} of {len(sites)} tried, {len(survivors)} survived ({share:.1%}, at most {MOST_SURVIVORS:.0%})"
    )
    for site in survivors:
        print(f"  {told(site)}\n      {why.get(site.key, 'NO REASON: write a test, or an entry of survivors.toml')}")
    return share <= MOST_SURVIVORS and all(site.key in why for site in survivors)


def main() -> None:
    """Try and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--number", type=int, default=200, help="changes in the sample")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only changes with this text in their line")
    parser.add_argument("--limit", type=int, default=10_000, help="try so many now")
    given = parser.parse_args()
    sites = [site for site in drawn(ROOT, PATTERNS, given.number, given.seed) if given.only in told(site)]
    try_all(sites, given.limit)
    sys.exit(not summary(sites))


if __name__ == "__main__":
    main()
