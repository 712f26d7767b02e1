"""What a search for plans, or a scaling law, is asked for in words: a scenario, limits, sizes, counts."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.catalog import default_stack
from sim.errors import InputError, shown
from sim.hardware.topology import load_topology
from sim.machines import kind_of, stack_of
from sim.scenario import Scenario, scenario_from
from sim.scenario.amounts import read_count, share
from sim.scenario.bounds import MOST_CLUSTER_SIZES, check_size
from sim.scenario.keys import Key, with_value
from sim.scenario.limits import plan_limit
from sim.scenario.overrides import apply_overrides, parse_value
from sim.scenario.several_stacks import listed_stacks
from sim.scenario.types import PlanLimit, Search, name_of

_PLACE = "scaletax plan"


def asked(
    *,
    model: str | Mapping[str, Any] | None = None,
    topology: str | None = None,
    devices: int | None = None,
    batch: str | int | None = None,
    sequence: int | None = None,
    tokens: str | float | None = None,
    stack: str | Sequence[str | Mapping[str, Any]] | None = None,
    overrides: Sequence[str] = (),
) -> list[Scenario]:
    """The scenario that a few words describe, whose plan is to be searched for; one for each stack.

    model: a name, the path of a config.json, or the keys of [model]. topology: a name or a path. batch: of a step,
    sequences or an amount such as "4M tokens". sequence: tokens; None is the model's longest. tokens: to train on; None
    is 20 per parameter. stack: names with commas between, or a list of names and tables; None is the device's own.
    overrides: as --set takes them.

    Raises InputError for what is missing, and what a scenario raises.
    """
    needed = {"--model": model, "--topology": topology, "--devices": devices, "--batch": batch}
    missing = [option for option, value in needed.items() if value is None]
    if model is None or topology is None or devices is None or batch is None:
        raise InputError(
            _PLACE,
            f"neither a scenario file nor {', '.join(missing)}",
            "write a FILE, or --model, --topology, --devices and --batch",
        )
    device = load_topology(topology, None, "--topology").load_device()
    named: list[Any] = listed_stacks(stack) if stack is None or isinstance(stack, str) else list(stack)
    stacks = named or [default_stack(device.name) or kind_of(device).default_stack]
    per_step = f"{batch}".strip()
    table = dict(model) if isinstance(model, Mapping) else {"config" if model.endswith(".json") else "name": model}
    called = table.get("name") or Path(table.get("config", "model")).stem
    name = Path(topology).stem
    training = {
        "tokens": parse_value(f"{tokens or '20 per parameter'}", "--tokens"),
        "global_batch": f"{per_step} sequences" if per_step.isdecimal() else per_step,
        **({} if sequence is None else {"sequence": sequence}),
        **({} if "bf16" in device.peak_flops_per_s else {"precision": "fp16"}),
    }
    document: dict[str, Any] = {
        "schema": 1,
        "title": f"{called}-{name}-{devices}",
        "model": table,
        "training": training,
        "system": [{"name": name, "topology": topology, "devices": devices}],
    }
    own = [with_value(document, Key(("system", "stack")), one) for one in stacks]
    changed = [apply_overrides(one, overrides, "--set", lambda note: None) for one in own]
    found = [scenario_from(one, Path(_PLACE)) for one in changed]
    return found if stack else [_unnamed(one, stacks[0]) for one in found]


def _unnamed(scenario: Scenario, default: str) -> Scenario:
    """The scenario as of a stack that nobody named, where it has the default one."""
    system = dataclasses.replace(scenario.system, stack_is_default=name_of(scenario.system.stack) == default)
    return dataclasses.replace(scenario, system=system)


def refuse_beside_file(file: Path | None, given: Mapping[str, Any]) -> None:
    """Raise InputError where a scenario file and options that describe a scenario are both there.

    given: by the name that asked() has for it, None where it was left out.
    """
    options = [f"--{name}" for name, value in given.items() if value is not None]
    if file is not None and options:
        raise InputError(
            _PLACE,
            f"both the scenario {file} and {', '.join(options)}",
            "leave one out; --set changes a key of a scenario",
        )


def with_limits(scenarios: Sequence[Scenario], only: Sequence[str], memory_margin: str | None) -> list[Scenario]:
    """The scenarios with limits of the command line instead of their own; wafers have nothing to limit.

    Raises InputError for a limit that is none, and for limits where there are only wafers.
    """
    if not only and memory_margin is None:
        return list(scenarios)
    limits = tuple(_limit(text) for text in only)
    margin = None if memory_margin is None else _read("--memory-margin", memory_margin)
    found, any_space = [], False
    for scenario in scenarios:
        if not kind_of(stack_of(scenario)).has_degrees:
            found.append(scenario)
            continue
        any_space = True
        own = scenario.system.search
        search = Search(limits or own.only, own.memory_margin if margin is None else margin)
        found.append(dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, search=search)))
    if not any_space:
        raise InputError(
            "--only" if only else "--memory-margin",
            "there are only wafers, which leave no more to choose than the size of a pass",
            "leave limits out",
        )
    return found


def sizes_of(text: str | None) -> list[int]:
    """Cluster sizes from "256,512,1024". Raises InputError for anything else."""
    if text is None:
        return []
    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"0*[1-9]\d{0,17}", word) for word in words):
        raise InputError("--sizes", f"'{text}' is not a list of device counts", "write for example 256,512,1024")
    check_size(len(words), MOST_CLUSTER_SIZES, "cluster sizes", "--sizes")
    return sorted({int(word) for word in words})


def count(text: str | None, where: str) -> float | None:
    """Read a count such as "13e9", "13B" or "2T"; None stays None. Raises InputError."""
    if text is None:
        return None
    found = read_count(text)
    if found is None or found.words or not 0 < found.number < math.inf:
        raise InputError(where, f"{shown(text)} is no number above zero", 'write for example 13e9, "13B" or "2T"')
    return found.number


def _limit(text: str) -> PlanLimit:
    try:
        return dataclasses.replace(plan_limit(text), option="--only")
    except InputError as error:
        raise InputError("--only", error.problem, error.remedy) from None


def _read(option: str, text: str) -> float:
    try:
        return share(parse_value(text, option))
    except InputError as error:
        raise InputError(option, error.problem, error.remedy) from None
