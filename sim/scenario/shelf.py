"""Where the user's shelves lie."""

from __future__ import annotations

from pathlib import Path


def shelf(name: str) -> Path:
    """Folder of the user's shelf of this name ("topologies" or "scenarios").

    In the wheel the shelves lie inside the package, in a checkout beside it.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "shelves" / name
    return installed if installed.is_dir() else package.parent / name


def scenario_names() -> list[str]:
    """Names of all scenarios on the shelf, sorted."""
    return _names("scenarios")


def topology_names() -> list[str]:
    """Names of all topologies on the shelf, sorted."""
    return _names("topologies")


def _names(name: str) -> list[str]:
    return sorted(path.stem for path in shelf(name).glob("*.toml"))
