"""What the user wrote, checked and resolved."""

from sim.scenario.keys import Key, parse_key, system_names, with_value
from sim.scenario.reader import read_document
from sim.scenario.resolve import scenario_from
from sim.scenario.resolved_copy import resolved_documents, resolved_toml
from sim.scenario.types import Lora, Part, PlanRequest, Prices, Report, Scenario, System, Training

__all__ = [
    "Key",
    "Lora",
    "Part",
    "PlanRequest",
    "Prices",
    "Report",
    "Scenario",
    "System",
    "Training",
    "parse_key",
    "read_document",
    "resolved_documents",
    "resolved_toml",
    "scenario_from",
    "system_names",
    "with_value",
]
