"""A stack with options switched, as a scenario asks for them; which it has is said by its file."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

from sim.catalog import Stack
from sim.catalog.loader import check_known
from sim.catalog.stack_records import CudaGraph
from sim.errors import InputError, closest
from sim.scenario.stack_request import StackRequest, option_text

_FIELDS = {
    "cuda_graph": "cuda_graph",
    "tensor_overlap": "overlap_tensor_exchange",
    "gradient_overlap": "overlap_gradient_reduction",
    "parameter_overlap": "overlap_parameter_gather",
    "pipeline_overlap": "overlap_pipeline_send",
}
"""Option -> what it sets of a stack's record."""
_WORDS = {"cuda_graph": get_args(CudaGraph)}
"""Options that are no switches: what each can be, first what every stack has that has the others."""

_ENTRIES = [
    *(key for key in _FIELDS if key not in _WORDS),
    *(f"{key} {word}" for key, (_, *others) in _WORDS.items() for word in others),
]
"""What [options] of a stack's file may hold."""


def with_options(stack: Stack, request: StackRequest, where: str) -> Stack:
    """The stack as a scenario asks for it. Raises InputError for an option, or a choice of one, that it lacks."""
    changed: dict[str, Any] = {}
    figures = {figure.name: figure for figure in stack.figures}
    for key, value in request.options.items():
        _check(stack, key, option_text(value), where)
        name, cited = _FIELDS[key], figures[f"options.{_entries(stack, key)[option_text(value)]}"]
        told = f"asked for: {key} {option_text(value)} ({cited.value})"
        changed[name], figures[name] = value, dataclasses.replace(cited, name=name, value=value, note=told)
    return dataclasses.replace(stack, **changed, figures=tuple(figures.values()))


def with_known_options(stack: Stack, where: str) -> Stack:
    """The stack, as it is. Raises InputError for what its file calls an option and nobody can ask for."""
    for entry in stack.options:
        check_known(f"{where} stack '{stack.name}' [options]", "option", entry, _ENTRIES)
    return stack


def choices(stack: Stack) -> dict[str, list[str]]:
    """The options of a stack, and what each can be; of a switch "on" and "off"."""
    return {key: list(found) for key in _FIELDS if (found := _entries(stack, key))}


def option_names(stack: Stack) -> dict[tuple[str, str], str]:
    """What the framework calls every option of a stack, by its key and choice; of a switch the choice is empty."""
    return {
        (key, "" if key not in _WORDS else word): stack.options[entry]
        for key in _FIELDS
        for word, entry in _entries(stack, key).items()
        if word != _WORDS.get(key, ("",))[0]
    }


def _entries(stack: Stack, key: str) -> dict[str, str]:
    """What an option of a stack can be, and the entry of its file that says so; nothing where it lacks the option."""
    if key not in _WORDS:
        return dict.fromkeys(("on", "off"), key) if stack.options.get(key) else {}
    first, *others = _WORDS[key]
    found = {word: entry for word in others if stack.options.get(entry := f"{key} {word}")}
    return {first: next(iter(found.values())), **found} if found else {}


def _check(stack: Stack, key: str, text: str, where: str) -> None:
    known = choices(stack)
    if key not in known:
        possible = ", ".join(f"{one} ({', '.join(own)})" for one, own in known.items())
        raise InputError(
            f"{where} stack",
            f"the stack '{stack.name}' has no option {key}{closest(key, known)}",
            f"leave it out; it has: {possible}" if known else "leave it out: nothing of this stack can be switched",
        )
    if text not in known[key]:
        problem = f"the stack '{stack.name}' has no {key} '{text}'{closest(text, known[key])}"
        raise InputError(f"{where} stack", problem, f"allowed: {', '.join(known[key])}")
