"""Plans that were published with what they trained, against what the search chooses for the same model and machine.

Degrees: Narayanan et al. 2021 (Efficient Large-Scale Language Model Training on GPU Clusters), Table 1; Grattafiori et
al. 2024 (The Llama 3 Herd of Models), Table 4; Smith et al. 2022 (Megatron-Turing NLG 530B), sec. 2.3. What a source
leaves open (micro-batch, virtual stages) is the best that the search finds for those degrees.
Prints the table of docs/planner.md. Run by hand: some minutes.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from sim.cost.compute import Machine
from sim.page.numbers import duration
from sim.planner.search import Search, search
from sim.prepare import look_up
from sim.scenario import Scenario, scenario_from
from sim.scenario.limits import plan_limit
from sim.scenario.types import Search as Limits

_NARAYANAN = "dgx-a100-superpod", "megatron-2021", 2048
_ROWS = (
    # model, devices, batch, tensor, pipeline, recompute, (topology, stack, sequence)
    ("megatron-1.7b", 32, 512, 1, 1, "full", _NARAYANAN),
    ("megatron-3.6b", 64, 512, 2, 1, "full", _NARAYANAN),
    ("megatron-7.5b", 128, 512, 4, 1, "full", _NARAYANAN),
    ("megatron-18b", 256, 1024, 8, 1, "full", _NARAYANAN),
    ("megatron-39b", 512, 1536, 8, 2, "full", _NARAYANAN),
    ("megatron-76b", 1024, 1792, 8, 4, "full", _NARAYANAN),
    ("megatron-145b", 1536, 2304, 8, 8, "full", _NARAYANAN),
    ("megatron-310b", 1920, 2160, 8, 16, "full", _NARAYANAN),
    ("mt-nlg-530b", 2520, 2520, 8, 35, "full", _NARAYANAN),
    ("megatron-1t", 3072, 3072, 8, 64, "full", _NARAYANAN),
    ("mt-nlg-530b", 2240, 1920, 8, 35, "full", _NARAYANAN),
    ("llama-3-405b", 16384, 2048, 8, 16, "none", ("grand-teton-h100", "llama-3-2024", 8192)),
)


def main() -> None:
    """Print a row for each published plan."""
    print(
        "| model | GPUs | published | step | chosen | step | published / chosen"
        " | chosen with the same recomputation | published / that |"
    )
    print("|---|---:|---|---:|---|---:|---:|---|---:|")
    for model, devices, batch, tensor, pipeline, recompute, where in _ROWS:
        found = _search(model, devices, batch, where, ())
        same = (f"recompute = {recompute}",)
        degrees = (f"tensor = {tensor}", f"pipeline = {pipeline}", f"data = {devices // (tensor * pipeline)}")
        published, alike = (_search(model, devices, batch, where, limits) for limits in ((*degrees, *same), same))
        ratio, like = (published.best.step_s / other.best.step_s for other in (found, alike))
        print(
            f"| {model} | {devices:,} | {published.best.plan.summary()} | {duration(published.best.step_s)}"
            f" | {found.best.plan.summary()} | {duration(found.best.step_s)} | {ratio:.3f}"
            f" | {alike.best.plan.summary()} | {like:.3f} |",
            flush=True,
        )


def _search(model: str, devices: int, batch: int, where: tuple[str, str, int], limits: tuple[str, ...]) -> Search:
    topology, stack, sequence = where
    scenario: Scenario = scenario_from(
        {
            "schema": 1,
            "model": {"name": model},
            "training": {"tokens": 1e9, "sequence": sequence, "global_batch": f"{batch} sequences"},
            "system": [{"name": "published", "topology": topology, "devices": devices, "stack": stack}],
        },
        Path("published.toml"),
    )
    only = tuple(plan_limit(text) for text in limits)
    scenario = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, search=Limits(only)))
    found = look_up(scenario)
    machine = Machine(found.devices[0], found.stack, scenario.training.precision)
    return search(found.scenario, machine, found.topologies[0], jobs=os.cpu_count() or 1)


if __name__ == "__main__":
    main()
