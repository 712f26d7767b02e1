"""Constants that are fitted: which, of what family, between which bounds; and machines with other values of them.

A constant is fitted as its distance from where its family's common value is expected, in standard deviations of a
member taken at random: 0 is expected, 1 is one of them up, whatever its unit.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.catalog import load_device, load_stack
from sim.catalog.data_files import read_data
from sim.catalog.loader import own_figures
from sim.machines import Prepared

Kind = Literal["stacks", "devices"]
Values = Mapping["Constant", float]
_WITHIN = 4.0
"""Standard deviations in a range that holds 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Family:
    """Constants with a common value; fits.toml says what each field means.

    constant: its field of the record, and the key there in a table of figures.
    """

    name: str
    constant: tuple[str, ...]
    kind: Kind
    members: tuple[str, ...]
    low: float
    high: float
    common: float
    scale: Literal["log", "linear"]
    unit: str

    def standardised(self, value: float) -> float:
        """A value as its distance from the expected common one. value: as a share where the family has a unit."""
        return (self._scaled(value) - self._scaled(self.common)) / self.deviation

    def value(self, distance: float) -> float:
        """What is at a distance from the expected common value."""
        scaled = self._scaled(self.common) + distance * self.deviation
        return math.exp(scaled) if self.scale == "log" else scaled

    @property
    def deviation(self) -> float:
        """The standard deviation of a member taken at random, on the family's scale."""
        return (self._scaled(self.high) - self._scaled(self.low)) / _WITHIN

    @property
    def bounds(self) -> tuple[float, float]:
        """Distances of both ends of the range."""
        return self.standardised(self.low), self.standardised(self.high)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.scale == "log" else value


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant of one stack or device. family: its index in families(). follow: devices that take its value."""

    kind: Kind
    name: str
    path: tuple[str, ...]
    family: int
    follow: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """As files have it: "table.key" inside a table of figures."""
        return ".".join(self.path)

    @property
    def unit(self) -> float:
        """What a value of 1 stands for: the device's figure that it is a share of, or 1."""
        field = families()[self.family].unit
        return float(getattr(load_device(self.name), field)) if field else 1.0

    @property
    def present(self) -> float:
        """The catalogue's value."""
        record = load_stack(self.name) if self.kind == "stacks" else load_device(self.name)
        found = getattr(record, self.path[0])
        return float(found[self.path[1]] if self.path[1:] else found)

    def standardised(self, value: float) -> float:
        """A value as its distance from the common value that is expected, within the range."""
        family = families()[self.family]
        low, high = family.bounds
        share = min(max(value / self.unit, family.low), family.high)
        return min(max(family.standardised(share), low), high)

    def value(self, distance: float) -> float:
        """What is at a distance."""
        return families()[self.family].value(distance) * self.unit


@functools.cache
def families() -> tuple[Family, ...]:
    """All families, as fits.toml lists them."""
    return tuple(_family(entry) for entry in _fits()["family"])


@functools.cache
def constants() -> tuple[Constant, ...]:
    """All constants, family by family."""
    follow = [entry.get("follow", {}) for entry in _fits()["family"]]
    return tuple(
        Constant(family.kind, name, family.constant, index, tuple(follow[index].get(name, ())))
        for index, family in enumerate(families())
        for name in family.members
    )


def half_width() -> float:
    """Of the distribution of a row's error."""
    return float(_fits()["half_width"])


def cited(name: str) -> str:
    """The source that the figures of a stack or device cite."""
    return str(_fits()["source"][name])


def present() -> dict[Constant, float]:
    """The catalogue's values."""
    return {one: one.present for one in constants()}


@functools.cache
def active(stack: str, devices: tuple[str, ...]) -> tuple[Constant, ...]:
    """The constants that a stack on some devices depends on: its own, and of its bases where it has no own value."""
    found = [one for one in constants() if one.kind == "stacks" and _is_taken_by(stack, one)]
    return (*found, *(one for one in constants() if one.kind == "devices" and {one.name, *one.follow} & set(devices)))


def active_in(prepared: Prepared) -> tuple[Constant, ...]:
    """The constants that a machine depends on."""
    return active(prepared.stack.name, tuple(part.device.name for part in prepared.parts))


def changed(prepared: Prepared, values: Values) -> Prepared:
    """The same machine with other values of the constants that it depends on."""
    here = {one: values[one] for one in active_in(prepared) if one in values}
    if not here:
        return prepared
    stack = _with(prepared.stack, {one.path: value for one, value in here.items() if one.kind == "stacks"})
    parts = []
    for part in prepared.parts:
        own = {one.path: value for one, value in here.items() if part.device.name in (one.name, *one.follow)}
        parts.append(dataclasses.replace(part, device=_with(part.device, own)))
    return dataclasses.replace(prepared, stack=stack, parts=tuple(parts))


def _with(record: Any, values: Mapping[tuple[str, ...], float]) -> Any:
    """A record with fields changed, or entries of its tables."""
    changes: dict[str, Any] = {}
    for (field, *key), value in values.items():
        changes[field] = {**changes.get(field, getattr(record, field)), key[0]: value} if key else value
    return dataclasses.replace(record, **changes) if changes else record


@functools.cache
def _is_taken_by(stack: str, constant: Constant) -> bool:
    """Whether a stack has this very constant: as a member, or from its base, where it states no other value itself."""
    if stack == constant.name:
        return True
    own = own_figures(stack)
    has_its_own = constant.path[0] in own or any((one.name, one.path) == (stack, constant.path) for one in constants())
    return "base" in own and not has_its_own and _is_taken_by(own["base"], constant)


def _family(entry: Mapping[str, Any]) -> Family:
    kind: Kind = "stacks" if "stacks" in entry else "devices"
    low, high = (float(end) for end in entry["range"])
    return Family(
        entry["name"],
        tuple(entry["constant"].split(".", 1)),
        kind,
        tuple(entry[kind]),
        low,
        high,
        float(entry["common"]),
        entry["scale"],
        entry.get("unit", ""),
    )


def _fits() -> dict[str, Any]:
    return read_data("fits", "sim.validation")
