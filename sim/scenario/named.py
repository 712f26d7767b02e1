"""Finds the file of a scenario by what people call it."""

from __future__ import annotations

from pathlib import Path

from sim.errors import InputError, closest, some_of
from sim.reading import is_file
from sim.scenario.problems import not_a_scenario
from sim.scenario.shelf import scenario_names, shelf, topology_names

_RESOLVED = "resolved.toml"


def scenario_path(file: Path) -> Path:
    """The file itself, or that of a scenario which came with the program.

    Raises InputError where there is neither, and for what is no scenario but belongs to one.
    """
    if file.suffix == ".json":
        model = f'name it in one: [model] config = "{file}"; or scaletax plan --model {file} --topology NAME ...'
        resolved = file.parent / _RESOLVED
        found = f"write {resolved}" if file.name == "results.json" and is_file(resolved) else model
        raise InputError(str(file), "a scenario is a TOML file; this is JSON", found)
    shelved = shelf("scenarios") / f"{file}.toml"
    # Names may have a dot: claim-1.3b.
    is_name = not is_file(file) and len(file.parts) == 1 and (file.suffix == "" or is_file(shelved))
    if not (is_name and is_file(shelved)) and is_file(file / _RESOLVED):
        raise InputError(str(file), "this is a folder of results", f"the scenario they are of is {file / _RESOLVED}")
    if is_name and str(file) in topology_names():
        raise not_a_scenario(str(file), str(file))
    if is_name and not is_file(shelved):
        names = scenario_names()
        some = some_of(names, str(file), listed_by="scaletax list scenarios")
        raise InputError(
            str(file), f"there is no such file or scenario{closest(str(file), names)}", f"scenarios: {some}"
        )
    return shelved if is_name else file
