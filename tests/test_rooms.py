"""The order of the rooms: imports run downward only. And the size and the names of modules."""

import ast
from pathlib import Path

import pytest

import sim

# From top to bottom; a room may import from itself and from what stands below it.
ROOMS = (
    "cli", "report", "records", "study", "sweep", "validation", "counterfactual", "simulate", "training",
    "asked", "planning", "prepare", "machines", "planner", "outcome", "engine", "cost", "parallel", "workload",
    "hardware", "scenario", "catalog", "page", "processes", "reading", "units", "errors",
)  # fmt: skip
LARGEST_MODULE = 300
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}
# Where a heavy library may be used, so that the other rooms stay free of it.
HOMES = {
    "simpy": {"engine"},
    "networkx": {"hardware"},
    "matplotlib": {"report"},
    "rich": {"page"},
    "click": {"cli"},
    "pint": {"units"},
}

PACKAGE = Path(sim.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
INSIDE = [path for path in MODULES if path.parent != PACKAGE or path.stem in ROOMS]


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Dotted names of everything a module imports, wherever the import stands; relative ones made absolute."""
    names: set[str] = set()
    package = ("sim", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module,) if node.module else ())))
            names |= {f"{module}.{alias.name}" for alias in node.names} if module == "sim" else {module}
    return names


def rooms_in(names: set[str]) -> set[str]:
    """Rooms among dotted names; sim.__version__ is none."""
    return {name.split(".")[1] for name in names if name.startswith("sim.") and "__" not in name}


@pytest.mark.parametrize("path", INSIDE, ids=name_of)
def test_imports_run_downward_only(path):
    rank = ROOMS.index(room_of(path))
    upward = {room for room in rooms_in(imported(path)) if ROOMS.index(room) < rank}
    assert not upward


def test_no_room_is_missing_from_the_order():
    assert {room_of(path) for path in MODULES} - {"__init__", "__main__"} <= set(ROOMS)


def test_an_upward_import_would_be_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "cost").mkdir()
    module = tmp_path / "cost" / "new.py"
    module.write_text("from sim.planner.choose import x\nfrom ..engine import y\nfrom sim import outcome\n")
    assert rooms_in(imported(module)) == {"planner", "engine", "outcome"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_small_and_say_what_they_are(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LARGEST_MODULE
    assert not VAGUE & {part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts}


@pytest.mark.parametrize("path", INSIDE, ids=name_of)
def test_heavy_libraries_stay_in_their_rooms(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not {root for root in roots & set(HOMES) if room_of(path) not in HOMES[root]}


def test_test_files_have_names_of_their_own():
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert len(names) == len(set(names))
