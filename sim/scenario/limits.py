"""[system.search]: limits of a search for a plan, as a user writes them: "tensor <= 8", "recompute = none"."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin

from sim.errors import InputError, closest, some_of
from sim.scenario.amounts import share
from sim.scenario.other_names import usual_name, usual_value
from sim.scenario.plan_request import BY_HAND, PlanRequest
from sim.scenario.table import NUMBER_OR_TEXT, As, AsList, ReadAs, Table, keys, like

_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq, "!=": operator.ne}
)
_EXAMPLE = 'write for example "tensor <= 8", "zero = 1" or "recompute != full"'
_WHOLE = re.compile(r"\d{1,18}")
_LIMIT = re.compile(r"\s*([A-Za-z_]+)\s*(<=|>=|==|!=|<|>|=)\s*([\w.+-]+)\s*")

MEMORY_MARGIN = 0.05
"""Share of a device's memory that a search leaves free unless told otherwise. Assumed: of 36 plans tried on one H100,
none ran that reserved more than 95.4 %, and predicted peaks were up to 10 % off (docs/planner.md)."""


@dataclass(frozen=True, slots=True)
class PlanLimit:
    """What a searched plan must keep to: a key, how it is compared (<=, >=, <, >, = or !=), and with what."""

    key: str
    comparison: str
    value: int | bool | str
    text: str
    """As messages write it."""
    option: str = field(default="", compare=False)
    """Of the command line, where that gave it and no file."""


def _words_of(hint: Any) -> tuple[str, ...] | None:
    """The words that a key of a plan may be; none of a number, None of what is neither."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if isinstance(hint, ReadAs):
        return _words_of(hint.hint)
    if hint in (bool, int):
        return ("true", "false") if hint is bool else ()
    inner = [_words_of(one) for one in get_args(hint)]
    return next((words for words in inner if words is not None), None)


_KEYS = {key: _words_of(field.annotation) for key, field in keys(PlanRequest).items() if BY_HAND not in field.metadata}
_FIXED = frozenset(key for key, field in keys(PlanRequest).items() if BY_HAND in field.metadata)
"""Keys of a plan that are only set by hand."""
_DEGREES = ("devices", *(key for key, words in _KEYS.items() if not words))
_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({key: words for key, words in _KEYS.items() if words})


def plan_limit(text: object) -> PlanLimit:
    """Read one limit. Raises InputError for an unknown key, a comparison or a value that the key has not."""
    match = _LIMIT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InputError("", f"'{text}' is not a limit: a key of a plan, a comparison and a value", _EXAMPLE)
    key, sign, written = match[1], match[2].replace("==", "="), match[3]
    if key in _DEGREES:
        if not _WHOLE.fullmatch(written):
            raise InputError("", f"'{text}': {written} is not a whole number", f"compare {key} with a whole number")
        return PlanLimit(key, sign, int(written), f"{key} {sign} {written}")
    if key in _FIXED:
        raise InputError(
            "",
            f"'{text}': no search tries values of {key}",
            f"set it in [system.plan], beside all other degrees; keys of a limit: {some_of([*_DEGREES, *_WORDS], key)}",
        )
    if key not in _WORDS:
        names = [*_DEGREES, *_WORDS]
        raise InputError(
            "",
            f"'{text}': unknown key '{key}'{closest(usual_name(key), names)}",
            f"keys of a limit: {some_of(names, key)}",
        )
    if sign not in ("=", "!="):
        raise InputError("", f"'{text}': {key} has no order", f"compare {key} with = or !=")
    if written not in _WORDS[key]:
        raise InputError(
            "",
            f"'{text}': {key} is never '{written}'{closest(usual_value(key, written), _WORDS[key])}",
            f"values of {key}: {', '.join(_WORDS[key])}",
        )
    value = written == "true" if key == "sequence_parallel" else written
    return PlanLimit(key, sign, value, f"{key} {sign} {written}")


def compared(limit: PlanLimit, value: Any) -> Any:
    """Whether a value, or each of an array of them, is within a limit."""
    return _COMPARISONS[limit.comparison](value, limit.value)


@dataclass(frozen=True, slots=True)
class Search(Table):
    """Limits of the search for the best plan.

    only: every one of them holds. memory_margin: share of a device's memory that a plan leaves free.
    """

    only: Annotated[
        tuple[Annotated[PlanLimit, As(plan_limit, operator.attrgetter("text"))], ...],
        AsList(),
        like('["tensor <= 8", "recompute != full"]'),
    ] = ()
    memory_margin: Annotated[float, As(share, types=NUMBER_OR_TEXT), like('"10 %"')] = MEMORY_MARGIN

    def usable_bytes(self, capacity_bytes: float) -> float:
        """Of a device's memory, what a plan may take."""
        return capacity_bytes * (1 - self.memory_margin)


def left_out(plan: PlanRequest) -> tuple[str, ...]:
    """What a plan fixes that no search tries, as a file has it: no plan that is found has it."""
    return tuple(f"{key} = {value}" for key in sorted(_FIXED) if (value := getattr(plan, key)) not in (None, 0, "none"))
