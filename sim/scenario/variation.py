"""[system.variation]: a profile of the catalogue and what the scenario changes in it, read and written back."""

from __future__ import annotations

import dataclasses
import operator
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from sim.catalog import Figure, Slow, SlowPlace, Stalls, Variation, load_variation, variation_names
from sim.errors import InputError, some_of
from sim.scenario.amounts import part, share, slowdown, stall
from sim.scenario.offers import OneOf
from sim.scenario.table import NUMBER_OR_TEXT, As, AsList, Table, given_keys, keys, like, measured, unless, written

Place = Callable[..., str]
"""Keys below the system -> how messages name that place of the file."""

_MOST_STALLS_PER_HOUR = 3600.0
"""One a second: what comes more often than that is no rare stall but part of every kernel's time."""

_SHARE = As(share, types=NUMBER_OR_TEXT)
_PART = As(part, types=NUMBER_OR_TEXT)
_SLOWDOWN = As(slowdown, types=NUMBER_OR_TEXT)
_SLOW = like('{ share = "0.5 %", slowdown = "20 %" }')


@dataclass(frozen=True, slots=True)
class StallsTable(Table):
    """[system.variation.stalls]: rare stalls of a device."""

    per_device_hour: Annotated[
        Annotated[float, Field(ge=0, le=_MOST_STALLS_PER_HOUR, allow_inf_nan=False)] | None, like("0.2")
    ] = None
    mean_s: Annotated[float | None, measured("s", "s", stall), like('"100 ms"', name="mean")] = None


@dataclass(frozen=True, slots=True)
class SlowTable(Table):
    """[system.variation.slow_devices], slow_nodes, slow_links: a share of them that is slow."""

    share: Annotated[float | None, _PART, like('"0.5 %"')] = None
    slowdown: Annotated[float | None, _SLOWDOWN, like('"20 %"')] = None


@dataclass(frozen=True, slots=True)
class SlowPlaceTable(Table):
    """One [[system.variation.slow]]: a device or a node that is slow, by its number."""

    slowdown: Annotated[float, _SLOWDOWN, like('"20 %"')]
    device: Annotated[Annotated[int, Field(ge=0)] | None, like("3")] = None
    node: Annotated[Annotated[int, Field(ge=0)] | None, like("0")] = None

    @model_validator(mode="after")
    def _one_place(self) -> SlowPlaceTable:
        if (self.device is None) == (self.node is None):
            given = "neither is there" if self.device is None else "both are there"
            raise InputError("", f"a slow place is one device or one node, and {given}", "write device = 3 or node = 0")
        return self


def _all_different(places: tuple[SlowPlaceTable, ...]) -> tuple[SlowPlaceTable, ...]:
    names = [f"node {place.node}" if place.device is None else f"device {place.device}" for place in places]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise InputError("", f"{some_of(repeated)} is there more than once", "write each place once")
    return places


@dataclass(frozen=True, slots=True)
class VariationTable(Table):
    """[system.variation]: a profile of the catalogue, and what is changed in it."""

    profile: Annotated[str, OneOf(variation_names), unless("none"), like('"well-run"')] = "none"
    """Profile of the catalogue that the other keys change."""
    speed_spread: Annotated[float | None, _SHARE, like('"1 %"')] = None
    kernel_jitter: Annotated[float | None, _SHARE, like('"3 %"')] = None
    network_noise: Annotated[float | None, _SHARE, like('"2 %"')] = None
    stalls: Annotated[StallsTable | None, like('{ per_device_hour = 0.2, mean = "100 ms" }')] = None
    slow_devices: Annotated[SlowTable | None, _SLOW] = None
    slow_nodes: Annotated[SlowTable | None, _SLOW] = None
    slow_links: Annotated[SlowTable | None, _SLOW] = None
    slow: Annotated[tuple[SlowPlaceTable, ...], AsList(empty_is_told=True), AfterValidator(_all_different)] | None = (
        None
    )
    """Single devices or nodes that are slow."""


def variation_from(table: VariationTable, at: Place, name_at: str) -> Variation:
    """Look up the profile and put what the table gives in the place of its parts.

    name_at: where the file names the profile. A figure that the table replaces by another number, or whose part it
    switches off, is no longer cited. Raises InputError for an unknown profile, and for half of a part.
    """
    profile = load_variation(table.profile, name_at)
    changes: dict[str, Any] = {}
    for name, value in given_keys(table).items():
        if isinstance(value, Table):
            base, members = getattr(profile, name), given_keys(value)
            _check_whole(name, members, dataclasses.asdict(base), at)
            changes[name] = dataclasses.replace(base, **members)
        elif name != "profile":
            changes[name] = value
    if table.slow is not None:
        changes["slow"] = tuple(SlowPlace(**given_keys(place)) for place in table.slow)
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
    names = [field.name for field in dataclasses.fields(VariationTable) if field.name != "profile"]
    differing = {name: getattr(variation, name) for name in names if getattr(variation, name) != getattr(profile, name)}
    return written(VariationTable(profile.name, **{name: _as_table(value) for name, value in differing.items()}))


def _as_table(value: Any) -> Any:
    """A part as the file has it; no length of stalls can be written where there is none."""
    if isinstance(value, tuple):
        return tuple(_as_table(place) for place in value)
    if isinstance(value, Stalls):
        return StallsTable(value.per_device_hour, value.mean_s or None)
    if isinstance(value, (Slow, SlowPlace)):
        return (SlowTable if isinstance(value, Slow) else SlowPlaceTable)(**dataclasses.asdict(value))
    return value


def _check_whole(name: str, given: Mapping[str, float], base: Mapping[str, float], at: Place) -> None:
    """How many and by how much belong together; what a profile has need not be said again."""
    for lacking in base:
        others = [value for member, value in given.items() if member != lacking]
        if lacking not in given and not base[lacking] and any(others):
            example = (keys(VariationTable)[name].examples or [""])[0]
            key = lacking.removesuffix("_s")
            raise InputError(at("variation", name), f"'{key}' is missing", f"write for example {name} = {example}")


def _acts(variation: Variation, figure: Figure) -> bool:
    """Whether what the figure belongs to is switched on."""
    part = getattr(variation, figure.group)
    return all(dataclasses.astuple(part)) if isinstance(part, (Slow, Stalls)) else bool(part)


def _number(variation: Variation, figure: Figure) -> float:
    """What the variation has where the figure belongs: "speed_spread", or a member as in "slow_nodes.share"."""
    return float(operator.attrgetter(figure.name)(variation))
