"""Reads the TOML files that the package carries: each once, by its name in a package and on a shelf of it."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any


@functools.cache
def read_data(name: str, package: str = "sim.catalog") -> dict[str, Any]:
    """What a file holds; nobody changes it. name: without its ending, such as "devices/cs-2"."""
    return tomllib.loads((resources.files(package) / f"{name}.toml").read_text(encoding="utf-8"))


@functools.cache
def names_on(shelf: str) -> tuple[str, ...]:
    """Names of all files on a shelf of the catalogue, sorted."""
    folder = resources.files("sim.catalog") / shelf
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))
