"""Turns what the structure check found into messages that say where, what, and what to change."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sim.errors import InputError, closest, shown, some_of
from sim.scenario.other_names import LISTED_BY, not_a_key, usual_name, usual_value
from sim.scenario.schema import (
    LISTED,
    RESERVED_KEYS,
    RESERVED_VALUES,
    TABLES,
    Document,
    examples_of,
    in_a_list,
    keys_of,
)
from sim.scenario.table import Table, read

_Built = TypeVar("_Built")
_Table = TypeVar("_Table", bound=Table)
_KINDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "a truth value",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "finite_number": "a finite number",
}
_OTHER_REMEDIES = {
    "float_type": "write a number",
    "finite_number": "write a number",
    "string_type": "write text in quotes",
    "list_type": "write a list",
}
_MOST_OTHERS = 7
"""Problems that are told beside the first."""
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
}


def check(raw: Mapping[str, Any], path: Path) -> Document:
    """Hold a document to the structure of the format.

    Raises InputError that reports all problems, the first as the headline.
    """
    if {"family", "device"} <= set(raw) and "system" not in raw:
        raise not_a_scenario(str(path), str(path))
    return check_structure(Document, raw, path)


def not_a_scenario(where: str, topology: str) -> InputError:
    """Build the error for a topology where a scenario is due."""
    remedy = f'name it in one: [[system]] topology = "{topology}"; scaletax draw {topology} shows it'
    return InputError(where, "this is a topology, not a scenario", remedy)


def check_structure(table: type[_Table], raw: Mapping[str, Any], path: Path) -> _Table:
    """Hold tables to a structure: that of the format, or of a part of it. Raises InputError as check does."""
    try:
        return read(table, raw)
    except ValidationError as error:
        # Unknown keys first and missing ones last: a missing key is often the same key misspelt.
        order = {"unexpected_keyword_argument": 0, "missing": 2}
        found = sorted(error.errors(include_url=False), key=lambda item: order.get(item["type"], 1))
        raise combine([_explain(item, raw, path, table) for item in found]) from None


def combine(errors: Sequence[InputError]) -> InputError:
    """Make one error of several: the first is the headline, the others follow its remedy, many by their number."""
    first, *others = errors
    if not others:
        return first
    lines = [first.remedy]
    for other in others[:_MOST_OTHERS]:
        lines += [f"also {other.where}", *(f"  {line}" for line in (other.problem, other.remedy) if line)]
    if len(others) > _MOST_OTHERS:
        lines.append(f"and {len(others) - _MOST_OTHERS:,} more problems")
    return InputError(first.where, first.problem, "\n".join(line for line in lines if line))


def attempt(errors: list[InputError], build: Callable[..., _Built], *arguments: Any) -> _Built | None:
    """Call build; on an InputError note it in errors and return None, so that later checks still run."""
    try:
        return build(*arguments)
    except InputError as error:
        errors.append(error)
        return None


def place(location: Sequence[int | str], raw: Mapping[str, Any]) -> str:
    """Name a place of the file: [system "cluster".plan] tensor."""
    *parents, key = _steps(location, raw)
    if not parents:
        return key
    return f"[{'.'.join(parents)}] {key}"


def _steps(location: Sequence[int | str], raw: Mapping[str, Any]) -> list[str]:
    """The location as names: one of [[system]] and [[entry]] by its name, an entry of a list by its number."""
    steps: list[str] = []
    for number, step in enumerate(location):
        if isinstance(step, str):
            steps.append(step)
        elif number == 1 and location[0] in ("system", "entry"):
            steps[-1] = f"{location[0]} {_label(raw[location[0]], step)}"
        else:
            steps[-1] += f"[{step}]"
    return steps


def _label(listed: Any, number: int) -> str:
    entry = listed[number]
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return f'"{name}"' if isinstance(name, str) and name else f"number {number + 1}"


def _explain(item: ErrorDetails, raw: Mapping[str, Any], path: Path, table: type[Table]) -> InputError:
    where = f"{path}: {place(item['loc'], raw)}"
    names = tuple(step for step in item["loc"] if isinstance(step, str))
    if item["type"] == "unexpected_keyword_argument":
        return _unknown_key(where, names)
    if (beyond := _beyond_bounds(item, raw, table)) is not None:
        item = beyond
    problem, remedy = _problem(item, names)
    examples = examples_of(names[:-1], names[-1]) if names[:-1] in TABLES else []
    if not remedy and examples:
        remedy = f"write for example {' or '.join(f'{names[-1]} = {example}' for example in examples)}"
        if item["type"] == "list_type":
            remedy += f"; in [sweep] one list for each point: [{examples[0]}, ...]"
    return InputError(where, problem, remedy or _in_bounds(item))


def _beyond_bounds(item: ErrorDetails, raw: Mapping[str, Any], structure: type[Table]) -> ErrorDetails | None:
    """What is wrong with a whole number of the wrong type once its type is right; nothing where it is then good.

    Without this, 1e12 would be answered with "write 1000000000000", which is refused in turn.
    """
    whole = _whole(item["input"]) if item["type"] == "int_type" else None
    if whole is None:
        return None
    retyped = copy.deepcopy(dict(raw))
    table: Any = retyped
    for step in item["loc"][:-1]:
        table = table[step]
    table[item["loc"][-1]] = whole
    try:
        read(structure, retyped)
    except ValidationError as error:
        return next((other for other in error.errors(include_url=False) if other["loc"] == item["loc"]), None)
    return None


def _whole(given: object) -> int | None:
    """The whole number that text or a number with a point stands for."""
    if isinstance(given, float):
        return int(given) if given.is_integer() else None
    found = re.fullmatch(r"(\d{1,30})(\.0*)?", given.strip()) if isinstance(given, str) else None
    return int(found[1]) if found else None


def _unknown_key(where: str, names: tuple[str, ...]) -> InputError:
    *parents, key = names
    usual = (*parents, usual_name(key))
    if usual in RESERVED_KEYS:
        remedy = "use a model of which all parameters work on every token" if parents == ["model"] else "leave it out"
        return InputError(where, f"'{key}' is reserved: {RESERVED_KEYS[usual]}", remedy)
    table = tuple(parents)
    allowed = some_of(sorted(keys_of(table)), usual[-1], listed_by=LISTED_BY)
    return InputError(where, f"unknown key '{key}'{_meant(key, table)}", f"allowed: {allowed}")


def _meant(key: str, table: tuple[str, ...]) -> str:
    """Return a hint at the key that was meant: by its name in another tool, or of another table, or alike."""
    if elsewhere := not_a_key(table, key):
        return f"; {elsewhere}"
    name, own = usual_name(key), keys_of(table)
    if name in own:
        return f"; did you mean '{name}'?"
    homes = [home for home in TABLES if home not in LISTED and name in keys_of(home)]
    homes += [path[:-1] for path in RESERVED_KEYS if path[-1] == name]
    if not homes:
        return closest(key, own)
    # Where several have it, one that a dotted key leads to, and of these the one that says most.
    home = max(homes, key=lambda path: (not in_a_list(path), len(keys_of(path)) if path in TABLES else 0))
    return f"; '{name}' is a key of [{'.'.join(home)}]"


def _problem(item: ErrorDetails, names: tuple[str, ...]) -> tuple[str, str]:
    """Return (what is wrong, what to change or nothing)."""
    kind, given, context = item["type"], item["input"], item.get("ctx", {})
    if isinstance(cause := context.get("error"), InputError):
        return cause.problem, cause.remedy
    if kind == "missing":
        return f"'{names[-1]}' is missing", "add at least one [[system]]" if names == ("system",) else ""
    if kind == "literal_error":
        return _not_a_choice(given, re.findall(r"'([^']*)'", str(context["expected"])), names)
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"{shown(given)} must be {words} {context[bound]:g}", ""
    if kind in ("too_short", "string_too_short"):
        return f"{shown(given)} is empty", ""
    if kind in _KINDS:
        return f"{shown(given)} is not {_KINDS[kind]}", _retype(kind, given, names)
    return f"{shown(given)}: {item['msg']}", ""


def _in_bounds(item: ErrorDetails) -> str:
    """What to write when a value is out of bounds, not whole, or empty, and there is no example."""
    kind, context = item["type"], item.get("ctx", {})
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"write a number that is {words} {context[bound]:g}"
    if kind == "int_type":
        return "write a whole number"
    if kind in ("too_short", "string_too_short"):
        return "write some text" if kind == "string_too_short" else "list at least one value, or leave it out"
    return _OTHER_REMEDIES.get(kind, "")


def _retype(kind: str, given: object, names: tuple[str, ...]) -> str:
    """What to write when only the type is wrong."""
    listed = names == ("system",) or names in LISTED or names == ("entry", "system")
    if listed and kind == "list_type":
        return f"write [[{'.'.join(names)}]] with double brackets"
    if names[:1] == ("sweep",):
        return "write a list of values" if kind == "list_type" else "write a table [sweep] of lists"
    if kind in ("dataclass_type", "dict_type"):
        header = f"[[{'.'.join(names)}]]" if listed else f"[{'.'.join(names)}]"
        return f"write {header} with its keys below"
    if kind == "int_type":
        whole = _whole(given)
        return "" if whole is None else f"write {whole}"
    if kind == "bool_type":
        meant = str(given).strip().lower()
        return f"write {meant} without quotes" if meant in ("true", "false") else "write true or false"
    return ""


def _not_a_choice(given: object, allowed: list[str], names: tuple[str, ...]) -> tuple[str, str]:
    listed = f"allowed: {some_of(allowed, str(given))}"
    if not isinstance(given, str):
        return f"{shown(given)} is not text", listed
    if given in RESERVED_VALUES.get(names, {}):
        return f"'{given}' is reserved: {RESERVED_VALUES[names][given]}", listed
    return f"unknown {names[-1]} '{given}'{closest(usual_value(names[-1], given), allowed)}", listed
