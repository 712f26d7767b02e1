"""Lists what can be named in a scenario or on the command line, and says which figures rest on which sources."""

from sim.report.catalogue.bibtex import bibtex, how_to_cite
from sim.report.catalogue.citations import cite
from sim.report.catalogue.lists import (
    architectures_table,
    keys_table,
    laws_table,
    metrics_blocks,
    metrics_table,
    optimizers_table,
    prices_table,
    recipes_table,
    reliability_table,
)
from sim.report.catalogue.machines import (
    devices_table,
    hosts_table,
    models_table,
    scenarios_table,
    stacks_table,
    topologies_table,
    variations_table,
)

__all__ = [
    "architectures_table", "bibtex", "cite", "devices_table", "hosts_table", "how_to_cite", "keys_table", "laws_table",
    "metrics_blocks", "metrics_table", "models_table", "optimizers_table", "prices_table", "recipes_table",
    "reliability_table", "scenarios_table", "stacks_table", "topologies_table", "variations_table",
]  # fmt: skip
