"""The search for the best plan: all legal plans screened at once, the best few tried in the engine."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sim.cost.compute import Machine
from sim.hardware.network import Network, NetworkTable
from sim.hardware.topology import Topology
from sim.planner.candidate import Candidate, simplicity
from sim.planner.limits import limited, nothing_within
from sim.planner.race import Races
from sim.planner.screen import Floats, Screen, Screened
from sim.planner.smallest import nothing_fits
from sim.planner.space import legal_plans, plans_with_fewer_replicas
from sim.scenario.types import Scenario
from sim.workload.flops import model_flops

_TRIED = 8
"""Plans that the engine tries at least."""
_CLOSE = 0.003
"""How far the closed form and the engine lie apart for good plans: plans this close to the best are tried as well."""
_MORE_TRIED = 16
_TIE = 1e-9
"""Steps that differ by less are equal up to rounding."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    legal: how many plans there were to choose from. fitting: those whose memory is there, block by block.
    candidates: the plans that the engine tried, the best first.
    """

    scenario: Scenario
    machine: Machine
    network: Network
    legal: int
    fitting: tuple[Screened, ...]
    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate:
        """The plan that is chosen."""
        return self.candidates[0]

    @property
    def step_s(self) -> Floats:
        """(F,) seconds of a step of every plan that fits, by the closed form."""
        return np.concatenate([one.step_s for one in self.fitting])


def search(scenario: Scenario, machine: Machine, topology: Topology, tried: int = _TRIED, jobs: int = 1) -> Search:
    """Find the best plan of a scenario on GPUs of one kind.

    tried: how many plans the engine tries at least. jobs: processes that try them; the result does not depend on it.
    Raises InputError where limits leave no plan, DoesNotFit where no plan's memory is there.
    """
    network = Network(topology)
    screen = Screen(scenario, machine, NetworkTable(network))
    capacity_bytes = scenario.system.search.usable_bytes(machine.gpu.hbm_bytes)
    blocks = limited(legal_plans(scenario, machine.stack), scenario.system.search.only)
    if not sum(map(len, blocks)):
        raise nothing_within(scenario, machine.stack)
    fitting = tuple(found for block in blocks if len((found := screen.screened(block, capacity_bytes)).plans))
    if not fitting:
        raise nothing_fits(scenario, machine, blocks, screen, capacity_bytes)
    with_fewer = _with_fewer_replicas(scenario, screen, capacity_bytes, min(one.step_s.min() for one in fitting))
    candidates = _tried(Races(scenario, machine, network, jobs), _ranked((*fitting, *with_fewer)), tried)
    return Search(scenario, machine, network, sum(map(len, blocks)), fitting, tuple(_best_first(candidates)))


def _tried(races: Races, ranked: Iterator[tuple[Screened, int]], tried: int) -> list[Candidate]:
    """Try the best few in the engine, and those that the closed form puts close to the best of them."""
    candidates = races.run(itertools.islice(ranked, tried))
    fastest_s = min(one.step_s for one in candidates)
    close = itertools.takewhile(lambda one: one[0].step_s[one[1]] <= fastest_s * (1 + _CLOSE), ranked)
    return candidates + races.run(itertools.islice(close, _MORE_TRIED))


def _with_fewer_replicas(
    scenario: Scenario, screen: Screen, capacity_bytes: float, fastest_s: float
) -> Iterator[Screened]:
    """Of the plans that leave replicas out, those that fit and whose layers alone take no longer than the fastest."""
    model, training, machine = scenario.model, scenario.training, screen.machine
    needed = model_flops(model, training, machine.style, "none").needed
    # Fewer devices than that would take longer even at their peak.
    least_devices = needed / (machine.fastest_flops_per_s * fastest_s)
    blocks = plans_with_fewer_replicas(scenario, machine.stack, least_devices)
    for block in limited(blocks, scenario.system.search.only):
        found = screen.screened(block.at(screen.least_s(block) <= fastest_s), capacity_bytes)
        if len(found.plans):
            yield found


def _ranked(screened: Iterable[Screened]) -> Iterator[tuple[Screened, int]]:
    """(block, row) of every plan, the fastest by the closed form first; of equal ones the simpler first."""
    blocks = list(screened)
    step_s = np.concatenate([one.step_s for one in blocks])
    block_of = np.repeat(np.arange(len(blocks)), [len(one.plans) for one in blocks])
    first = np.cumsum([0, *(len(one.plans) for one in blocks)])
    columns = [np.stack(np.broadcast_arrays(*simplicity(one.plans), one.step_s)[:-1]) for one in blocks]
    keys = np.concatenate(columns, axis=1)[::-1]
    for place in np.lexsort((*keys, step_s)):
        yield blocks[block_of[place]], int(place - first[block_of[place]])


def _best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The fastest first; of those that are equal up to rounding the simpler."""
    ordered = sorted(candidates, key=lambda one: one.step_s)
    fastest_s = ordered[0].step_s
    ties = [one for one in ordered if one.step_s <= fastest_s * (1 + _TIE)]
    return sorted(ties, key=lambda one: simplicity(one.plan)) + ordered[len(ties) :]
