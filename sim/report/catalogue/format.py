"""Lists what a scenario file may say: its keys, and the architectures of models' files that are read."""

from __future__ import annotations

from sim.page.borders import ascii_only
from sim.report.catalogue.layout import listing
from sim.report.layout import flush, table
from sim.scenario.config_families import FAMILIES
from sim.scenario.schema import LISTED, RESERVED_KEYS, TABLES, examples_of, keys_of


def keys_table() -> str:
    """Every key of a scenario file by its table, with an example where there is one."""
    rows = [
        (_header(path), key, " or ".join(examples_of(path, key)))
        for path in TABLES
        for key in keys_of(path)
        if (*path, key) not in TABLES
    ]
    reserved = [(f"{_header(path[:-1])} {path[-1]}", why) for path, why in RESERVED_KEYS.items()]
    listed = table(rows, "l", ("table", "key", "for example")), table(reserved, "l", ("reserved", "why"))
    return "\n\n".join(ascii_only(flush(text)) for text in listed)


def architectures_table() -> str:
    """Every architecture that a config.json may name."""
    return listing("architecture", {family.architecture: {"model_type": family.model_type} for family in FAMILIES})


def _header(table: tuple[str, ...]) -> str:
    name = ".".join(table)
    return f"[[{name}]]" if table in (*LISTED, ("system",)) else f"[{name}]" if name else ""
