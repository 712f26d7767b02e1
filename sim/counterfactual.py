"""What one step would take with one thing removed or changed: the same plan, run again through the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sim.engine.clock import run
from sim.engine.lanes import order_of
from sim.engine.program import Program, without_waiting_for_others
from sim.engine.trace import Trace
from sim.engine.transfers import shared_links
from sim.hardware.network import FreeNetwork, Network
from sim.hardware.topology import Topology
from sim.machines import Fabric, Prepared, Step
from sim.outcome.outcome import Outcome
from sim.simulate import every_device

__all__ = ["FASTER", "LARGE_DOMAIN", "counterfactuals"]

FASTER = 10.0
"""How many times the rate links have in "network ten times faster"."""
LARGE_DOMAIN = 72
"""Devices in a scale-up domain in "NVLink domain of 72", as in a GB200 NVL72 rack."""
_COMPARED_STEPS = 10
"""Steps over which a step without one thing is compared with the step as it is, where steps differ."""


class _Case(NamedTuple):
    """A program and the fabrics that it runs over."""

    program: Program
    fabrics: Sequence[Fabric]


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
    traces = {name: _trace(case) for name, case in cases.items()}
    if prepared.scenario.system.variation.is_none or outcome.step_times is None:
        return {name: float(trace.step_time_s) for name, trace in traces.items()}
    found = {"no variation": outcome.step_times.alike_s}
    as_it_is_s = float(outcome.step_times.times_s[:_COMPARED_STEPS].mean())
    for name, trace in traces.items():
        # Nodes stay what they are: devices that fail or slow down together do so in a larger domain as well.
        order = order_of(cases[name].program, trace, *prepared.domains)
        without_s = float(every_device(prepared, order, trace, _COMPARED_STEPS).step_times_s.mean())
        found[name] = outcome.step_time_s * without_s / as_it_is_s
    return found


def _cases(prepared: Prepared) -> dict[str, _Case]:
    """What is run, by name: all that is not the same program over the same fabrics."""
    system, kind, step = prepared.scenario.system, prepared.kind, prepared.step
    cases: dict[str, _Case] = {}
    if any(instruction.communicates_s for _, _, instruction in step.program.instructions()):
        free = kind.costs(prepared, prepared.fabrics(FreeNetwork))
        cases["free network"] = _Case(kind.program(prepared, free), step.fabrics)
        cases["network ten times faster"] = _on(prepared, lambda topology: topology.with_rates_times(FASTER))
    if (large := _with_large_domains(prepared)) is not None:
        cases["NVLink domain of 72"] = large
    if system.jitter and system.variation.is_none:
        cases["no jitter"] = _Case(kind.program(prepared, kind.without_jitter(step.costs)), step.fabrics)
    if len(step.program.actors) > 1:
        cases["no bubble"] = _Case(without_waiting_for_others(step.program), step.fabrics)
    if (roomy := kind.with_unlimited_memory(prepared.plan)) != prepared.plan:
        changed = Step(dataclasses.replace(prepared, plan=roomy), step.fabrics)
        cases["unlimited memory"] = _Case(changed.program, step.fabrics)
    return cases


def _trace(case: _Case) -> Trace:
    return run(case.program, shared_links(case.program, *(fabric.network for fabric in case.fabrics)))


def _on(prepared: Prepared, change: Callable[[Topology], Topology]) -> _Case:
    """The same plan on other networks, which share nothing with those of the run as it is."""
    changed = Step(prepared, prepared.fabrics(lambda topology: Network(change(topology))))
    return _Case(changed.program, changed.fabrics)


def _with_large_domains(prepared: Prepared) -> _Case | None:
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
