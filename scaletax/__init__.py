"""What splitting a training run over many devices costs: GPU clusters and wafer-scale machines, from Python.

The functions are those of the commands, and return what the commands print and write:

>>> import scaletax as st
>>> result = st.run("quickstart")
>>> [row["system"] for row in result.rows]
['8 A100', '1 CS-2']

Nothing is printed and no folder is written unless asked. Errors are exceptions that say where, what was given, what is
allowed and what to change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sim import __version__

if TYPE_CHECKING:
    from scaletax.calls import plan, run, sweep, validate
    from scaletax.hardware import Gpu, Model, Topology
    from scaletax.results import Run
    from scaletax.scenarios import Scenario, System
    from scaletax.studies import Plans, Sweep, Validation
    from sim.errors import DoesNotFit, InputError, ScaletaxError

__all__ = [
    "DoesNotFit", "Gpu", "InputError", "Model", "Plans", "Run", "ScaletaxError", "Scenario", "Sweep", "System",
    "Topology", "Validation", "__version__", "plan", "run", "sweep", "validate",
]  # fmt: skip

_HOMES = {
    "scaletax.calls": ("plan", "run", "sweep", "validate"),
    "scaletax.hardware": ("Gpu", "Model", "Topology"),
    "scaletax.results": ("Run",),
    "scaletax.scenarios": ("Scenario", "System"),
    "scaletax.studies": ("Plans", "Sweep", "Validation"),
    "sim.errors": ("DoesNotFit", "InputError", "ScaletaxError"),
}
"""Where each name is, so that it is imported when it is first asked for."""


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'scaletax' has no attribute '{name}'")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
