"""Makes a variation of a profile and what the scenario changes in it, and writes it back."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping
from typing import Any

from sim.catalog import Figure, Slow, SlowPlace, Stalls, Variation, load_variation
from sim.errors import InputError
from sim.scenario.schema import examples_of
from sim.scenario.variation_tables import SlowTable, StallsTable, VariationTable

Place = Callable[..., str]
"""Keys below the system -> how messages name that place of the file."""

_SPREADS = ("speed_spread", "kernel_jitter", "network_noise")
_SHARES = ("slow_devices", "slow_nodes", "slow_links")


def variation_from(table: VariationTable | None, at: Place, name_at: str) -> Variation:
    """Look up the profile and put what the table gives in the place of its parts.

    name_at: where the file names the profile. A figure that the table replaces by another number, or whose part it
    switches off, is no longer cited. Raises InputError for an unknown profile, and for half of a part.
    """
    if table is None:
        return Variation()
    profile = load_variation(table.profile, name_at)
    changes: dict[str, Any] = {name: getattr(table, name) for name in _SPREADS if getattr(table, name) is not None}
    parts = {name: _given_of_slow(getattr(table, name)) for name in _SHARES} | {
        "stalls": _given_of_stalls(table.stalls)
    }
    for name, members in parts.items():
        base = getattr(profile, name)
        _check_whole(name, members, dataclasses.asdict(base), at)
        changes[name] = dataclasses.replace(base, **members)
    if table.slow is not None:
        changes["slow"] = tuple(SlowPlace(place.slowdown, place.device, place.node) for place in table.slow)
    changed = dataclasses.replace(profile, **changes)
    if changed == profile:
        return profile
    cited = tuple(
        figure
        for figure in profile.figures
        if _number(changed, figure) == _number(profile, figure) and _acts(changed, figure)
    )
    if profile.is_none:
        return dataclasses.replace(changed, name="custom", title="as the scenario says", figures=cited)
    title = f"{profile.title}; changed by the scenario"
    return dataclasses.replace(changed, name=f"{profile.name}, changed", title=title, figures=cited)


def written_variation(variation: Variation) -> str | dict[str, Any]:
    """Write a variation as a scenario file has it: a profile by its name, any other as what differs from its profile.

    Both members of a part are written where one differs, because half of a part is refused where the profile has none.
    """
    profile = load_variation(variation.profile)
    if variation == profile:
        return profile.name
    written: dict[str, Any] = {} if profile.is_none else {"profile": profile.name}
    for name in (*_SPREADS, "stalls", *_SHARES):
        value = getattr(variation, name)
        if value != getattr(profile, name):
            written[name] = value if name in _SPREADS else _written_part(value)
    if variation.slow != profile.slow:
        places = [dataclasses.asdict(place) for place in variation.slow]
        written["slow"] = [{key: value for key, value in place.items() if value is not None} for place in places]
    return written


def _written_part(part: Slow | Stalls) -> dict[str, Any]:
    """The members of a part by their keys; no length of stalls can be written where there is none."""
    if isinstance(part, Slow):
        return dataclasses.asdict(part)
    mean = {"mean": f"{part.mean_s!r} s"} if part.mean_s else {}
    return {"per_device_hour": part.per_device_hour, **mean}


def _given_of_slow(table: SlowTable | None) -> dict[str, float]:
    return {} if table is None else table.model_dump(exclude_none=True)


def _given_of_stalls(table: StallsTable | None) -> dict[str, float]:
    given = {} if table is None else table.model_dump(exclude_none=True)
    return {"mean_s" if key == "mean" else key: value for key, value in given.items()}


def _check_whole(name: str, given: Mapping[str, float], base: Mapping[str, float], at: Place) -> None:
    """How many and by how much belong together; what a profile has need not be said again."""
    for lacking in base:
        others = [value for member, value in given.items() if member != lacking]
        if lacking not in given and not base[lacking] and any(others):
            (example,) = examples_of(("system", "variation"), name)
            key = lacking.removesuffix("_s")
            raise InputError(at("variation", name), f"'{key}' is missing", f"write for example {name} = {example}")


def _acts(variation: Variation, figure: Figure) -> bool:
    """Whether what the figure belongs to is switched on."""
    part = getattr(variation, figure.group)
    return all(dataclasses.astuple(part)) if isinstance(part, (Slow, Stalls)) else bool(part)


def _number(variation: Variation, figure: Figure) -> float:
    """What the variation has where the figure belongs: "speed_spread", or a member as in "slow_nodes.share"."""
    return float(operator.attrgetter(figure.name)(variation))
