"""Writes scenarios back as documents in which nothing is left to look up.

One document says one model and one recipe for several systems with different names; a system at several sizes becomes
one system with a sweep over its devices. Points that differ in anything else go to documents of their own, save for
entries: one document holds one such document of each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tomli_w

from sim.scenario.entries import OWN_TABLES
from sim.scenario.resolve import SHARED
from sim.scenario.schema import SCHEMA, Document
from sim.scenario.table import given_keys, written
from sim.scenario.types import Scenario


def resolved_documents(scenarios: Sequence[Scenario]) -> list[dict[str, Any]]:
    """Write scenarios as documents: the model's fields inline, batches in sequences, paths absolute.

    Returns the few documents that hold them; read again they give the same scenarios, save for path and axes.
    """
    if any(scenario.entry for scenario in scenarios):
        return _documents_of_entries(scenarios)
    documents: list[dict[str, Any]] = []
    for scenario in scenarios:
        common, system = _common(scenario), written(scenario.system)
        for document in documents:
            if all(document[key] == value for key, value in common.items()) and _joined(system, document):
                break
        else:
            documents.append({**common, "system": [system]})
    return documents


def _documents_of_entries(scenarios: Sequence[Scenario]) -> list[dict[str, Any]]:
    """Documents of several entries each: the tables of an entry in it, all else once."""
    found: list[dict[str, Any]] = []
    for name in dict.fromkeys(scenario.entry for scenario in scenarios):
        own = [scenario for scenario in scenarios if scenario.entry == name]
        for document in resolved_documents([dataclasses.replace(one, entry="", published=None) for one in own]):
            head = {key: value for key, value in document.items() if key not in (*OWN_TABLES, "sweep")}
            entry = {"name": name, **{key: document[key] for key in OWN_TABLES}, **_published(own)}
            axes = {f"entry.{name}.{axis}": values for axis, values in document.get("sweep", {}).items()}
            for other in found:
                taken = [each["name"] for each in other["entry"]]
                if name not in taken and all(other[key] == value for key, value in head.items()):
                    break
            else:
                other = {**head, "entry": [], "sweep": {}}
                found.append(other)
            other["entry"].append(entry)
            other["sweep"].update(axes)
    return [{key: value for key, value in document.items() if value != {}} for document in found]


def _published(scenarios: Sequence[Scenario]) -> dict[str, Any]:
    """What was published of one of the systems of an entry, by the keys of [entry.published]."""
    for scenario in scenarios:
        if scenario.published is not None:
            return {"published": written(dataclasses.replace(scenario.published, system=scenario.system.name))}
    return {}


def _joined(system: dict[str, Any], document: dict[str, Any]) -> bool:
    """Add a system to a document, as a new one or as another size of the last; False where it cannot be."""
    last, name = document["system"][-1], system["name"]
    if name not in [entry["name"] for entry in document["system"]]:
        document["system"].append(system)
        return True
    if "part" in last or "part" in system:
        return False
    axis = f"system.{name}.devices"
    sizes = document.get("sweep", {}).get(axis, [last["devices"]])
    if {**system, "devices": last["devices"]} != last or system["devices"] in sizes:
        return False
    document.setdefault("sweep", {})[axis] = [*sizes, system["devices"]]
    return True


def resolved_toml(scenarios: Sequence[Scenario]) -> list[str]:
    """As resolved_documents, each as the text of a scenario file."""
    return [tomli_w.dumps(document) for document in resolved_documents(scenarios)]


def _common(scenario: Scenario) -> dict[str, Any]:
    """The document without its systems."""
    shared = {name: getattr(scenario, name) for name in SHARED}
    given, internal = given_keys(scenario.model), ("wide_ends", "figures")
    model = {key: value for key, value in given.items() if value != () and key not in internal}
    document = written(Document(schema_version=SCHEMA, **{**shared, "model": model, "system": []}))
    del document["system"]
    return document
