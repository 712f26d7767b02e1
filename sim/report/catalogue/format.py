"""Lists what a scenario file may say: its keys, and the architectures of models' files that are read."""

from __future__ import annotations

from sim.report.catalogue.layout import listing
from sim.scenario.config_families import FAMILIES
from sim.scenario.schema import LISTED, RESERVED_KEYS, TABLES, examples_of, keys_of


def keys_table() -> str:
    """Every key of a scenario file by its table, with an example where there is one."""
    rows = [
        (_header(table), key, " or ".join(examples_of(table, key)))
        for table in TABLES
        for key in keys_of(table)
        if (*table, key) not in TABLES
    ]
    reserved = [(f"{_header(path[:-1])} {path[-1]}", why) for path, why in RESERVED_KEYS.items()]
    return f"{listing(rows, ('table', 'key', 'for example'))}\n\n{listing(reserved, ('reserved', 'why'))}"


def architectures_table() -> str:
    """Every architecture that a config.json may name."""
    rows = [(family.architecture, family.model_type) for family in FAMILIES]
    return listing(rows, ("architecture", "model_type"))


def _header(table: tuple[str, ...]) -> str:
    name = ".".join(table)
    return f"[[{name}]]" if table in (*LISTED, ("system",)) else f"[{name}]" if name else ""
