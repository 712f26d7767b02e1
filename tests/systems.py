"""A few small systems of every kind, with everything that a result can hold: from a file to outcomes, once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sim.outcome.outcome import Outcome
from sim.sweep.execute import Failure, run_points
from sim.sweep.grid import load_scenarios

SYSTEMS = """
schema = 1
title = "Systems of every kind"
seed = 3
steps = 6

[model]
name = "cerebras-gpt-111m"

[training]
tokens = 2e13
sequence = 512
global_batch = "48 sequences"

[[system]]
name = "sharded"
topology = "dgx-a100-superpod"
stack = "fsdp-2023"
variation = "as-found"
run = { failures = "9 per device-year", evaluation = { every = "5000 steps", lasts = "1 min" } }

[[system]]
name = "pipeline"
topology = "dgx-a100-superpod"
devices = 16
stack = "megatron-2022"
plan = { tensor = 2, pipeline = 2, data = 4, micro_batch = 1, recompute = "full" }

[[system]]
name = "mixed"
stack = "megatron-2022"
plan = { tensor = 2, pipeline = 2, data = 4, micro_batch = 2, zero = 1 }

[[system.part]]
topology = "dgx-a100-superpod"
devices = 8

[[system.part]]
topology = "dgx-h100-superpod"
devices = 8

[[system]]
name = "wafer"
topology = "andromeda"
stack = "cerebras-r2"

[report]
charts = false
flop_convention = "causal-attention"

[report.comparison]
system = "wafer"
devices = [1, 2]

[sweep]
"system.sharded.devices" = [1, 2, 10, 50]
"system.wafer.devices" = [1, 2]
"""


@cache
def systems() -> tuple[Outcome, ...]:
    """All points of the file."""
    return simulated(SYSTEMS)


def simulated(text: str) -> tuple[Outcome, ...]:
    """All points of a file's text; one that fails raises."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "systems.toml"
        path.write_text(text, encoding="utf-8")
        found = run_points(load_scenarios(path, ()))
    for one in found:
        if isinstance(one, Failure):
            raise one.error
    return tuple(one for one in found if not isinstance(one, Failure))
