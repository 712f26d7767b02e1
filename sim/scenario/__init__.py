"""What the user wrote, checked and resolved."""

from sim.scenario.axis_key import AxisKey
from sim.scenario.entries import is_refused, published_of, whole, within
from sim.scenario.keys import Key, entry_names, parse_key, system_names, with_value
from sim.scenario.reader import read_document
from sim.scenario.refusals import Refusal, refusals
from sim.scenario.resolve import at_point, scenario_from
from sim.scenario.resolved_copy import resolved_documents, resolved_toml
from sim.scenario.types import (
    ComparedWith,
    Lora,
    Part,
    PlanRequest,
    Prices,
    Published,
    Report,
    Scenario,
    System,
    Training,
)

__all__ = [
    "AxisKey",
    "ComparedWith",
    "Key",
    "Lora",
    "Part",
    "PlanRequest",
    "Prices",
    "Published",
    "Refusal",
    "Report",
    "Scenario",
    "System",
    "Training",
    "at_point",
    "entry_names",
    "is_refused",
    "parse_key",
    "published_of",
    "read_document",
    "refusals",
    "resolved_documents",
    "resolved_toml",
    "scenario_from",
    "system_names",
    "whole",
    "with_value",
    "within",
]
