"""Reads collective libraries and variations: libraries/NAME.toml, variations/NAME.toml, one record a file."""

from __future__ import annotations

import dataclasses

from sim.catalog.data_files import names_on, read_data
from sim.catalog.loader import check_known, construct, group_of, values_of
from sim.catalog.records import Library, Protocol, Slow, Stalls, Variation


def library_names() -> list[str]:
    """Names of all collective libraries."""
    return list(names_on("libraries"))


def load_library(name: str, where: str = "catalogue") -> Library:
    """Read one collective library. Raises InputError with the closest match for an unknown name."""
    check_known(where, "collective library", name, library_names())
    raw = read_data(f"libraries/{name}")
    place = f"catalogue: {name}"
    algorithms, figures = group_of("algorithms", raw["algorithms"], place)
    protocols: dict[str, dict[str, Protocol]] = {}
    for algorithm, own in raw["protocols"].items():
        protocols[algorithm] = {}
        for protocol, costs in own.items():
            values, cited = group_of(protocol, costs, f"{place}: protocols.{algorithm}")
            protocols[algorithm][protocol] = Protocol(**values)
            figures += [dataclasses.replace(figure, name=f"{algorithm}.{figure.name}") for figure in cited]
    offered = {collective: tuple(names) for collective, names in algorithms.items()}
    return Library(name, raw["title"], offered, protocols, tuple(figures))


def variation_names() -> list[str]:
    """Names of all variations; first "none", which is no file."""
    return [Variation().name, *names_on("variations")]


def load_variation(name: str, where: str = "catalogue") -> Variation:
    """Read one variation. Raises InputError with the closest match for an unknown name."""
    check_known(where, "variation", name, variation_names())
    if name == Variation().name:
        return Variation()
    place = f"catalogue: {name}"
    values = values_of(name, read_data(f"variations/{name}"), place)
    for key, value in values.items():
        if isinstance(value, dict):
            part = f"{place}: {key}"
            values[key] = construct(Stalls, value, part) if key == "stalls" else construct(Slow, value, part)
    return construct(Variation, {**values, "profile": name}, place)
