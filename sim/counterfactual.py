"""What one step would take with one thing removed or changed: the same plan, run again through the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from sim.engine.collection import without_garbage_collection
from sim.engine.lanes import order_of
from sim.engine.program import without_waiting_for_others
from sim.hardware.network import FreeNetwork
from sim.hardware.topology import Topology
from sim.machines import Prepared
from sim.outcome.outcome import Outcome
from sim.simulate import every_device

__all__ = ["FASTER", "LARGE_DOMAIN", "counterfactuals"]

FASTER = 10.0
"""How many times the rate links have in "network ten times faster"."""
LARGE_DOMAIN = 72
"""Devices in a scale-up domain in "NVLink domain of 72", as in a GB200 NVL72 rack."""
_COMPARED_STEPS = 10
"""Steps over which a step without one thing is compared with the step as it is, where steps differ."""


@without_garbage_collection()
def counterfactuals(prepared: Prepared, outcome: Outcome) -> dict[str, float]:
    """Step times in seconds with one thing removed at a time: engine runs, not subtractions.

    "free network": everything arrives at once. "network ten times faster": links have ten times the rate, latencies
    stay. "NVLink domain of 72": so many devices on one scale-up switch, beside the same cards and fabric; left out on
    wafers, where nodes would have to be cut, and where all devices are in one domain already. "no jitter": replicas are
    alike. "no bubble": no stage waits for another. "unlimited memory": the same plan without recomputation, or on a
    wafer the whole share in one pass. "no variation", where devices differ: they do not. The others are then mean
    steps, by their ratio to the same steps of the run as it is. What changes nothing by construction is left out.
    """
    cases = _cases(prepared)
    if prepared.scenario.system.variation.is_none or outcome.step_times is None:
        return {name: float(case.trace.step_time_s) for name, case in cases.items()}
    found = {"no variation": outcome.step_times.alike_s}
    as_it_is_s = float(outcome.step_times.times_s[:_COMPARED_STEPS].mean())
    for name, case in cases.items():
        # Nodes stay what they are: devices that fail or slow down together do so in a larger domain as well.
        order = order_of(case.program, case.trace, *prepared.domains)
        without_s = float(every_device(prepared, order, case.trace, _COMPARED_STEPS).step_times_s.mean())
        found[name] = outcome.step_time_s * without_s / as_it_is_s
    return found


def _cases(prepared: Prepared) -> dict[str, Prepared]:
    """What is run, by name: all whose step is not the same program over the same links."""
    system, kind, program = prepared.scenario.system, prepared.kind, prepared.program
    cases: dict[str, Prepared] = {}
    if any(instruction.communicates_s for _, _, instruction in program.instructions()):
        cases["free network"] = dataclasses.replace(prepared, network=FreeNetwork)
        cases["network ten times faster"] = _on(prepared, lambda topology: topology.with_rates_times(FASTER))
    if (large := _with_large_domains(prepared)) is not None:
        cases["NVLink domain of 72"] = large
    if system.jitter and system.variation.is_none:
        calm = kind.without_jitter(prepared.costs)
        cases["no jitter"] = prepared.with_built(fabrics=prepared.fabrics, costs=calm)
    if len(program.actors) > 1:
        alone = without_waiting_for_others(program)
        cases["no bubble"] = prepared.with_built(program=alone, links=prepared.links)
    if (roomy := kind.with_unlimited_memory(prepared.plan)) != prepared.plan:
        changed = dataclasses.replace(prepared, plan=roomy)
        cases["unlimited memory"] = changed.with_built(fabrics=prepared.fabrics)
    return cases


def _on(prepared: Prepared, change: Callable[[Topology], Topology]) -> Prepared:
    """The same plan on other networks, which share nothing with those of the run as it is."""
    parts = []
    for part in prepared.parts:
        topology = change(part.topology)
        border = topology if part.border is part.topology else change(part.border)
        parts.append(dataclasses.replace(part, topology=topology, border=border))
    return dataclasses.replace(prepared, parts=tuple(parts))


def _with_large_domains(prepared: Prepared) -> Prepared | None:
    """Every part in domains of LARGE_DOMAIN; None unless all can be, and one has smaller ones."""
    topologies = [topology for part in prepared.parts for topology in (part.topology, part.border)]
    if all(topology.domain >= min(LARGE_DOMAIN, topology.devices) for topology in topologies):
        return None
    if any(_large(topology) is None for topology in topologies):
        return None
    return _on(prepared, lambda topology: _large(topology) or topology)


def _large(topology: Topology) -> Topology | None:
    is_large = topology.domain >= min(LARGE_DOMAIN, topology.devices)
    return topology if is_large else topology.with_domains_of(LARGE_DOMAIN)
