"""Limits of a search for a plan, as a user writes them: "tensor <= 8", "recompute = none"."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, get_args

from sim.errors import InputError, closest, some_of
from sim.scenario.other_names import usual_name
from sim.scenario.types import PlanLimit, Recompute, ScheduleName

_DEGREES = ("devices", "tensor", "pipeline", "virtual_stages", "data", "micro_batch", "zero")
_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"sequence_parallel": ("true", "false"), "recompute": get_args(Recompute), "schedule": get_args(ScheduleName)}
)
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq, "!=": operator.ne}
)
_EXAMPLE = 'write for example "tensor <= 8", "zero = 1" or "recompute != full"'
_WHOLE = re.compile(r"\d{1,18}")
_LIMIT = re.compile(r"\s*([A-Za-z_]+)\s*(<=|>=|==|!=|<|>|=)\s*([\w.+-]+)\s*")


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
            f"'{text}': {key} is never '{written}'{closest(written, _WORDS[key])}",
            f"values of {key}: {', '.join(_WORDS[key])}",
        )
    value = written == "true" if key == "sequence_parallel" else written
    return PlanLimit(key, sign, value, f"{key} {sign} {written}")


def compared(limit: PlanLimit, value: Any) -> Any:
    """Whether a value, or each of an array of them, is within a limit."""
    return _COMPARISONS[limit.comparison](value, limit.value)
