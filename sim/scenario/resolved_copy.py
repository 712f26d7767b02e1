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

from sim.catalog import Model
from sim.scenario.entries import OWN_TABLES
from sim.scenario.price_table import written_prices
from sim.scenario.run import written_run
from sim.scenario.schema import SCHEMA
from sim.scenario.types import NetworkChange, Part, PlanRequest, Report, Scenario, Search, System, Training
from sim.scenario.variation import written_variation


def resolved_documents(scenarios: Sequence[Scenario]) -> list[dict[str, Any]]:
    """Write scenarios as documents: the model's fields inline, batches in sequences, paths absolute.

    Returns the few documents that hold them; read again they give the same scenarios, save for path and axes.
    """
    if any(scenario.entry for scenario in scenarios):
        return _documents_of_entries(scenarios)
    documents: list[dict[str, Any]] = []
    for scenario in scenarios:
        common, system = _common(scenario), _system(scenario.system)
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
            one = scenario.published
            figures = {
                "time": None if one.time_s is None else f"{one.time_s!r} s",
                "device_hours": one.device_hours,
                "cost_usd": one.cost_usd,
                "loss": one.loss,
                "source": one.source or None,
                "note": one.note or None,
                "clean": one.clean,
                "remembered": one.remembered,
            }
            given = {key: value for key, value in figures.items() if value is not None}
            return {"published": {"system": scenario.system.name, **given}}
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
    return {
        "schema": SCHEMA,
        "title": scenario.title,
        "seed": scenario.seed,
        "steps": scenario.steps,
        "model": _model(scenario.model),
        "training": _training(scenario.training),
        "report": _report(scenario.report),
    }


def _report(report: Report) -> dict[str, Any]:
    fields = {"flop_convention": report.flop_convention, "charts": report.charts}
    if report.comparison is None:
        return fields
    return {**fields, "comparison": {"system": report.comparison.system, "devices": list(report.comparison.devices)}}


def _model(model: Model) -> dict[str, Any]:
    fields = {spec.name: getattr(model, spec.name) for spec in dataclasses.fields(model)}
    return {key: value for key, value in fields.items() if value not in (None, ()) and key != "figures"}


def _training(training: Training) -> dict[str, Any]:
    tokens: float | str = training.tokens
    if training.tokens_per_parameter is not None and not training.tokens:
        tokens = f"{training.tokens_per_parameter!r} per parameter"
    fields = {
        **dataclasses.asdict(training),
        "tokens": tokens,
        "global_batch": f"{training.global_batch} sequences",
    }
    if training.asked_batch_tokens is not None:
        fields["global_batch"] = f"{training.asked_batch_tokens} tokens"
    del fields["tokens_per_parameter"], fields["asked_batch_tokens"]
    if training.lora is not None:
        fields["lora"] = {"rank": training.lora.rank, "targets": list(training.lora.targets)}
    fields["recipe"] = {use: name for use, name in fields["recipe"].items() if name is not None}
    return {key: value for key, value in fields.items() if value is not None and value != {}}


def _system(system: System) -> dict[str, Any]:
    parts = [_hardware(part) for part in system.every_part]
    run, price = written_run(system.run), written_prices(system.prices)
    return {
        "name": system.name,
        **({"part": parts} if system.parts else parts[0]),
        "stack": system.stack,
        "plan": _plan(system.plan),
        **_search(system.search),
        "jitter": system.jitter,
        "resolution": system.resolution,
        "variation": written_variation(system.variation),
        **({"run": run} if run else {}),
        **({"price": price} if price else {}),
        **({"network": dataclasses.asdict(system.network)} if system.network != NetworkChange() else {}),
    }


def _search(search: Search) -> dict[str, Any]:
    """Limits of the search, where there are any."""
    if search == Search():
        return {}
    only = {"only": [limit.text for limit in search.only]} if search.only else {}
    return {"search": {**only, "memory_margin": search.memory_margin}}


def _hardware(part: Part) -> dict[str, Any]:
    sizes = {"sizes": dict(part.sizes)} if part.sizes else {}
    return {"topology": part.topology, "devices": part.devices, **sizes}


def _plan(plan: PlanRequest) -> str | dict[str, Any]:
    if plan.rule == "best":
        return "best"
    fields = {key: value for key, value in dataclasses.asdict(plan).items() if value is not None}
    del fields["rule"]
    return {key: list(value) if isinstance(value, tuple) else value for key, value in fields.items()}
