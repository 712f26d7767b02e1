"""What all topology files have in common: tables of figures, sizes, link classes and timing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.catalog import PLAIN_LIBRARY, Device, Figure, check_source, load_host, load_library
from sim.catalog.figures import read_figure
from sim.errors import InputError, closest, some_of, unknown_name
from sim.hardware.topology.links import Link
from sim.hardware.topology.topology import About, Storage
from sim.scenario.bounds import MOST_DEVICES, check_size
from sim.units import fraction, link_rate, quantity

LINK_FIGURES = ("rate", "efficiency", "latency")
_IN_SWITCH = "reduction_efficiency"
_LAUNCHES = ("collective_launch", "send_launch")
_TIMINGS = (*_LAUNCHES, "host_post")
_STORAGE_RATES = ("write_rate", "read_rate")
LARGEST_SIZE = 2**31 - 1
"""So that counts of links stay within 64 bits."""
_LARGEST_SHOWN = 1e300
_FRACTIONAL_SIZES = ("oversubscription",)


@dataclass(slots=True)
class FiguresFile:
    """One file while it is read; figures collect what was cited.

    where: the file as messages name it. folder: what its paths are relative to.
    overrides: sizes that replace those of the file, by name; asked: who gives them, for messages.
    devices_asked: who says how many devices to build, for messages; the file where it is empty.
    """

    where: str
    name: str
    folder: Path
    raw: Mapping[str, Any]
    devices: int | None
    """How many to build; None until fits() says how many there can be."""
    overrides: Mapping[str, float] = field(default_factory=dict)
    asked: str = ""
    devices_asked: str = ""
    own_device: Device | None = None
    """Read from the file that it names; None where the catalogue has its device."""
    figures: list[Figure] = field(default_factory=list)
    link_rates: dict[str, Figure] = field(default_factory=dict)
    """Of those figures, by link class."""
    in_switch_bytes_per_s: float | None = None
    fabric_reduces: bool = False

    def table(
        self, *path: str, allowed: Iterable[str] | None = None, required: Iterable[str] = ()
    ) -> Mapping[str, Any]:
        """A table of the file, its keys checked (None: any key will do)."""
        where = f"{self.where}: [{'.'.join(path)}]"
        raw: Any = self.raw
        for key in path:
            raw = raw.get(key, {}) if isinstance(raw, Mapping) else None
        if not isinstance(raw, Mapping):
            raise InputError(where, "this is not a table", f"write [{'.'.join(path)}]")
        check_keys(where, raw, tuple(raw) if allowed is None else tuple(allowed), required)
        return raw

    def figure(self, key: str, raw: object) -> Any:
        """The value of one figure as written."""
        figure = read_figure(key, raw, self.where)
        check_source(figure, self.where)
        self.figures.append(figure)
        return figure.value

    def sizes(self, *required: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
        """Whole numbers of at least 1, as overridden; an oversubscription may be any number of at least 1."""
        allowed = (*required, *optional)
        raw = self.table("sizes", allowed=allowed, required=required)
        for key in self.overrides:
            if key not in allowed:
                raise unknown_name(self.asked, "topology size", key, allowed)
        sizes: dict[str, Any] = {}
        for key in allowed:
            if key in self.overrides:
                sizes[key] = _count(key, self.overrides[key], self.size_place(key))
                said = raw[key].get("value") if isinstance(raw.get(key), Mapping) else raw.get(key)
                note = f"set by the scenario{f'; the file says {said}' if key in raw else ''}"
                self.figures.append(Figure(f"sizes.{key}", sizes[key], "assumed", "", "", note))
            elif key in raw:
                sizes[key] = _count(key, self.figure(f"sizes.{key}", raw[key]), self.size_place(key))
        return sizes

    def size_place(self, key: str) -> str:
        """Where a size comes from, for messages."""
        return f"{self.asked}: size '{key}'" if key in self.overrides else f"{self.where}: sizes.{key}"

    def link(self, name: str) -> Link:
        """A link class with rate, efficiency and latency."""
        return self._link(name, LINK_FIGURES)

    def scale_up(self) -> Link:
        """The links to a scale-up switch, which may reduce and multicast as well."""
        link = self._link("scale_up", (*LINK_FIGURES, _IN_SWITCH))
        raw = self.table("link_class", "scale_up")
        if _IN_SWITCH in raw:
            rate = link_rate(raw["rate"]["value"], self.where)
            self.in_switch_bytes_per_s = rate * self._efficiency(f"link_class.scale_up.{_IN_SWITCH}", raw[_IN_SWITCH])
        return link

    def _link(self, name: str, allowed: tuple[str, ...]) -> Link:
        key = f"link_class.{name}"
        raw = self.table("link_class", name, allowed=allowed)
        if "rate" not in raw:
            raise InputError(
                f"{self.where}: [{key}]", f"link class '{name}' has no bandwidth", 'add rate, for example "200 Gbit/s"'
            )
        raw = self.table("link_class", name, allowed=allowed, required=LINK_FIGURES)
        rate = link_rate(self.figure(f"{key}.rate", raw["rate"]), f"{self.where}: {key}.rate")
        self.link_rates[name] = self.figures[-1]
        efficiency = self._efficiency(f"{key}.efficiency", raw["efficiency"])
        latency_s = quantity(self.figure(f"{key}.latency", raw["latency"]), "s", f"{self.where}: {key}.latency")
        return Link(name, rate * efficiency, latency_s)

    def _efficiency(self, key: str, raw: object) -> float:
        where = f"{self.where}: {key}"
        efficiency = fraction(self.figure(key, raw), where)
        if efficiency == 0:
            raise InputError(where, "0: it carries nothing", "write a share above 0, up to 1")
        return efficiency

    def fabric_latency_s(self) -> float:
        """Latency of the links between switches, whose rates follow from the network cards below them.

        The switches may reduce and multicast as well.
        """
        raw = self.table("link_class", "fabric", allowed=("latency", "reduces"), required=("latency",))
        if "reduces" in raw:
            reduces = self.figure("link_class.fabric.reduces", raw["reduces"])
            if not isinstance(reduces, bool):
                where = f"{self.where}: link_class.fabric.reduces"
                raise InputError(where, f"{reduces!r} is neither true nor false", "write value = true or value = false")
            self.fabric_reduces = reduces
        value = self.figure("link_class.fabric.latency", raw["latency"])
        return quantity(value, "s", f"{self.where}: link_class.fabric.latency")

    def link_classes(self, *names: str) -> None:
        """Hold the file to these link classes."""
        self.table("link_class", allowed=names, required=names)

    def about(self, *, launches: bool = True) -> About:
        """What every family says; call last, when all figures are read.

        launches: the file has to say what it costs to start a message.
        """
        raw = self.table("timing", allowed=_TIMINGS, required=_LAUNCHES if launches else ())
        times: dict[str, Any] = {
            f"{key}_s": quantity(self.figure(f"timing.{key}", entry), "s", f"{self.where}: timing.{key}")
            for key, entry in raw.items()
        }
        storage = self._storage()
        library = PLAIN_LIBRARY
        if "library" in self.raw:
            library = load_library(str(self.raw["library"]), f"{self.where}: library")
        return About(
            self.name,
            str(self.raw["title"]),
            self.own_device.name if self.own_device else str(self.raw["device"]),
            self.devices or 0,
            library,
            in_switch_bytes_per_s=self.in_switch_bytes_per_s,
            fabric_reduces=self.fabric_reduces,
            storage=storage,
            own_device=self.own_device,
            host=load_host(str(self.raw["host"]), f"{self.where}: host") if "host" in self.raw else None,
            link_rates=self.link_rates,
            figures=(*self.figures, *library.figures),
            **times,
        )

    def _storage(self) -> Storage | None:
        """What the whole cluster writes checkpoints to; None where the file does not say."""
        if "storage" not in self.raw:
            return None
        raw = self.table("storage", allowed=(*_STORAGE_RATES, "capacity"), required=_STORAGE_RATES)
        where = f"{self.where}: storage"
        write, read = (
            quantity(self.figure(f"storage.{key}", raw[key]), "bytes_per_s", f"{where}.{key}") for key in _STORAGE_RATES
        )
        if "capacity" not in raw:
            return Storage(write, read)
        size = quantity(self.figure("storage.capacity", raw["capacity"]), "bytes", f"{where}.capacity")
        return Storage(write, read, size)

    def blamed(self, *sizes: str) -> tuple[str, str]:
        """(where these sizes come from, which of them are overridden), for messages."""
        changed = ", ".join(f"{key} = {self.overrides[key]:.10g}" for key in sizes if key in self.overrides)
        place = f"{self.asked}: sizes" if changed else self.where
        return place, f" with the sizes given ({changed})" if changed else ""

    def fits(self, largest: int, *sizes: str) -> None:
        """Refuse to build more devices than there are; build all of them where nobody said how many.

        sizes: those that say how many there are.
        """
        if self.devices is None:
            check_size(largest, MOST_DEVICES, "devices", self.devices_asked or self.where)
            self.devices = largest
        if not 1 <= self.devices <= largest:
            place, changed = self.blamed(*sizes)
            few = f", but '{self.name}' has {largest}{changed}"
            raise InputError(
                self.devices_asked or place,
                f"{self.devices} devices asked for{few if self.devices > largest else ''}",
                f"use 1 to {largest} devices, {'other sizes, ' if changed else ''}or another topology",
            )


def check_keys(where: str, raw: Mapping[str, Any], allowed: tuple[str, ...], required: Iterable[str]) -> None:
    """Raise InputError for a key that is not allowed, or a required one that is missing."""
    for key in raw:
        if key not in allowed:
            raise InputError(where, f"unknown key '{key}'{closest(key, allowed)}", f"allowed: {some_of(allowed, key)}")
    missing = [key for key in required if key not in raw]
    if missing:
        raise InputError(where, f"missing: {', '.join(missing)}", "add it; see the files in topologies/")


def _count(key: str, value: object, where: str) -> float:
    """A size as a whole number, or any number for the few that may be."""
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
    if number > LARGEST_SIZE and number != float("inf"):
        shown = f"{number:,.10g}" if number < _LARGEST_SHOWN else "a number of very many digits"
        raise InputError(where, f"{shown} is too large", f"write at most {LARGEST_SIZE}")
    if number >= 1 and float(number).is_integer():
        return int(number)
    if number >= 1 and key in _FRACTIONAL_SIZES and number != float("inf"):
        return number
    kind = "number" if key in _FRACTIONAL_SIZES else "whole number"
    raise InputError(where, f"{value!r} is not a {kind} of at least 1", f"write a {kind}, 1 or more")
