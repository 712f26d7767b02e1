"""Lists what a scenario file may say: its keys, and the architectures of models' files that are read."""

from __future__ import annotations

from sim.page.blocks import Block, Column, table, words
from sim.report.catalogue.layout import listing
from sim.scenario.config_families import FAMILIES, Family
from sim.scenario.schema import LISTED, RESERVED_KEYS, TABLES, examples_of, keys_of

_Key = tuple[tuple[str, ...], str]
_KEYS: tuple[Column[_Key], ...] = (
    words("table", lambda one: _header(one[0]), key=True),
    words("key", lambda one: one[1], key=True),
    words("for example", lambda one: " or ".join(examples_of(*one))),
)
_RESERVED: tuple[Column[tuple[tuple[str, ...], str]], ...] = (
    words("reserved", lambda one: f"{_header(one[0][:-1])} {one[0][-1]}", key=True),
    words("why", lambda one: one[1]),
)


def keys_table() -> list[Block]:
    """Every key of a scenario file by its table, with an example where there is one."""
    keys = [(path, key) for path in TABLES for key in keys_of(path) if (*path, key) not in TABLES]
    return [table(keys, _KEYS), table(RESERVED_KEYS.items(), _RESERVED)]


def architectures_table() -> list[Block]:
    """Every architecture that a config.json may name."""
    columns: tuple[Column[Family], ...] = (
        words("architecture", lambda family: family.architecture, key=True),
        words("model_type", lambda family: family.model_type),
    )
    return listing("architecture", FAMILIES, columns)


def _header(table: tuple[str, ...]) -> str:
    name = ".".join(table)
    return f"[[{name}]]" if table in (*LISTED, ("system",)) else f"[{name}]" if name else ""
