"""Prints what the network model costs: all-reduces over ever more devices, and the engine beside bare SimPy.

Run by hand or with `make bench`. Figures, not verdicts: machines differ. Every size runs in a process of its own, so
that its peak memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator
from typing import Any

import simpy

from sim.engine.clock import run
from sim.engine.program import COMPUTE, Actor, Instruction, Program, Transfer
from sim.engine.sharing import SharedLinks, Usage

SIZES = (8, 64, 512, 1024, 4096, 16384, 131072)
GOALS = {16384: (2.0, 500), 131072: (20.0, None)}
"""Devices -> (seconds, MiB) that a topology may take to build and cost."""
ONE_SIZE = """
import json, resource, sys, time
from sim.hardware.network import Group, Network, bus_share
from sim.hardware.topology import load_topology
import numpy
devices = int(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
network = Network(load_topology("dgx-h100-superpod", devices, "benchmark", sizes={"largest_nodes": 1 << 17}))
time_s = network.run("all_reduce", 1e9, Group(devices)).seconds
wall_s = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([wall_s, peak / 1024, (peak - before) / 1024, bus_share("all_reduce", devices) * 1e9 / time_s / 1e9]))
"""
STREAMS, INSTRUCTIONS = 64, 500


def all_reduces() -> None:
    """1 GB over a SuperPOD of each size: build it, put all algorithms on its links, take the fastest."""
    print("1 GB all-reduce on dgx-h100-superpod        wall time   peak memory (own)    bus bandwidth")
    for devices in SIZES:
        done = subprocess.run(
            [sys.executable, "-c", ONE_SIZE, str(devices)], check=True, capture_output=True, text=True
        )
        wall_s, peak, own, rate = json.loads(done.stdout)
        goal = ""
        if devices in GOALS:
            goal_s, goal_mib = GOALS[devices]
            goal = f"   goal {goal_s:g} s, ratio {wall_s / goal_s:.3f}"
            goal += f"; {goal_mib} MiB, ratio {peak / goal_mib:.2f}" if goal_mib else ""
        print(f"  {devices:>7,} devices {wall_s:26.3f} s {peak:9.0f} MiB ({own:4.0f}) {rate:12.0f} GB/s{goal}")


def bare_simpy() -> float:
    """Timeouts a second of SimPy alone."""

    def stream(environment: simpy.Environment) -> Generator[simpy.Event, Any, None]:
        for _ in range(INSTRUCTIONS):
            yield environment.timeout(1.0)

    environment = simpy.Environment()
    for _ in range(STREAMS):
        environment.process(stream(environment))
    start = time.perf_counter()
    environment.run()
    return STREAMS * INSTRUCTIONS / (time.perf_counter() - start)


def engine(contested: bool) -> float:
    """Instructions a second of the engine, each waited for by a neighbour; contested: each also shares one link."""
    import numpy as np

    actors = []
    for number in range(STREAMS):
        actor = Actor(f"actor {number}", 1)
        move = (Transfer(number, "data_comm", 0.5),) if contested else ()
        for index in range(INSTRUCTIONS):
            waits = ((number - 1, index),) if number else ()
            actor.add(COMPUTE, Instruction("work", {"data_comm": 1.0}, waits, (number, index), move))
        actors.append(actor)
    usages = {number: Usage(np.array([number // 2]), np.ones(1), 1e9) for number in range(STREAMS)}
    links = SharedLinks(usages) if contested else None
    start = time.perf_counter()
    run(Program(actors), links)
    return STREAMS * INSTRUCTIONS / (time.perf_counter() - start)


def main() -> None:
    """Print all figures."""
    all_reduces()
    bare = max(bare_simpy() for _ in range(3))
    print(f"bare SimPy, timeouts                 {bare:12,.0f} a second")
    for what, contested in (("engine, instructions that are waited for", False), ("engine, and on shared links", True)):
        rate = max(engine(contested) for _ in range(3))
        print(f"{what:41s} {rate:7,.0f} a second, {rate / bare:.2f} of bare SimPy")


if __name__ == "__main__":
    main()
